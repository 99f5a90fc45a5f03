//! The times of a pack's blocks: checked against the clock, the node's headers, and Bitcoin's past.

use satscope_oracle::past::PERIOD_BLOCKS;

use super::error::PackError;
use crate::{
    dates::utc,
    node::Header,
    store::{BlockRow, Identity, PeriodRow, SealedPeriod},
    times::{AROUND, of_blocks},
};

/// Most seconds that a block's time may be after the clock. Source: Bitcoin Core, `src/chain.h`, `MAX_FUTURE_BLOCK_TIME`.
const MOST_AHEAD: u64 = 7200;
/// Header time of Bitcoin's first block, Unix seconds.
const FIRST: u64 = 1_231_006_505;
/// Least and most seconds from block to block, on average since the first. The target is 600 s; block 840,000 has the time
/// 1,713,571,767, which is 574 s a block.
const APART: (u64, u64) = (500, 600);
/// Most seconds that a block may be later than the most of [`APART`] allows. In 2009, few miners made 2,016 blocks in up to a month.
const LATE: u64 = 300 * 86_400;
/// Fewest seconds that a period may take: a day. The protocol's aim is two weeks, and the fastest period took some days.
const LEAST_SPAN: u64 = 86_400;

/// Checks a period's times: none may be later than `now`, Unix seconds, and two hours, and those of Bitcoin's main chain must be
/// about as old as their heights say.
///
/// # Errors
/// When they cannot be true.
pub(super) fn check(identity: &Identity, sealed: &SealedPeriod, now: u64) -> Result<(), PackError> {
    let (Some(first), Some(last)) = (sealed.rows.first(), sealed.rows.last()) else {
        return Ok(());
    };
    let wrong = |what: String| {
        Err(PackError::Period {
            period: sealed.row.period,
            what,
        })
    };
    if last.time > now.saturating_add(MOST_AHEAD) {
        return wrong(format!(
            "block {} has the time {}, and this machine's clock says {}; expected at most two hours more: check the clock",
            last.height,
            utc(last.time),
            utc(now)
        ));
    }
    if identity.chain != "main" || identity.simulated {
        return Ok(());
    }
    for row in [first, last] {
        let height = u64::from(row.height);
        let earliest = FIRST + APART.0 * height;
        let latest = FIRST + APART.1 * height + LATE;
        if !(earliest..=latest).contains(&row.time) {
            return wrong(format!(
                "block {height} has the time {}; expected one from {} to {}, because Bitcoin's blocks have come every {} to {} s on average",
                utc(row.time),
                utc(earliest),
                utc(latest),
                APART.0,
                APART.1
            ));
        }
    }
    match last.time - first.time >= LEAST_SPAN {
        true => Ok(()),
        false => wrong(format!(
            "its {PERIOD_BLOCKS} blocks span less than a day; expected about two weeks"
        )),
    }
}

/// Compares the times of blocks with those that the node's headers give. The first two times [`AROUND`] and the last [`AROUND`]
/// blocks are not compared, because `headers` does not have all the header times that theirs rest on.
///
/// # Errors
/// When a time is another.
pub(super) fn compare(rows: &[BlockRow], headers: &[Header]) -> Result<(), PackError> {
    let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
        return Ok(());
    };
    let heights = first.height.saturating_add(2 * AROUND)..(last.height + 1).saturating_sub(AROUND);
    let header_times: Vec<u64> = headers.iter().map(|header| header.time).collect();
    let times = of_blocks(first.height, &header_times, heights);
    let mut pairs = rows.iter().skip(2 * AROUND as usize).zip(times);
    match pairs.find(|(row, time)| row.time != *time) {
        None => Ok(()),
        Some((row, time)) => Err(PackError::Period {
            period: PeriodRow::of_height(row.height),
            what: format!(
                "block {} has the time {}, and the node's headers give {}",
                row.height,
                utc(row.time),
                utc(time)
            ),
        }),
    }
}

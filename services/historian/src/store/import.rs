//! Takes the periods of a pack into the file, in one transaction.
//!
//! Rows that were read from the node's blocks and are final stay as they are, and so does every row that is trusted more than
//! the pack's. A pack that contradicts such rows is refused.

use bitcoin::BlockHash;
use rusqlite::{OptionalExtension as _, Transaction};

use super::{
    check,
    digest::digest,
    disputes::is_disputed,
    error::StoreError,
    readers::{PERIODS, period},
    rows::{PeriodRow, PeriodState, SealedPeriod, StoredPeriod, Trust},
    statements::{Refused, put_sealed},
    writer::Writer,
};
use crate::dates::utc;

/// Slack for the times of an open period, in seconds: a day is ample, because the time of a newest block is at most two hours ahead
/// of the network.
const OPEN_SLACK: u64 = 86_400;

/// The outcome of an import, in periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Periods that were written.
    pub written: u32,
    /// Periods that the file has with the same rows, as trusted as the pack's or more.
    pub same: u32,
    /// Periods of which the file has rows that are trusted more, of another model or of an open period.
    pub kept: u32,
    /// Periods of the pack whose rows in the file are unverified.
    pub unverified: u32,
}

/// What becomes of one period of a pack.
enum Fate {
    Written,
    /// The file has the same rows, with this trust.
    Same(Trust),
    Kept,
}

impl Writer {
    /// Takes in periods, lowest first, and marks their rows with `trust`. An error among the periods undoes all.
    ///
    /// # Errors
    /// The first error among the periods. Also when rows cannot be true, a period contradicts the file's own, or the file cannot
    /// be written. Nothing is then changed.
    pub fn import<E: From<StoreError>>(
        &mut self,
        periods: impl Iterator<Item = Result<SealedPeriod, E>>,
        trust: Trust,
    ) -> Result<Imported, E> {
        let genesis = self.identity().genesis;
        let (transaction, path) = self.begin()?;
        let told = |refused: Refused| refused.told(path);
        let mut imported = Imported::default();
        let mut written = Vec::new();
        for sealed in periods {
            let sealed = sealed?;
            check_sealed(genesis, &sealed)?;
            match take(&transaction, &sealed, trust).map_err(told)? {
                Fate::Written => {
                    written.push(sealed.row.period);
                    imported.written += 1;
                    imported.unverified += u32::from(trust == Trust::Unverified);
                }
                Fate::Same(has) => {
                    imported.same += 1;
                    imported.unverified += u32::from(has == Trust::Unverified);
                }
                Fate::Kept => imported.kept += 1,
            }
        }
        // Only once all are written, because a period may contradict rows that a later period of the same pack replaces.
        for period in written {
            check_neighbours(&transaction, period, trust).map_err(told)?;
        }
        settle_disputes(&transaction).map_err(told)?;
        transaction
            .commit()
            .map_err(|error| StoreError::of(path, error))?;
        Ok(imported)
    }
}

/// Checks that a period's rows can be true, and that they have the digest that it states.
fn check_sealed(genesis: BlockHash, sealed: &SealedPeriod) -> Result<(), StoreError> {
    let SealedPeriod {
        row,
        rows,
        digest: stated,
    } = sealed;
    check::period(row, rows)?;
    match digest(genesis, row.model, row.first_height(), rows) == *stated {
        true => Ok(()),
        false => Err(StoreError::Rows(format!(
            "the rows of period {} do not have its digest",
            row.period
        ))),
    }
}

fn take(
    transaction: &Transaction<'_>,
    sealed: &SealedPeriod,
    trust: Trust,
) -> Result<Fate, Refused> {
    let number = sealed.row.period;
    let has = transaction
        .prepare_cached(&format!("{PERIODS} WHERE period = ?1 AND blocks > 0"))?
        .query_row([number], period)
        .optional()?;
    let Some(has) = has else {
        return write(transaction, sealed, trust);
    };
    let is_same = has.seal.is_some_and(|seal| seal.digest == sealed.digest)
        && has.row.lock == sealed.row.lock;
    if has.is_certain() && has.row.model == sealed.row.model && !is_same {
        let what = format!(
            "period {number} contradicts the history, whose rows of that period are certain: the pack or the file is damaged or \
             forged; `satscope history verify` says which"
        );
        return Err(Refused::ByRule(StoreError::Rows(what)));
    }
    match least_to_replace(&has) {
        _ if is_same && has.trust >= trust => Ok(Fate::Same(has.trust)),
        Some(least) if trust >= least => write(transaction, sealed, trust),
        _ => Ok(Fate::Kept),
    }
}

/// The trust that rows must have at least to take the place of these; `None` if nothing imported may.
fn least_to_replace(has: &StoredPeriod) -> Option<Trust> {
    match (has.trust, has.row.state) {
        (Trust::Own, PeriodState::Final) => None,
        (Trust::Own, PeriodState::Open) | (Trust::Vouched, _) => Some(Trust::Vouched),
        (Trust::Unverified, _) => Some(Trust::Unverified),
    }
}

fn write(
    transaction: &Transaction<'_>,
    sealed: &SealedPeriod,
    trust: Trust,
) -> Result<Fate, Refused> {
    put_sealed(transaction, sealed, trust)?;
    Ok(Fate::Written)
}

/// Fails if a period's times lie before those of the nearest rows below it, or after those of the nearest rows above it. Rows that
/// are trusted less than the period do not count.
fn check_neighbours(
    transaction: &Transaction<'_>,
    number: u32,
    trust: Trust,
) -> Result<(), Refused> {
    let at = |(order, side): (&str, &str)| -> rusqlite::Result<Option<Edge>> {
        let mut nearest = transaction.prepare_cached(&format!(
            "SELECT period, state FROM periods WHERE period {side} ?1 AND blocks > 0 AND trust <= ?2 ORDER BY period {order} LIMIT 1"
        ))?;
        let nearest = nearest.query_row((number, trust.number()), |row| {
            Ok((row.get::<_, u32>(0)?, row.get(1)?))
        });
        match nearest.optional()? {
            Some((period, is_final)) => edge(transaction, period, order, is_final),
            None => Ok(None),
        }
    };
    let (below, above) = (at(("DESC", "<"))?, at(("ASC", ">"))?);
    let first = edge(transaction, number, "ASC", true)?;
    let last = edge(transaction, number, "DESC", true)?;
    for (lower, upper) in [(below, first), (last, above)] {
        let (Some(lower), Some(upper)) = (lower, upper) else {
            continue;
        };
        if lower.time > upper.time.saturating_add(lower.slack + upper.slack) {
            let what = format!(
                "the times of period {number} do not fit the history: block {} has the time {}, and block {} the earlier {}; expected times that never decrease with the height",
                lower.height,
                utc(lower.time),
                upper.height,
                utc(upper.time)
            );
            return Err(Refused::ByRule(StoreError::Rows(what)));
        }
    }
    Ok(())
}

/// A period's lowest or highest block.
#[derive(Clone, Copy, Debug)]
struct Edge {
    height: u32,
    time: u64,
    /// Seconds by which the time may still change.
    slack: u64,
}

/// The first block of a period in this order of heights; `None` if it has none.
fn edge(
    transaction: &Transaction<'_>,
    period: u32,
    order: &str,
    is_final: bool,
) -> rusqlite::Result<Option<Edge>> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT height, time FROM blocks WHERE height BETWEEN ?1 AND ?1 + 2015 ORDER BY height {order} LIMIT 1"
    ))?;
    let found = statement.query_row([i64::from(period) * 2016], |row| {
        Ok(Edge {
            height: row.get(0)?,
            time: row.get::<_, i64>(1)?.unsigned_abs(),
            slack: if is_final { 0 } else { OPEN_SLACK },
        })
    });
    found.optional()
}

/// Marks the final periods whose lock and a neighbour's disagree.
fn settle_disputes(transaction: &Transaction<'_>) -> Result<(), Refused> {
    let mut statement = transaction.prepare_cached(&format!("{PERIODS} ORDER BY period"))?;
    let stored: Vec<StoredPeriod> = statement.query_map([], period)?.collect::<Result<_, _>>()?;
    for found in &stored {
        let PeriodRow {
            period, disputed, ..
        } = found.row;
        let is_now = is_disputed(&stored, period);
        if found.row.state == PeriodState::Final && disputed != is_now {
            transaction
                .prepare_cached("UPDATE periods SET disputed = ?2 WHERE period = ?1")?
                .execute((period, is_now))?;
        }
    }
    Ok(())
}

//! The time of a block: the median of the header times around it.
//!
//! A header time is the miner's own claim and may go back by two hours. Core refuses a block whose time is not above
//! the median of the eleven before it (`src/validation.cpp`, `ContextualCheckBlockHeader`). So the median of eleven
//! blocks in a row never decreases from one block to the next.

use std::ops::Range;

/// Blocks on either side of a block whose header times its median is taken from.
pub const AROUND: u32 = 5;

/// The times of the blocks of these heights, Unix seconds, which never decrease.
///
/// `header_times` are those of the blocks from `first` on: to the tip, or to at least [`AROUND`] blocks above
/// `heights`. They begin at least twice [`AROUND`] blocks below `heights`, or at the chain's first block. The last
/// [`AROUND`] blocks have no median yet: each takes the latest header time since the last median, which may change
/// until the block has a median.
///
/// Heights without a header time are left out.
pub fn of_blocks(first: u32, header_times: &[u64], heights: Range<u32>) -> Vec<u64> {
    let end = first.saturating_add(u32::try_from(header_times.len()).unwrap_or(u32::MAX));
    let medians_end = end.saturating_sub(AROUND).max(first);
    let at = |height: u32| (height - first) as usize;
    let median_of = |height: u32| {
        let from = height.saturating_sub(AROUND).max(first);
        median(&header_times[at(from)..=at(height + AROUND)])
    };
    let start = heights.start.max(first);
    let medians = (start..heights.end.min(medians_end)).map(median_of);
    let mut times: Vec<u64> = medians.collect();
    // The latest header time since the last median counts, even of blocks below `heights`.
    let mut latest = match medians_end > first {
        true => median_of(medians_end - 1),
        false => 0,
    };
    for height in medians_end..heights.end.min(end) {
        latest = latest.max(header_times[at(height)]);
        if height >= start {
            times.push(latest);
        }
    }
    times
}

/// The median; of two in the middle the upper one, as Core takes it. Source: `src/chain.h`, `GetMedianTimePast`.
fn median(times: &[u64]) -> u64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_takes_the_median_of_the_eleven_around_it() {
        let mut times: Vec<u64> = (0..30).map(|block| 1_000_000 + 600 * block).collect();
        // A miner whose clock is two hours ahead moves nobody's time.
        times[12] += 7200;
        let found = of_blocks(100, &times, 110..116);
        assert_eq!(found[0], 1_000_000 + 600 * 10);
        assert!(found.is_sorted());
        assert!(found.iter().all(|time| *time <= times[11] + 6 * 600));
    }

    #[test]
    fn the_last_five_take_the_latest_time_so_far() {
        let times = [
            10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 105, 130, 120, 150,
        ];
        let all = of_blocks(0, &times, 0..15);
        assert_eq!(all.len(), 15);
        assert_eq!(all[9], 100, "the last median, of blocks 4 to 14");
        assert_eq!(&all[10..], &[110, 110, 130, 130, 150]);
        assert_eq!(of_blocks(0, &times, 13..15), &[130, 150]);
        assert_eq!(of_blocks(0, &times, 13..20).len(), 2);
        assert_eq!(of_blocks(7, &times[..3], 7..10), &[10, 20, 30]);
    }

    proptest! {
        /// Header times as consensus allows them: above the median of the eleven before.
        #[test]
        fn times_never_decrease_and_do_not_depend_on_the_part_that_is_asked_for(
            steps in proptest::collection::vec(1..9000u64, 1..60),
            from in 0..60u32,
        ) {
            let mut times = Vec::new();
            for step in steps {
                let eleven = &times[times.len().saturating_sub(11)..];
                times.push(median(eleven).max(1_500_000_000) + step);
            }
            let end = u32::try_from(times.len()).unwrap_or(u32::MAX);
            let all = of_blocks(0, &times, 0..end);
            prop_assert_eq!(all.len(), times.len());
            prop_assert!(all.is_sorted());
            let from = from.min(end);
            let first = from.saturating_sub(2 * AROUND);
            let part = of_blocks(first, &times[first as usize..], from..end);
            prop_assert_eq!(&part[..], &all[from as usize..]);
        }
    }
}

//! When the blocks of a made-up past were mined, and the times that their miners wrote into the headers.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::simulation::market::{exponential, normal};

/// Seconds between blocks, on average.
const INTERVAL_SECONDS: f64 = 600.0;
/// Standard deviation of most miners' clocks, in seconds.
const CLOCK_SECONDS: f64 = 60.0;
/// Standard deviation, in seconds, of miners' clocks that are off, or that change the header's time during the search.
const LOOSE_CLOCK_SECONDS: f64 = 500.0;
const LOOSE_CLOCKS: f64 = 0.08;
/// A header's time is above the median of this many before it (Bitcoin Core, `GetMedianTimePast`).
const MEDIAN_BLOCKS: usize = 11;

/// When `blocks` blocks were mined, oldest first, in seconds before the start. The newest times are the same for any
/// number of blocks.
pub fn mined(rng: &mut ChaCha8Rng, blocks: usize) -> Vec<u32> {
    let mut before = 0.0;
    let mut mined: Vec<u32> = (0..blocks)
        .map(|_| {
            before += exponential(rng, INTERVAL_SECONDS);
            before.ceil() as u32
        })
        .collect();
    mined.reverse();
    mined
}

/// The headers' times of blocks that were mined at these moments, all in seconds before the start.
///
/// They are off by minutes and in no order, but each lies above the median of the eleven before it and before the start.
pub fn headers(rng: &mut ChaCha8Rng, mined: &[u32]) -> Vec<u32> {
    let mut headers: Vec<u32> = Vec::with_capacity(mined.len());
    for (at, mined) in mined.iter().enumerate() {
        let deviation = if rng.random::<f64>() < LOOSE_CLOCKS {
            LOOSE_CLOCK_SECONDS
        } else {
            CLOCK_SECONDS
        };
        let off = (deviation * normal(rng)) as i32;
        // Every block leaves a second to each that follows, so that the median of eleven is always below the bound.
        let least = (headers.capacity() - at) as u32;
        let mut before = mined.saturating_add_signed(-off);
        if let Some(median) = median(&headers[at.saturating_sub(MEDIAN_BLOCKS)..]) {
            before = before.min(median - 1);
        }
        headers.push(before.max(least));
    }
    headers
}

/// The median of at most eleven times; `None` if there are none.
fn median(times: &[u32]) -> Option<u32> {
    let mut sorted = [0; MEDIAN_BLOCKS];
    let sorted = sorted.get_mut(..times.len())?;
    sorted.copy_from_slice(times);
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    sorted.get(times.len() / 2).copied()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(3)
    }

    #[test]
    fn blocks_come_every_ten_minutes_and_the_newest_are_always_the_same() {
        let long = mined(&mut rng(), 20_000);
        let short = mined(&mut rng(), 500);
        assert_eq!(long[19_500..], short[..]);
        assert!(long.is_sorted_by(|one, next| one >= next) && *long.last().unwrap() > 0);
        let mean = f64::from(long[0]) / 20_000.0;
        assert!((mean - 600.0).abs() < 20.0, "{mean}");
        let hours = long.windows(2).filter(|pair| pair[0] - pair[1] > 3600);
        // One interval of e^6, 403, is longer than an hour.
        assert!((20..90).contains(&hours.count()));
    }

    #[test]
    fn header_times_are_above_the_median_and_out_of_order() {
        // Ten blocks in the last second leave no room for a clock that is off.
        let mut mined = mined(&mut rng(), 20_000);
        mined.extend([1; 10]);
        let headers = headers(&mut rng(), &mined);
        let mut backwards = 0;
        for at in 1..headers.len() {
            let median = median(&headers[at.saturating_sub(11)..at]).unwrap();
            assert!(headers[at] < median && headers[at] > 0, "{at}");
            backwards += u32::from(headers[at] > headers[at - 1]);
        }
        assert!((300..3000).contains(&backwards), "{backwards}");
        let off = |at: &usize| headers[*at].abs_diff(mined[*at]);
        assert!((0..20_000).filter(|at| off(at) < 180).count() > 15_000);
    }
}

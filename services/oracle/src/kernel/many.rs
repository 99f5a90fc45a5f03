//! The evidence of many amounts at once; the sums are those of one amount after the other, because they are whole numbers.

use std::ops::Range;

use multiversion::multiversion;

use crate::kernel::{Kernel, OFF_GRID, PHASES, Rung, TAPS};

/// Places are cut into this many runs, and one peak of each run is added in turn, because the peaks of places that follow
/// each other overlap: a processor waits before it reads what it has half written a moment ago. Four was the fastest of 2,
/// 4, 8 and 16.
const PARTS: usize = 4;
/// More than the rounding of a place, in parts of a bin.
const ROUNDING: f64 = PHASES as f64;

/// The places of many amounts on the grid, each in parts of a bin; descending. See [`crate::grid::Scale::dollar_place`].
#[derive(Debug)]
pub(crate) struct Places(Box<[f64]>);

impl Kernel {
    /// The places of amounts that ascend.
    pub(crate) fn places(&self, values_sats: &[u64]) -> Places {
        Places(values_sats.iter().map(|sats| self.place(*sats)).collect())
    }

    /// Adds the evidence of all amounts to `evidence`, which begins at price bin `from`.
    pub(crate) fn add_all(&self, places: &Places, from: usize, evidence: &mut [i32]) {
        let origin = Self::origin(from);
        for rung in &self.rungs {
            let near = places.near(rung, origin..origin + evidence.len() as isize);
            add_peaks(near, rung, origin, evidence);
        }
    }
}

impl Places {
    /// The places from which a rung's peak may reach some of the bins, which are counted as [`Kernel::origin`] counts.
    fn near(&self, rung: &Rung, bins: Range<isize>) -> &[f64] {
        let eighths = |bin: isize| (bin * PHASES as isize) as f64 - rung.shift - OFF_GRID;
        let highest = eighths(bins.end) + ROUNDING;
        let lowest = eighths(bins.start - TAPS as isize) - ROUNDING;
        let first = self.0.partition_point(|place| *place > highest);
        let near = &self.0[first..];
        &near[..near.partition_point(|place| *place > lowest)]
    }
}

/// Adds a rung's peak for each place.
#[multiversion(targets = "simd")]
fn add_peaks(places: &[f64], rung: &Rung, origin: isize, evidence: &mut [i32]) {
    let part = places.len().div_ceil(PARTS).max(1);
    for place in (0..part).flat_map(|first| places.iter().skip(first).step_by(part)) {
        let (first, peak) = rung.peak(*place, origin);
        match Kernel::under(first, evidence) {
            Some(sums) => add(sums, peak),
            None => Kernel::change_across_an_end(first, peak, evidence, add),
        }
    }
}

/// Adds a peak. The whole of it is worked out before it is written, so that a compiler may add several numbers at once.
#[inline(always)]
fn add(sums: &mut [i32; TAPS], peak: &[i32; TAPS]) {
    *sums = std::array::from_fn(|tap| sums[tap].wrapping_add(peak[tap]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{grid::PRICE_BINS, model::Model};

    #[test]
    fn all_at_once_is_one_after_the_other() {
        let spread = (0..400u32).map(|step| (1.07_f64.powi(step as i32 - 20)) as u64);
        let mut values: Vec<u64> = spread.chain([u64::MAX, 0, 1, 999, 100_000]).collect();
        values.sort_unstable();
        for height in [0, 500_000, 900_000] {
            let kernel = Kernel::new(Model::of_height(height));
            let places = kernel.places(&values);
            for (from, count) in [
                (0, PRICE_BINS),
                (0, 501),
                (6_900, 501),
                (7_000, 20),
                (PRICE_BINS - 40, 40),
                (9_000, 0),
            ] {
                let (mut one_by_one, mut at_once) = (vec![7; count], vec![7; count]);
                for &value_sats in &values {
                    kernel.add(value_sats, from, &mut one_by_one);
                }
                kernel.add_all(&places, from, &mut at_once);
                assert_eq!(one_by_one, at_once, "{height}: {from}, {count}");
            }
        }
    }
}

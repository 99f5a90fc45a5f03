//! The choice between prices a whole factor apart, all through a period, from all of its payments together.

use crate::grid::{BIN, PRICE_BINS, Scale};
use crate::kernel::Kernel;
use crate::past::corridor::Corridor;
use crate::past::motion::{self, Moving};
use crate::past::pool::Pool;
use crate::past::rough::{self, Path};
use crate::past::{BlockPayments, Blocks};
use crate::peaks::RIVAL_BINS;

/// A pass that begins near a price begins within this many bins of it: 9 %.
pub(crate) const NEAR_BINS: usize = RIVAL_BINS / 2;
/// Greatest number of times that a path is sought, while the blocks along it favour a price elsewhere.
const ROUNDS: usize = 3;
/// Two locks disagree if they are further apart than this, in bins: 5 %.
const DISAGREEMENT: u16 = 49;

/// The rough price at each of some blocks: it settles which of the prices a whole factor apart is meant, and how sure that
/// is. The exact motion of the price is read from the payments again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    first_height: u32,
    /// How much more probable the lock is than its best rival, in thousandths of a nat.
    margin: i32,
    /// The price at each block, as its distance above one dollar, in bins.
    places: Vec<u16>,
}

impl Lock {
    /// The lock of a period, decided by all of its payments. `blocks` begin with the [`BEFORE`](super::BEFORE) blocks before the
    /// period, and end with the [`AFTER`](super::AFTER) blocks after it, or at the tip. `None` if there is no payment.
    #[must_use]
    pub fn of_period(blocks: Blocks<'_>) -> Option<Self> {
        let kernel = blocks.years.kernel();
        let pool = Pool::of(blocks.blocks);
        if pool.is_empty() {
            return None;
        }
        let background = pool.background(&kernel);
        let favoured = |path: &[usize]| rough::favoured(&kernel, blocks.blocks, &background, path);
        let (mut path, mut best) = rough::path(&kernel, blocks.blocks, &background);
        for _ in 0..ROUNDS {
            path = smoothed(&kernel, blocks.blocks, &pool, rough::start(best.bin, &path));
            best = favoured(&path);
            let last = path.last().copied().unwrap_or_default();
            if last.abs_diff(best.bin) <= NEAR_BINS {
                break;
            }
        }
        let margin = (1000.0 * best.margin.clamp(-1e6, 1e6)).round() as i32;
        Some(Self::of_path(
            blocks.first_height,
            margin,
            kernel.scale,
            &path,
        ))
    }

    /// This lock carried forward over `blocks`, for a period that is not over. `None` if their first block is not one
    /// of the lock's.
    #[must_use]
    pub fn carried(&self, blocks: Blocks<'_>) -> Option<Self> {
        let kernel = blocks.years.kernel();
        let start = self.bin(blocks.first_height, kernel.scale)?;
        let path = smoothed(&kernel, blocks.blocks, &Pool::of(blocks.blocks), start);
        Some(Self::of_path(
            blocks.first_height,
            self.margin,
            kernel.scale,
            &path,
        ))
    }

    fn of_path(first_height: u32, margin: i32, scale: Scale, path: &[usize]) -> Self {
        let place = |bin: &usize| above_dollar(*bin, scale);
        Self {
            first_height,
            margin,
            places: path.iter().map(place).collect(),
        }
    }

    /// How much more probable the lock is than its best rival, as the logarithm of the odds.
    pub(crate) fn margin(&self) -> f64 {
        f64::from(self.margin) / 1000.0
    }

    /// The bin of price at a height; `None` if the lock does not cover it.
    pub(crate) fn bin(&self, height: u32, scale: Scale) -> Option<usize> {
        self.place(height).map(|place| on_grid(place, scale))
    }

    fn place(&self, height: u32) -> Option<u16> {
        let index = height.checked_sub(self.first_height)?;
        self.places.get(index as usize).copied()
    }

    /// The lock as bytes, for storage.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = self
            .first_height
            .to_le_bytes()
            .into_iter()
            .chain(self.margin.to_le_bytes());
        let places = self.places.iter().flat_map(|place| place.to_le_bytes());
        head.chain(places).collect()
    }

    /// A lock from stored bytes; `None` if they are no lock.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first_height, rest) = bytes.split_first_chunk()?;
        let (margin, places) = rest.split_first_chunk()?;
        let (places, rest) = places.as_chunks();
        rest.is_empty().then(|| Self {
            first_height: u32::from_le_bytes(*first_height),
            margin: i32::from_le_bytes(*margin),
            places: places
                .iter()
                .map(|place| u16::from_le_bytes(*place))
                .collect(),
        })
    }

    /// Whether two locks differ by more than 5 % at the median of the blocks that both have; false if they share none.
    #[must_use]
    pub fn disagrees(&self, other: &Self) -> bool {
        let places = (self.first_height..).zip(&self.places);
        let both = places.filter_map(|(height, place)| Some(other.place(height)?.abs_diff(*place)));
        let mut apart: Vec<u16> = both.collect();
        apart.sort_unstable();
        apart
            .get(apart.len() / 2)
            .is_some_and(|apart| *apart > DISAGREEMENT)
    }
}

/// The distance of a bin above one dollar, in whole bins; it is the same in all years.
fn above_dollar(bin: usize, scale: Scale) -> u16 {
    let place = (bin as f64 + dollar(scale)).round();
    place.clamp(0.0, f64::from(u16::MAX)) as u16
}

/// The bin of a scale at this distance above one dollar, in bins.
fn on_grid(place: u16, scale: Scale) -> usize {
    let bin = (f64::from(place) - dollar(scale)).round();
    bin.clamp(0.0, (PRICE_BINS - 1) as f64) as usize
}

/// The distance of a scale's lowest price above one dollar, in bins.
fn dollar(scale: Scale) -> f64 {
    libm::log(scale.price_usd(0.0)) / BIN
}

/// The price at each block, given those before and after it, if the price begins near the bin `start`.
fn smoothed(kernel: &Kernel, blocks: &[BlockPayments], pool: &Pool, start: usize) -> Path {
    let expected = pool.expected(kernel, 0..PRICE_BINS);
    let mut forward = Moving::near(kernel, start, NEAR_BINS);
    let mut middle = start;
    let mut passed = Vec::with_capacity(blocks.len());
    for block in blocks {
        let corridor = Corridor::new(kernel, block, middle);
        forward.pass(&corridor, &expected);
        middle = forward.weights().top();
        passed.push((corridor, forward.weights().clone()));
    }
    let mut backward = Moving::near(kernel, middle, RIVAL_BINS);
    let mut path = Path::with_capacity(blocks.len());
    for (corridor, weights) in passed.iter().rev() {
        let both = motion::both(weights, backward.weights());
        path.push(both.as_ref().unwrap_or(weights).top());
        backward.pass(corridor, &expected);
    }
    path.reverse();
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lock(first_height: u32, places: &[u16]) -> Lock {
        Lock {
            first_height,
            margin: -1500,
            places: places.to_vec(),
        }
    }

    #[test]
    fn a_lock_comes_back_from_its_bytes_and_nothing_else_does() {
        let kept = lock(700_000, &[9210, 9215, 40_000]);
        let bytes = kept.to_bytes();
        assert_eq!(Lock::from_bytes(&bytes), Some(kept));
        for length in [0, 3, 7, bytes.len() - 1] {
            assert_eq!(Lock::from_bytes(&bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn locks_are_compared_where_both_have_a_price() {
        let one = lock(100, &[9000, 9010, 9020, 9030]);
        assert!(!one.disagrees(&lock(102, &[9060, 9040, 5000])));
        assert!(one.disagrees(&lock(102, &[9075, 9085])));
        assert!(!one.disagrees(&lock(200, &[5000])));
    }

    #[test]
    fn a_price_is_at_the_same_place_in_all_years() {
        let (early, later) = (Scale::of_answers(1e2, 0.3), Scale::of_answers(1e3, 0.0));
        for bin in [0, 1, 7777, PRICE_BINS - 1] {
            assert_eq!(on_grid(above_dollar(bin, later), later), bin);
        }
        let place = above_dollar(5000, later);
        let there = early.price_usd(on_grid(place, early) as f64);
        assert!((there / later.price_usd(5000.0) - 1.0).abs() <= BIN);
    }
}

//! The evidence of one amount for every price: a peak at each price that makes the amount a round sum.
//!
//! Evidence is kept in whole steps of 1/1024 nat, so that adding and taking away an amount are exact and sums do not
//! depend on their order.

mod many;

use std::ops::Range;

use multiversion::multiversion;

use crate::beside::Beside;
use crate::grid::{BIN, PRICE_BINS, Scale};
use crate::model::{Model, Typical};

/// Steps of evidence in one nat.
pub(crate) const STEPS_PER_NAT: f64 = 1024.0;
/// A peak reaches this many bins to both sides.
const REACH: usize = 16;
const TAPS: usize = 2 * REACH + 1;
/// Parts into which a bin is divided, to place a peak more finely than whole bins.
const PHASES: usize = 8;
/// Offset that keeps all places positive, in parts of a bin: no amount lies this far below or above the grid.
const OFF_GRID: f64 = 800_000.0;

/// Numbers that are worked on together, because this many stay in the processor's cache while others are added to them.
const IN_CACHE: usize = 2048;

/// Evidence for each bin of price, in [`STEPS_PER_NAT`].
pub(crate) type Evidence = Box<[i32]>;

/// No evidence for any price.
pub(crate) fn no_evidence() -> Evidence {
    vec![0; PRICE_BINS].into()
}

/// The peaks of evidence, ready to be added up.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) model: Model,
    pub(crate) scale: Scale,
    pub(crate) beside: Beside,
    rungs: Vec<Rung>,
    /// The [`Typical::lift`] of each bin of price; empty if the model has no [`Typical`].
    lifts: Vec<f64>,
}

/// A sum of evidence from which peaks are taken away again. An overflow of `i32` is harmless, because taking away wraps back.
///
/// The methods are not inlined: a compiler that does not know that sums and peak lie apart adds one number after the
/// other.
pub(crate) trait Sums: Copy + Default {
    fn add(sums: &mut [Self; TAPS], peak: &[i32; TAPS]);
    fn take_away(sums: &mut [Self; TAPS], peak: &[i32; TAPS]);
}

impl Sums for i32 {
    #[inline(never)]
    fn add(sums: &mut [Self; TAPS], peak: &[i32; TAPS]) {
        let rows = sums.iter_mut().zip(peak);
        rows.for_each(|(sum, steps)| *sum = sum.wrapping_add(*steps));
    }

    #[inline(never)]
    fn take_away(sums: &mut [Self; TAPS], peak: &[i32; TAPS]) {
        let rows = sums.iter_mut().zip(peak);
        rows.for_each(|(sum, steps)| *sum = sum.wrapping_sub(*steps));
    }
}

impl Sums for i64 {
    #[inline(never)]
    fn add(sums: &mut [Self; TAPS], peak: &[i32; TAPS]) {
        let rows = sums.iter_mut().zip(peak);
        rows.for_each(|(sum, steps)| *sum += i64::from(*steps));
    }

    #[inline(never)]
    fn take_away(sums: &mut [Self; TAPS], peak: &[i32; TAPS]) {
        let rows = sums.iter_mut().zip(peak);
        rows.for_each(|(sum, steps)| *sum -= i64::from(*steps));
    }
}

#[derive(Debug)]
struct Rung {
    /// Distance of its price above that of one dollar, in parts of a bin.
    shift: f64,
    /// Its strength times [`Model::strength_scale`].
    strength: f64,
    /// Evidence around its price, for each place within a bin.
    peaks: [[i32; TAPS]; PHASES],
}

impl Kernel {
    pub(crate) fn new(model: Model) -> Self {
        let scale = Scale::of_answers(model.least_usd, model.premium_percent);
        let rungs = model
            .rungs
            .iter()
            .map(|&(round_usd, strength)| Rung::new(&model, round_usd, strength))
            .collect();
        let lift = |typical: &Typical| {
            let places = (0..PRICE_BINS).map(|bin| scale.price_usd(bin as f64));
            places.map(|price_usd| typical.lift(price_usd)).collect()
        };
        let lifts = model.typical.as_ref().map(lift).unwrap_or_default();
        Self {
            beside: Beside::new(&model),
            model,
            scale,
            rungs,
            lifts,
        }
    }

    /// Adds the evidence of an amount to `evidence`, which begins at price bin `from`.
    pub(crate) fn add<Sum: Sums>(&self, value_sats: u64, from: usize, evidence: &mut [Sum]) {
        self.apply(value_sats, from, evidence, Sum::add);
    }

    /// Subtracts what [`Kernel::add`] has added.
    pub(crate) fn take_away<Sum: Sums>(&self, value_sats: u64, from: usize, evidence: &mut [Sum]) {
        self.apply(value_sats, from, evidence, Sum::take_away);
    }

    fn apply<Sum: Sums>(
        &self,
        value_sats: u64,
        from: usize,
        evidence: &mut [Sum],
        change: impl Fn(&mut [Sum; TAPS], &[i32; TAPS]),
    ) {
        let (place, origin) = (self.place(value_sats), Self::origin(from));
        for rung in &self.rungs {
            let (first, peak) = rung.peak(place, origin);
            match Self::under(first, evidence) {
                Some(sums) => change(sums, peak),
                None => Self::change_across_an_end(first, peak, evidence, &change),
            }
        }
    }

    /// The place on the grid of the price at which an amount is worth one dollar, in parts of a bin.
    #[inline]
    fn place(&self, value_sats: u64) -> f64 {
        self.scale.dollar_place(value_sats) * PHASES as f64
    }

    /// The place of the price bin `from`, as [`Rung::peak`] counts bins.
    #[inline]
    fn origin(from: usize) -> isize {
        (OFF_GRID as usize / PHASES + REACH + from) as isize
    }

    /// The numbers of a row under a peak, whose first number is at index `first` of the row; `None` if the peak does not lie
    /// on the row as a whole.
    #[inline(always)]
    fn under<Sum: Sums>(first: isize, evidence: &mut [Sum]) -> Option<&mut [Sum; TAPS]> {
        let first = usize::try_from(first).ok()?;
        evidence.get_mut(first..)?.first_chunk_mut()
    }

    /// Changes the part of a row that lies under a peak across an end of it.
    fn change_across_an_end<Sum: Sums>(
        first: isize,
        peak: &[i32; TAPS],
        evidence: &mut [Sum],
        change: impl Fn(&mut [Sum; TAPS], &[i32; TAPS]),
    ) {
        let skipped = (-first).clamp(0, TAPS as isize) as usize;
        let start = first.clamp(0, evidence.len() as isize) as usize;
        let count = (evidence.len() - start).min(TAPS - skipped);
        if count == 0 {
            return;
        }
        let (on_grid, taps) = (start..start + count, skipped..skipped + count);
        let mut sums = [Sum::default(); TAPS];
        sums[taps.clone()].copy_from_slice(&evidence[on_grid.clone()]);
        change(&mut sums, peak);
        evidence[on_grid].copy_from_slice(&sums[taps]);
    }

    /// The probability of each price by the median amount alone, in nats below the most typical price: the median of
    /// `values` amounts is `median_sats` satoshi. `None` if the model has no [`Typical`].
    pub(crate) fn typical(&self, median_sats: f64, values: usize) -> Option<Vec<f64>> {
        let typical = self.model.typical?;
        Some(typical.log_densities(&self.lifts, median_sats, values))
    }

    /// The share of one amount that is expected to be a round sum at each price in `bins`, in nats of evidence. `density`
    /// of `all` amounts lie in each bin of amount, from the highest amount down.
    pub(crate) fn expected(&self, density: &[f64], all: usize, bins: Range<usize>) -> Vec<f64> {
        let percent_per_bin = 100.0 * BIN * all as f64;
        let rungs = self.rungs.iter().zip(&self.model.rungs);
        let rungs = rungs.filter_map(|(rung, (round_usd, _))| {
            // At price bin 0 a round sum has its largest amount; each price bin up, its amount lies one bin lower. Even
            // the largest sum is below 21 million bitcoin there.
            let highest = self.scale.value_place(*round_usd, 0).floor().max(0.0) as usize;
            let amounts = &density[density.len().checked_sub(highest + 1)?..];
            Some((amounts, rung.strength / percent_per_bin))
        });
        let rungs: Vec<_> = rungs.collect();
        let mut expected = vec![0.0; bins.len()];
        for (part, sums) in expected.chunks_mut(IN_CACHE).enumerate() {
            for (amounts, strength) in &rungs {
                let amounts = amounts
                    .get(bins.start + part * IN_CACHE..)
                    .unwrap_or_default();
                add_scaled(sums, amounts, *strength);
            }
        }
        expected
    }
}

/// Writes to `nats` the evidence of `values` amounts, less their expected evidence, divided by `temperature`.
#[multiversion(targets = "simd")]
pub(crate) fn hold_against(
    nats: &mut [f64],
    steps: &[i32],
    expected: &[f64],
    temperature: f64,
    values: f64,
) {
    let per_step = 1.0 / (STEPS_PER_NAT * temperature);
    let per_expected = values / temperature;
    for ((nats, steps), expected) in nats.iter_mut().zip(steps).zip(expected) {
        *nats = f64::from(*steps) * per_step - per_expected * expected;
    }
}

/// Adds `numbers`, each multiplied by `times`, to `sums`.
#[multiversion(targets = "simd")]
pub(crate) fn add_scaled(sums: &mut [f64], numbers: &[f64], times: f64) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += times * number;
    }
}

impl Rung {
    fn new(model: &Model, round_usd: f64, strength: f64) -> Self {
        let strength = strength * model.strength_scale;
        let evidence_at = |off_percent: f64| {
            let density: f64 = model
                .peak
                .iter()
                .map(|&(share, sigma)| share * bell(off_percent, sigma))
                .sum();
            (libm::log1p(strength * density) * STEPS_PER_NAT).round() as i32
        };
        let mut peaks = [[0; TAPS]; PHASES];
        for (phase, peak) in peaks.iter_mut().enumerate() {
            for (tap, steps) in peak.iter_mut().enumerate() {
                let off_bins = tap as f64 - REACH as f64 - phase as f64 / PHASES as f64;
                *steps = evidence_at(100.0 * off_bins * BIN);
            }
        }
        Self {
            shift: libm::log(round_usd) / BIN * PHASES as f64,
            strength,
            peaks,
        }
    }

    /// The peak of an amount at a place, and the index of its first number in a row that begins at `origin`.
    #[inline(always)]
    fn peak(&self, place: f64, origin: isize) -> (isize, &[i32; TAPS]) {
        // The sum is made positive, so that its whole part is its floor. An amount of 0 lies beyond the grid's end.
        let eighths = (place + self.shift + 0.5 + OFF_GRID).clamp(0.0, 3.0 * OFF_GRID) as usize;
        (
            (eighths / PHASES) as isize - origin,
            &self.peaks[eighths % PHASES],
        )
    }
}

/// The density of a normal distribution around 0.
fn bell(x: f64, sigma: f64) -> f64 {
    libm::exp(-0.5 * (x / sigma) * (x / sigma)) / (sigma * std::f64::consts::TAU.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel() -> Kernel {
        Kernel::new(Model {
            rungs: vec![(100.0, 5.0)],
            ..Model::trained()
        })
    }

    #[test]
    fn an_amount_speaks_for_the_price_that_makes_it_round() {
        let mut evidence = no_evidence();
        kernel().add(100_000, 0, &mut evidence);
        let best = evidence.iter().zip(0..).max().map_or(0, |(_, bin)| bin);
        assert!((kernel().scale.price_usd(f64::from(best)) / 100_000.0 - 1.0).abs() <= 0.5 * BIN);
    }

    #[test]
    fn taking_away_undoes_adding() {
        let mut evidence = no_evidence();
        let kernel = Kernel::new(Model::trained());
        let values = [
            0,
            1,
            999,
            12_345,
            100_000,
            1_000_000_007,
            2_100_000_000_000_000,
            u64::MAX,
        ];
        values
            .iter()
            .for_each(|&value| kernel.add(value, 0, &mut evidence));
        values
            .iter()
            .rev()
            .for_each(|&value| kernel.take_away(value, 0, &mut evidence));
        assert_eq!(evidence, no_evidence());
    }

    #[test]
    fn the_ends_of_the_grid_take_half_a_peak() {
        for value_sats in [100_000_000, 100] {
            let mut evidence = no_evidence();
            kernel().add(value_sats, 0, &mut evidence);
            let touched = evidence.iter().filter(|&&steps| steps > 0).count();
            assert!(
                (REACH / 2..TAPS).contains(&touched),
                "{value_sats}: {touched}"
            );
        }
    }
}

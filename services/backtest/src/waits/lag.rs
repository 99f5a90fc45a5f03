//! The age of the price that a block alone shows at its time.

use std::fmt;

/// The time, in seconds, over which the market's return is taken: the length of a candle, within which nothing is
/// known.
pub(super) const BACK_SECONDS: u64 = 1800;
/// A price that is further off than this, in percent, is off for another reason than its age.
const LARGEST_ERROR: f64 = 1.5;

/// The errors of blocks' prices, with the market's return before each block.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// The market's return in the [`BACK_SECONDS`] before the block, and the error of the price, both in percent.
    pairs: Vec<(f64, f64)>,
}

impl Lag {
    /// Adds a block: the price that it shows, the market's price at its time, and the market's price [`BACK_SECONDS`]
    /// earlier.
    pub(super) fn add(&mut self, price_usd: f64, now_usd: f64, before_usd: f64) {
        let error = 100.0 * (price_usd / now_usd).ln();
        if error.abs() <= LARGEST_ERROR {
            self.pairs
                .push((100.0 * (now_usd / before_usd).ln(), error));
        }
    }

    /// The lag in minutes, and its standard error. A price that is older than its block by a share of [`BACK_SECONDS`]
    /// is off, on average, by that share of the return. So the lag is a regression through the origin. `None` if there
    /// are fewer than two blocks.
    fn minutes(&self) -> Option<(f64, f64)> {
        let squares: f64 = self.pairs.iter().map(|(back, _)| back * back).sum();
        let products: f64 = self.pairs.iter().map(|(back, error)| back * error).sum();
        let slope = products / squares;
        let left = self
            .pairs
            .iter()
            .map(|(back, error)| (error - slope * back).powi(2));
        let degrees = self
            .pairs
            .len()
            .checked_sub(1)
            .filter(|degrees| *degrees > 0)?;
        let spread = (left.sum::<f64>() / degrees as f64 / squares).sqrt();
        let minutes = BACK_SECONDS as f64 / 60.0;
        Some((-slope * minutes, spread * minutes))
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minutes() {
            Some((lag, spread)) => write!(
                out,
                "the price that a block alone shows is {lag:.1} minutes old at its time (standard error {spread:.1}, {} blocks)",
                self.pairs.len()
            ),
            None => write!(out, "no block has candles around its time"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_is_a_third_of_the_time_old_lags_by_a_third() {
        let mut lag = Lag::default();
        for step in 1..10 {
            let back = 0.002 * f64::from(step - 5);
            lag.add(100.0 * (-back / 3.0).exp(), 100.0, 100.0 * (-back).exp());
        }
        let (minutes, spread) = lag.minutes().unwrap();
        assert!((minutes - 10.0).abs() < 1e-6 && spread < 1e-6, "{lag}");
        assert!(Lag::default().minutes().is_none());
    }
}

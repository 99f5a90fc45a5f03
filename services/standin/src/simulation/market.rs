//! The hidden price: geometric Brownian motion without drift.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const SECONDS_PER_YEAR: f64 = 365.25 * 86_400.0;

/// The price that a simulation pays by, at a moment of its own time.
pub struct Market {
    rng: ChaCha8Rng,
    /// Standard deviation of the logarithm over a year: 0.5 for 50 %.
    volatility: f64,
    price_usd: f64,
    seconds: f64,
}

impl Market {
    pub fn new(rng: ChaCha8Rng, price_usd: f64, volatility: f64) -> Market {
        Market {
            rng,
            volatility,
            price_usd,
            seconds: 0.0,
        }
    }

    /// USD for one BTC.
    pub fn price_usd(&self) -> f64 {
        self.price_usd
    }

    /// Moves the price on to `seconds` since the simulation's start; time before the last call changes nothing.
    pub fn advance(&mut self, seconds: f64) {
        let years = (seconds - self.seconds).max(0.0) / SECONDS_PER_YEAR;
        if years > 0.0 {
            let step = self.volatility * years.sqrt();
            self.price_usd *= (step * normal(&mut self.rng) - step * step / 2.0).exp();
            self.seconds = seconds;
        }
    }
}

/// A draw from the normal distribution with mean 0 and standard deviation 1 (Box and Muller, 1958).
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// A draw from the exponential distribution.
pub fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Logarithms of 2000 prices after a day, each from 100, reached in `steps` steps.
    fn after_a_day(steps: u32) -> Vec<f64> {
        (0..2000)
            .map(|seed| {
                let mut market = Market::new(ChaCha8Rng::seed_from_u64(seed), 100.0, 0.6);
                for step in 1..=steps {
                    market.advance(86_400.0 * f64::from(step) / f64::from(steps));
                }
                (market.price_usd() / 100.0).ln()
            })
            .collect()
    }

    #[test]
    fn the_volatility_is_annual_and_the_step_does_not_matter() {
        for steps in [1, 20] {
            let moves = after_a_day(steps);
            let n = moves.len() as f64;
            let mean = moves.iter().sum::<f64>() / n;
            let deviation = (moves.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            let expected = 0.6 / 365.25_f64.sqrt();
            assert!(
                (deviation / expected - 1.0).abs() < 0.08,
                "{deviation} {expected}"
            );
            assert!(mean.abs() < 4.0 * expected / n.sqrt(), "{mean}");
        }
    }

    #[test]
    fn the_past_changes_nothing() {
        let mut market = Market::new(ChaCha8Rng::seed_from_u64(1), 100.0, 0.6);
        market.advance(100.0);
        let price = market.price_usd();
        market.advance(50.0);
        market.advance(100.0);
        assert_eq!(market.price_usd().to_bits(), price.to_bits());
    }
}

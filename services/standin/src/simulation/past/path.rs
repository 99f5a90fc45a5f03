//! The hidden price of a made-up past: a random walk by day that ends at the price of the simulation's start.

use rand_chacha::ChaCha8Rng;

use crate::simulation::market::normal;

const SECONDS_PER_DAY: f64 = 86_400.0;
/// Standard deviation of the logarithm over a day.
const DAILY_VOLATILITY: f64 = 0.03;
/// Days before the start on which the price is [`BELOW_POWER`] times the start's power of ten, so that the walk
/// crosses that power.
const POWER_CROSSED_DAYS: usize = 400;
/// The price on that day, as a share of the largest power of ten that is no larger than the price at the start.
const BELOW_POWER: f64 = 0.8;
/// Days before the start, and the price of one BTC on that day in USD: about the real price at these heights.
const OLDER: [(usize, f64); 9] = [
    (700, 30_000.0),
    (1100, 60_000.0),
    (1500, 30_000.0),
    (2000, 9000.0),
    (2594, 3700.0),
    (2950, 11_000.0),
    (3320, 950.0),
    (4050, 300.0),
    (4400, 350.0),
];

/// The price at each moment before the start.
#[derive(Debug)]
pub struct Path {
    /// The price at the start, USD for one BTC.
    price_usd: f64,
    /// For each day before the start, the logarithm of the ratio of its price to that at the start.
    days: Vec<f64>,
}

impl Path {
    /// A path that ends at `price_usd`. The same draws give the same path, however much of it is used.
    pub fn new(rng: &mut ChaCha8Rng, price_usd: f64) -> Path {
        let power = 10_f64.powi(price_usd.log10().floor() as i32);
        let crossed = (POWER_CROSSED_DAYS, BELOW_POWER * power);
        let mut days = vec![0.0];
        for (day, usd) in std::iter::once(crossed).chain(OLDER) {
            bridge(rng, &mut days, day, (usd / price_usd).ln());
        }
        Path { price_usd, days }
    }

    /// The price `seconds_before` the start, in USD for one BTC. Beyond the oldest day it stays the same.
    pub fn price_usd(&self, seconds_before: f64) -> f64 {
        let days = seconds_before.max(0.0) / SECONDS_PER_DAY;
        let last = self.days.len() - 1;
        let (day, part) = (days.floor(), days.fract());
        let at = |day: usize| self.days[day.min(last)];
        let (newer, older) = (at(day as usize), at(day as usize + 1));
        self.price_usd * (newer + part * (older - newer)).exp()
    }
}

/// Extends `days` from its last to `day`: a random walk that is bent to end at `end`.
fn bridge(rng: &mut ChaCha8Rng, days: &mut Vec<f64>, day: usize, end: f64) {
    let from = days.len() - 1;
    let begin = days[from];
    let mut walk = begin;
    for _ in from..day {
        walk += DAILY_VOLATILITY * normal(rng);
        days.push(walk);
    }
    let each = (end - walk) / (day - from) as f64;
    for (steps, value) in days[from + 1..].iter_mut().enumerate() {
        *value += each * (steps + 1) as f64;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn path(seed: u64, price_usd: f64) -> Path {
        Path::new(&mut ChaCha8Rng::seed_from_u64(seed), price_usd)
    }

    #[test]
    fn it_ends_at_the_price_of_the_start() {
        let path = path(1, 97_350.0);
        assert_eq!(path.price_usd(0.0).to_bits(), 97_350_f64.to_bits());
        assert!((path.price_usd(1.0) / 97_350.0 - 1.0).abs() < 1e-5);
        assert!((path.price_usd(400.0 * SECONDS_PER_DAY) - 8000.0).abs() < 1e-6);
        assert!((path.price_usd(1e9) - 350.0).abs() < 1e-6);
    }

    #[test]
    fn four_hundred_days_cross_a_power_of_ten() {
        for (seed, price) in [(1, 97_350.0), (2, 20_000.0), (3, 1000.0), (4, 1_000_000.0)] {
            let path = path(seed, price);
            let power = |days: u32| {
                let usd = path.price_usd(f64::from(days) * SECONDS_PER_DAY);
                usd.log10().floor() as i32
            };
            assert!((1..=400).any(|day| power(day) != power(day - 1)), "{price}");
        }
    }

    #[test]
    fn it_moves_by_three_per_cent_a_day_and_evenly_within_the_day() {
        let path = path(5, 97_350.0);
        let log = |day: f64| path.price_usd(day * SECONDS_PER_DAY).ln();
        let moves: Vec<f64> = (0..4000)
            .map(|day| log(f64::from(day)) - log(f64::from(day + 1)))
            .collect();
        let mean = moves.iter().sum::<f64>() / 4000.0;
        let square = moves.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 4000.0;
        assert!((square.sqrt() / DAILY_VOLATILITY - 1.0).abs() < 0.06);
        let within = log(10.25) - log(10.0);
        assert!((within - (log(11.0) - log(10.0)) / 4.0).abs() < 1e-12);
    }
}

//! A random walk of the price, as volatile as the market of a year.

use crate::random::SplitMix;

/// Standard deviation of ten minutes in each year, in percent. It is that of the hourly opens of Gemini (to 2020) and
/// the half-hourly opens of Binance (from 2021), divided by the square root of their length in units of ten minutes.
/// 2015 has only its last three months. Earlier and later years take the nearest year's value.
const VOLATILITY: [(u64, f64); 12] = [
    (2015, 0.45),
    (2016, 0.24),
    (2017, 0.45),
    (2018, 0.40),
    (2019, 0.30),
    (2020, 0.33),
    (2021, 0.39),
    (2022, 0.28),
    (2023, 0.185),
    (2024, 0.23),
    (2025, 0.19),
    (2026, 0.20),
];

/// The prices in dollars before the first of `blocks` blocks and at the end of each, of a walk from `start_usd` on. A
/// step is a Student's t with three degrees of freedom: the median and 99th percentile of its size, 0.44 and 3.4 standard
/// deviations, are those of the candles.
pub(super) fn walk(random: &mut SplitMix, year: u64, start_usd: f64, blocks: usize) -> Vec<f64> {
    let step = volatility(year) / 100.0;
    let mut prices = vec![start_usd];
    let mut price = start_usd;
    for _ in 0..blocks {
        price *= (step * student(random)).exp();
        prices.push(price);
    }
    prices
}

fn volatility(year: u64) -> f64 {
    let nearest = VOLATILITY.iter().min_by_key(|(of, _)| of.abs_diff(year));
    nearest.map_or(0.3, |(_, percent)| *percent)
}

/// A Student's t with three degrees of freedom, divided by its standard deviation.
fn student(random: &mut SplitMix) -> f64 {
    let squares: f64 = (0..3).map(|_| normal(random).powi(2)).sum();
    normal(random) / squares.sqrt()
}

/// A normal deviate (Box and Muller 1958).
fn normal(random: &mut SplitMix) -> f64 {
    let length = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    length * (std::f64::consts::TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_has_the_volatility_of_its_year_and_its_tails() {
        let mut random = SplitMix::new(1);
        let prices = walk(&mut random, 2023, 100.0, 100_000);
        let mut steps: Vec<f64> = prices
            .windows(2)
            .map(|pair| (pair[1] / pair[0]).ln().abs())
            .collect();
        steps.sort_by(f64::total_cmp);
        let share = |share: f64| steps[(share * steps.len() as f64) as usize] / 0.001_85;
        assert!((share(0.5) - 0.44).abs() < 0.02, "{}", share(0.5));
        assert!((share(0.99) - 3.37).abs() < 0.2, "{}", share(0.99));
    }
}

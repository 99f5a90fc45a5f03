//! What people pay: round dollar sums, round bitcoin sums, and any other amount, as often as real blocks show them.
//!
//! The tables were measured on the 44 blocks of 2023 and later that the tests compare the simulation with.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::market::normal;

const SATS_PER_BTC: f64 = 100_000_000.0;
/// Nothing smaller is relayed.
pub const DUST_SATS: u64 = 330;

/// Round sums in dollars, and how often each is paid (its excess over the amounts around it, in outputs of 1000).
const ROUND_SUMS: [(f64, f64); 37] = [
    (1.0, 0.7),
    (2.0, 0.4),
    (3.0, 0.6),
    (4.0, 0.6),
    (5.0, 2.8),
    (6.0, 0.7),
    (7.0, 0.7),
    (8.0, 0.8),
    (10.0, 6.2),
    (12.0, 1.0),
    (15.0, 3.0),
    (20.0, 5.9),
    (25.0, 4.9),
    (30.0, 4.3),
    (35.0, 1.1),
    (40.0, 2.4),
    (50.0, 8.4),
    (60.0, 2.6),
    (70.0, 1.8),
    (80.0, 1.8),
    (100.0, 9.9),
    (150.0, 3.2),
    (200.0, 5.3),
    (250.0, 1.8),
    (300.0, 3.5),
    (350.0, 1.3),
    (400.0, 1.6),
    (500.0, 3.9),
    (600.0, 1.0),
    (700.0, 1.1),
    (800.0, 0.9),
    (1000.0, 3.6),
    (1500.0, 0.9),
    (2000.0, 1.8),
    (3000.0, 0.7),
    (5000.0, 1.2),
    (10_000.0, 0.7),
];

/// Quantiles of all amounts in dollars: (share below, dollars).
const ALL_AMOUNTS: [(f64, f64); 17] = [
    (0.0, 0.5),
    (0.01, 0.7),
    (0.02, 0.94),
    (0.05, 2.2),
    (0.1, 6.5),
    (0.2, 20.0),
    (0.3, 45.0),
    (0.4, 84.0),
    (0.5, 153.0),
    (0.6, 300.0),
    (0.7, 630.0),
    (0.8, 1570.0),
    (0.9, 8200.0),
    (0.95, 39_000.0),
    (0.98, 211_000.0),
    (0.99, 585_000.0),
    (1.0, 5_000_000.0),
];

/// How far from the price most payers' quotes are (standard deviation of the logarithm).
const QUOTE_NOISE: f64 = 0.0007;
/// The same for those who pay by an old quote, or have a fee taken off.
const LOOSE_QUOTE_NOISE: f64 = 0.004;
const LOOSE_QUOTES: f64 = 0.08;

/// One of the round dollar sums, in satoshi by a quote near `price_usd`.
pub fn round_dollars(rng: &mut ChaCha8Rng, price_usd: f64) -> u64 {
    let total: f64 = ROUND_SUMS.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random::<f64>() * total;
    let usd = ROUND_SUMS
        .iter()
        .find(|(_, weight)| {
            left -= weight;
            left < 0.0
        })
        .map_or(100.0, |(usd, _)| *usd);
    let noise = if rng.random::<f64>() < LOOSE_QUOTES {
        LOOSE_QUOTE_NOISE
    } else {
        QUOTE_NOISE
    };
    to_sats(usd, price_usd * (noise * normal(rng)).exp())
}

/// Any amount, in satoshi.
pub fn any_amount(rng: &mut ChaCha8Rng, price_usd: f64) -> u64 {
    let share = rng.random::<f64>();
    let above = ALL_AMOUNTS
        .iter()
        .position(|(below, _)| *below > share)
        .unwrap_or(ALL_AMOUNTS.len() - 1);
    let ((low, from), (high, to)) = (ALL_AMOUNTS[above - 1], ALL_AMOUNTS[above]);
    let usd = from * (to / from).powf((share - low) / (high - low));
    to_sats(usd, price_usd)
}

/// A sum that is round in bitcoin: one or two digits, in satoshi.
pub fn round_bitcoin(rng: &mut ChaCha8Rng) -> u64 {
    let digits = [1, 2, 5, 10, 15, 20, 25, 30, 50, 75];
    let unit = 10_u64.pow(rng.random_range(3..7));
    digits[rng.random_range(0..digits.len())] * unit
}

fn to_sats(usd: f64, price_usd: f64) -> u64 {
    ((usd / price_usd * SATS_PER_BTC).round() as u64).max(DUST_SATS)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn amounts_have_the_measured_quantiles() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let mut usd: Vec<f64> = (0..20_000)
            .map(|_| any_amount(rng, 100_000.0) as f64 / 1000.0)
            .collect();
        usd.sort_by(f64::total_cmp);
        for (at, expected) in [(2000, 6.5), (10_000, 153.0), (18_000, 8200.0)] {
            assert!(
                (usd[at] / expected - 1.0).abs() < 0.15,
                "{} {expected}",
                usd[at]
            );
        }
    }

    #[test]
    fn round_sums_are_near_their_price() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let near = (0..10_000)
            .filter(|_| {
                let usd = round_dollars(rng, 100_000.0) as f64 / 1000.0;
                ROUND_SUMS
                    .iter()
                    .any(|(sum, _)| (usd / sum - 1.0).abs() < 0.004)
            })
            .count();
        assert!((9300..9990).contains(&near), "{near}");
    }

    #[test]
    fn round_bitcoin_sums_have_two_digits() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        for _ in 0..1000 {
            let sats = round_bitcoin(rng);
            assert!(sats.to_string().trim_end_matches('0').len() <= 2, "{sats}");
        }
    }
}

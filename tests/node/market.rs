//! Amounts as people pay them: round dollar sums among all others.
//!
//! The weights follow those of the simulated node, cut at $10,000 so that every coin suffices.

use crate::support::lossy::Random;

const SATS_PER_BTC: f64 = 100_000_000.0;
/// Of 100 payments, those of a round dollar sum; real blocks have fewer, and a test has few payments.
const ROUND_SHARE: u64 = 40;
/// Round sums in dollars and their weights, by their excess over the amounts around them.
const ROUND_SUMS: [(u64, u64); 36] = [
    (1, 7),
    (2, 4),
    (3, 6),
    (4, 6),
    (5, 28),
    (6, 7),
    (8, 8),
    (10, 62),
    (12, 10),
    (15, 30),
    (20, 59),
    (25, 49),
    (30, 43),
    (35, 11),
    (40, 24),
    (50, 84),
    (60, 26),
    (70, 18),
    (80, 18),
    (100, 99),
    (150, 32),
    (200, 53),
    (250, 18),
    (300, 35),
    (350, 13),
    (400, 16),
    (500, 39),
    (600, 10),
    (700, 11),
    (800, 9),
    (1000, 36),
    (1500, 9),
    (2000, 18),
    (3000, 7),
    (5000, 12),
    (10_000, 7),
];
/// Dollars below which each tenth of the other amounts lies.
const TENTHS: [f64; 11] = [
    0.6, 5.0, 18.0, 40.0, 75.0, 130.0, 240.0, 460.0, 1000.0, 2500.0, 9900.0,
];
/// Width of the quotes around the price, as a share.
const QUOTES: f64 = 0.002;

/// The amount of one payment at this price, in satoshi.
pub fn amount_sats(random: &mut Random, price_usd: f64) -> u64 {
    let usd = if random.below(100) < ROUND_SHARE {
        round_sum(random) * (1.0 + QUOTES * (share(random) - 0.5))
    } else {
        any_sum(random)
    };
    (usd / price_usd * SATS_PER_BTC).round() as u64
}

fn round_sum(random: &mut Random) -> f64 {
    let total: u64 = ROUND_SUMS.iter().map(|(_, weight)| weight).sum();
    let mut left = random.below(total);
    for (usd, weight) in ROUND_SUMS {
        if left < weight {
            return usd as f64;
        }
        left -= weight;
    }
    unreachable!("the weights add up to their total")
}

fn any_sum(random: &mut Random) -> f64 {
    let tenth = random.below(TENTHS.len() as u64 - 1) as usize;
    let (low, high) = (TENTHS[tenth], TENTHS[tenth + 1]);
    low * (high / low).powf(share(random))
}

fn share(random: &mut Random) -> f64 {
    random.below(1_000_000) as f64 / 1_000_000.0
}

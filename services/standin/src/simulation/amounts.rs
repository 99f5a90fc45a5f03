//! The sums that people pay: round in dollars, round in bitcoin, and any other, as often as real blocks show them.
//!
//! The tables were measured on the 44 blocks of 2023 and later that the tests compare the simulation with.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::market::normal;

const SATS_PER_BTC: f64 = 100_000_000.0;
/// The smallest output that is relayed, in satoshi.
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

/// The middle of all amounts, in dollars.
const MEDIAN_USD: f64 = 153.0;

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
    (0.5, MEDIAN_USD),
    (0.6, 300.0),
    (0.7, 630.0),
    (0.8, 1570.0),
    (0.9, 8200.0),
    (0.95, 39_000.0),
    (0.98, 211_000.0),
    (0.99, 585_000.0),
    (1.0, 5_000_000.0),
];

/// The spread of some payers' quotes around the price.
#[derive(Clone, Copy, Debug)]
pub struct Quotes {
    /// The mean logarithm of the ratio between the amounts paid and those at the price; above 0 if payers pay
    /// more.
    pub offset: f64,
    /// The standard deviation of that logarithm.
    pub deviation: f64,
}

/// The sums that people pay in some years.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    /// How much likelier round sums are than in [`Sums::NOW`]: up to $10, up to $200, and larger ones.
    pub strengths: [f64; 3],
    /// The quotes that most payers go by.
    pub quotes: Quotes,
    /// The quotes of payers that use an old quote, or have a fee taken off.
    pub loose_quotes: Quotes,
    /// Share of the payers with loose quotes.
    pub loose: f64,
    /// The median of all amounts, as a share of the median in [`Sums::NOW`].
    pub typical: f64,
    /// The factor by which the logarithms of amounts are spread more widely than in [`Sums::NOW`].
    pub spread: f64,
}

impl Sums {
    /// The sums of 2023 and later.
    pub const NOW: Sums = Sums {
        strengths: [1.0, 1.0, 1.0],
        quotes: Quotes {
            offset: 0.0,
            deviation: 0.0007,
        },
        loose_quotes: Quotes {
            offset: 0.0,
            deviation: 0.004,
        },
        loose: 0.08,
        typical: 1.0,
        spread: 1.0,
    };

    /// The sums of 2015 to 2018, measured on blocks of these years.
    pub const BEFORE_2019: Sums = Sums {
        strengths: [1.0, 0.6, 0.4],
        quotes: Quotes {
            offset: 0.001,
            deviation: 0.002,
        },
        loose_quotes: Quotes {
            offset: 0.0,
            deviation: 0.007,
        },
        loose: 0.5,
        typical: 0.37,
        spread: 1.15,
    };

    /// One of the round dollar sums, in satoshi by a quote near `price_usd`.
    pub fn round_dollars(&self, rng: &mut ChaCha8Rng, price_usd: f64) -> u64 {
        let weight = |(usd, weight): &(f64, f64)| weight * self.strength(*usd);
        let total: f64 = ROUND_SUMS.iter().map(weight).sum();
        let mut left = rng.random::<f64>() * total;
        let usd = ROUND_SUMS
            .iter()
            .find(|sum| {
                left -= weight(sum);
                left < 0.0
            })
            .map_or(100.0, |(usd, _)| *usd);
        let quotes = if rng.random::<f64>() < self.loose {
            self.loose_quotes
        } else {
            self.quotes
        };
        let off = quotes.deviation * normal(rng) - quotes.offset;
        to_sats(usd, price_usd * off.exp())
    }

    /// Any amount, in satoshi.
    pub fn any_amount(&self, rng: &mut ChaCha8Rng, price_usd: f64) -> u64 {
        let share = rng.random::<f64>();
        let above = ALL_AMOUNTS
            .iter()
            .position(|(below, _)| *below > share)
            .unwrap_or(ALL_AMOUNTS.len() - 1);
        let ((low, from), (high, to)) = (ALL_AMOUNTS[above - 1], ALL_AMOUNTS[above]);
        let usd = from * (to / from).powf((share - low) / (high - low));
        to_sats(self.reshaped(usd), price_usd)
    }

    fn strength(&self, usd: f64) -> f64 {
        let class = match usd {
            ..=10.0 => 0,
            ..=200.0 => 1,
            _ => 2,
        };
        self.strengths[class]
    }

    /// An amount of [`Sums::NOW`], in dollars, changed to the median and the spread of these sums.
    fn reshaped(&self, usd: f64) -> f64 {
        if self.typical == 1.0 && self.spread == 1.0 {
            return usd;
        }
        MEDIAN_USD * self.typical * (usd / MEDIAN_USD).powf(self.spread)
    }
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
            .map(|_| Sums::NOW.any_amount(rng, 100_000.0) as f64 / 1000.0)
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
                let usd = Sums::NOW.round_dollars(rng, 100_000.0) as f64 / 1000.0;
                ROUND_SUMS
                    .iter()
                    .any(|(sum, _)| (usd / sum - 1.0).abs() < 0.004)
            })
            .count();
        assert!((9300..9990).contains(&near), "{near}");
    }

    #[test]
    fn the_sums_of_2015_are_smaller_wider_and_looser() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let mut usd: Vec<f64> = (0..20_000)
            .map(|_| Sums::BEFORE_2019.any_amount(rng, 300.0) as f64 / 1e8 * 300.0)
            .collect();
        usd.sort_by(f64::total_cmp);
        let median = MEDIAN_USD * Sums::BEFORE_2019.typical;
        assert!((usd[10_000] / median - 1.0).abs() < 0.1, "{}", usd[10_000]);
        let spread = (usd[18_000] / usd[2000]).ln() / (8200_f64 / 6.5).ln();
        assert!((spread - 1.15).abs() < 0.05, "{spread}");
        let near = (0..10_000)
            .filter(|_| {
                let usd = Sums::BEFORE_2019.round_dollars(rng, 300.0) as f64 / 1e8 * 300.0;
                let off = |(sum, _): &(f64, f64)| (usd / sum - 1.0).abs();
                ROUND_SUMS.iter().any(|sum| off(sum) < 0.0015)
            })
            .count();
        assert!((2500..5500).contains(&near), "{near}");
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

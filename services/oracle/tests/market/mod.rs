//! Payments made up for tests: a quarter are round sums in dollars, as in real blocks, the others anything.

use std::ops::Range;

use satscope_oracle::Window;

/// When the made-up markets begin, in Unix milliseconds; on a whole minute.
pub const START_MS: u64 = 1_700_000_040_000;
pub const MINUTE_MS: u64 = 60_000;

/// Round sums in dollars, as often as they stand here.
const SUMS_USD: [f64; 24] = [
    5.0, 10.0, 10.0, 15.0, 20.0, 20.0, 25.0, 30.0, 40.0, 50.0, 50.0, 50.0, 75.0, 100.0, 100.0,
    100.0, 150.0, 200.0, 200.0, 250.0, 300.0, 500.0, 1000.0, 2000.0,
];

/// A source of made-up payments; the same seed gives the same ones.
pub struct Market {
    random: u64,
    /// The share of payments that are round sums.
    pub round: f64,
    /// The median of the others, in dollars.
    pub typical_usd: f64,
    /// The share of the round sums that are paid less a fee or plus one, and the fee in percent; negative is less.
    pub fee: (f64, f64),
}

impl Market {
    pub fn new(seed: u64) -> Self {
        Self {
            random: seed,
            round: 0.25,
            typical_usd: 10f64.powf(2.1),
            fee: (0.0, 0.0),
        }
    }

    /// A number from 0 to 1 (SplitMix64).
    pub fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `end`.
    #[allow(dead_code)]
    pub fn below(&mut self, end: u64) -> u64 {
        (self.uniform() * end as f64) as u64
    }

    /// About normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// A payment in satoshi of a sum in dollars, give or take 0.15 %.
    pub fn about(&mut self, sum_usd: f64, price_usd: f64) -> u64 {
        sats(sum_usd * (0.0015 * self.normal()).exp(), price_usd)
    }

    /// A payment in satoshi at a price: about a round sum, or an ordinary amount around $130.
    pub fn value_sats(&mut self, price_usd: f64) -> u64 {
        if self.uniform() < self.round {
            let sum_usd = SUMS_USD[(self.uniform() * SUMS_USD.len() as f64) as usize];
            let (share, percent) = self.fee;
            let has_fee = share > 0.0 && self.uniform() < share;
            let paid = if has_fee { 1.0 + percent / 100.0 } else { 1.0 };
            return self.about(paid * sum_usd, price_usd);
        }
        sats(
            self.typical_usd * 10f64.powf(1.1 * self.normal()),
            price_usd,
        )
    }

    /// Puts into a window `per_minute` payments in each of some minutes, at a price that may change by the minute.
    pub fn fill(
        &mut self,
        window: &mut Window,
        minutes: Range<u64>,
        per_minute: u64,
        price_usd: impl Fn(u64) -> f64,
    ) {
        for minute in minutes {
            for payment in 0..per_minute {
                let stamp_ms = START_MS + minute * MINUTE_MS + payment * MINUTE_MS / per_minute;
                let value_sats = self.value_sats(price_usd(minute));
                window.insert(stamp_ms, &[value_sats]);
            }
        }
    }
}

fn sats(usd: f64, price_usd: f64) -> u64 {
    (usd / price_usd * 1e8).round().clamp(1000.0, 1e13) as u64
}

/// How far off an answer is, in percent.
pub fn error_percent(answer_usd: f64, truth_usd: f64) -> f64 {
    100.0 * (answer_usd / truth_usd - 1.0).abs()
}

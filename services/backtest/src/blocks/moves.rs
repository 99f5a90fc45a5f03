//! Moves a share of the amounts near round dollar sums by a percentage, as if the sums were paid less or plus a fee.

use std::ops::RangeInclusive;
use std::str::FromStr;

use satscope_filter::Values;
use satscope_oracle::Model;

use crate::random::SplitMix;

/// Greatest distance from a round sum at which an amount may be moved, as a share of the sum.
const NEAR: f64 = 0.006;
/// Greatest difference between the asked and the actual percentage of a move, in percentage points.
const JITTER_PERCENT: f64 = 0.1;
const SHARES: RangeInclusive<f64> = 0.0..=1.0;
const PERCENTS: RangeInclusive<f64> = -20.0..=20.0;
const SATS_PER_BTC: f64 = 1e8;

/// The share of the amounts near round sums that is moved, and the percentage by which they are moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Move {
    share: f64,
    percent: f64,
}

impl FromStr for Move {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (share, percent) = text.split_once(',')?;
            let share = match share.trim().strip_suffix('%') {
                Some(percent) => percent.parse::<f64>().ok()? / 100.0,
                None => share.trim().parse().ok()?,
            };
            let percent = percent.trim();
            let percent = percent.strip_suffix('%').unwrap_or(percent).parse().ok()?;
            let usable = SHARES.contains(&share) && PERCENTS.contains(&percent);
            usable.then_some(Self { share, percent })
        };
        parsed().ok_or_else(|| {
            let (least, most) = (PERCENTS.start(), PERCENTS.end());
            format!(
                "expected SHARE,PERCENT such as 0.4,-2.35 or 40%,-2.35: a share from 0 to 1 or from 0% to 100%, \
                 and a percentage from {least} to {most}"
            )
        })
    }
}

impl Move {
    /// Moves the chosen amounts of a block at its reference price. The choice depends only on the file's name and the
    /// amount's place, so that it is the same in every run.
    pub(super) fn apply(self, file: &str, price_usd: f64, payments: &mut [Values]) {
        let sums_usd: Vec<f64> = Model::trained().rungs.iter().map(|rung| rung.0).collect();
        let mut of_file = SplitMix::new(0);
        file.bytes()
            .for_each(|byte| of_file.absorb(u64::from(byte)));
        for (payment, values_sats) in payments.iter_mut().enumerate() {
            for (output, value_sats) in values_sats.iter_mut().enumerate() {
                let usd = *value_sats as f64 / SATS_PER_BTC * price_usd;
                if !is_near(&sums_usd, usd) {
                    continue;
                }
                let mut random = of_file.clone();
                random.absorb(payment as u64);
                random.absorb(output as u64);
                *value_sats = self.moved(*value_sats, &mut random);
            }
        }
    }

    fn moved(self, value_sats: u64, random: &mut SplitMix) -> u64 {
        if random.unit() >= self.share {
            return value_sats;
        }
        let percent = self.percent + JITTER_PERCENT * (2.0 * random.unit() - 1.0);
        (value_sats as f64 * (1.0 + percent / 100.0)).round() as u64
    }
}

fn is_near(sums_usd: &[f64], usd: f64) -> bool {
    sums_usd
        .iter()
        .any(|sum_usd| (usd / sum_usd - 1.0).abs() <= NEAR)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// $50 at $50,000, and next to it an amount that is near no round sum; a thousand times.
    fn payments() -> Vec<Values> {
        vec![Values::from_slice(&[100_000, 110_000]); 1000]
    }

    fn moved(what: &str, file: &str) -> Vec<Values> {
        let mut payments = payments();
        what.parse::<Move>()
            .unwrap()
            .apply(file, 50_000.0, &mut payments);
        payments
    }

    fn count(payments: &[Values]) -> usize {
        payments
            .iter()
            .filter(|values| values[0] != 100_000)
            .count()
    }

    #[test]
    fn all_near_a_round_sum_are_moved_and_no_others() {
        let moved = moved("1,-2.35", "a");
        assert_eq!(count(&moved), 1000);
        assert!(moved.iter().all(|values| values[1] == 110_000));
        let percents: Vec<f64> = moved
            .iter()
            .map(|values| values[0] as f64 / 1000.0 - 100.0)
            .collect();
        let near = |percent: f64, asked: f64| (percent - asked).abs() < 0.01;
        assert!(
            percents
                .iter()
                .all(|percent| (-2.451..-2.249).contains(percent))
        );
        assert!(percents.iter().any(|&percent| near(percent, -2.45)));
        assert!(percents.iter().any(|&percent| near(percent, -2.25)));
    }

    #[test]
    fn the_share_is_kept_and_chosen_by_file_and_place() {
        let first = moved("0.4,2.35", "a");
        assert!((350..450).contains(&count(&first)), "{}", count(&first));
        assert_eq!(first, moved("40%,2.35%", "a"));
        assert_ne!(first, moved("0.4,2.35", "b"));
        assert_eq!(moved("0,5", "a"), payments());
    }

    #[test]
    fn near_ends_at_six_thousandths() {
        for (usd, near) in [(50.29, true), (50.31, false), (49.71, true), (49.69, false)] {
            assert_eq!(is_near(&[50.0], usd), near, "{usd}");
        }
    }
}

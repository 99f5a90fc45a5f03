//! Properties that hold for any payments.
#![allow(clippy::unwrap_used)]

mod market;

use market::{MINUTE_MS, Market, START_MS, error_percent};
use proptest::prelude::*;
use satscope_oracle::{Model, Window};

/// A bin of price on each side, in percent.
const BIN_PERCENT: f64 = 0.2;

fn filled(model: Model, values_sats: &[u64]) -> Window {
    let mut window = Window::with_model(model);
    values_sats
        .iter()
        .zip(0..)
        .for_each(|(&value, number)| window.insert(START_MS + number, &[value]));
    window
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scaling_every_amount_divides_the_price(seed: u64, factor in 2u64..40) {
        let mut market = Market::new(seed);
        // Sums without a factor that maps them on to one another, and a ladder of just these: no factor is in doubt.
        let sums_usd = [10.0, 13.0, 31.0];
        market.round = 0.0;
        let mut values: Vec<u64> = (0..600).map(|_| market.value_sats(90_000.0)).collect();
        values.extend((0..300).map(|number| market.about(sums_usd[number % 3], 90_000.0)));
        let scaled: Vec<u64> = values.iter().map(|value| value * factor).collect();
        let rungs = sums_usd.map(|sum_usd| (sum_usd, 3.0)).to_vec();
        let model = Model { rungs, typical: None, ..Model::trained() };
        let now_ms = START_MS + MINUTE_MS;
        let once = filled(model.clone(), &values).estimate(now_ms).unwrap().price_usd;
        let divided = filled(model, &scaled).estimate(now_ms).unwrap().price_usd;
        prop_assert!(error_percent(divided, once / factor as f64) < BIN_PERCENT, "{once} {divided} {factor}");
    }

    #[test]
    fn one_output_more_hardly_moves_the_price(seed: u64, value_sats in 0u64..2_100_000_000_000_000) {
        let mut market = Market::new(seed);
        let mut window = Window::new();
        market.fill(&mut window, 0..10, 100, |_| 90_000.0);
        let now_ms = START_MS + 10 * MINUTE_MS - 1;
        let before = window.estimate(now_ms).unwrap();
        window.insert(now_ms, &[value_sats]);
        let after = window.estimate(now_ms).unwrap();
        prop_assert!(error_percent(after.price_usd, before.price_usd) < 0.05, "{before:?} {after:?}");
    }

    #[test]
    fn any_window_gives_an_answer_in_range_or_none(
        payments in prop::collection::vec((0u64..20_000_000, any::<u64>(), 0u32..64), 0..200),
        now_ms in 0u64..40_000_000,
    ) {
        let mut window = Window::new();
        for (stamp_ms, value, shift) in &payments {
            window.insert(*stamp_ms, &[value >> shift]);
        }
        if let Some(estimate) = window.estimate(now_ms) {
            prop_assert!((990.0..=1.01e7).contains(&estimate.price_usd), "{estimate:?}");
            prop_assert!(estimate.low_usd <= estimate.price_usd && estimate.price_usd <= estimate.high_usd);
            prop_assert!((0.0..=1.0).contains(&estimate.confidence) && estimate.evidence.margin.is_finite());
        }
    }

    /// An estimate leaves something for the next one, which must give what a window gives that never made one.
    #[test]
    fn what_an_estimate_leaves_changes_nothing(
        seed: u64,
        steps in prop::collection::vec((0u64..3, 0u64..60, 0u64..40_000), 1..30),
    ) {
        let mut market = Market::new(seed);
        let mut now_ms = START_MS + 190 * MINUTE_MS + seed % (20 * MINUTE_MS);
        let mut held: Vec<(u64, [u64; 1])> = (0..3000)
            .map(|_| (now_ms - market.below(60 * MINUTE_MS), [market.value_sats(64_000.0)]))
            .collect();
        let mut window = Window::new();
        held.iter().for_each(|(stamp_ms, values)| window.insert(*stamp_ms, values));
        for (kind, minutes_ago, later_ms) in steps {
            now_ms += later_ms;
            let stamp_ms = now_ms - minutes_ago * MINUTE_MS;
            match kind {
                0 => {
                    let at = market.below(held.len() as u64) as usize;
                    let (stamp_ms, values) = held.swap_remove(at);
                    prop_assert!(window.remove(stamp_ms, &values));
                }
                // One that was paid before, as spam is, or a new one.
                _ => {
                    let again = held[market.below(held.len() as u64) as usize].1;
                    let values = if kind == 1 { again } else { [market.value_sats(64_000.0)] };
                    held.push((stamp_ms, values));
                    window.insert(stamp_ms, &values);
                }
            }
            let mut fresh = Window::new();
            held.iter().for_each(|(stamp_ms, values)| fresh.insert(*stamp_ms, values));
            prop_assert_eq!(window.estimate(now_ms), fresh.estimate(now_ms));
        }
    }
}

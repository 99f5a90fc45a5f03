//! Properties that hold for any payments.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod market;

use market::{MINUTE_MS, Market, START_MS, error_percent};
use proptest::prelude::*;
use satscope_oracle::{Clusters, Estimate, Fees, LATER_FROM_HEIGHT, Model, Window};

/// A bin of price on each side, in percent.
const BIN_PERCENT: f64 = 0.2;

/// The first and the last heights of all years whose payments are told apart, and those beyond.
const HEIGHTS: [u64; 10] = [
    0,
    336_671,
    336_672,
    391_181,
    391_182,
    446_032,
    446_033,
    LATER_FROM_HEIGHT - 1,
    LATER_FROM_HEIGHT,
    u64::MAX,
];
/// Payments that a price before 2019 takes at least to be trusted.
const LEAST_TRUSTED_EARLY: u64 = 4000;

/// Whether an interval holds its price, and all of an estimate are numbers that it may be.
fn is_sound(estimate: &Estimate) -> bool {
    let Estimate {
        price_usd,
        low_usd,
        high_usd,
        confidence,
        evidence,
    } = *estimate;
    0.0 < low_usd
        && low_usd <= price_usd
        && price_usd <= high_usd
        && high_usd.is_finite()
        && (0.0..=1.0).contains(&confidence)
        && evidence.margin.is_finite()
}

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
            prop_assert!(is_sound(&estimate), "{estimate:?}");
        }
    }

    #[test]
    fn at_any_height_an_answer_is_in_range_and_an_early_one_of_few_payments_is_doubted(
        seed: u64,
        height in prop::sample::select(&HEIGHTS[..]),
        decade in 1.5f64..7.5,
        count in 1u64..6000,
        minutes in 1u64..20,
        fee in (0.0f64..1.0, -4.0f64..4.0),
    ) {
        let (mut window, mut market) = (Window::of_height(height), Market::new(seed));
        market.fee = fee;
        // Of the early years, where less was paid as a whole.
        market.typical_usd = if height < LATER_FROM_HEIGHT { 50.0 } else { 130.0 };
        market.round = 0.5;
        market.fill(&mut window, 0..minutes, count.div_ceil(minutes), |_| 10f64.powf(decade));
        let is_early = height < LATER_FROM_HEIGHT;
        if let Some(estimate) = window.estimate(START_MS + minutes * MINUTE_MS - 1) {
            prop_assert!(is_sound(&estimate), "{estimate:?}");
            let range = if is_early { 1e2..=1e6 } else { 1e3..=1e7 };
            prop_assert!(range.contains(&estimate.price_usd), "{estimate:?}");
            let is_thin = is_early && estimate.evidence.payments < LEAST_TRUSTED_EARLY;
            prop_assert!(!is_thin || estimate.confidence < 0.5, "{estimate:?}");
        }
    }

    #[test]
    fn odd_models_give_sound_answers_or_none(
        seed: u64,
        fees in prop::collection::vec((0.0f64..=1.0, -20.0f64..20.0), 0..4),
        strength in 0.0f64..2.0,
        evidence in 0.0f64..2.0,
        chance in prop::sample::select(&[0.0, 0.05, 1.0][..]),
        percent in (-1.0f64..12.0, -1.0f64..12.0),
        has_rungs: bool,
        has_typical: bool,
    ) {
        let trained = Model::trained();
        let model = Model {
            rungs: if has_rungs { trained.rungs } else { Vec::new() },
            typical: trained.typical.filter(|_| has_typical),
            fees: Fees { fees, strength, evidence },
            clusters: Clusters { chance, percent },
            ..trained
        };
        let (mut window, mut market) = (Window::with_model(model), Market::new(seed));
        for minute in 0..8 {
            market.fill(&mut window, minute..minute + 1, 150, |_| 64_000.0);
            if let Some(estimate) = window.estimate(START_MS + (minute + 1) * MINUTE_MS - 1) {
                prop_assert!(is_sound(&estimate), "{estimate:?}");
                prop_assert!(has_rungs, "{estimate:?}");
            }
        }
    }

    #[test]
    fn a_single_amount_has_no_price(
        height in prop::sample::select(&HEIGHTS[..]),
        value_sats in prop::sample::select(&[0, 1, 999, 1000, 50_000, 2_099_999_999_999_999, u64::MAX][..]),
        stamp_ms in prop::sample::select(&[0, START_MS, u64::MAX - 1, u64::MAX][..]),
    ) {
        let mut window = Window::of_height(height);
        window.insert(stamp_ms, &[value_sats]);
        prop_assert_eq!(window.estimate(stamp_ms), None);
    }

    /// An estimate leaves something for the next one, which must give what a window gives that never made one.
    #[test]
    fn what_an_estimate_leaves_changes_nothing(
        seed: u64,
        height in prop::sample::select(&HEIGHTS[..]),
        fee in (0.0f64..0.6, -4.0f64..4.0),
        steps in prop::collection::vec((0u64..3, 0u64..60, 0u64..40_000), 1..30),
    ) {
        let mut market = Market::new(seed);
        market.fee = fee;
        let mut now_ms = START_MS + 190 * MINUTE_MS + seed % (20 * MINUTE_MS);
        let mut held: Vec<(u64, [u64; 1])> = (0..3000)
            .map(|_| (now_ms - market.below(60 * MINUTE_MS), [market.value_sats(64_000.0)]))
            .collect();
        let mut window = Window::of_height(height);
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
            let mut fresh = Window::of_height(height);
            held.iter().rev().for_each(|(stamp_ms, values)| fresh.insert(*stamp_ms, values));
            prop_assert_eq!(window.estimate(now_ms), fresh.estimate(now_ms));
        }
    }
}

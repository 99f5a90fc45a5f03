//! What the oracle must not be led astray by, through its public interface.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod market;

use market::{MINUTE_MS, Market, START_MS, error_percent};
use satscope_oracle::{Estimate, WINDOW_MS, Window};

/// A window of so many minutes at one price, and the moment of its last payment.
fn steady(seed: u64, minutes: u64, price_usd: f64) -> (Window, u64) {
    let mut window = Window::new();
    Market::new(seed).fill(&mut window, 0..minutes, 100, |_| price_usd);
    (window, START_MS + minutes * MINUTE_MS - 1)
}

fn close(estimate: Option<Estimate>, truth_usd: f64, percent: f64) {
    let estimate = estimate.unwrap();
    assert!(
        error_percent(estimate.price_usd, truth_usd) < percent,
        "{estimate:?}, expected {truth_usd}"
    );
}

#[test]
fn both_sides_of_each_power_of_ten_are_read_cold() {
    for truth_usd in [1_050.0, 9_990.0, 10_010.0, 99_900.0, 100_100.0] {
        let mut window = Window::new();
        Market::new(1).fill(&mut window, 0..1, 3000, |_| truth_usd);
        close(window.estimate(START_MS + MINUTE_MS), truth_usd, 0.3);
    }
}

#[test]
fn where_the_filter_hides_small_sums_an_answer_is_right_or_doubted() {
    for truth_usd in [999_000.0, 1_001_000.0, 3_000_000.0, 9_500_000.0] {
        let mut window = Window::new();
        Market::new(1).fill(&mut window, 0..1, 3000, |_| truth_usd);
        let answer = window.estimate(START_MS + MINUTE_MS);
        let right = |answer: Estimate| error_percent(answer.price_usd, truth_usd) < 0.5;
        assert!(
            answer.is_none_or(|answer| right(answer) || answer.confidence < 0.5),
            "{truth_usd}: {answer:?}"
        );
    }
}

#[test]
fn out_of_range_no_price_is_trusted() {
    for truth_usd in [
        20.0,
        50.0,
        200.0,
        500.0,
        950.0,
        10_500_000.0,
        30_000_000.0,
        1e9,
    ] {
        let mut window = Window::new();
        Market::new(1).fill(&mut window, 0..1, 3000, |_| truth_usd);
        let answer = window.estimate(START_MS + MINUTE_MS);
        assert!(
            answer.is_none_or(|answer| answer.confidence < 0.5),
            "{truth_usd}: {answer:?}"
        );
    }
}

#[test]
fn a_million_equal_outputs_change_nothing() {
    let (mut window, now_ms) = steady(2, 20, 64_000.0);
    for number in 0..1_000_000 {
        window.insert(START_MS + number % (20 * MINUTE_MS), &[12_345]);
    }
    close(window.estimate(now_ms), 64_000.0, 0.3);
}

#[test]
fn a_full_window_that_is_clear_is_trusted() {
    let (mut window, mut market) = (Window::new(), Market::new(11));
    let price_usd = |minute: u64| 64_000.0 * (1.0 + 0.01 * (minute as f64 / 40.0).sin());
    market.fill(&mut window, 0..180, 240, price_usd);
    let estimate = window.estimate(START_MS + 180 * MINUTE_MS - 1).unwrap();
    assert!(
        window.payments() > 40_000 && error_percent(estimate.price_usd, price_usd(179)) < 0.3,
        "{estimate:?}"
    );
    assert!(estimate.confidence >= 0.8, "{estimate:?}");
}

#[test]
fn a_very_full_window_is_read_as_a_small_one_is() {
    // Of its amounts half again as large as usual as a whole, so that twice the price is as typical at first sight.
    for (seed, unusual) in [(12, 1.0), (13, 1.6), (14, 0.62)] {
        let (mut window, mut market) = (Window::new(), Market::new(seed));
        market.typical_usd *= unusual;
        market.fill(&mut window, 0..180, 1000, |_| 64_000.0);
        let estimate = window.estimate(START_MS + 180 * MINUTE_MS - 1).unwrap();
        assert!(
            window.payments() == 180_000 && error_percent(estimate.price_usd, 64_000.0) < 0.3,
            "{unusual}: {estimate:?}"
        );
    }
}

#[test]
fn sums_that_are_paid_all_the_time_stay_evidence() {
    let (mut window, mut market) = (Window::new(), Market::new(12));
    // So many small payments that in three hours nearly every amount around a small sum is paid.
    market.round = 0.6;
    for minute in 0..180 {
        market.fill(&mut window, minute..minute + 1, 120, |_| 97_350.0);
        if minute % 30 == 29 {
            let estimate = window.estimate(START_MS + (minute + 1) * MINUTE_MS - 1);
            close(estimate, 97_350.0, 0.3);
            assert!(
                estimate.unwrap().confidence >= 0.8,
                "{minute}: {estimate:?}"
            );
        }
    }
}

#[test]
fn like_amounts_of_one_minute_do_not_move_the_price() {
    let (mut window, now_ms) = steady(16, 30, 64_000.0);
    // Each worth about $102.90, none twice.
    let value_sats = (102.9 / 64_000.0 * 1e8) as u64;
    for number in 0..150 {
        window.insert(now_ms - 30_000 + 100 * number, &[value_sats + number]);
    }
    close(window.estimate(now_ms), 64_000.0, 0.3);
}

/// One block's payments at $64,000, in one minute, of which some round sums have a fee.
fn block_with_fees(seed: u64, fee: (f64, f64)) -> Option<Estimate> {
    let (mut window, mut market) = (Window::new(), Market::new(seed));
    market.fee = fee;
    market.fill(&mut window, 0..1, 3000, |_| 64_000.0);
    window.estimate(START_MS + MINUTE_MS - 1)
}

#[test]
fn round_sums_less_or_plus_a_fee_in_one_block_are_right_or_doubted() {
    for percent in [-2.4, 3.0] {
        let mut right = 0;
        for seed in 0..20 {
            let estimate = block_with_fees(seed, (0.4, percent)).unwrap();
            let is_right = error_percent(estimate.price_usd, 64_000.0) < 0.5;
            assert!(
                is_right || estimate.confidence < 0.5,
                "{percent} {seed}: {estimate:?}"
            );
            right += u32::from(is_right);
        }
        // To doubt all of them would be no reading.
        assert!(right >= 15, "{percent}: {right}");
    }
}

#[test]
fn two_near_peaks_of_one_height_are_doubted_and_both_lie_in_the_interval() {
    for percent in [-3.0, -2.4, -1.2, 1.5, 3.0] {
        // The price at which the sums with the fee would be round.
        let other_usd = 64_000.0 / (1.0 + percent / 100.0);
        for seed in 0..10 {
            let estimate = block_with_fees(seed, (0.5, percent)).unwrap();
            let interval = estimate.low_usd..estimate.high_usd;
            assert!(
                estimate.confidence < 0.5
                    && interval.contains(&64_000.0)
                    && interval.contains(&other_usd),
                "{percent} {seed}, {other_usd}: {estimate:?}"
            );
        }
    }
}

/// In life, a service that pays out $100 again and again at a rate of its own, here as often as all others pay together. Half
/// as many payments by the others, 50 a minute, begin to be too few.
#[test]
fn like_amounts_beside_the_sums_for_five_minutes_do_not_drag_a_trusted_price() {
    for (seed, off_percent) in (0..6).flat_map(|seed| [(seed, -2.5), (seed, 2.5)]) {
        let (mut window, mut market) = (Window::new(), Market::new(seed));
        market.fill(&mut window, 0..60, 100, |_| 64_000.0);
        for minute in 60..70 {
            market.fill(&mut window, minute..minute + 1, 100, |_| 64_000.0);
            let paid_out = if minute < 65 { 100 } else { 0 };
            for number in 0..paid_out {
                let value_sats = market.about(100.0 * (1.0 - off_percent / 100.0), 64_000.0);
                window.insert(START_MS + minute * MINUTE_MS + 500 * number, &[value_sats]);
            }
            let estimate = window.estimate(START_MS + (minute + 1) * MINUTE_MS - 1);
            close(estimate, 64_000.0, 0.5);
            assert!(
                estimate.unwrap().confidence >= 0.8,
                "{seed} {off_percent} {minute}: {estimate:?}"
            );
        }
    }
}

#[test]
fn dust_alone_has_no_price() {
    let mut window = Window::new();
    for (number, value_sats) in [294, 330, 546, 547, 600, 999]
        .into_iter()
        .cycle()
        .take(6000)
        .enumerate()
    {
        window.insert(START_MS + number as u64, &[value_sats]);
    }
    assert_eq!(window.estimate(START_MS + MINUTE_MS), None);
}

#[test]
fn change_alone_has_no_price() {
    for seed in 0..20 {
        let (mut window, mut market) = (Window::new(), Market::new(seed));
        market.round = 0.0;
        market.fill(&mut window, 0..10, 300, |_| 64_000.0);
        assert_eq!(
            window.estimate(START_MS + 10 * MINUTE_MS),
            None,
            "seed {seed}"
        );
    }
}

#[test]
fn a_fall_of_twenty_percent_in_an_hour_is_followed() {
    let (mut window, mut market) = (Window::new(), Market::new(3));
    let price_usd = |minute: u64| 100_000.0 * 0.8f64.powf((minute.max(60) - 60) as f64 / 60.0);
    for minute in 0..120 {
        market.fill(&mut window, minute..minute + 1, 100, price_usd);
        if minute >= 60 {
            close(
                window.estimate(START_MS + (minute + 1) * MINUTE_MS - 1),
                price_usd(minute),
                1.0,
            );
        }
    }
}

#[test]
fn ten_percent_in_ten_minutes_are_followed() {
    let (mut window, mut market) = (Window::new(), Market::new(4));
    let price_usd = |minute: u64| 100_000.0 * (1.0 + 0.01 * minute.clamp(60, 70) as f64 - 0.6);
    for minute in 0..80 {
        market.fill(&mut window, minute..minute + 1, 100, price_usd);
        let allowed_percent = if (60..72).contains(&minute) { 1.5 } else { 0.3 };
        if minute >= 50 {
            close(
                window.estimate(START_MS + (minute + 1) * MINUTE_MS - 1),
                price_usd(minute),
                allowed_percent,
            );
        }
    }
}

#[test]
fn extreme_values_neither_count_nor_harm() {
    let (mut window, now_ms) = steady(5, 5, 64_000.0);
    let before = window.estimate(now_ms);
    for value_sats in [0, u64::MAX] {
        window.insert(now_ms, &[value_sats]);
    }
    assert_eq!(
        window.estimate(now_ms).map(|after| after.price_usd),
        before.map(|before| before.price_usd)
    );
    window.insert(now_ms, &[1, 2_100_000_000_000_000]);
    close(window.estimate(now_ms), 64_000.0, 0.3);
}

#[test]
fn order_and_detours_leave_no_trace() {
    let mut market = Market::new(6);
    let payments: Vec<(u64, [u64; 2])> = (0..5000)
        .map(|number| {
            (
                START_MS + number * 1800,
                [market.value_sats(64_000.0), market.value_sats(64_000.0)],
            )
        })
        .collect();
    let now_ms = START_MS + 5000 * 1800;
    let mut straight = Window::new();
    payments
        .iter()
        .for_each(|(stamp_ms, values)| straight.insert(*stamp_ms, values));
    let mut detoured = Window::new();
    for (stamp_ms, values) in payments.iter().rev() {
        detoured.insert(*stamp_ms, values);
        detoured.insert(stamp_ms + 500, &[values[1], 50_000]);
        detoured.insert(stamp_ms - WINDOW_MS, values);
    }
    assert!(detoured.estimate(now_ms).is_some());
    for (stamp_ms, values) in &payments {
        assert!(detoured.remove(stamp_ms + 500, &[values[1], 50_000]));
        assert!(detoured.remove(stamp_ms - WINDOW_MS, values));
    }
    assert_eq!(straight.estimate(now_ms), detoured.estimate(now_ms));
}

#[test]
fn a_clock_that_jumps_back_three_hours_is_survived() {
    let (mut window, now_ms) = steady(7, 60, 64_000.0);
    let earlier_ms = now_ms - WINDOW_MS;
    assert_eq!(window.estimate(earlier_ms), None);
    let mut market = Market::new(8);
    for number in 0..3000 {
        window.insert(
            earlier_ms - 600_000 + number * 200,
            &[market.value_sats(32_500.0)],
        );
    }
    close(window.estimate(earlier_ms), 32_500.0, 0.3);
    close(window.estimate(now_ms), 64_000.0, 0.3);
    window.expire(earlier_ms);
    close(window.estimate(now_ms), 64_000.0, 0.3);
}

#[test]
fn without_new_payments_the_price_stays_and_the_doubt_grows() {
    let (mut window, now_ms) = steady(9, 60, 64_000.0);
    let answers =
        [0, 5, 15, 60].map(|minutes| window.estimate(now_ms + minutes * MINUTE_MS).unwrap());
    for (earlier, later) in answers.iter().zip(&answers[1..]) {
        assert!(error_percent(later.price_usd, 64_000.0) < 0.3, "{later:?}");
        assert!(
            later.high_usd - later.low_usd > earlier.high_usd - earlier.low_usd,
            "{earlier:?} {later:?}"
        );
        assert!(
            later.confidence < earlier.confidence,
            "{earlier:?} {later:?}"
        );
        assert_eq!(
            later.evidence.newest_payment_ms,
            earlier.evidence.newest_payment_ms
        );
    }
    assert!(answers[0].confidence > 0.8 && answers[2].confidence < 0.5);
    assert_eq!(window.estimate(now_ms + WINDOW_MS), None);
}

#[test]
fn a_wrong_lock_is_left_as_soon_as_the_evidence_outweighs_it() {
    let (mut window, mut market) = (Window::new(), Market::new(10));
    // Half an hour of payments made up to look like twice the price, then real ones.
    market.fill(&mut window, 0..30, 100, |_| 128_000.0);
    close(
        window.estimate(START_MS + 30 * MINUTE_MS - 1),
        128_000.0,
        0.3,
    );
    let mut left_after = None;
    for minute in 30..200 {
        market.fill(&mut window, minute..minute + 1, 100, |_| 64_000.0);
        let now_ms = START_MS + (minute + 1) * MINUTE_MS - 1;
        window.expire(now_ms);
        let estimate = window.estimate(now_ms).unwrap();
        let right = error_percent(estimate.price_usd, 64_000.0) < 1.0;
        assert!(right || left_after.is_none(), "{minute}: {estimate:?}");
        left_after = left_after.or(right.then_some(minute - 30));
    }
    assert!(
        left_after.is_some_and(|minutes| minutes <= 60),
        "{left_after:?}"
    );
}

#[test]
fn the_empty_window_has_no_price() {
    assert_eq!(Window::new().estimate(START_MS), None);
    assert_eq!(Window::new().estimate(0), None);
    assert_eq!(Window::new().estimate(u64::MAX), None);
}

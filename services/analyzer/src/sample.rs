//! Payments for tests.

use std::sync::Arc;

use satscope_log::{Accepted, Event, State, Values};

/// Unix milliseconds; a whole half second.
pub const NOW: u64 = 1_700_000_000_000;

/// `count` payments of round sums at $50,000, quoted within 0.2 %, each with change of any size.
pub fn payments(count: u64) -> Vec<Event> {
    payments_at(count, |_| 50_000.0)
}

/// The same at the price, USD for one BTC, that `price_usd` gives for each.
pub fn payments_at(count: u64, price_usd: impl Fn(u64) -> f64) -> Vec<Event> {
    let sums = [
        5.0, 10.0, 20.0, 25.0, 30.0, 50.0, 100.0, 100.0, 150.0, 200.0, 500.0, 1000.0,
    ];
    (0..count)
        .map(|number| {
            let share = |step: f64| (number as f64 * step).fract();
            let quote = 1.0 + 0.004 * (share(0.618_034) - 0.5);
            let paid = sums[(number % 12) as usize] * 1e8 / price_usd(number) * quote;
            let change = 10_f64.powf(3.5 + 4.0 * share(0.414_214));
            let mut txid = [7; 32];
            txid[24..].copy_from_slice(&number.to_le_bytes());
            let accepted = Accepted {
                txid,
                first_seen_ms: NOW + number * 100,
                values_sats: Values::from_slice(&[paid as u64, change as u64]),
                input_count: 1,
                met_in_block: false,
            };
            Event::Accepted(Arc::new(accepted), State::Mempool)
        })
        .collect()
}

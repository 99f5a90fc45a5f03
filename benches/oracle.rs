//! What the oracle costs and how it compares with the baseline, on made-up payments: three hours of 100 a minute.
//!
//! `cargo bench --bench oracle`

#[path = "../services/oracle/tests/market/mod.rs"]
mod market;

use std::hint::black_box;
use std::time::{Duration, Instant};

use market::{MINUTE_MS, Market, START_MS, error_percent};
use satscope_oracle::{Estimate, Window, baseline};

/// Payments a minute, as many as the busiest days show.
const PER_MINUTE: u64 = 280;
const MINUTES: u64 = 180;
const PRICE_USD: f64 = 64_000.0;
const REPEATS: u32 = 50;

fn main() {
    let mut window = Window::new();
    let filling = Instant::now();
    Market::new(1).fill(&mut window, 0..MINUTES, PER_MINUTE, |_| PRICE_USD);
    let per_payment = filling.elapsed() / (MINUTES * PER_MINUTE) as u32;
    println!("payments in the window          {}", window.payments());
    println!("putting one in                  {per_payment:?}");
    println!(
        "an estimate, whole window       {:?}",
        time(&window, MINUTES, oracle)
    );
    println!(
        "… of the baseline               {:?}",
        time(&window, MINUTES, baseline::estimate)
    );

    let mut block = Window::new();
    Market::new(2).fill(&mut block, 0..1, 3000, |_| PRICE_USD);
    println!(
        "an estimate, one cold block     {:?}",
        time(&block, 1, oracle)
    );

    let (mut oracle_right, mut baseline_right, cases) = (0, 0, 100);
    for seed in 0..cases {
        let mut block = Window::new();
        Market::new(seed).fill(&mut block, 0..1, 1000, |_| PRICE_USD);
        let right = |answer: Option<Estimate>| {
            u32::from(answer.is_some_and(|answer| error_percent(answer.price_usd, PRICE_USD) < 2.0))
        };
        oracle_right += right(oracle(&block, START_MS + MINUTE_MS));
        baseline_right += right(baseline::estimate(&block, START_MS + MINUTE_MS));
    }
    println!(
        "right on 1000 payments, cold    {oracle_right} of {cases}, the baseline {baseline_right}"
    );
}

fn oracle(window: &Window, now_ms: u64) -> Option<Estimate> {
    window.estimate(now_ms)
}

/// The mean time of an estimate after so many minutes.
fn time(
    window: &Window,
    minutes: u64,
    estimate: impl Fn(&Window, u64) -> Option<Estimate>,
) -> Duration {
    let now_ms = START_MS + minutes * MINUTE_MS - 1;
    let start = Instant::now();
    for _ in 0..REPEATS {
        black_box(estimate(black_box(window), now_ms));
    }
    start.elapsed() / REPEATS
}

//! What the oracle costs and how it compares with the baseline, on made-up payments.
//!
//! `cargo bench --bench oracle`

#![allow(clippy::unwrap_used)]

#[path = "../services/oracle/tests/market/mod.rs"]
mod market;

use std::hint::black_box;
use std::time::{Duration, Instant};

use market::{MINUTE_MS, Market, START_MS, error_percent};
use satscope_oracle::{Estimate, Window, baseline};

/// With `--features jemalloc`, as the image has it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Minutes that fill the window, which then begins at a whole multiple of ten minutes.
const FILLED: u64 = 186;
/// Minutes for which the window is then updated, as the analyzer does.
const LIVE: u64 = 4;
const UPDATES_PER_MINUTE: u64 = 120;
const PRICE_USD: f64 = 64_000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, outputs, ..] = &arguments[..]
        && word == "grown"
    {
        return grown(outputs.parse().unwrap());
    }
    println!(
        "outputs     memory  putting one in   an estimate: p50        p99    p99 with old  of the baseline"
    );
    for outputs in [1_000, 10_000, 50_000, 100_000, 300_000, 1_000_000] {
        // Each size in a process of its own, so that its memory is measured alone.
        let program = std::env::current_exe().unwrap();
        let mut child = std::process::Command::new(program);
        assert!(
            child
                .args(["grown", &outputs.to_string()])
                .status()
                .unwrap()
                .success()
        );
    }
    cold();
}

/// The memory of this process, in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kibibytes.unwrap().trim().parse::<f64>().unwrap() * 1024.0
}

/// Prints what a window of `outputs` outputs costs. It is then updated for some minutes: at first with new payments alone,
/// then also with an old payment for one in fifty of them, as if it had been missed.
fn grown(outputs: u64) {
    let mut market = Market::new(1);
    let mut window = Window::new();
    let before = resident();
    let filling = Instant::now();
    market.fill(&mut window, 0..FILLED, outputs / FILLED, |_| PRICE_USD);
    let putting_in = filling.elapsed() / (outputs / FILLED * FILLED) as u32;
    let megabytes = (resident() - before) / 1e6;
    let mut now_ms = START_MS + FILLED * MINUTE_MS;
    let new = live(&mut market, &mut window, &mut now_ms, outputs, false);
    let new_and_old = live(&mut market, &mut window, &mut now_ms, outputs, true);
    let share = |took: &[Duration], percent: usize| took[(took.len() - 1) * percent / 100];
    let began = Instant::now();
    black_box(baseline::estimate(&window, now_ms));
    println!(
        "{outputs:>9} {megabytes:>7.1} MB {putting_in:>14.2?} {:>18.1?} {:>12.1?} {:>15.1?} {:>12.1?}",
        share(&new, 50),
        share(&new, 99),
        share(&new_and_old, 99),
        began.elapsed(),
    );
}

/// The times that the estimates took, the quickest first.
fn live(
    market: &mut Market,
    window: &mut Window,
    now_ms: &mut u64,
    outputs: u64,
    with_old: bool,
) -> Vec<Duration> {
    let mut took = Vec::new();
    for update in 0..LIVE * UPDATES_PER_MINUTE {
        *now_ms += MINUTE_MS / UPDATES_PER_MINUTE;
        let due = |update: u64| update * outputs / FILLED / UPDATES_PER_MINUTE;
        for number in due(update)..due(update + 1) {
            let values = [market.value_sats(PRICE_USD)];
            window.insert(*now_ms, &values);
            if with_old && number % 50 == 0 {
                window.insert(*now_ms - market.below(120 * MINUTE_MS), &values);
            }
        }
        window.expire(*now_ms);
        let began = Instant::now();
        black_box(window.estimate(*now_ms));
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

/// Prints how long an estimate from a single block takes, and how many of such windows the oracle and the baseline read
/// right.
fn cold() {
    let mut block = Window::new();
    Market::new(2).fill(&mut block, 0..1, 3000, |_| PRICE_USD);
    let now_ms = START_MS + MINUTE_MS - 1;
    let began = Instant::now();
    let repeats = 50;
    (0..repeats).for_each(|_| {
        black_box(block.estimate(now_ms));
    });
    println!("one cold block of 3000: {:?}", began.elapsed() / repeats);

    let (mut oracle_right, mut baseline_right, cases) = (0, 0, 100);
    for seed in 0..cases {
        let mut block = Window::new();
        Market::new(seed).fill(&mut block, 0..1, 1000, |_| PRICE_USD);
        let right = |answer: Option<Estimate>| {
            u32::from(answer.is_some_and(|answer| error_percent(answer.price_usd, PRICE_USD) < 2.0))
        };
        oracle_right += right(block.estimate(now_ms + 1));
        baseline_right += right(baseline::estimate(&block, now_ms + 1));
    }
    println!(
        "right on 1000 payments, cold: {oracle_right} of {cases}, the baseline {baseline_right}"
    );
}

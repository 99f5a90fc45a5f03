//! How many instructions the hot functions take, and what they allocate, counted by valgrind: unlike time, that is the same
//! on a machine that is busy with something else, so that a change which makes one of them dearer is seen.
//!
//! Each test runs itself under valgrind twice, with less and with more work; the difference is the work's alone. Valgrind's
//! processor has no instructions for SHA-256, so hashing counts for more than it takes; and AVX2 at most, so that the oracle's
//! loops are those of that.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "../services/oracle/tests/market/mod.rs"]
mod market;
mod support;

use std::{hint::black_box, process::Command};

use bitcoin::{ScriptBuf, consensus::serialize, hashes::Hash as _};
use market::{MINUTE_MS, Market, START_MS};
use satscope_filter::{Filter, RawTransaction};
use satscope_ingest::path::{self, Path};
use satscope_oracle::Window;
use support::publisher::payment;

/// How far a count may be from what is written here.
const TOLERANCE: f64 = 0.10;
/// Says, to a test that runs under valgrind, how often to do its work.
const TIMES: &str = "COUNTED_TIMES";
const PRICE_USD: f64 = 64_000.0;

/// Holds the instructions of one piece of `work` to `expected`. `prepared` is made once and not counted.
fn assert_instructions<T>(
    test: &str,
    expected: u64,
    times: (u64, u64),
    prepared: impl FnOnce(u64) -> T,
    work: impl FnMut(&mut T, u64),
) {
    let callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let Some(count) = counted(test, &callgrind, "Collected : ", times, prepared, work) else {
        return;
    };
    let each = count / (times.1 - times.0);
    println!("{test}: {each} instructions, {expected} expected");
    let off = each as f64 / expected as f64 - 1.0;
    assert!(
        off.abs() <= TOLERANCE,
        "{each} instructions, {:+.1} % of the {expected} expected: mend what has become dearer, or write down what has become cheaper",
        100.0 * off
    );
}

/// How much more valgrind counts, in what it says after `label`, if the work is done the more times; under valgrind itself,
/// the work is done, and there is no count.
fn counted<T>(
    test: &str,
    tool: &[&str],
    label: &str,
    (few, many): (u64, u64),
    prepared: impl FnOnce(u64) -> T,
    mut work: impl FnMut(&mut T, u64),
) -> Option<u64> {
    if let Ok(times) = std::env::var(TIMES) {
        let mut prepared = prepared(many);
        let times: u64 = times.parse().unwrap();
        (0..times).for_each(|number| work(&mut prepared, number));
        return None;
    }
    let count = |times: u64| {
        let output = Command::new("valgrind")
            .args(tool)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--test-threads=1"])
            .env(TIMES, times.to_string())
            .output()
            .expect("valgrind, as scripts/test installs it");
        let said = String::from_utf8_lossy(&output.stderr);
        let count = said.lines().find_map(|line| {
            let (_, rest) = line.split_once(label)?;
            let digits = rest.split(' ').next()?.replace(',', "");
            digits.parse::<u64>().ok()
        });
        count.unwrap_or_else(|| panic!("no count in what valgrind says: {said}"))
    };
    Some(count(many) - count(few))
}

/// Raw transactions, one after the other.
fn bodies(count: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| serialize(&payment(number as u32)))
        .collect()
}

fn body(bodies: &[Vec<u8>], number: u64) -> &[u8] {
    &bodies[number as usize]
}

#[test]
fn reading_a_transaction() {
    assert_instructions(
        "reading_a_transaction",
        355,
        (500, 2500),
        bodies,
        |bodies, number| {
            black_box(RawTransaction::read(body(bodies, number))).unwrap();
        },
    );
}

#[test]
fn the_txid_of_a_transaction() {
    assert_instructions(
        "the_txid_of_a_transaction",
        10_712,
        (500, 2500),
        bodies,
        |bodies, number| {
            black_box(RawTransaction::read(body(bodies, number)).unwrap().txid());
        },
    );
}

#[test]
fn the_filter() {
    let filter = Filter::default();
    assert_instructions("the_filter", 714, (500, 2500), bodies, |bodies, number| {
        let judged = path::judged(&filter, body(bodies, number)).unwrap();
        black_box(judged).ok();
    });
}

#[test]
fn a_transaction_from_its_bytes_to_the_log() {
    let prepared = |count| {
        let sent = |number| {
            let sent = payment(number as u32);
            (serialize(&sent), sent.compute_txid().to_byte_array())
        };
        let sent: Vec<(Vec<u8>, [u8; 32])> = (0..count).map(sent).collect();
        (sent, Path::to_log())
    };
    assert_instructions(
        "a_transaction_from_its_bytes_to_the_log",
        12_829,
        (2560, 10_240),
        prepared,
        |(sent, path), number| {
            let (body, txid) = &sent[number as usize];
            path.transaction(body, START_MS + number).unwrap();
            path.added(*txid, START_MS + number);
        },
    );
}

#[test]
fn a_transaction_that_is_left_out_allocates_nothing() {
    let times = (10_000, 30_000);
    let prepared = |count| {
        let carrier = |number| {
            let mut carrier = payment(number as u32);
            carrier.output[1].script_pubkey = ScriptBuf::from_bytes(vec![0x6a]);
            let txid = carrier.compute_txid().to_byte_array();
            (serialize(&carrier), txid)
        };
        let carriers: Vec<(Vec<u8>, [u8; 32])> = (0..count).map(carrier).collect();
        (carriers, Path::to_window())
    };
    let memcheck = [
        "--tool=memcheck",
        "--leak-check=no",
        "--undef-value-errors=no",
    ];
    let count = counted(
        "a_transaction_that_is_left_out_allocates_nothing",
        &memcheck,
        "total heap usage: ",
        times,
        prepared,
        |(carriers, path), number| {
            let (body, txid) = &carriers[number as usize];
            path.transaction(body, START_MS + number).unwrap();
            path.added(*txid, START_MS + number);
        },
    );
    if let Some(count) = count {
        println!("{count} allocations for {} of them", times.1 - times.0);
        // The table of what has been met grows.
        assert!(count < 20, "{count} allocations");
    }
}

#[test]
fn an_amount_into_the_oracles_window() {
    let prepared = |count| {
        let mut market = Market::new(3);
        let values: Vec<u64> = (0..count).map(|_| market.value_sats(PRICE_USD)).collect();
        (values, Window::new())
    };
    assert_instructions(
        "an_amount_into_the_oracles_window",
        5_567,
        (500, 2500),
        prepared,
        |(values, window), number| {
            window.insert(START_MS + 100 * number, &[values[number as usize]]);
        },
    );
}

/// A full window whose older minutes have been read.
fn full_window(_: u64) -> (Market, Window) {
    let (mut market, mut window) = (Market::new(4), Window::new());
    market.fill(&mut window, 0..186, 100, |_| PRICE_USD);
    let first = window.estimate(START_MS + 186 * MINUTE_MS);
    assert!(first.is_some());
    (market, window)
}

#[test]
fn an_estimate_with_what_is_new() {
    assert_instructions(
        "an_estimate_with_what_is_new",
        1_080_000,
        (2, 12),
        full_window,
        |(market, window), number| {
            let now_ms = START_MS + 186 * MINUTE_MS + 500 * (number + 1);
            window.insert(now_ms, &[market.value_sats(PRICE_USD)]);
            black_box(window.estimate(now_ms));
        },
    );
}

#[test]
fn an_estimate_after_an_old_payment_came() {
    assert_instructions(
        "an_estimate_after_an_old_payment_came",
        11_938_000,
        (2, 7),
        full_window,
        |(market, window), number| {
            let now_ms = START_MS + 186 * MINUTE_MS + 500 * (number + 1);
            window.insert(now_ms - 90 * MINUTE_MS, &[market.value_sats(PRICE_USD)]);
            black_box(window.estimate(now_ms));
        },
    );
}

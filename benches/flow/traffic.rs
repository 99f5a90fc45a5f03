//! A node's messages as fast as they are wanted: payments and other transactions in the proportion that a real mempool has.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bitcoin::{
    Txid,
    hashes::{Hash as _, sha256d},
};
use satscope_bitcoin::frame::SequenceEvent;
use satscope_kit::clock::unix_ms;

use crate::support::publisher::Publisher;

/// Transactions in a hundred that pass the filter, as on a busy day.
const PAYMENTS_PER_HUNDRED: u64 = 58;
/// Payments in a hundred that are of a round sum.
const ROUND_PER_HUNDRED: u64 = 12;
/// Round sums, in dollars, at $100,000 for one bitcoin.
const SUMS_USD: [f64; 12] = [
    5.0, 10.0, 20.0, 25.0, 30.0, 50.0, 100.0, 100.0, 150.0, 200.0, 500.0, 1000.0,
];
const SATS_PER_USD: f64 = 1000.0;
const AFTER_A_BREATH: Duration = Duration::from_micros(500);
/// The time is published at each whole multiple of this of the system clock, milliseconds, so that whole half seconds are
/// entered on time. Without it, as from a real node, ingest would have to ask about transactions that come this fast.
const TIME_EVERY_MS: u64 = 100;

/// The sending end of a node, and how much it has sent.
pub struct Traffic {
    pub publisher: Publisher,
    sent: u32,
}

/// A transaction that was sent: the beginning of its txid as it is displayed, and when.
pub type Sent = (String, Instant);

impl Traffic {
    /// Binds a port of its own.
    pub fn bind() -> Traffic {
        Traffic {
            publisher: Publisher::bind(),
            sent: 0,
        }
    }

    /// The number of transactions sent so far.
    pub fn sent(&self) -> u32 {
        self.sent
    }

    /// Sends `count` transactions at once.
    pub fn burst(&mut self, count: u32) {
        self.say_time();
        for _ in 0..count {
            self.send();
        }
    }

    /// Sends `per_second` transactions a second for `length`, from a thread of its own. With `told`, the thread also returns
    /// the payments of a round sum.
    pub fn flow(
        mut self,
        per_second: u32,
        length: Duration,
        told: bool,
    ) -> JoinHandle<(Traffic, Vec<Sent>)> {
        std::thread::spawn(move || {
            let (began, first, mut round) = (Instant::now(), self.sent, Vec::new());
            let mut said_tenth = 0;
            while began.elapsed() < length {
                let tenth = unix_ms() / TIME_EVERY_MS;
                if tenth > said_tenth {
                    self.say_time();
                    said_tenth = tenth;
                }
                let due = (began.elapsed().as_secs_f64() * f64::from(per_second)) as u32;
                while self.sent - first < due {
                    let is_round = is_round(u64::from(self.sent));
                    let txid = self.send();
                    if told && is_round {
                        round.push((displayed(&txid), Instant::now()));
                    }
                }
                std::thread::sleep(AFTER_A_BREATH);
            }
            (self, round)
        })
    }

    fn say_time(&mut self) {
        self.publisher.say_time(unix_ms());
    }

    /// Publishes a transaction as `rawtx`, and then its `A`. Returns its txid.
    fn send(&mut self) -> [u8; 32] {
        let raw = transaction(self.sent);
        let txid = sha256d::Hash::hash(&raw).to_byte_array();
        self.publisher.rawtx(&raw);
        let added = SequenceEvent::Added(Txid::from_byte_array(txid), u64::from(self.sent));
        self.publisher.sequence(&added.encode());
        self.sent += 1;
        txid
    }
}

/// A raw transaction, different for each number: one input without witness and two outputs; where it is no payment, the second
/// carries data.
pub fn transaction(number: u32) -> Vec<u8> {
    let number = u64::from(number);
    let share = |step: f64| (number as f64 * step).fract();
    let ordinary = |step: f64| 10f64.powf(3.5 + 4.0 * share(step)) as u64;
    let paid = match is_round(number) {
        true => {
            let sum = SUMS_USD[(number % SUMS_USD.len() as u64) as usize];
            (sum * SATS_PER_USD * (1.0 + 0.004 * (share(0.618_034) - 0.5))) as u64
        }
        false => ordinary(0.754_877),
    };
    let mut raw = Vec::with_capacity(128);
    raw.extend(2u32.to_le_bytes());
    raw.push(1);
    raw.extend(number.to_le_bytes());
    raw.extend([0x5a; 24]);
    raw.extend(0u32.to_le_bytes());
    raw.push(0);
    raw.extend(u32::MAX.to_le_bytes());
    raw.push(2);
    output(&mut raw, paid, &[0x00, 0x14]);
    let change: [u8; 2] = if is_payment(number) {
        [0x00, 0x14]
    } else {
        [0x6a, 0x14]
    };
    output(&mut raw, ordinary(0.569_840), &change);
    raw.extend(0u32.to_le_bytes());
    raw
}

fn is_round(number: u64) -> bool {
    is_payment(number) && scattered(number) % 100 < ROUND_PER_HUNDRED
}

fn is_payment(number: u64) -> bool {
    number % 100 < PAYMENTS_PER_HUNDRED
}

/// Spreads numbers, so that those that follow each other are far apart (the multiplier is 2^64 by the golden ratio).
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

fn output(raw: &mut Vec<u8>, value_sats: u64, script: &[u8; 2]) {
    raw.extend(value_sats.to_le_bytes());
    raw.push(22);
    raw.extend(script);
    raw.extend([0x77; 20]);
}

/// The first 16 digits of a txid as it is displayed, with which the id of its dots begins.
pub fn displayed(txid: &[u8]) -> String {
    txid.iter()
        .rev()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

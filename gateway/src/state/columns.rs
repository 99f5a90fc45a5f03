//! The points in columns: the binary form of `/api/v1/points`, which `openapi.yaml` describes for other decoders.
//!
//! JSON takes 137 bytes a point. Here a point takes about 5 after gzip, because neighbours in a column are alike. The
//! low bytes of differences are a column of their own, because they are noise that gzip cannot pack.

use std::collections::HashMap;

use bytes::Bytes;

use super::{
    message::{Point, PointState},
    points::Points,
    sequence::Sequence,
};

const MAGIC: &[u8; 8] = b"satscope";
const VERSION: u32 = 1;
/// The first section's points are at most this much older than the newest point, milliseconds.
const FIRST_SECTION_MS: u64 = 15 * 60 * 1000;
/// All bitcoin that can ever exist, in satoshi: `MAX_MONEY` of Bitcoin Core. Sums up to this are exact in JavaScript.
const MOST_SATS: u64 = 2_100_000_000_000_000;
/// Stamps from this on, Unix milliseconds, are not exact in JavaScript.
const STAMPS_END: u64 = 1 << 53;
/// Satoshi in one bitcoin.
const SATS_PER_BTC: f64 = 1e8;
/// Written instead of an id's length if the id is packed: 8 bytes and a number follow.
const PACKED: u8 = 0;

/// All points in columns. A point without an amount, with more than `MOST_SATS`, or stamped at `STAMPS_END` or later is left
/// out, because a reader could not compute its price or stamp.
pub fn columns(sequence: Sequence, points: &Points) -> Bytes {
    let all: Vec<&Point> = points
        .iter()
        .filter(|point| (1..=MOST_SATS).contains(&point.value_sats) && point.time_ms < STAMPS_END)
        .collect();
    let reference_usd = median_price(&all);
    let sums = Sums::of(&all);
    let mut written = Vec::with_capacity(8 * all.len() + 1024);
    written.extend(MAGIC);
    written.extend(VERSION.to_le_bytes());
    written.extend(length(sums.usd.len()));
    written.extend(sequence.get().to_le_bytes());
    written.extend(reference_usd.to_le_bytes());
    for usd in &sums.usd {
        written.extend(usd.to_le_bytes());
    }
    let newest_ms = all.last().map_or(0, |point| point.time_ms);
    let since_ms = newest_ms.saturating_sub(FIRST_SECTION_MS);
    let (rest, newest) = all.split_at(all.partition_point(|point| point.time_ms < since_ms));
    for section in [newest, rest] {
        let section = write_section(section, &sums, reference_usd);
        written.extend(length(section.len()));
        written.extend(section);
    }
    written.into()
}

/// The different round sums, most frequent first, so that their numbers take one byte.
struct Sums {
    usd: Vec<f64>,
    numbers: HashMap<u64, u64>,
}

impl Sums {
    fn of(points: &[&Point]) -> Self {
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for point in points {
            *counts.entry(point.round_usd.to_bits()).or_default() += 1;
        }
        let mut counts: Vec<(u64, usize)> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|(bits, count)| (std::cmp::Reverse(*count), *bits));
        Sums {
            usd: counts
                .iter()
                .map(|(bits, _)| f64::from_bits(*bits))
                .collect(),
            numbers: counts.iter().map(|(bits, _)| *bits).zip(0..).collect(),
        }
    }
}

/// The median of the points' prices, USD for one BTC; 1 if there are no points.
fn median_price(points: &[&Point]) -> f64 {
    let mut prices: Vec<f64> = points.iter().map(|point| point.price).collect();
    let middle = prices.len() / 2;
    match prices.is_empty() {
        true => 1.0,
        false => *prices.select_nth_unstable_by(middle, f64::total_cmp).1,
    }
}

/// The amount of a round sum at the reference price, satoshi.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn expected_sats(round_usd: f64, reference_usd: f64) -> u64 {
    let sats = (round_usd / reference_usd * SATS_PER_BTC).floor();
    (sats as u64).min(MOST_SATS)
}

fn write_section(points: &[&Point], sums: &Sums, reference_usd: f64) -> Vec<u8> {
    let (mut stamps, mut values) = (Differences::default(), Differences::default());
    let (mut kinds, mut ids) = (Vec::new(), Vec::new());
    let mut before_ms = 0;
    for point in points {
        stamps.push(point.time_ms - before_ms);
        before_ms = point.time_ms;
        let number = sums.numbers.get(&point.round_usd.to_bits());
        let is_confirmed = point.state == PointState::Confirmed;
        push_number(
            &mut kinds,
            2 * number.copied().unwrap_or_default() + u64::from(is_confirmed),
        );
        let expected = expected_sats(point.round_usd, reference_usd);
        values.push(match point.value_sats.checked_sub(expected) {
            Some(above) => 2 * above,
            None => 2 * (expected - point.value_sats) - 1,
        });
        if !is_confirmed {
            push_id(&mut ids, &point.id);
        }
    }
    let count = length(points.len());
    let columns: [&[u8]; 7] = [
        &count,
        &stamps.low,
        &stamps.high,
        &kinds,
        &values.low,
        &values.high,
        &ids,
    ];
    columns.concat()
}

/// Numbers in two columns.
#[derive(Default)]
struct Differences {
    /// The lowest byte of each number.
    low: Vec<u8>,
    /// The rest of each number.
    high: Vec<u8>,
}

impl Differences {
    fn push(&mut self, number: u64) {
        self.low.push(number.to_le_bytes()[0]);
        push_number(&mut self.high, number >> 8);
    }
}

/// Writes a number as LEB128: seven bits a byte, the lowest first; all bytes but the last have the highest bit set.
fn push_number(column: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        column.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    column.push(number.to_le_bytes()[0]);
}

/// Writes an id. The analyzer's ids, 16 hexadecimal digits and a number, are packed; others are written as they are.
fn push_id(column: &mut Vec<u8>, id: &str) {
    match packed(id) {
        Some((beginning, number)) => {
            column.push(PACKED);
            column.extend(beginning.to_be_bytes());
            push_number(column, u64::from(number));
        }
        None => {
            push_number(column, id.len() as u64);
            column.extend(id.as_bytes());
        }
    }
}

/// The two parts of an id; `None` if putting them together would not give the same id.
fn packed(id: &str) -> Option<(u64, u32)> {
    let (beginning, number) = id.split_once('-')?;
    let parts = (
        u64::from_str_radix(beginning, 16).ok()?,
        number.parse().ok()?,
    );
    (format!("{:016x}-{}", parts.0, parts.1) == id).then_some(parts)
}

/// A length or count, which is always below 2^32.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

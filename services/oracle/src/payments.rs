//! A multiset of payments. Each takes a few bytes; those of one minute lie together, in the order of their stamps.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::minute::MINUTE_MS;

/// The payments by the minute since 1970 in which they were first seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payments {
    minutes: BTreeMap<u64, Bundle>,
    count: usize,
}

/// The payments of one minute, at least one.
///
/// A payment is written as its milliseconds since the minute began (two bytes), the number of its values, and the
/// values. All numbers after the first are LEB128: seven bits a byte. Payments of one moment lie in the order in which
/// they came.
#[derive(Debug, Clone, Default)]
struct Bundle {
    bytes: Vec<u8>,
    /// The index of the first payment's bytes. Bytes that left at the front stay for a while, because most payments
    /// leave there.
    front: usize,
    count: usize,
    /// The moment of the newest payment, in milliseconds since the minute began.
    newest: u16,
}

/// A payment as it is read: its moment, in milliseconds since its minute began, the range of its bytes, and the index
/// of its values.
struct Written {
    at: u16,
    bytes: Range<usize>,
    values: usize,
}

impl Payments {
    /// The number of payments.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds a payment: its stamp, in Unix milliseconds, and its values.
    pub(crate) fn insert(&mut self, stamp_ms: u64, values: &[u64]) {
        let bundle = self.minutes.entry(stamp_ms / MINUTE_MS).or_default();
        bundle.insert(moment(stamp_ms), values);
        self.count += 1;
    }

    /// Takes out one payment with this stamp and these values; returns false if there is none.
    pub(crate) fn remove(&mut self, stamp_ms: u64, values: &[u64]) -> bool {
        let minute = stamp_ms / MINUTE_MS;
        let Some(bundle) = self.minutes.get_mut(&minute) else {
            return false;
        };
        if !bundle.remove(moment(stamp_ms), values) {
            return false;
        }
        if bundle.count == 0 {
            self.minutes.remove(&minute);
        }
        self.count -= 1;
        true
    }

    /// Takes out the payments before a moment, in Unix milliseconds, and calls `gone` with the stamp and each value of
    /// every one.
    pub(crate) fn expire(&mut self, before_ms: u64, mut gone: impl FnMut(u64, u64)) {
        while let Some(mut oldest) = self.minutes.first_entry() {
            let began_ms = oldest.key() * MINUTE_MS;
            if began_ms >= before_ms {
                break;
            }
            let end = u16::try_from(before_ms - began_ms).unwrap_or(u16::MAX);
            let left = oldest.get_mut().expire(end, |at, value| {
                gone(began_ms + u64::from(at), value);
            });
            self.count -= left;
            if oldest.get().count > 0 {
                break;
            }
            oldest.remove();
        }
    }

    /// The number of payments with stamps in a range of Unix milliseconds.
    pub(crate) fn count(&self, range: Range<u64>) -> usize {
        self.overlapping(&range)
            .map(|(minute, bundle)| bundle.count_within(&within(minute, &range)))
            .sum()
    }

    /// The newest stamp in a range of Unix milliseconds.
    pub(crate) fn newest(&self, range: Range<u64>) -> Option<u64> {
        self.overlapping(&range).rev().find_map(|(minute, bundle)| {
            let at = bundle.newest_within(&within(minute, &range))?;
            Some(minute * MINUTE_MS + u64::from(at))
        })
    }

    /// The payments with stamps in a range of Unix milliseconds, oldest first, each as stamp and values.
    pub(crate) fn within(&self, range: Range<u64>) -> impl Iterator<Item = (u64, Vec<u64>)> {
        self.overlapping(&range).flat_map(move |(minute, bundle)| {
            let moments = within(minute, &range);
            bundle
                .payments()
                .filter(move |payment| moments.contains(&u32::from(payment.at)))
                .map(move |payment| {
                    let stamp_ms = minute * MINUTE_MS + u64::from(payment.at);
                    (stamp_ms, bundle.values(&payment).collect())
                })
        })
    }

    /// The minutes that overlap a range of Unix milliseconds.
    fn overlapping<'a>(
        &'a self,
        range: &Range<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, &'a Bundle)> + use<'a> {
        let end = range.end.max(range.start).div_ceil(MINUTE_MS);
        let minutes = range.start / MINUTE_MS..end.max(range.start / MINUTE_MS);
        let overlapping = self.minutes.range(minutes);
        overlapping.map(|(&minute, bundle)| (minute, bundle))
    }
}

/// The moments of a minute, in milliseconds since it began, that are in a range of Unix milliseconds.
fn within(minute: u64, range: &Range<u64>) -> Range<u32> {
    let moment = |ms: u64| ms.saturating_sub(minute * MINUTE_MS).min(MINUTE_MS) as u32;
    moment(range.start)..moment(range.end)
}

fn moment(stamp_ms: u64) -> u16 {
    (stamp_ms % MINUTE_MS) as u16
}

impl Bundle {
    fn insert(&mut self, at: u16, values: &[u64]) {
        // A late payment is put where it belongs; all others are written at the end.
        let place = match at >= self.newest || self.count == 0 {
            true => self.bytes.len(),
            false => self
                .payments()
                .find(|payment| payment.at > at)
                .map_or(self.bytes.len(), |later| later.bytes.start),
        };
        if place == self.bytes.len() {
            write(&mut self.bytes, at, values);
        } else {
            let mut written = Vec::new();
            write(&mut written, at, values);
            self.bytes.splice(place..place, written);
        }
        self.newest = self.newest.max(at);
        self.count += 1;
    }

    fn remove(&mut self, at: u16, values: &[u64]) -> bool {
        let mut wanted = Vec::new();
        write(&mut wanted, at, values);
        let found = self
            .payments()
            .find(|payment| self.bytes[payment.bytes.clone()] == wanted);
        let Some(Written { bytes, .. }) = found else {
            return false;
        };
        let was_last = bytes.end == self.bytes.len();
        self.cut(bytes);
        self.count -= 1;
        if was_last {
            self.newest = self.payments().last().map_or(0, |payment| payment.at);
        }
        true
    }

    /// Removes a range of bytes. It moves the bytes before the range or those behind it, whichever are fewer.
    fn cut(&mut self, bytes: Range<usize>) {
        if bytes.start - self.front < self.bytes.len() - bytes.end {
            let moved = self.front + bytes.len();
            self.bytes.copy_within(self.front..bytes.start, moved);
            self.front = moved;
        } else {
            self.bytes.drain(bytes);
        }
        if self.front > self.bytes.len() / 2 {
            self.bytes.drain(..self.front);
            self.bytes.shrink_to_fit();
            self.front = 0;
        }
    }

    /// Takes out the payments before a moment of the minute, and returns their number.
    fn expire(&mut self, end: u16, mut gone: impl FnMut(u16, u64)) -> usize {
        let (mut bytes, mut left) = (self.front, 0);
        for payment in self.payments().take_while(|payment| payment.at < end) {
            self.values(&payment)
                .for_each(|value| gone(payment.at, value));
            (bytes, left) = (payment.bytes.end, left + 1);
        }
        self.cut(self.front..bytes);
        self.count -= left;
        left
    }

    fn count_within(&self, moments: &Range<u32>) -> usize {
        match *moments == (0..MINUTE_MS as u32) {
            true => self.count,
            false => self
                .payments()
                .filter(|payment| moments.contains(&u32::from(payment.at)))
                .count(),
        }
    }

    fn newest_within(&self, moments: &Range<u32>) -> Option<u16> {
        if moments.contains(&u32::from(self.newest)) {
            return Some(self.newest);
        }
        let within = self.payments().map(|payment| payment.at);
        within.filter(|at| moments.contains(&u32::from(*at))).last()
    }

    fn payments(&self) -> impl Iterator<Item = Written> {
        let mut start = self.front;
        std::iter::from_fn(move || {
            let [low, high] = *self.bytes.get(start..)?.first_chunk()?;
            let mut end = start + 2;
            let count = read(&self.bytes, &mut end)?;
            let values = end;
            for _ in 0..count {
                read(&self.bytes, &mut end)?;
            }
            let bytes = std::mem::replace(&mut start, end)..end;
            let at = u16::from_le_bytes([low, high]);
            Some(Written { at, bytes, values })
        })
    }

    fn values(&self, payment: &Written) -> impl Iterator<Item = u64> {
        let (mut at, end) = (payment.values, payment.bytes.end);
        std::iter::from_fn(move || (at < end).then(|| read(&self.bytes, &mut at)).flatten())
    }
}

fn write(bytes: &mut Vec<u8>, at: u16, values: &[u64]) {
    bytes.extend(at.to_le_bytes());
    for mut number in std::iter::once(values.len() as u64).chain(values.iter().copied()) {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
}

/// Reads the number at `at`, and moves `at` behind it.
fn read(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payment() -> impl Strategy<Value = (u64, Vec<u64>)> {
        let values = prop::collection::vec((any::<u64>(), 0u32..64), 0..4);
        let values = values.prop_map(|all| all.iter().map(|(value, by)| value >> by).collect());
        (0u64..200_000, values)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_list_holds(
            put_in in prop::collection::vec(payment(), 0..60),
            taken_out in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            expired in prop::option::of(0u64..200_000),
            from in 0u64..200_000,
            to in 0u64..200_000,
        ) {
            let (mut payments, mut list) = (Payments::default(), Vec::new());
            for (stamp, values) in put_in {
                payments.insert(stamp, &values);
                list.push((stamp, values));
            }
            for index in taken_out {
                if list.is_empty() {
                    break;
                }
                let (stamp, values) = list.remove(index.index(list.len()));
                prop_assert!(payments.remove(stamp, &values));
                let is_another = list.contains(&(stamp, values.clone()));
                if !is_another {
                    prop_assert!(!payments.remove(stamp, &values));
                }
            }
            if let Some(expired) = expired {
                let mut gone = Vec::new();
                payments.expire(expired, |stamp, value| gone.push((stamp, value)));
                let (old, kept): (Vec<_>, Vec<_>) =
                    list.into_iter().partition(|(stamp, _)| *stamp < expired);
                let mut expected: Vec<(u64, u64)> = old
                    .iter()
                    .flat_map(|(stamp, values)| values.iter().map(|value| (*stamp, *value)))
                    .collect();
                expected.sort_unstable();
                gone.sort_unstable();
                prop_assert_eq!(gone, expected);
                list = kept;
            }
            prop_assert_eq!(payments.len(), list.len());
            list.retain(|(stamp, _)| (from..to).contains(stamp));
            let range = from..to;
            prop_assert_eq!(payments.count(range.clone()), list.len());
            let newest = list.iter().map(|(stamp, _)| *stamp).max();
            prop_assert_eq!(payments.newest(range.clone()), newest);
            let mut held: Vec<(u64, Vec<u64>)> = payments.within(range).collect();
            prop_assert!(held.is_sorted_by_key(|(stamp, _)| *stamp));
            held.sort_unstable();
            list.sort_unstable();
            prop_assert_eq!(held, list);
        }
    }

    #[test]
    fn a_payment_with_its_change_takes_little_more_than_ten_bytes() {
        let mut bundle = Bundle::default();
        bundle.insert(59_999, &[51_234, 123_456_789]);
        assert_eq!(bundle.bytes.len(), 2 + 1 + 3 + 4);
    }
}

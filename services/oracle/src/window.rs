//! The payments of the last three hours, as a multiset.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::estimate::Estimate;
use crate::kernel::Kernel;
use crate::minutes::Minutes;
use crate::model::Model;
use crate::reading::{self, Used};
use crate::track::{self, Settled};

/// How long a payment counts, in milliseconds: three hours.
pub const WINDOW_MS: u64 = 3 * 60 * 60 * 1000;

/// A payment: its stamp in Unix milliseconds and its output values in satoshi.
type Payment = (u64, Box<[u64]>);

/// The kernel of the model in use, made once.
static TRAINED: LazyLock<Arc<Kernel>> = LazyLock::new(|| Arc::new(Kernel::new(Model::trained())));

/// The payments of the last three hours.
///
/// A multiset: the estimate depends on what is in it, never on the order or the chunks in which it was filled.
#[derive(Debug, Clone)]
pub struct Window {
    payments: BTreeMap<Payment, u32>,
    count: usize,
    minutes: Minutes,
    /// What an estimate leaves for the next one.
    settled: Option<Settled>,
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kernel(Arc::clone(&TRAINED))
    }

    /// An empty window that reads payments by another model, for training and tests.
    #[must_use]
    pub fn with_model(model: Model) -> Self {
        Self::with_kernel(Arc::new(Kernel::new(model)))
    }

    fn with_kernel(kernel: Arc<Kernel>) -> Self {
        Self {
            payments: BTreeMap::new(),
            count: 0,
            minutes: Minutes::new(kernel),
            settled: None,
        }
    }

    /// Adds one payment: the output values, in satoshi, of a transaction first seen at `first_seen_ms` (Unix
    /// milliseconds).
    pub fn insert(&mut self, first_seen_ms: u64, values_sats: &[u64]) {
        *self
            .payments
            .entry((first_seen_ms, values_sats.into()))
            .or_default() += 1;
        self.count += 1;
        values_sats
            .iter()
            .for_each(|&value_sats| self.minutes.insert(first_seen_ms, value_sats));
    }

    /// Takes out one payment that was put in with the same stamp and values; false if there is none such.
    pub fn remove(&mut self, first_seen_ms: u64, values_sats: &[u64]) -> bool {
        let payment = (first_seen_ms, values_sats.into());
        let Some(copies) = self.payments.get_mut(&payment) else {
            return false;
        };
        *copies -= 1;
        if *copies == 0 {
            self.payments.remove(&payment);
        }
        self.count -= 1;
        values_sats
            .iter()
            .for_each(|&value_sats| self.minutes.remove(first_seen_ms, value_sats));
        true
    }

    /// Drops the payments that are three hours old or older at `now_ms` (Unix milliseconds).
    pub fn expire(&mut self, now_ms: u64) {
        let Some(oldest_kept_ms) = now_ms.saturating_add(1).checked_sub(WINDOW_MS) else {
            return;
        };
        while let Some(oldest) = self.payments.first_entry() {
            if oldest.key().0 >= oldest_kept_ms {
                break;
            }
            let ((first_seen_ms, values_sats), copies) = oldest.remove_entry();
            self.count -= copies as usize;
            for &value_sats in &values_sats {
                (0..copies).for_each(|_| self.minutes.remove(first_seen_ms, value_sats));
            }
        }
    }

    /// How many payments are in the window.
    #[must_use]
    pub fn payments(&self) -> usize {
        self.count
    }

    /// The price at `now_ms` (Unix milliseconds) as the payments of the last three hours show it, or none where they do not
    /// show one. Of the oldest ten minutes, those are not read that are beginning to leave; of the newest, none that is later
    /// than `now_ms`.
    ///
    /// What is worked out of the older minutes is kept for the next call: it costs in proportion to what is new, unless an old
    /// payment was put in or taken out. The answer depends on the payments alone.
    #[must_use]
    pub fn estimate(&mut self, now_ms: u64) -> Option<Estimate> {
        let posterior = track::forward(&mut self.minutes, &mut self.settled, now_ms)?;
        let (newest_payment_ms, ..) = self.current(now_ms).next_back()?;
        let payments = self.count_current(now_ms);
        reading::estimate(
            &posterior,
            Used {
                payments,
                newest_payment_ms,
            },
            now_ms,
        )
    }

    /// How many payments are less than three hours old and not later than `now_ms`: usually all but a few.
    fn count_current(&self, now_ms: u64) -> u64 {
        let end_ms = now_ms.saturating_add(1);
        let too_old = ..(end_ms.saturating_sub(WINDOW_MS), Box::default());
        let too_new = (end_ms, Box::default())..;
        let others = self
            .payments
            .range(too_old)
            .chain(self.payments.range(too_new));
        self.count as u64 - others.map(|(_, &copies)| u64::from(copies)).sum::<u64>()
    }

    /// How many distinct amounts lie in each bin of amount.
    pub(crate) fn histogram(&self) -> &[u32] {
        self.minutes.histogram()
    }

    /// The payments less than three hours old and not later than `now_ms`, oldest first, each with its number of copies.
    pub(crate) fn current(
        &self,
        now_ms: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, &[u64], u32)> {
        let end_ms = now_ms.saturating_add(1);
        let from_ms = end_ms.saturating_sub(WINDOW_MS);
        self.payments
            .range((from_ms, Box::default())..(end_ms, Box::default()))
            .map(|((first_seen_ms, values), &copies)| (*first_seen_ms, &**values, copies))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_takes_exactly_what_the_insert_put_in() {
        let mut window = Window::new();
        window.insert(5, &[1, 2]);
        window.insert(5, &[1, 2]);
        assert!(!window.remove(5, &[2, 1]));
        assert!(!window.remove(6, &[1, 2]));
        assert!(window.remove(5, &[1, 2]));
        assert_eq!(window.payments(), 1);
        assert!(window.remove(5, &[1, 2]));
        assert!(window.payments.is_empty() && window.count == 0);
    }

    #[test]
    fn a_payment_leaves_after_three_hours() {
        let mut window = Window::new();
        window.insert(0, &[1]);
        window.insert(1, &[1]);
        window.expire(WINDOW_MS - 1);
        assert_eq!(window.payments(), 2);
        window.expire(WINDOW_MS);
        assert_eq!(window.payments(), 1);
        window.expire(WINDOW_MS + 1);
        assert!(window.payments.is_empty() && window.count == 0);
    }

    #[test]
    fn order_does_not_matter() {
        let payments: [(u64, &[u64]); 3] = [(3, &[7]), (1, &[8, 9]), (3, &[7])];
        let (mut forth, mut back) = (Window::new(), Window::new());
        payments
            .iter()
            .for_each(|(stamp, values)| forth.insert(*stamp, values));
        payments
            .iter()
            .rev()
            .for_each(|(stamp, values)| back.insert(*stamp, values));
        assert_eq!((forth.payments, forth.count), (back.payments, back.count));
    }

    #[test]
    fn what_is_current_ends_at_now() {
        let mut window = Window::new();
        for stamp in [0, 10, WINDOW_MS, WINDOW_MS + 10] {
            window.insert(stamp, &[1]);
        }
        let stamps: Vec<_> = window.current(WINDOW_MS).map(|(stamp, ..)| stamp).collect();
        assert_eq!(stamps, [10, WINDOW_MS]);
    }
}

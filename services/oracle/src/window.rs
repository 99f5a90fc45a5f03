//! The payments of the last three hours, as a multiset.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::era::Era;
use crate::estimate::Estimate;
use crate::kernel::Kernel;
use crate::minute::WINDOW_MS;
use crate::minutes::Minutes;
use crate::model::Model;
use crate::payments::Payments;
use crate::reading::{self, Used};
use crate::track::{self, Settled};
use crate::trained::ERAS;

/// The kernel of each era, made when a window of that era is first made.
static KERNELS: [OnceLock<Arc<Kernel>>; ERAS.len()] = [const { OnceLock::new() }; ERAS.len()];

/// The kernel of the era that a height of the chain belongs to.
pub(crate) fn kernel_of_height(height: u64) -> Arc<Kernel> {
    let kernel = &KERNELS[Era::index(&ERAS, height)];
    let kernel = kernel.get_or_init(|| Arc::new(Kernel::new(Model::of_height(height))));
    Arc::clone(kernel)
}

/// The payments of the last three hours.
///
/// A multiset: the estimate depends on the payments in it, never on the order or the chunks in which they were put in.
#[derive(Debug, Clone)]
pub struct Window {
    payments: Payments,
    minutes: Minutes,
    /// The work that an estimate keeps for the next one.
    settled: Option<Settled>,
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    /// An empty window of the present.
    #[must_use]
    pub fn new() -> Self {
        Self::of_height(u64::MAX)
    }

    /// An empty window that reads payments as they were around a height of the chain; see [`Model::of_height`].
    #[must_use]
    pub fn of_height(height: u64) -> Self {
        Self::with_kernel(kernel_of_height(height))
    }

    /// An empty window that reads payments by another model, for training and tests.
    #[must_use]
    pub fn with_model(model: Model) -> Self {
        Self::with_kernel(Arc::new(Kernel::new(model)))
    }

    fn with_kernel(kernel: Arc<Kernel>) -> Self {
        Self {
            payments: Payments::default(),
            minutes: Minutes::new(kernel),
            settled: None,
        }
    }

    /// Adds one payment: the output values, in satoshi, of a transaction first seen at `first_seen_ms` (Unix
    /// milliseconds).
    pub fn insert(&mut self, first_seen_ms: u64, values_sats: &[u64]) {
        self.payments.insert(first_seen_ms, values_sats);
        values_sats
            .iter()
            .for_each(|&value_sats| self.minutes.insert(first_seen_ms, value_sats));
    }

    /// Takes out one payment with the same stamp and values; returns false if there is none.
    pub fn remove(&mut self, first_seen_ms: u64, values_sats: &[u64]) -> bool {
        if !self.payments.remove(first_seen_ms, values_sats) {
            return false;
        }
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
        self.payments
            .expire(oldest_kept_ms, |first_seen_ms, value_sats| {
                self.minutes.remove(first_seen_ms, value_sats);
            });
    }

    /// The number of payments in the window.
    #[must_use]
    pub fn payments(&self) -> usize {
        self.payments.len()
    }

    /// The price at `now_ms` (Unix milliseconds) that the payments of the last three hours show; `None` if they show
    /// none. The oldest ten minutes are not read while they leave the window; the newest minute is read to its end.
    ///
    /// The evidence of the older minutes is kept for the next call. An estimate therefore costs in proportion to the
    /// newer payments, unless an older one was put in or taken out. The answer depends on the payments alone.
    #[must_use]
    pub fn estimate(&mut self, now_ms: u64) -> Option<Estimate> {
        let posterior = track::forward(&mut self.minutes, &mut self.settled, now_ms)?;
        let newest_payment_ms = self.payments.newest(current(now_ms))?;
        let payments = self.payments.count(current(now_ms)) as u64;
        reading::estimate(
            &posterior,
            self.minutes.kernel(),
            Used {
                payments,
                newest_payment_ms,
            },
            now_ms,
        )
    }

    /// The number of distinct amounts in each bin of amount.
    pub(crate) fn histogram(&self) -> &[u32] {
        self.minutes.histogram()
    }

    /// The payments less than three hours old and not later than `now_ms`, oldest first.
    pub(crate) fn current(&self, now_ms: u64) -> impl Iterator<Item = (u64, Vec<u64>)> {
        self.payments.within(current(now_ms))
    }
}

/// The stamps, in Unix milliseconds, that are less than three hours old and not later than `now_ms`.
fn current(now_ms: u64) -> Range<u64> {
    let end_ms = now_ms.saturating_add(1);
    end_ms.saturating_sub(WINDOW_MS)..end_ms
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
        assert_eq!(window.payments(), 0);
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
        assert_eq!(window.payments(), 0);
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
        let all = |window: &Window| {
            let mut all: Vec<_> = window.payments.within(0..10).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(all(&forth), all(&back));
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

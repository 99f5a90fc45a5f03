//! The evidence of many minutes, added up, each moved by the price's drift since.
//!
//! The sum is updated amount by amount, in whole numbers, so that it depends on the amounts in it and not on the order
//! in which they came.

use std::collections::BTreeMap;
use std::ops::Range;

use multiversion::multiversion;

use crate::grid::{self, PRICE_BINS, VALUE_BINS};
use crate::kernel::{Kernel, STEPS_PER_NAT};
use crate::minute::Minute;

/// The sum of the evidence of several minutes.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// The minutes since 1970 that are in the stack, as far as they have an amount.
    minutes: Range<u64>,
    /// The number of amounts in each bin of amount.
    histogram: Vec<u32>,
    /// The number of amounts.
    values: usize,
    /// The evidence of all amounts for each price, in [`STEPS_PER_NAT`].
    evidence: Vec<i64>,
    /// How far above its last place the price lay in each minute, in bins; 0 for a minute without an entry.
    drifts: BTreeMap<u64, isize>,
    /// Whether an amount or a minute has come or gone since this was last asked.
    has_changed: bool,
}

impl Stack {
    pub(crate) fn new() -> Self {
        Self {
            minutes: 0..0,
            histogram: vec![0; VALUE_BINS],
            values: 0,
            evidence: vec![0; PRICE_BINS],
            drifts: BTreeMap::new(),
            has_changed: false,
        }
    }

    /// The minutes that the stack covers, since 1970.
    pub(crate) fn minutes(&self) -> &Range<u64> {
        &self.minutes
    }

    /// The number of amounts in each bin of amount.
    pub(crate) fn histogram(&self) -> &[u32] {
        &self.histogram
    }

    /// The number of amounts.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// Whether an amount or a minute has come or gone since the last call.
    pub(crate) fn take_has_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Adds an amount of a minute, if the stack covers that minute.
    pub(crate) fn enter(&mut self, kernel: &Kernel, minute: u64, value_sats: u64) {
        if self.minutes.contains(&minute) {
            let (evidence, from) = self.moved(minute);
            kernel.add(value_sats, from, evidence);
            self.count(value_sats, |count| *count += 1);
            self.values += 1;
            self.has_changed = true;
        }
    }

    /// Takes out an amount of a minute, if the stack covers that minute.
    pub(crate) fn leave(&mut self, kernel: &Kernel, minute: u64, value_sats: u64) {
        if self.minutes.contains(&minute) {
            let (evidence, from) = self.moved(minute);
            kernel.take_away(value_sats, from, evidence);
            self.count(value_sats, |count| *count -= 1);
            self.values -= 1;
            self.has_changed = true;
        }
    }

    /// Sets the minutes that the stack covers. The caller then puts in the minutes that come and takes out those that
    /// go.
    pub(crate) fn cover(&mut self, minutes: Range<u64>) {
        // A minute that lost its last amount before it left may come back with other amounts, which have no drift yet.
        let before = &self.minutes;
        self.drifts.retain(|minute, _| before.contains(minute));
        self.minutes = minutes;
        self.has_changed = true;
    }

    /// Adds the evidence of a whole minute.
    pub(crate) fn put(&mut self, held: &Minute) {
        add(&mut self.evidence, 0, &held.evidence, 1);
        self.values += held.values as usize;
    }

    /// Takes out the evidence of a whole minute.
    pub(crate) fn take(&mut self, minute: u64, held: &Minute) {
        let drift = self.drifts.remove(&minute).unwrap_or(0);
        add(&mut self.evidence, drift, &held.evidence, -1);
        self.values -= held.values as usize;
    }

    /// Counts the amounts of minutes that come.
    pub(crate) fn count_in(&mut self, values_sats: impl Iterator<Item = u64>) {
        values_sats.for_each(|value_sats| self.count(value_sats, |count| *count += 1));
    }

    /// Counts out the amounts of minutes that go.
    pub(crate) fn count_out(&mut self, values_sats: impl Iterator<Item = u64>) {
        values_sats.for_each(|value_sats| self.count(value_sats, |count| *count -= 1));
    }

    /// Moves the evidence of a minute to its new drift.
    pub(crate) fn settle(&mut self, minute: u64, held: &Minute, drift: isize) {
        let before = self.drift(minute);
        if before == drift {
            return;
        }
        add(&mut self.evidence, before, &held.evidence, -1);
        add(&mut self.evidence, drift, &held.evidence, 1);
        self.drifts.insert(minute, drift);
    }

    /// The evidence of all amounts for each price, in nats, before the expected evidence is subtracted.
    pub(crate) fn nats(&self) -> Vec<f64> {
        let steps = self.evidence.iter();
        steps.map(|steps| *steps as f64 / STEPS_PER_NAT).collect()
    }

    fn drift(&self, minute: u64) -> isize {
        self.drifts.get(&minute).copied().unwrap_or(0)
    }

    /// The part of the sum that a minute's evidence is added to, and the bin of the minute's own evidence at which that
    /// part begins.
    fn moved(&mut self, minute: u64) -> (&mut [i64], usize) {
        let (to, from) = grid::moved(self.drift(minute));
        (&mut self.evidence[to..PRICE_BINS - from], from)
    }

    fn count(&mut self, value_sats: u64, change: impl Fn(&mut u32)) {
        let bin = grid::value_bin(value_sats);
        if let Some(count) = bin.and_then(|bin| self.histogram.get_mut(bin)) {
            change(count);
        }
    }
}

/// Adds `times` the evidence, moved down by `drift` bins.
#[multiversion(targets = "simd")]
fn add(sums: &mut [i64], drift: isize, evidence: &[i32], times: i32) {
    let (to, from) = grid::moved(drift);
    let rows = sums[to..].iter_mut().zip(&evidence[from..]);
    rows.for_each(|(sum, steps)| *sum += i64::from(times * *steps));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::minute::MINUTE_MS;
    use crate::minutes::Minutes;
    use crate::model::Model;

    fn minutes(amounts: &[(u64, u64)]) -> Minutes {
        let mut minutes = Minutes::new(Arc::new(Kernel::new(Model::trained())));
        for (minute, value_sats) in amounts {
            minutes.insert(minute * MINUTE_MS, *value_sats);
        }
        minutes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn it_depends_on_what_is_in_it_alone(
            mut amounts in prop::collection::vec((0u64..40, 1u64..40), 1..40),
            changes in prop::collection::vec(
                (any::<bool>(), 0u64..40, 1u64..40, 0u64..40, 0u64..40, -9000isize..9000), 1..20
            ),
        ) {
            // From the smallest amounts to the largest that there can be, so that peaks lie across both ends of the grid.
            let sats = |number: u64| 2.5f64.powi(number as i32) as u64;
            amounts.iter_mut().for_each(|(_, number)| *number = sats(*number));
            let mut held = minutes(&amounts);
            for (comes, minute, number, from, count, drift) in changes {
                if comes {
                    held.insert(minute * MINUTE_MS, sats(number));
                    amounts.push((minute, sats(number)));
                } else {
                    let (minute, value_sats) = amounts.swap_remove(number as usize % amounts.len());
                    held.remove(minute * MINUTE_MS, value_sats);
                    amounts.push((40, 1));
                    held.insert(40 * MINUTE_MS, 1);
                }
                let (range, mut fresh) = (from..from + count, minutes(&amounts));
                let drifts: Vec<isize> = (0..40).map(|minute| drift * minute / 40).collect();
                for minutes in [&mut held, &mut fresh] {
                    minutes.hold_together(&range);
                    minutes.settle(&drifts);
                }
                let (held, fresh) = (held.stack(), fresh.stack());
                prop_assert_eq!(&held.evidence, &fresh.evidence);
                prop_assert_eq!(held.histogram(), fresh.histogram());
                prop_assert_eq!(held.values(), fresh.values());
            }
        }
    }

    #[test]
    fn where_an_emptied_minute_lay_is_forgotten_once_it_has_gone() {
        let mut held = minutes(&[(3, 5000), (8, 6000)]);
        held.hold_together(&(0..10));
        held.settle(&[0, 5]);
        held.remove(8 * MINUTE_MS, 6000);
        held.hold_together(&(0..5));
        held.insert(8 * MINUTE_MS, 7000);
        let mut fresh = minutes(&[(3, 5000), (8, 7000)]);
        for minutes in [&mut held, &mut fresh] {
            minutes.hold_together(&(0..10));
            minutes.settle(&[0, 5]);
        }
        assert_eq!(held.stack().evidence, fresh.stack().evidence);
    }

    #[test]
    fn what_has_not_changed_is_known_not_to_have() {
        let mut held = minutes(&[(3, 5000), (12, 5000)]);
        assert!(!held.hold_together(&(0..10)));
        assert!(held.hold_together(&(0..10)));
        held.insert(12 * MINUTE_MS, 7000);
        assert!(held.hold_together(&(0..10)));
        held.insert(4 * MINUTE_MS, 7000);
        assert!(!held.hold_together(&(0..10)));
        assert!(!held.hold_together(&(0..20)));
        assert_eq!(held.stack().values(), 4);
    }
}

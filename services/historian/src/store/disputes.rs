//! The periods whose lock and a neighbour's disagree.

use satscope_oracle::past::Lock;

use super::rows::{PeriodState, StoredPeriod, Trust};

/// Whether the lock of a final period disagrees with that of the period before it or after it; false if the period is not final.
/// An unverified neighbour is not asked, unless the period itself is unverified, because such rows must not change others.
pub fn is_disputed(stored: &[StoredPeriod], number: u32) -> bool {
    let find = |number: u32| {
        let found = stored.iter().find(|found| found.row.period == number);
        found.filter(|found| found.row.state == PeriodState::Final)
    };
    let Some(own) = find(number) else {
        return false;
    };
    let Some(lock) = Lock::from_bytes(&own.row.lock) else {
        return false;
    };
    let neighbours = [number.checked_sub(1), number.checked_add(1)];
    neighbours
        .into_iter()
        .flatten()
        .filter_map(find)
        .filter(|other| other.trust != Trust::Unverified || own.trust == Trust::Unverified)
        .filter_map(|other| Lock::from_bytes(&other.row.lock))
        .any(|other| lock.disagrees(&other))
}

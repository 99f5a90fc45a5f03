//! A minute of amounts, and the times for which amounts count.

use crate::kernel::Evidence;

/// Milliseconds in a minute.
pub(crate) const MINUTE_MS: u64 = 60_000;

/// Minutes in which an amount counts once.
pub(crate) const SLOT_MINUTES: u64 = 10;

/// Time for which a payment counts, in milliseconds: three hours.
pub const WINDOW_MS: u64 = 3 * 60 * 60 * 1000;

/// The amounts that count in one minute: each counts in the last minute of its ten in which it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Minute {
    /// The evidence of its amounts for every price.
    pub(crate) evidence: Evidence,
    /// The number of its amounts.
    pub(crate) values: u32,
}

//! A minute of amounts, and the lengths of time that amounts count for.

use crate::kernel::Evidence;

/// Milliseconds in a minute.
pub(crate) const MINUTE_MS: u64 = 60_000;

/// Minutes in which an amount counts once.
pub(crate) const SLOT_MINUTES: u64 = 10;

/// How long a payment counts, in milliseconds: three hours.
pub const WINDOW_MS: u64 = 3 * 60 * 60 * 1000;

/// A minute in which amounts were seen for the last time.
#[derive(Debug, Clone)]
pub(crate) struct Minute {
    /// What its amounts say of every price.
    pub(crate) evidence: Evidence,
    /// How many amounts that are.
    pub(crate) values: u32,
}

//! What the journal does not hold yet.

use crate::journal::Record;

/// Changes, in order; none are made where there is no journal.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub kept: Vec<Record>,
    pub are_kept: bool,
}

impl Records {
    pub fn push(&mut self, record: impl FnOnce() -> Record) {
        if self.are_kept {
            self.kept.push(record());
        }
    }
}

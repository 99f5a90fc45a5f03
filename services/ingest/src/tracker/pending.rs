//! Re-orgs: the transactions of disconnected blocks are pending until the place of each is known.
//!
//! An `A` or a later `C` settles each. A transaction that neither has settled once the new tip is reached has left without a
//! message. The new branch may conflict with it, or the node does not take it into its mempool.

use bitcoin::Txid;
use satscope_log::RemovalReason;

use super::{Place, Tracker};

/// The `A` of transactions that come back follow the last `C` at once; all have come within this time, milliseconds.
const SETTLED_MS: u64 = 2000;
/// A re-org is settled this long after its last `D` if no block is connected, milliseconds: the branch is slow, or was given up
/// without another (`invalidateblock`).
const LONGEST_MS: u64 = 60_000;

/// A re-org whose transactions are not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reorg {
    /// The last `D`, Unix milliseconds.
    left_ms: u64,
    /// The last `C` after it.
    joined_ms: Option<u64>,
    /// The first `D` of a block whose transactions cannot be known, Unix milliseconds. Transactions that enter since then may
    /// have come back from it.
    unreadable_ms: Option<u64>,
}

impl Reorg {
    fn is_over(self, now_ms: u64) -> bool {
        match self.joined_ms {
            Some(joined_ms) => joined_ms + SETTLED_MS <= now_ms,
            None => self.left_ms + LONGEST_MS <= now_ms,
        }
    }
}

impl Tracker {
    /// Notes a `D`, by which a re-org begins or goes on.
    pub(super) fn reorg_left(&mut self, now_ms: u64) {
        self.reorg = Some(Reorg {
            left_ms: now_ms,
            joined_ms: None,
            unreadable_ms: self.unreadable_since_ms(),
        });
    }

    /// Sees to it that the pending transactions are settled in `SETTLED_MS`, if no re-org is under way that settles them.
    pub(super) fn settle_soon(&mut self, now_ms: u64) {
        self.reorg.get_or_insert(Reorg {
            left_ms: now_ms,
            joined_ms: Some(now_ms),
            unreadable_ms: None,
        });
    }

    /// Notes that a block that was disconnected cannot be read.
    pub(super) fn reorg_unreadable(&mut self) {
        if let Some(reorg) = &mut self.reorg {
            reorg.unreadable_ms.get_or_insert(reorg.left_ms);
        }
    }

    /// The moment since which entering transactions may have come back from a block that cannot be read, Unix milliseconds.
    pub(super) fn unreadable_since_ms(&self) -> Option<u64> {
        self.reorg?.unreadable_ms
    }

    /// Notes a `C`, if a re-org is under way.
    pub(super) fn reorg_joined(&mut self, now_ms: u64) {
        if let Some(reorg) = &mut self.reorg {
            reorg.joined_ms = Some(now_ms);
        }
    }

    pub(super) fn settle_pending(&mut self, now_ms: u64) {
        if self.reorg.is_none_or(|reorg| !reorg.is_over(now_ms)) {
            return;
        }
        self.reorg = None;
        if self.census.pending() == 0 {
            return;
        }
        let is_pending = |place: Place| place == Place::Pending;
        let unsettled: Vec<Txid> = self
            .seen
            .iter()
            .filter(|(_, seen)| is_pending(seen.place))
            .map(|(txid, _)| *txid)
            .collect();
        for txid in unsettled {
            self.remove(txid, RemovalReason::Unknown, now_ms);
        }
    }

    /// Moves the times by `step_ms`, because the clock was set.
    pub(super) fn shift_reorg(&mut self, step_ms: i64) {
        if let Some(reorg) = &mut self.reorg {
            reorg.left_ms = reorg.left_ms.saturating_add_signed(step_ms);
            for at_ms in [&mut reorg.joined_ms, &mut reorg.unreadable_ms] {
                *at_ms = at_ms.map(|at_ms| at_ms.saturating_add_signed(step_ms));
            }
        }
    }
}

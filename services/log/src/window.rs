//! The accepted transactions of the last three hours, and where each is now.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, VecDeque},
    hash::{Hash, Hasher},
    sync::Arc,
};

use rustc_hash::FxHashSet;

use crate::event::{Accepted, Block, Event, State, Txid};

/// How long a transaction stays after it was first seen.
pub const WINDOW_MS: u64 = 3 * 60 * 60 * 1000;

/// A transaction of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// What was accepted.
    pub accepted: Arc<Accepted>,
    /// Where it is now.
    pub state: State,
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A transaction is new in the window.
    Entered(Arc<Accepted>, State),
    /// A transaction of the window moved into or out of a block.
    Moved(Txid, State),
    /// A transaction left: removed from the mempool, or too old.
    Left(Arc<Accepted>),
}

/// All accepted transactions that were first seen in the last three hours and not removed.
#[derive(Clone, Debug, Default)]
pub struct Window {
    by_txid: FxHashSet<ByTxid>,
    by_age: BTreeMap<ByAge, State>,
    blocks: VecDeque<Block>,
}

/// A transaction that is found by its txid.
#[derive(Clone, Debug)]
struct ByTxid(Arc<Accepted>);

/// A transaction in the order of age; those of the same moment in that of their txids.
#[derive(Clone, Debug)]
struct ByAge(Arc<Accepted>);

impl Window {
    /// Takes one event in. What is too old by `now_ms` does not enter.
    pub fn apply(&mut self, event: &Event, now_ms: u64) -> Vec<Change> {
        match event {
            Event::Accepted(accepted, state) => {
                self.enter(accepted, *state, now_ms).into_iter().collect()
            }
            Event::Removed(txid, _) => self.leave(txid).into_iter().collect(),
            Event::BlockConnected(block, txids) => {
                self.blocks.retain(|held| held.hash != block.hash);
                self.blocks.push_back(*block);
                self.move_all(txids, State::Confirmed)
            }
            Event::BlockDisconnected(block, txids) => {
                self.blocks.retain(|held| held.hash != block.hash);
                self.move_all(txids, State::Mempool)
            }
            Event::Status(_) => Vec::new(),
        }
    }

    /// Lets go of what was first seen three hours or longer before `now_ms`, oldest first.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Change> {
        let mut left = Vec::new();
        while let Some(oldest) = self.by_age.first_entry() {
            let ByAge(accepted) = oldest.key();
            if accepted.first_seen_ms + WINDOW_MS > now_ms {
                break;
            }
            self.by_txid.remove(&accepted.txid);
            left.push(Change::Left(oldest.remove_entry().0.0));
        }
        let long_ago = |block: &Block| block.time_ms + WINDOW_MS <= now_ms;
        while self.blocks.len() > 1 && self.blocks.front().is_some_and(long_ago) {
            self.blocks.pop_front();
        }
        left
    }

    /// The transactions, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Tracked> {
        self.by_age.iter().map(|(ByAge(accepted), state)| Tracked {
            accepted: accepted.clone(),
            state: *state,
        })
    }

    /// The transaction of that id, if it is in the window.
    pub fn get(&self, txid: &Txid) -> Option<Tracked> {
        let ByTxid(accepted) = self.by_txid.get(txid)?.clone();
        let by_age = ByAge(accepted);
        let state = *self.by_age.get(&by_age)?;
        Some(Tracked {
            accepted: by_age.0,
            state,
        })
    }

    /// How many transactions there are.
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// True when there is no transaction.
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    /// The blocks of the window, in order, and in any case the newest.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.blocks.iter()
    }

    fn enter(&mut self, accepted: &Arc<Accepted>, state: State, now_ms: u64) -> Option<Change> {
        let too_old = accepted.first_seen_ms + WINDOW_MS <= now_ms;
        if too_old || !self.by_txid.insert(ByTxid(accepted.clone())) {
            return None;
        }
        self.by_age.insert(ByAge(accepted.clone()), state);
        Some(Change::Entered(accepted.clone(), state))
    }

    fn leave(&mut self, txid: &Txid) -> Option<Change> {
        let ByTxid(accepted) = self.by_txid.take(txid)?;
        let by_age = ByAge(accepted);
        self.by_age.remove(&by_age);
        Some(Change::Left(by_age.0))
    }

    fn move_all(&mut self, txids: &[Txid], state: State) -> Vec<Change> {
        let mut moved = Vec::new();
        for txid in txids {
            if let Some(ByTxid(accepted)) = self.by_txid.get(txid)
                && let Some(held) = self.by_age.get_mut(&ByAge(accepted.clone()))
                && *held != state
            {
                *held = state;
                moved.push(Change::Moved(*txid, state));
            }
        }
        moved
    }
}

impl Borrow<Txid> for ByTxid {
    fn borrow(&self) -> &Txid {
        &self.0.txid
    }
}

impl Hash for ByTxid {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.txid.hash(hasher);
    }
}

impl PartialEq for ByTxid {
    fn eq(&self, other: &Self) -> bool {
        self.0.txid == other.0.txid
    }
}

impl Eq for ByTxid {}

impl ByAge {
    fn key(&self) -> (u64, &Txid) {
        (self.0.first_seen_ms, &self.0.txid)
    }
}

impl Ord for ByAge {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for ByAge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByAge {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ByAge {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::RemovalReason;

    const NOW: u64 = 1_700_000_000_000;

    fn accepted(number: u8, first_seen_ms: u64) -> Arc<Accepted> {
        Arc::new(Accepted {
            txid: [number; 32],
            first_seen_ms,
            values_sats: Box::new([u64::from(number)]),
            input_count: 1,
        })
    }

    fn block(number: u8) -> Block {
        Block {
            hash: [number; 32],
            height: Some(u32::from(number)),
            time_ms: NOW,
        }
    }

    #[test]
    fn confirmation_keeps_and_removal_takes_out() {
        let mut window = Window::default();
        window.apply(&Event::Accepted(accepted(1, NOW), State::Mempool), NOW);
        window.apply(&Event::Accepted(accepted(2, NOW), State::Mempool), NOW);
        let changes = window.apply(&Event::BlockConnected(block(9), vec![[1; 32]]), NOW);
        assert_eq!(changes, [Change::Moved([1; 32], State::Confirmed)]);
        let removed = Event::Removed([2; 32], RemovalReason::Replaced);
        assert_eq!(
            window.apply(&removed, NOW),
            [Change::Left(accepted(2, NOW))]
        );
        assert_eq!(window.apply(&removed, NOW), []);
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn a_reorg_puts_back_with_the_old_stamp() {
        let mut window = Window::default();
        window.apply(&Event::Accepted(accepted(1, NOW), State::Mempool), NOW);
        let txids = vec![[1; 32]];
        window.apply(&Event::BlockConnected(block(9), txids.clone()), NOW + 5);
        window.apply(&Event::BlockDisconnected(block(9), txids), NOW + 6);
        assert_eq!(window.get(&[1; 32]).unwrap().state, State::Mempool);
        assert_eq!(window.get(&[1; 32]).unwrap().accepted.first_seen_ms, NOW);
        assert_eq!(window.blocks().count(), 0);
    }

    #[test]
    fn three_hours_after_its_stamp_a_transaction_leaves() {
        let mut window = Window::default();
        window.apply(&Event::Accepted(accepted(1, NOW), State::Mempool), NOW);
        window.apply(
            &Event::Accepted(accepted(2, NOW + 1), State::Mempool),
            NOW + 1,
        );
        assert_eq!(window.expire(NOW + WINDOW_MS - 1), []);
        assert_eq!(
            window.expire(NOW + WINDOW_MS),
            [Change::Left(accepted(1, NOW))]
        );
        let late = Event::Accepted(accepted(3, NOW), State::Mempool);
        assert_eq!(window.apply(&late, NOW + WINDOW_MS), []);
        assert_eq!(window.iter().count(), 1);
    }
}

//! The accepted transactions of the last three hours, and where each is now.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use hashbrown::{HashTable, hash_table::Entry};
use smallvec::SmallVec;

use crate::{
    event::{Accepted, Block, Event, State, Txid},
    keyed::TxidKey,
};

/// How long a transaction stays after it was first seen.
pub const WINDOW_MS: u64 = 3 * 60 * 60 * 1000;

/// The most blocks that are held. Three hours hold about 18, and a node that catches up connects hundreds in that time.
const MOST_BLOCKS: usize = 300;

/// A transaction of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The accepted transaction.
    pub accepted: Arc<Accepted>,
    /// Where it is now.
    pub state: State,
}

/// A change that an event made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A transaction is new in the window.
    Entered(Arc<Accepted>, State),
    /// A transaction of the window moved into or out of a block.
    Moved(Txid, State),
    /// A transaction left: removed from the mempool, or too old.
    Left(Arc<Accepted>),
}

/// The changes of an event; a single one, as that of a transaction, takes no memory of its own.
pub type Changes = SmallVec<[Change; 1]>;

/// All accepted transactions that were first seen in the last three hours and not removed.
#[derive(Clone, Debug, Default)]
pub struct Window {
    by_txid: HashTable<ByTxid>,
    key: TxidKey,
    by_age: BTreeMap<ByAge, State>,
    /// The memory that the transactions take without the tables, in bytes.
    bytes: usize,
    blocks: VecDeque<Block>,
}

/// A transaction in the table by txid, with the hash of its txid, so that the table grows without a look at each
/// transaction.
#[derive(Clone, Debug)]
struct ByTxid {
    hash: u64,
    accepted: Arc<Accepted>,
}

/// A transaction in the order of age, and of txids if the moment is the same.
#[derive(Clone, Debug)]
struct ByAge {
    first_seen_ms: u64,
    accepted: Arc<Accepted>,
}

/// About how many bytes the tables take for each transaction: a tree's leaf is two thirds full, and so is a hash table.
const TABLES_BYTES: usize = (size_of::<(ByAge, State)>() + size_of::<ByTxid>()) * 3 / 2;

impl Window {
    /// Takes one event in, and returns its changes. A transaction that is too old at `now_ms` does not enter.
    pub fn apply(&mut self, event: &Event, now_ms: u64) -> Changes {
        match event {
            Event::Accepted(accepted, state) => {
                self.enter(accepted, *state, now_ms).into_iter().collect()
            }
            Event::Removed(txid, _) => self.leave(txid).into_iter().collect(),
            Event::BlockConnected(block, txids) => {
                // A block that is told again keeps its place.
                match self.blocks.iter_mut().find(|held| held.hash == block.hash) {
                    Some(held) => *held = **block,
                    None => self.blocks.push_back(**block),
                }
                if self.blocks.len() > MOST_BLOCKS {
                    self.blocks.pop_front();
                }
                self.move_all(txids, State::Confirmed)
            }
            Event::BlockDisconnected(block, txids) => {
                self.blocks.retain(|held| held.hash != block.hash);
                self.move_all(txids, State::Mempool)
            }
            Event::Status(_) => Changes::new(),
        }
    }

    /// Drops the transactions that were first seen three hours or longer before `now_ms`, oldest first, and returns them.
    pub fn expire(&mut self, now_ms: u64) -> Changes {
        let mut left = Changes::new();
        while let Some(oldest) = self.by_age.first_entry() {
            if oldest.key().first_seen_ms + WINDOW_MS > now_ms {
                break;
            }
            let (ByAge { accepted, .. }, _) = oldest.remove_entry();
            self.take(&accepted.txid);
            left.push(Change::Left(accepted));
        }
        let long_ago = |block: &Block| block.time_ms + WINDOW_MS <= now_ms;
        while self.blocks.len() > 1 && self.blocks.front().is_some_and(long_ago) {
            self.blocks.pop_front();
        }
        left
    }

    /// The transactions, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Tracked> {
        self.by_age.iter().map(|(by_age, state)| Tracked {
            accepted: by_age.accepted.clone(),
            state: *state,
        })
    }

    /// The oldest transactions to drop so that the rest fits in `bytes`.
    pub fn beyond(&self, bytes: usize) -> Vec<Txid> {
        let mut excess = self.bytes().saturating_sub(bytes);
        let mut oldest = self.by_age.keys();
        std::iter::from_fn(|| {
            let ByAge { accepted, .. } = oldest.next().filter(|_| excess > 0)?;
            excess = excess.saturating_sub(accepted.bytes() + TABLES_BYTES);
            Some(accepted.txid)
        })
        .collect()
    }

    /// About how many bytes of memory the transactions take.
    pub fn bytes(&self) -> usize {
        self.bytes + self.len() * TABLES_BYTES
    }

    /// The transaction of that id, if it is in the window.
    pub fn get(&self, txid: &Txid) -> Option<Tracked> {
        let by_age = ByAge::new(self.find(txid)?);
        let state = *self.by_age.get(&by_age)?;
        Some(Tracked {
            accepted: by_age.accepted,
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
        if too_old {
            return None;
        }
        let hash = self.key.hash(&accepted.txid);
        let is_it = |held: &ByTxid| held.accepted.txid == accepted.txid;
        let Entry::Vacant(place) = self.by_txid.entry(hash, is_it, |held| held.hash) else {
            return None;
        };
        place.insert(ByTxid {
            hash,
            accepted: accepted.clone(),
        });
        self.by_age.insert(ByAge::new(accepted), state);
        self.bytes += accepted.bytes();
        Some(Change::Entered(accepted.clone(), state))
    }

    fn leave(&mut self, txid: &Txid) -> Option<Change> {
        let by_age = ByAge::new(&self.take(txid)?);
        self.by_age.remove(&by_age);
        Some(Change::Left(by_age.accepted))
    }

    /// Takes a transaction out of the table of txids; the order of age still has it.
    fn take(&mut self, txid: &Txid) -> Option<Arc<Accepted>> {
        let is_it = |held: &ByTxid| held.accepted.txid == *txid;
        let found = self.by_txid.find_entry(self.key.hash(txid), is_it).ok()?;
        let (ByTxid { accepted, .. }, _) = found.remove();
        self.bytes -= accepted.bytes();
        Some(accepted)
    }

    fn find(&self, txid: &Txid) -> Option<&Arc<Accepted>> {
        let is_it = |held: &ByTxid| held.accepted.txid == *txid;
        let found = self.by_txid.find(self.key.hash(txid), is_it)?;
        Some(&found.accepted)
    }

    fn move_all(&mut self, txids: &[Txid], state: State) -> Changes {
        let mut moved = Changes::new();
        for txid in txids {
            let found = self.find(txid).map(ByAge::new);
            if let Some(by_age) = found
                && let Some(held) = self.by_age.get_mut(&by_age)
                && *held != state
            {
                *held = state;
                moved.push(Change::Moved(*txid, state));
            }
        }
        moved
    }
}

impl ByAge {
    fn new(accepted: &Arc<Accepted>) -> ByAge {
        ByAge {
            first_seen_ms: accepted.first_seen_ms,
            accepted: accepted.clone(),
        }
    }
}

impl Ord for ByAge {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_txid = || self.accepted.txid.cmp(&other.accepted.txid);
        let by_stamp = self.first_seen_ms.cmp(&other.first_seen_ms);
        by_stamp.then_with(by_txid)
    }
}

impl PartialOrd for ByAge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByAge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByAge {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::{RemovalReason, Values};

    const NOW: u64 = 1_700_000_000_000;

    fn accepted(number: u8, first_seen_ms: u64) -> Arc<Accepted> {
        Arc::new(Accepted {
            txid: [number; 32],
            first_seen_ms,
            values_sats: Values::from_slice(&[u64::from(number)]),
            input_count: 1,
            met_in_block: false,
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
        let changes = window.apply(
            &Event::BlockConnected(Box::new(block(9)), vec![[1; 32]]),
            NOW,
        );
        assert_eq!(*changes, [Change::Moved([1; 32], State::Confirmed)]);
        let removed = Event::Removed([2; 32], RemovalReason::Replaced);
        assert_eq!(
            *window.apply(&removed, NOW),
            [Change::Left(accepted(2, NOW))]
        );
        assert!(window.apply(&removed, NOW).is_empty());
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn a_reorg_puts_back_with_the_old_stamp() {
        let mut window = Window::default();
        window.apply(&Event::Accepted(accepted(1, NOW), State::Mempool), NOW);
        let txids = vec![[1; 32]];
        window.apply(
            &Event::BlockConnected(Box::new(block(9)), txids.clone()),
            NOW + 5,
        );
        window.apply(
            &Event::BlockDisconnected(Box::new(block(9)), txids),
            NOW + 6,
        );
        assert_eq!(window.get(&[1; 32]).unwrap().state, State::Mempool);
        assert_eq!(window.get(&[1; 32]).unwrap().accepted.first_seen_ms, NOW);
        assert_eq!(window.blocks().count(), 0);
    }

    #[test]
    fn of_a_window_that_is_too_large_the_oldest_are_named() {
        let mut window = Window::default();
        for number in [3, 1, 2] {
            let first_seen_ms = NOW + u64::from(number);
            let accepted = accepted(number, first_seen_ms);
            window.apply(&Event::Accepted(accepted, State::Mempool), NOW + 9);
        }
        let each = window.bytes() / 3;
        assert_eq!(window.beyond(3 * each), Vec::<Txid>::new());
        assert_eq!(window.beyond(3 * each - 1), [[1; 32]]);
        assert_eq!(window.beyond(2 * each - 1), [[1; 32], [2; 32]]);
        assert_eq!(window.beyond(0).len(), 3);
        let removed = Event::Removed([1; 32], RemovalReason::WindowFull);
        window.apply(&removed, NOW + 9);
        assert_eq!(window.bytes(), 2 * each);
        window.expire(NOW + 3 + WINDOW_MS);
        assert_eq!(window.bytes(), 0);
    }

    #[test]
    fn three_hours_after_its_stamp_a_transaction_leaves() {
        let mut window = Window::default();
        window.apply(&Event::Accepted(accepted(1, NOW), State::Mempool), NOW);
        window.apply(
            &Event::Accepted(accepted(2, NOW + 1), State::Mempool),
            NOW + 1,
        );
        assert!(window.expire(NOW + WINDOW_MS - 1).is_empty());
        assert_eq!(
            *window.expire(NOW + WINDOW_MS),
            [Change::Left(accepted(1, NOW))]
        );
        let late = Event::Accepted(accepted(3, NOW), State::Mempool);
        assert!(window.apply(&late, NOW + WINDOW_MS).is_empty());
        assert_eq!(window.iter().count(), 1);
    }
}

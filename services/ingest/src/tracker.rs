//! What is believed of the node's mempool and best chain: a pure state machine fed with what the node sends.
//!
//! Core publishes a transaction when it enters the mempool, again with its block, and again when that block is
//! disconnected; only the `sequence` topic tells which of these it was. So a transaction is counted when its txid
//! is new, and *where* it is follows from `sequence` alone.

mod chain;
mod reconcile;
mod records;
mod removal;
mod restore;
mod run;
mod seen;
mod table;

use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc};

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use rustc_hash::FxHashSet;
use satscope_bitcoin::frame::SequenceEvent;
use satscope_filter::{Filter, Judged, RawError, RawTransaction, Rejection};
use satscope_log::{Accepted, Event, RemovalReason, State, WINDOW_MS};

use crate::journal::Record;
use chain::{ChainBlock, bip34_height};
pub use reconcile::{FetchedBlock, is_in_window};
use records::Records;
use removal::{Cause, Departure};
use run::{Run, RunEntry};
pub use seen::{Place, Spends};
use seen::{Seen, Verdict, outpoints};
use table::Table;

/// A transaction of a disconnected block that nothing has settled for so long is gone.
const PENDING_MS: u64 = 2000;

/// How often what is long over is looked for.
const SWEEP_EVERY_MS: u64 = 60_000;

/// What a `sequence` message led to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the log must hold, in order.
    pub events: Vec<Event>,
    /// A connected block whose transactions are not known from the frames: ask the node.
    pub unknown_block: Option<BlockHash>,
}

/// What became of a transaction when it was first seen, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSight {
    /// It passed the filter.
    Accepted,
    /// It did not, and why.
    Filtered(Rejection),
    /// It was in the mempool before the window began; not looked into.
    BeforeWindow,
    /// An earlier process left it out.
    Restored,
}

/// The state.
#[derive(Debug)]
pub struct Tracker {
    filter: Filter,
    /// Whether `rawtx` and `sequence` come in one order, so that a run of `rawtx` is a block's.
    ordered: bool,
    seen: Table,
    mempool: usize,
    /// The least and the most of these since they were last watched.
    counted: RangeInclusive<usize>,
    pending: usize,
    /// What `rawtx` brought since the last `sequence` message.
    run: Run,
    departures: Vec<Departure>,
    chain: VecDeque<ChainBlock>,
    /// When to look next for what is long over, Unix milliseconds.
    next_sweep_ms: u64,
    first_sights: Vec<FirstSight>,
    /// What the journal does not hold yet, if there is one.
    records: Records,
    /// The transactions that moved while they are being watched.
    moved: Option<FxHashSet<Txid>>,
}

impl Tracker {
    /// Knows nothing yet. `ordered` says whether `rawtx` and `sequence` share an endpoint.
    pub fn new(filter: Filter, ordered: bool) -> Tracker {
        Tracker {
            filter,
            ordered,
            seen: Table::default(),
            mempool: 0,
            counted: 0..=0,
            pending: 0,
            run: Run::default(),
            departures: Vec::new(),
            chain: VecDeque::new(),
            next_sweep_ms: 0,
            first_sights: Vec::new(),
            records: Records::default(),
            moved: None,
        }
    }

    /// Takes the body of a `rawtx` message that arrived at `now_ms`: what the log must hold of it.
    ///
    /// # Errors
    /// When the bytes are not one whole transaction.
    pub fn transaction(&mut self, body: &[u8], now_ms: u64) -> Result<Option<Event>, RawError> {
        let transaction = RawTransaction::read(body)?;
        let txid = transaction.txid();
        let coinbase = transaction.is_coinbase().then(|| {
            let (_, script) = transaction.inputs().next()?;
            bip34_height(script)
        });
        let event = match coinbase {
            Some(_) => None,
            None => self.sight(txid, &transaction, now_ms, now_ms),
        };
        if self.ordered {
            self.run.push(RunEntry { txid, coinbase });
            // What leaves is said to leave before what it leaves for is sent.
            if !self.departures.is_empty() {
                self.run.spend(outpoints(&transaction));
            }
        }
        Ok(event)
    }

    /// Takes a `sequence` message that arrived at `now_ms`.
    pub fn sequence(&mut self, event: SequenceEvent, now_ms: u64) -> Outcome {
        let mut run = std::mem::take(&mut self.run);
        let mut outcome = Outcome::default();
        match event {
            SequenceEvent::Added(txid, _) => {
                self.settle_departures(Cause::Entered(&run), now_ms, &mut outcome.events);
                self.enter_mempool(txid, now_ms, &mut outcome.events);
            }
            SequenceEvent::Removed(txid, _) => self.depart(txid, now_ms),
            SequenceEvent::BlockConnected(hash) => self.connected(hash, &run, now_ms, &mut outcome),
            SequenceEvent::BlockDisconnected(hash) => {
                self.settle_departures(Cause::Nothing, now_ms, &mut outcome.events);
                self.disconnect(hash, now_ms, &mut outcome.events);
                self.hold_announced(&run, now_ms, &mut outcome.events);
            }
        }
        run.clear();
        self.run = run;
        outcome
    }

    /// Takes a connected block as the node gave it on request.
    pub fn fetched_block(&mut self, block: FetchedBlock, now_ms: u64) -> Vec<Event> {
        let mut events = Vec::new();
        if self.place_in_chain(&block.hash).is_none() {
            self.take_block(block, now_ms, &mut events);
        }
        events
    }

    /// Lets go of what was accepted of these, for which there is no room.
    pub fn let_go(&mut self, txids: &[satscope_log::Txid]) -> Vec<Event> {
        let mut events = Vec::new();
        for txid in txids {
            let id = Txid::from_byte_array(*txid);
            if let Some(seen) = self.seen.get_mut(&id) {
                seen.let_go();
                self.records.push(|| seen.record(&id));
            }
            events.push(Event::Removed(*txid, RemovalReason::WindowFull));
        }
        events
    }

    /// Lets time pass: what nothing settled is settled, what is long over is forgotten.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Event> {
        let mut events = Vec::new();
        self.settle_old_departures(now_ms, &mut events);
        self.settle_pending(now_ms, &mut events);
        self.forget(now_ms);
        events
    }

    /// Every txid believed to be in the mempool, unordered.
    pub fn mempool(&self) -> impl Iterator<Item = Txid> {
        self.seen
            .iter()
            .filter(|(_, seen)| seen.place == Place::Mempool)
            .map(|(txid, _)| *txid)
    }

    /// Whether it is one of them.
    pub fn is_in_mempool(&self, txid: &Txid) -> bool {
        let seen = self.seen.get(txid);
        seen.is_some_and(|seen| seen.place == Place::Mempool)
    }

    /// How many there are.
    pub fn mempool_len(&self) -> usize {
        self.mempool
    }

    /// Begins to note how many there are in between.
    pub fn watch_count(&mut self) {
        self.counted = self.mempool..=self.mempool;
    }

    /// The least and the most that there were since [`Tracker::watch_count`].
    pub fn counted(&self) -> &RangeInclusive<usize> {
        &self.counted
    }

    /// What became of the transactions first seen since the last call.
    pub fn take_first_sights(&mut self) -> impl Iterator<Item = FirstSight> {
        self.first_sights.drain(..)
    }

    /// From now on, changes are noted for a journal.
    pub fn begin_journal(&mut self) {
        self.records.are_kept = true;
    }

    /// What the journal must hold, since [`Tracker::written`].
    pub fn changes(&self) -> &[Record] {
        &self.records.kept
    }

    /// The journal holds all changes.
    pub fn written(&mut self) {
        self.records.kept.clear();
    }

    /// Begins to note which transactions come and go.
    pub fn watch_moves(&mut self) {
        self.moved = Some(FxHashSet::default());
    }

    /// Those that did since [`Tracker::watch_moves`]; noting ends.
    pub fn moved(&mut self) -> FxHashSet<Txid> {
        self.moved.take().unwrap_or_default()
    }

    /// Counts and judges a transaction if its txid is new, or was known without its content.
    fn sight(
        &mut self,
        txid: Txid,
        transaction: &impl Judged,
        first_seen_ms: u64,
        now_ms: u64,
    ) -> Option<Event> {
        let sought = self.seen.seek(&txid);
        let known = self.seen.found(&sought);
        if known.is_some_and(|seen| seen.verdict() != Verdict::Unknown) {
            return None;
        }
        let first_seen_ms = known.map_or(first_seen_ms, Seen::first_seen_ms);
        let place = known.map_or(Place::Announced, |seen| seen.place);
        let mut seen = Seen::new(first_seen_ms, place, known.map_or(now_ms, Seen::since_ms));
        let recently_seen = |parent: &Txid| {
            self.seen.get(parent).is_some_and(|seen| {
                seen.first_seen_ms() <= first_seen_ms
                    && first_seen_ms < seen.first_seen_ms() + WINDOW_MS
            })
        };
        let first_sight = match self.filter.judge(transaction, recently_seen) {
            Ok(values) => {
                let accepted = Accepted {
                    txid: txid.to_byte_array(),
                    first_seen_ms,
                    values_sats: values,
                    input_count: transaction.input_count() as u32,
                    met_in_block: false,
                };
                seen.accept(Arc::new(accepted), outpoints(transaction).collect());
                FirstSight::Accepted
            }
            Err(reason) => {
                seen.leave_out();
                FirstSight::Filtered(reason)
            }
        };
        self.first_sights.push(first_sight);
        let state = match place {
            Place::Gone => None,
            Place::Block => Some(State::Confirmed),
            Place::Announced | Place::Mempool | Place::Pending => Some(State::Mempool),
        };
        let event = seen
            .accepted()
            .zip(state)
            .map(|(accepted, state)| Event::Accepted(accepted.clone(), state));
        self.records.push(|| seen.record(&txid));
        self.seen.put(sought, txid, seen);
        event
    }

    /// Moves a transaction; an accepted one that had left comes back with its old stamp.
    fn put(&mut self, txid: Txid, place: Place, now_ms: u64, events: &mut Vec<Event>) {
        let seen = self
            .seen
            .get_or_insert_with(txid, || Seen::without_content(now_ms));
        let before = seen.move_to(place, now_ms);
        if let Some(moved) = &mut self.moved {
            moved.insert(txid);
        }
        if before == place {
            return;
        }
        self.records.push(|| Record::Moved(txid, place, now_ms));
        if before == Place::Gone {
            events.extend(
                seen.accepted()
                    .map(|accepted| Event::Accepted(accepted.clone(), State::Mempool)),
            );
        }
        self.mempool += usize::from(place == Place::Mempool);
        self.mempool -= usize::from(before == Place::Mempool);
        let (least, most) = self.counted.clone().into_inner();
        self.counted = least.min(self.mempool)..=most.max(self.mempool);
        self.pending += usize::from(place == Place::Pending);
        self.pending -= usize::from(before == Place::Pending);
    }

    fn enter_mempool(&mut self, txid: Txid, now_ms: u64, events: &mut Vec<Event>) {
        self.put(txid, Place::Mempool, now_ms, events);
    }

    /// What was met first with a block that left, one that was never known here, waits to be settled as the others do.
    fn hold_announced(&mut self, run: &Run, now_ms: u64, events: &mut Vec<Event>) {
        for RunEntry { txid, .. } in run.entries() {
            let seen = self.seen.get(txid);
            if seen.is_some_and(|seen| seen.place == Place::Announced) {
                self.put(*txid, Place::Pending, now_ms, events);
            }
        }
    }

    /// After a re-org an addition or a block settles each pending transaction; what neither settled has left
    /// without a frame: something in the new branch conflicts with it.
    fn settle_pending(&mut self, now_ms: u64, events: &mut Vec<Event>) {
        if self.pending == 0 {
            return;
        }
        let unsettled: Vec<Txid> = self
            .seen
            .iter()
            .filter(|(_, seen)| {
                seen.place == Place::Pending && seen.since_ms() + PENDING_MS <= now_ms
            })
            .map(|(txid, _)| *txid)
            .collect();
        for txid in unsettled {
            self.remove(txid, RemovalReason::Conflicted, now_ms, events);
        }
    }

    fn remove(&mut self, txid: Txid, reason: RemovalReason, now_ms: u64, events: &mut Vec<Event>) {
        self.put(txid, Place::Gone, now_ms, events);
        events.extend(self.removal_of(&txid, reason));
    }

    fn removal_of(&self, txid: &Txid, reason: RemovalReason) -> Option<Event> {
        let accepted = self.seen.get(txid)?.accepted()?;
        Some(Event::Removed(accepted.txid, reason))
    }

    /// Three hours after a transaction left or was mined, no re-org within the window brings it back; three hours after
    /// its stamp, its content is of no use.
    fn forget(&mut self, now_ms: u64) {
        if now_ms < self.next_sweep_ms {
            return;
        }
        self.next_sweep_ms = now_ms + SWEEP_EVERY_MS;
        self.seen.retain(|seen| {
            if seen.accepted().is_some() && seen.first_seen_ms() + WINDOW_MS <= now_ms {
                seen.let_go();
            }
            matches!(seen.place, Place::Mempool | Place::Pending)
                || seen.since_ms() + WINDOW_MS > now_ms
        });
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

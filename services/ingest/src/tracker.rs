//! The picture of the node's mempool and best chain: a pure state machine that takes the node's messages.
//!
//! Core publishes a transaction when it enters the mempool, again with its block, and again when that block is disconnected;
//! only the `sequence` topic tells which of these it was. So a transaction is counted when its txid is new, *where* it is
//! follows from `sequence` alone, and it is published once its stamp is known too ([`crate::stamp`]). All that follows from a
//! message is put into the [`Outbox`].

mod census;
mod chain;
mod dating;
mod departures;
mod entry;
mod leaving;
mod outbox;
mod pending;
mod reconcile;
mod record;
mod restore;
mod run;
mod sweep;
mod table;
mod transaction;

use std::collections::VecDeque;

use bitcoin::{Txid, hashes::Hash as _};
use satscope_bitcoin::frame::SequenceEvent;
use satscope_filter::{Filter, Judged, RawError, RawTransaction};
use satscope_log::{Accepted, Event, RemovalReason, State, WINDOW_MS};

use crate::stamp::{Gate, Stamp};
use census::Census;
use chain::{ChainBlock, bip34_height};
use dating::Undated;
use departures::Departures;
use entry::Opened;
pub use outbox::{FirstSight, Outbox, Wanted};
use pending::Reorg;
pub use reconcile::{FetchedBlock, is_in_window};
#[cfg(test)]
pub use record::Content;
pub use record::Record;
use run::{Run, RunEntry};
use table::Table;
pub use transaction::Place;
use transaction::{Seen, Told, Verdict, outpoints};

/// The tracker: the picture of the node, and the decisions that have not been taken out yet.
#[derive(Debug)]
pub struct Tracker {
    filter: Filter,
    /// Whether `rawtx` and `sequence` come in one order, so that a run of `rawtx` is a block's.
    ordered: bool,
    seen: Table,
    census: Census,
    run: Run,
    departures: Departures,
    reorg: Option<Reorg>,
    chain: VecDeque<ChainBlock>,
    /// Transactions whose stamp is undecided, in the order in which they entered.
    opened: VecDeque<Opened>,
    /// Blocks whose header has not come yet, oldest first.
    undated: VecDeque<Undated>,
    /// A transaction that was stamped by its receipt not long ago.
    live: Option<Txid>,
    /// When the next sweep is due, Unix milliseconds.
    next_sweep_ms: u64,
    /// Whether changes are noted for a journal.
    is_journaled: bool,
    out: Outbox,
}

impl Tracker {
    /// A tracker that knows nothing yet. `ordered` says whether `rawtx` and `sequence` share an endpoint.
    pub fn new(filter: Filter, ordered: bool) -> Tracker {
        Tracker {
            filter,
            ordered,
            seen: Table::default(),
            census: Census::default(),
            run: Run::default(),
            departures: Departures::default(),
            reorg: None,
            chain: VecDeque::new(),
            opened: VecDeque::new(),
            undated: VecDeque::new(),
            live: None,
            next_sweep_ms: 0,
            is_journaled: false,
            out: Outbox::default(),
        }
    }

    /// Sets whether `rawtx` and `sequence` share an endpoint from now on.
    pub fn set_ordered(&mut self, ordered: bool) {
        if self.ordered != ordered {
            self.drop_run();
            self.ordered = ordered;
        }
    }

    /// Takes the body of a `rawtx` message that was received at `received_ms`.
    ///
    /// # Errors
    /// When the bytes are not one whole transaction.
    pub fn transaction(&mut self, body: &[u8], received_ms: u64) -> Result<(), RawError> {
        let transaction = RawTransaction::read(body)?;
        let txid = transaction.txid();
        let coinbase = transaction.is_coinbase().then(|| {
            let (_, script) = transaction.inputs().next()?;
            bip34_height(script)
        });
        let is_new = match coinbase {
            Some(_) => {
                // A block's run begins with its coinbase: transactions before it belong to no block.
                self.drop_run();
                false
            }
            None => self.sight(txid, &transaction, received_ms, received_ms),
        };
        if self.run.is_full() {
            self.drop_run();
        }
        if self.ordered {
            self.run.push(RunEntry { txid, coinbase });
            // A departure's `R` comes before the transaction or block that it makes room for.
            if !self.departures.is_empty() {
                self.run.spend(outpoints(&transaction));
            }
        } else if is_new {
            self.run.push(RunEntry { txid, coinbase });
        }
        Ok(())
    }

    /// Takes a `sequence` message that was received at `received_ms`; `gate` is the state of the link.
    pub fn sequence(&mut self, event: SequenceEvent, received_ms: u64, gate: &mut Gate) {
        let mut run = match self.ordered {
            true => std::mem::take(&mut self.run),
            false => Run::default(),
        };
        match event {
            SequenceEvent::Added(txid, number) => {
                self.replaced_by(&txid, &run, received_ms);
                self.enter(txid, number, received_ms, gate);
                if self.ordered && !run.is_only(&txid) {
                    self.forget_announced(&run);
                }
            }
            SequenceEvent::Removed(txid, _) => self.depart(txid, received_ms),
            SequenceEvent::BlockConnected(hash) => self.connected(hash, &run, received_ms, gate),
            SequenceEvent::BlockDisconnected(hash) => {
                self.disconnected(hash, &run, received_ms, gate);
            }
        }
        if self.ordered {
            run.clear();
            self.run = run;
        }
    }

    /// Takes all that was decided since the last call; `empty` takes its place.
    pub fn take_outbox(&mut self, empty: Outbox) -> Outbox {
        std::mem::replace(&mut self.out, empty)
    }

    /// Drops the accepted content of these transactions to free memory; their txids stay known.
    pub fn let_go(&mut self, txids: &[satscope_log::Txid], now_ms: u64) {
        for txid in txids {
            let id = Txid::from_byte_array(*txid);
            if let Some(seen) = self.seen.get_mut(&id) {
                seen.let_go();
                note(&mut self.out, self.is_journaled, || seen.record(&id));
            }
            let removed = Event::Removed(*txid, RemovalReason::WindowFull);
            self.out.events.push((now_ms, removed));
        }
    }

    /// Lets time pass: decides stamps, settles departures and re-orgs whose time is over, and sweeps. Returns the transactions
    /// whose entry times decide their stamps.
    ///
    /// Events that are decided here get times before the tick, so that the update at the tick has them.
    pub fn tick(&mut self, now_ms: u64, gate: &mut Gate) -> Vec<Txid> {
        gate.tick(now_ms);
        let decided_from = self.out.events.len();
        let asked = self.decide(now_ms, gate);
        self.settle_old_departures(now_ms);
        self.settle_pending(now_ms);
        let is_alone = matches!(gate, Gate::Alone(_));
        self.expire_undated(now_ms, is_alone);
        self.sweep(now_ms, is_alone);
        for (time_ms, _) in self.out.events.iter_mut().skip(decided_from) {
            *time_ms = (*time_ms).min(now_ms.saturating_sub(1));
        }
        asked
    }

    /// Every txid believed to be in the mempool, unordered.
    pub fn mempool(&self) -> impl Iterator<Item = Txid> {
        self.seen
            .iter()
            .filter(|(_, seen)| seen.place == Place::Mempool)
            .map(|(txid, _)| *txid)
    }

    /// Whether a transaction is believed to be in the mempool.
    pub fn is_in_mempool(&self, txid: &Txid) -> bool {
        let seen = self.seen.get(txid);
        seen.is_some_and(|seen| seen.place == Place::Mempool)
    }

    /// The number of transactions believed to be in the mempool.
    pub fn mempool_len(&self) -> usize {
        self.census.mempool()
    }

    /// Begins to note the least and the greatest count of the mempool.
    pub fn watch_count(&mut self) {
        self.census.watch_count();
    }

    /// Whether the mempool has had this many transactions since [`Tracker::watch_count`].
    pub fn has_counted(&self, count: usize) -> bool {
        self.census.counted().contains(&count)
    }

    /// Begins to note which transactions come and go.
    pub fn watch_moves(&mut self) {
        self.census.watch_moves();
    }

    /// The transactions that came or went since [`Tracker::watch_moves`]; noting ends.
    pub fn moved(&mut self) -> std::collections::HashSet<Txid> {
        self.census.moved()
    }

    /// Puts the heartbeat of `now_ms` into the outbox, after all that was decided before it.
    pub fn status(&mut self, now_ms: u64, status: std::sync::Arc<satscope_log::NodeStatus>) {
        self.out.events.push((now_ms, Event::Status(status)));
    }

    /// From now on, notes changes for a journal.
    pub fn begin_journal(&mut self) {
        self.is_journaled = true;
    }

    /// Judges a transaction if its content was not known. Returns whether its txid was new.
    fn sight(
        &mut self,
        txid: Txid,
        transaction: &impl Judged,
        received_ms: u64,
        now_ms: u64,
    ) -> bool {
        let sought = self.seen.seek(&txid);
        let known = self.seen.found(&sought);
        if known.is_some_and(|seen| !seen.is_unknown()) {
            return false;
        }
        let is_new = known.is_none();
        let before = known.map_or(Told::default(), Seen::told);
        let is_in_block = known.is_some_and(|seen| seen.place == Place::Block);
        let is_block_in_log = is_in_block && self.is_block_in_log(&txid);
        let mut seen = known.map_or_else(|| Seen::received(received_ms), Seen::without_content);
        let first_seen_ms = seen.first_seen_ms();
        let recently_seen = |parent: &Txid| {
            self.seen.get(parent).is_some_and(|seen| {
                seen.first_seen_ms() <= first_seen_ms
                    && first_seen_ms < seen.first_seen_ms() + WINDOW_MS
            })
        };
        match self.filter.judge(transaction, recently_seen) {
            Ok(values) => {
                let accepted = Accepted {
                    txid: txid.to_byte_array(),
                    first_seen_ms,
                    values_sats: values,
                    input_count: transaction.input_count() as u32,
                    met_in_block: false,
                };
                seen.accept(accepted.into(), outpoints(transaction).collect());
            }
            Err(reason) => seen.leave_out(Some(reason)),
        }
        let seen = self.seen.put(sought, txid, seen);
        if seen.place != Place::Announced {
            note(&mut self.out, self.is_journaled, || seen.record(&txid));
            tell(&mut self.out, before, seen, is_block_in_log, now_ms);
        }
        is_new
    }

    /// Moves a transaction. An accepted one that had left comes back with its old stamp.
    fn put(&mut self, txid: Txid, place: Place, now_ms: u64) {
        let seen = self
            .seen
            .get_or_insert_with(txid, || Seen::received(now_ms));
        let told = seen.told();
        let before = seen.move_to(place, now_ms);
        self.census.moves(&txid, before, place);
        if before == place {
            return;
        }
        if before == Place::Gone && self.departures.take(&txid) {
            tell_removal(&mut self.out, seen, RemovalReason::Unknown, now_ms);
        }
        // A transaction that was met in a block only is noted once it has its stamp; after a restart without it, the block is
        // read again.
        if (before, place, seen.stamp()) != (Place::Announced, Place::Block, Stamp::Open) {
            note(&mut self.out, self.is_journaled, || match before {
                Place::Announced => seen.record(&txid),
                _ => Record::Moved(txid, place, now_ms),
            });
        }
        tell(&mut self.out, told, seen, false, now_ms);
    }

    fn remove(&mut self, txid: Txid, reason: RemovalReason, now_ms: u64) {
        self.put(txid, Place::Gone, now_ms);
        self.removal(&txid, reason, now_ms);
    }

    /// Publishes the reason why a transaction has left; the transaction has already got its place `Gone`.
    fn removal(&mut self, txid: &Txid, reason: RemovalReason, now_ms: u64) {
        let Some(seen) = self.seen.get(txid) else {
            return;
        };
        tell_removal(&mut self.out, seen, reason, now_ms);
    }
}

/// Notes a change for the journal.
fn note(out: &mut Outbox, is_journaled: bool, record: impl FnOnce() -> Record) {
    if is_journaled {
        out.records.push(record());
    }
}

/// Counts and publishes a transaction if that was not done by `before` and is due now. The log gets it as confirmed if it was
/// met in a block, or if its block is in the log; else the block's own event moves it there.
fn tell(out: &mut Outbox, before: Told, seen: &Seen, is_block_in_log: bool, now_ms: u64) {
    let after = seen.told();
    if after.counted && !before.counted {
        out.sights.push(match seen.verdict() {
            Verdict::Filtered(reason) => FirstSight::Filtered(reason),
            Verdict::Unread => FirstSight::BeforeWindow,
            Verdict::Unknown | Verdict::Accepted | Verdict::Past => FirstSight::Accepted,
        });
    }
    if after.published
        && !before.published
        && let Some(accepted) = seen.accepted()
    {
        let is_in_block = seen.place == Place::Block && (accepted.met_in_block || is_block_in_log);
        let state = match is_in_block {
            true => State::Confirmed,
            false => State::Mempool,
        };
        out.events
            .push((now_ms, Event::Accepted(accepted.clone(), state)));
    }
}

/// Publishes why a transaction has left, or counts it if the log does not have it.
fn tell_removal(out: &mut Outbox, seen: &Seen, reason: RemovalReason, now_ms: u64) {
    match (seen.accepted(), seen.stamp()) {
        (None, _) => {}
        (Some(_), Stamp::Open) => out.unpublished.push(reason),
        (Some(accepted), _) => {
            let removed = Event::Removed(accepted.txid, reason);
            out.events.push((now_ms, removed));
        }
    }
}

#[cfg(test)]
mod made;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

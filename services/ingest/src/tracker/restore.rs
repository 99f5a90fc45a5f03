//! Restoring the state of an earlier process from its journal.

use std::{collections::HashSet, sync::Arc};

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_log::{Accepted, Event, RemovalReason, State};

use super::{
    FirstSight, Place, Record, Tracker,
    chain::{ChainBlock, Standing},
    record::Content,
    transaction::{Seen, Verdict},
};
use crate::stamp::Shift;

/// The clock may be this far behind the journal's last record, milliseconds, because its reading may be a moment old.
const CLOCK_TOLERANCE_MS: u64 = 2000;

impl Tracker {
    /// Takes the next record of the journal; records come in the order in which they were written.
    pub fn restore(&mut self, record: Record) {
        match record {
            Record::Seen {
                txid,
                first_seen_ms,
                stamp,
                place,
                since_ms,
                content,
            } => {
                let mut seen = Seen::new((first_seen_ms, stamp), place, since_ms);
                restore_content(&mut seen, &txid, content);
                let sought = self.seen.seek(&txid);
                self.seen.put(sought, txid, seen);
            }
            Record::Moved(txid, place, since_ms) => {
                let seen = self
                    .seen
                    .get_or_insert_with(txid, || Seen::received(since_ms));
                seen.move_to(place, since_ms);
            }
            Record::Connected(block, txids) => {
                self.chain.retain(|known| known.block.hash != block.hash);
                self.restore_places(&txids, Place::Pending, Place::Block);
                self.chain.push_back(ChainBlock {
                    block,
                    txids,
                    standing: Standing::Told,
                    is_dated: true,
                });
            }
            Record::Disconnected(hash) => self.restore_disconnected(&hash),
        }
    }

    fn restore_disconnected(&mut self, hash: &BlockHash) {
        let Some(at) = self.place_in_chain(hash) else {
            return;
        };
        if let Some(known) = self.chain.remove(at) {
            self.restore_places(&known.txids, Place::Block, Place::Pending);
        }
    }

    fn restore_places(&mut self, txids: &[Txid], from: Place, to: Place) {
        for txid in txids {
            if let Some(seen) = self.seen.get_mut(txid)
                && seen.place == from
            {
                let since_ms = seen.since_ms();
                seen.move_to(to, since_ms);
            }
        }
    }

    /// Ends the restoring after the last record, which was written at `last_ms`: puts the window at `now_ms` into the log,
    /// oldest first, and counts everything. A receipt by a clock that was ahead of this process's clock no longer counts
    /// as a stamp.
    pub fn restored(&mut self, last_ms: u64, now_ms: u64) {
        let was_ahead = last_ms > now_ms + CLOCK_TOLERANCE_MS;
        self.census.take(self.seen.values().map(|seen| seen.place));
        if self.census.pending() > 0 {
            self.reorg_left(now_ms);
        }
        self.seen.retain(|seen| {
            seen.restored(now_ms, was_ahead);
            true
        });
        for known in &mut self.chain {
            known.block.time_ms = known.block.time_ms.min(now_ms);
        }
        self.date_restored(now_ms);
        self.open_restored();
        self.forget(now_ms);
        self.trim_chain(now_ms);
        self.count_restored();
        self.tell_window(now_ms);
    }

    /// Moves every stamp by `shift`, and puts the window at `now_ms` into a log that is begun anew.
    pub fn shift(&mut self, shift: Shift, now_ms: u64) {
        self.seen.retain(|seen| {
            seen.shift(shift, now_ms);
            true
        });
        let step_ms = shift.received_ms;
        self.departures.shift(step_ms);
        for undated in &mut self.undated {
            undated.received_ms = undated.received_ms.saturating_add_signed(step_ms);
        }
        for opened in &mut self.opened {
            opened.shift(step_ms);
        }
        for known in &mut self.chain {
            known.block.time_ms = shift.told(known.block.time_ms).min(now_ms);
        }
        self.shift_reorg(step_ms);
        self.postpone_sweep(now_ms);
        self.out.events.clear();
        self.tell_window(now_ms);
    }

    /// Gives up all blocks and transactions, because they belong to another chain.
    pub fn give_up(&mut self, now_ms: u64) {
        self.abandon(&self.known_blocks(), now_ms);
        let held: Vec<Txid> = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.place != Place::Gone)
            .map(|(txid, _)| *txid)
            .collect();
        for txid in held {
            self.remove(txid, RemovalReason::Unknown, now_ms);
        }
    }

    /// Stamps the transactions that were mined before an earlier process had stamped them, each by its block's time.
    fn date_restored(&mut self, now_ms: u64) {
        let blocks = self.chain.iter();
        let mined: Vec<(Vec<Txid>, u64)> = blocks
            .map(|known| (self.open_of(&known.txids), known.block.time_ms))
            .collect();
        for (open, time_ms) in mined {
            for txid in open {
                self.stamp_met(&txid, time_ms, false, now_ms);
            }
        }
        // The whole window is published at once, when all of it has been restored.
        self.out.clear();
    }

    fn count_restored(&mut self) {
        let sight = |seen: &Seen| match seen.verdict() {
            Verdict::Unknown => None,
            Verdict::Accepted | Verdict::Past => Some(FirstSight::Accepted),
            Verdict::Filtered(_) => Some(FirstSight::Filtered(None)),
            Verdict::Unread => Some(FirstSight::BeforeWindow),
        };
        let counted = self.seen.values().filter(|seen| seen.told().counted);
        self.out.sights.extend(counted.filter_map(sight));
    }

    fn tell_window(&mut self, now_ms: u64) {
        let in_log = self.chain.iter();
        let in_log = in_log.filter(|known| known.standing == Standing::Told);
        let mined: HashSet<&Txid> = in_log.flat_map(|known| &known.txids).collect();
        let state = |txid: &Txid| match mined.contains(txid) {
            true => State::Confirmed,
            false => State::Mempool,
        };
        let in_window = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.is_in_window(now_ms) && seen.state().is_some());
        let mut window: Vec<(&Arc<Accepted>, State)> = in_window
            .filter_map(|(txid, seen)| Some((seen.accepted()?, state(txid))))
            .collect();
        window.sort_unstable_by_key(|(accepted, _)| (accepted.first_seen_ms, accepted.txid));
        let accepted = window
            .into_iter()
            .map(|(accepted, state)| Event::Accepted(accepted.clone(), state));
        let blocks = self
            .chain
            .iter()
            .filter(|known| known.standing == Standing::Told)
            .map(|known| {
                Event::BlockConnected(Box::new(known.block), self.accepted_of(&known.txids))
            });
        let events: Vec<(u64, Event)> = accepted
            .chain(blocks)
            .map(|event| (now_ms, event))
            .collect();
        self.out.events.extend(events);
    }

    /// All that is known, as the beginning of a new journal.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let seen = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.place != Place::Announced)
            .map(|(txid, seen)| seen.record(txid));
        let blocks = self
            .chain
            .iter()
            .filter(|known| known.standing == Standing::Told && known.is_dated)
            .map(|known| Record::Connected(known.block, known.txids.clone()));
        seen.chain(blocks)
    }
}

fn restore_content(seen: &mut Seen, txid: &Txid, content: Content) {
    match content {
        Content::Unknown => {}
        Content::Filtered => seen.leave_out(None),
        Content::Unread => seen.pass_over(),
        Content::Past => seen.let_go(),
        Content::Accepted {
            values_sats,
            input_count,
            spends,
            met_in_block,
        } => {
            let accepted = Accepted {
                txid: txid.to_byte_array(),
                first_seen_ms: seen.first_seen_ms(),
                values_sats,
                input_count,
                met_in_block,
            };
            seen.accept(Arc::new(accepted), spends);
        }
    }
}

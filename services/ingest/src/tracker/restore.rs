//! Beginning where an earlier process left off, from what its journal holds.

use std::sync::Arc;

use bitcoin::{Txid, hashes::Hash as _};
use satscope_log::{Accepted, Event, RemovalReason, State, WINDOW_MS};

use super::{
    FirstSight, Tracker,
    chain::ChainBlock,
    seen::{Place, Seen, Verdict},
};
use crate::journal::{Content, Record};

impl Tracker {
    /// Takes a record of the journal, in the order in which they were written.
    pub fn restore(&mut self, record: Record) {
        match record {
            Record::Seen {
                txid,
                first_seen_ms,
                place,
                since_ms,
                content,
            } => {
                let mut seen = Seen::new(first_seen_ms, place, since_ms);
                restore_content(&mut seen, &txid, content);
                let sought = self.seen.seek(&txid);
                self.seen.put(sought, txid, seen);
            }
            Record::Moved(txid, place, since_ms) => {
                let seen = self
                    .seen
                    .get_or_insert_with(txid, || Seen::without_content(since_ms));
                seen.move_to(place, since_ms);
            }
            Record::Connected(block, txids) => {
                self.chain.retain(|known| known.block.hash != block.hash);
                self.chain.push_back(ChainBlock { block, txids });
            }
            Record::Disconnected(hash) => self
                .chain
                .retain(|known| known.block.hash != hash.to_byte_array()),
        }
    }

    /// After the last record: what the log must hold of the window at `now_ms`, oldest first; and what is counted.
    pub fn restored(&mut self, now_ms: u64) -> Vec<Event> {
        let count = |place| {
            self.seen
                .values()
                .filter(|seen| seen.place == place)
                .count()
        };
        (self.mempool, self.pending) = (count(Place::Mempool), count(Place::Pending));
        self.forget(now_ms);
        self.trim_chain(now_ms);
        self.count_restored();
        self.window_events(now_ms)
    }

    /// Gives up everything: it belongs to another chain. What the log must hold of that.
    pub fn give_up(&mut self, now_ms: u64) -> Vec<Event> {
        let mut events = self.abandon(&self.known_blocks(), now_ms);
        let held: Vec<Txid> = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.place != Place::Gone)
            .map(|(txid, _)| *txid)
            .collect();
        for txid in held {
            self.remove(txid, RemovalReason::Unknown, now_ms, &mut events);
        }
        events
    }

    fn count_restored(&mut self) {
        let sight = |seen: &Seen| match seen.verdict() {
            Verdict::Unknown => None,
            Verdict::Accepted | Verdict::Past => Some(FirstSight::Accepted),
            Verdict::Filtered => Some(FirstSight::Restored),
        };
        self.first_sights
            .extend(self.seen.values().filter_map(sight));
    }

    fn window_events(&self, now_ms: u64) -> Vec<Event> {
        let mut window: Vec<(&Arc<Accepted>, State)> = self
            .seen
            .values()
            .filter_map(|seen| {
                let state = match seen.place {
                    Place::Gone => return None,
                    Place::Block => State::Confirmed,
                    Place::Announced | Place::Mempool | Place::Pending => State::Mempool,
                };
                let accepted = seen.accepted()?;
                (accepted.first_seen_ms + WINDOW_MS > now_ms).then_some((accepted, state))
            })
            .collect();
        window.sort_unstable_by_key(|(accepted, _)| (accepted.first_seen_ms, accepted.txid));
        let accepted = window
            .into_iter()
            .map(|(accepted, state)| Event::Accepted(accepted.clone(), state));
        let blocks = self.chain.iter().map(|known| {
            Event::BlockConnected(Box::new(known.block), self.accepted_of(&known.txids))
        });
        accepted.chain(blocks).collect()
    }

    /// All that is known, as the beginning of a new journal.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let seen = self.seen.iter().map(|(txid, seen)| seen.record(txid));
        let blocks = self
            .chain
            .iter()
            .map(|known| Record::Connected(known.block, known.txids.clone()));
        seen.chain(blocks)
    }
}

fn restore_content(seen: &mut Seen, txid: &Txid, content: Content) {
    match content {
        Content::Unknown => {}
        Content::Filtered => seen.leave_out(),
        Content::Past => seen.let_go(),
        Content::Accepted {
            values_sats,
            input_count,
            spends,
        } => {
            let accepted = Accepted {
                txid: txid.to_byte_array(),
                first_seen_ms: seen.first_seen_ms(),
                values_sats,
                input_count,
                met_in_block: false,
            };
            seen.accept(Arc::new(accepted), spends);
        }
    }
}

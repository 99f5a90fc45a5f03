//! Blocks leaving the best chain, and the new places of their transactions.

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_log::Event;

use super::{
    Place, Record, Tracker, Wanted,
    chain::{ChainBlock, Standing},
    dating::Undated,
    note,
    run::Run,
};
use crate::stamp::{Blocks, Gate};

impl Tracker {
    /// Takes a `D`.
    pub(super) fn disconnected(&mut self, hash: BlockHash, run: &Run, now_ms: u64, gate: &Gate) {
        self.settle_departures(now_ms);
        self.reorg_left(now_ms);
        let known = self.disconnect(hash, now_ms);
        if gate.blocks() == Blocks::Drop {
            self.forget_announced(run);
            return;
        }
        if known.is_none() && run.block_height().is_none() {
            self.await_left(hash, None, now_ms);
            self.out.wanted.push(Wanted::Block(hash));
            return;
        }
        let txids: Vec<Txid> = run.entries().iter().map(|entry| entry.txid).collect();
        let met = self.announced(&txids);
        if met.is_empty() {
            return;
        }
        for txid in &met {
            self.put(*txid, Place::Pending, now_ms);
        }
        self.await_left(hash, Some(met), now_ms);
        match (gate.blocks(), known) {
            (Blocks::AtReceipt, _) => self.dated(hash, now_ms, None, now_ms),
            (
                _,
                Some(ChainBlock {
                    block,
                    is_dated: true,
                    ..
                }),
            ) => {
                self.dated(hash, block.time_ms, block.height, now_ms);
            }
            _ => self.out.wanted.push(Wanted::Header(hash)),
        }
    }

    /// Takes a block out of the chain; its transactions are pending. `None` if its transactions are not known.
    pub(super) fn disconnect(&mut self, hash: BlockHash, now_ms: u64) -> Option<ChainBlock> {
        let at = self.place_in_chain(&hash)?;
        let known = self.chain.remove(at)?;
        let undated = self.take_undated(&hash);
        let is_unread = |undated: &Undated| undated.met.is_none();
        if undated.as_ref().is_some_and(is_unread) {
            return None;
        }
        let forgotten = self.forgotten_of(&known.txids);
        // Transactions without a stamp get the block's time below, because the re-org sets their entry times anew.
        let asked = self.asked_of(&known.txids);
        for txid in &known.txids {
            self.put(*txid, Place::Pending, now_ms);
        }
        if known.is_dated {
            for (txids, met_in_block) in [(&forgotten, true), (&asked, false)] {
                for txid in txids {
                    self.stamp_met(txid, known.block.time_ms, met_in_block, now_ms);
                }
            }
        }
        if matches!(known.standing, Standing::Told | Standing::Doubted) {
            note(&mut self.out, self.is_journaled, || {
                Record::Disconnected(hash)
            });
            let left =
                Event::BlockDisconnected(Box::new(known.block), self.accepted_of(&known.txids));
            self.out.events.push((now_ms, left));
        } else {
            self.take_back(&known, now_ms);
            let met = undated.and_then(|undated| undated.met);
            let met = met.into_iter().flatten().chain(asked).collect();
            self.await_left(hash, Some(met), now_ms);
            self.out.wanted.push(Wanted::Header(hash));
        }
        Some(known)
    }

    /// Withdraws a block that will not be published, so that its transactions are in no block of the log or the
    /// journal.
    pub(super) fn take_back(&mut self, known: &ChainBlock, now_ms: u64) {
        let accepted = self.accepted_of(&known.txids);
        if !accepted.is_empty() {
            let hash = BlockHash::from_byte_array(known.block.hash);
            note(&mut self.out, self.is_journaled, || {
                Record::Disconnected(hash)
            });
            let left = Event::BlockDisconnected(Box::new(known.block), accepted);
            self.out.events.push((now_ms, left));
        }
    }

    /// The transactions of `txids` that are not known, or of which only the `rawtx` has come.
    fn forgotten_of(&self, txids: &[Txid]) -> Vec<Txid> {
        let is_forgotten = |txid: &&Txid| {
            let seen = self.seen.get(txid);
            seen.is_none_or(|seen| seen.place == Place::Announced)
        };
        txids.iter().filter(is_forgotten).copied().collect()
    }
}

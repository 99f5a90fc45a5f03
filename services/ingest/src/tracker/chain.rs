//! Blocks joining and leaving the best chain, and what that does to their transactions.

use bitcoin::{BlockHash, Script, Txid, hashes::Hash as _};
use satscope_log::{Block, Event, WINDOW_MS};

use super::{
    Outcome, Tracker,
    removal::Cause,
    run::{Run, RunEntry},
    seen::Place,
};
use crate::journal::Record;

/// Blocks kept, beyond those of the window, to be disconnected again.
const MIN_BLOCKS: usize = 16;

#[derive(Debug)]
pub(super) struct ChainBlock {
    pub block: Block,
    pub txids: Vec<Txid>,
}

impl Tracker {
    /// Messages were lost. The run since the last `sequence` message is not whole; and if there is none, the loss may
    /// have been at the end of the newest block's run: that block is then no longer taken as known, so that a resync
    /// (`can_ask`) reads it whole.
    pub fn lost_messages(&mut self, can_ask: bool) {
        if self.run.entries().is_empty() && can_ask {
            self.chain.pop_back();
        }
        self.run.clear();
    }

    /// The newest known block of the best chain.
    pub fn tip(&self) -> Option<BlockHash> {
        let newest = self.chain.back()?;
        Some(BlockHash::from_byte_array(newest.block.hash))
    }

    /// Whether a block is one of the best chain here.
    pub fn knows_block(&self, hash: &BlockHash) -> bool {
        self.place_in_chain(hash).is_some()
    }

    pub(super) fn place_in_chain(&self, hash: &BlockHash) -> Option<usize> {
        let hash = hash.as_byte_array();
        self.chain
            .iter()
            .position(|known| known.block.hash == *hash)
    }

    pub(super) fn connected(
        &mut self,
        hash: BlockHash,
        run: &Run,
        now_ms: u64,
        outcome: &mut Outcome,
    ) {
        self.settle_departures(Cause::Mined(run), now_ms, &mut outcome.events);
        if let Some(at) = self.place_in_chain(&hash) {
            self.connect_again(at, now_ms, &mut outcome.events);
            return;
        }
        match run.entries().first() {
            Some(RunEntry {
                coinbase: Some(height),
                ..
            }) => {
                let block = Block {
                    hash: hash.to_byte_array(),
                    height: *height,
                    time_ms: now_ms,
                };
                let txids = run.entries()[1..].iter().map(|entry| entry.txid).collect();
                self.connect(block, txids, now_ms, &mut outcome.events);
            }
            _ => outcome.unknown_block = Some(hash),
        }
    }

    /// A block is said to be connected that is known to be: the message is older than what a resync has brought. All that
    /// such messages moved since must be back in its place, and the blocks in their order.
    fn connect_again(&mut self, at: usize, now_ms: u64, events: &mut Vec<Event>) {
        let is_in_block = |txid: &Txid| {
            let seen = self.seen.get(txid);
            seen.is_none_or(|seen| seen.place == Place::Block)
        };
        let is_newest = at + 1 == self.chain.len();
        if is_newest && self.chain[at].txids.iter().all(is_in_block) {
            return;
        }
        if let Some(ChainBlock { block, txids }) = self.chain.remove(at) {
            self.connect(block, txids, now_ms, events);
        }
    }

    pub(super) fn connect(
        &mut self,
        block: Block,
        txids: Vec<Txid>,
        now_ms: u64,
        events: &mut Vec<Event>,
    ) {
        for txid in &txids {
            self.put(*txid, Place::Block, now_ms, events);
        }
        events.push(Event::BlockConnected(
            Box::new(block),
            self.accepted_of(&txids),
        ));
        self.records
            .push(|| Record::Connected(block, txids.clone()));
        self.chain.push_back(ChainBlock { block, txids });
        self.trim_chain(now_ms);
    }

    pub(super) fn trim_chain(&mut self, now_ms: u64) {
        let long_ago = |known: &ChainBlock| known.block.time_ms + WINDOW_MS < now_ms;
        while self.chain.len() > MIN_BLOCKS && self.chain.front().is_some_and(long_ago) {
            self.chain.pop_front();
        }
    }

    pub(super) fn disconnect(&mut self, hash: BlockHash, now_ms: u64, events: &mut Vec<Event>) {
        let Some(known) = self
            .place_in_chain(&hash)
            .and_then(|at| self.chain.remove(at))
        else {
            return;
        };
        self.records.push(|| Record::Disconnected(hash));
        for txid in &known.txids {
            self.put(*txid, Place::Pending, now_ms, events);
        }
        events.push(Event::BlockDisconnected(
            Box::new(known.block),
            self.accepted_of(&known.txids),
        ));
    }

    pub(super) fn accepted_of(&self, txids: &[Txid]) -> Vec<satscope_log::Txid> {
        txids
            .iter()
            .filter(|txid| {
                let seen = self.seen.get(txid);
                seen.is_some_and(|seen| seen.accepted().is_some())
            })
            .map(|txid| txid.to_byte_array())
            .collect()
    }
}

/// The height at the beginning of a coinbase's script.
///
/// Source: BIP 34.
pub(super) fn bip34_height(script: &Script) -> Option<u32> {
    match script.instructions().next()?.ok()? {
        bitcoin::script::Instruction::PushBytes(bytes) => {
            let height = bitcoin::script::read_scriptint(bytes.as_bytes()).ok()?;
            height.try_into().ok()
        }
        bitcoin::script::Instruction::Op(opcode) => {
            let number = opcode.to_u8().checked_sub(0x50)?;
            (1..=16).contains(&number).then_some(u32::from(number))
        }
    }
}

//! Blocks joining the best chain, and the new places of their transactions.

use bitcoin::{BlockHash, Script, Txid, hashes::Hash as _};
use satscope_log::{Block, Event, WINDOW_MS};

use super::{
    Place, Record, Tracker, Wanted,
    dating::{Change, Undated},
    note,
    outbox::FirstSight,
    run::Run,
};
use crate::stamp::{Blocks, Gate, Stamp};

/// The least number of blocks that are kept, however old, so that they can be disconnected again.
const MIN_BLOCKS: usize = 16;
/// The longest time that a block may come after its header's time, milliseconds. The limit is that of Core's
/// `MAX_FUTURE_BLOCK_TIME`, applied to header times in the past.
const LATE_MS: u64 = 2 * 60 * 60 * 1000;
/// The most blocks that are kept. Three hours hold about 18, and a node that is catching up sends hundreds in that time.
const MOST_BLOCKS: usize = 200;

#[derive(Debug)]
pub(super) struct ChainBlock {
    pub block: Block,
    pub txids: Vec<Txid>,
    pub standing: Standing,
    /// Whether its time comes from its header, and is not only its receipt.
    pub is_dated: bool,
}

/// The progress of a block of the chain. Log and journal have the blocks in the order of the chain, although the node's answers
/// come in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The block's header, or all of it, is still to come.
    Awaited,
    /// The block waits for the blocks before it.
    Known,
    /// The block is in the log, and in the journal if its time is known.
    Told,
    /// The block is in the log, and its last transactions may be missing: a reading brings it again, or takes it out.
    Doubted,
}

impl Tracker {
    /// Drops the run since the last `sequence` message, because messages were lost and it is not whole. If there is no run, the
    /// loss may have been at the end of the newest block's run. That block is then no longer taken as known, so that a resync
    /// (`can_ask`) reads it whole.
    pub fn lost_messages(&mut self, can_ask: bool, now_ms: u64) {
        if self.run.entries().is_empty() && can_ask {
            self.doubt_newest(now_ms);
        }
        self.run.clear();
    }

    fn doubt_newest(&mut self, now_ms: u64) {
        let Some(newest) = self.chain.back_mut() else {
            return;
        };
        let hash = BlockHash::from_byte_array(newest.block.hash);
        match newest.standing {
            Standing::Told => {
                newest.standing = Standing::Doubted;
                note(&mut self.out, self.is_journaled, || {
                    Record::Disconnected(hash)
                });
            }
            Standing::Doubted => {}
            Standing::Awaited | Standing::Known => {
                drop(self.take_undated(&hash));
                if let Some(newest) = self.chain.pop_back() {
                    self.take_back(&newest, now_ms);
                }
            }
        }
    }

    /// The doubted block; a reading must tell whether it is still in the chain. `None` if there is none.
    pub fn doubted_block(&self) -> Option<BlockHash> {
        let is_doubted = |known: &&ChainBlock| known.standing == Standing::Doubted;
        let doubted = self.chain.iter().find(is_doubted)?;
        Some(BlockHash::from_byte_array(doubted.block.hash))
    }

    /// Drops the run, because a connection begins or has ended, and no run goes on from one connection to the next.
    pub fn connection_began(&mut self) {
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

    /// Takes a `C`.
    pub(super) fn connected(&mut self, hash: BlockHash, run: &Run, now_ms: u64, gate: &Gate) {
        self.conflicts_with(run, now_ms);
        self.reorg_joined(now_ms);
        if matches!(gate, Gate::Alone(_)) {
            // Core publishes `rawblock` for the last block of a step only, so the headers of earlier ones will not come.
            self.give_up_undated(now_ms);
        }
        if let Some(at) = self.place_in_chain(&hash) {
            self.connect_again(at, now_ms);
            return;
        }
        match (run.block_height(), gate.blocks()) {
            (_, Blocks::Drop) => {
                self.pass_over_block(run, matches!(gate, Gate::Downloading), now_ms);
            }
            (None, _) => {
                self.await_block(hash, now_ms);
                self.out.wanted.push(Wanted::Block(hash));
            }
            (Some(height), blocks) => {
                let txids: Vec<Txid> = run.entries()[1..].iter().map(|entry| entry.txid).collect();
                self.join(hash, height, txids, now_ms);
                match blocks {
                    Blocks::AtReceipt => self.dated(hash, now_ms, height, now_ms),
                    _ => self.out.wanted.push(Wanted::Header(hash)),
                }
            }
        }
    }

    /// Holds the place of a block whose transactions are known, and whose header is not.
    fn join(&mut self, hash: BlockHash, height: Option<u32>, txids: Vec<Txid>, now_ms: u64) {
        let met = self.announced(&txids);
        for txid in &txids {
            self.put(*txid, Place::Block, now_ms);
        }
        self.hold_place(hash, height, txids, now_ms);
        self.await_date(Undated {
            hash,
            change: Change::Joined,
            met: Some(met),
            back: None,
            received_ms: now_ms,
        });
    }

    /// Holds the place of a block whose transactions are still to be read.
    fn await_block(&mut self, hash: BlockHash, now_ms: u64) {
        self.hold_place(hash, None, Vec::new(), now_ms);
        self.await_date(Undated {
            hash,
            change: Change::Joined,
            met: None,
            back: None,
            received_ms: now_ms,
        });
    }

    fn hold_place(&mut self, hash: BlockHash, height: Option<u32>, txids: Vec<Txid>, now_ms: u64) {
        let block = Block {
            hash: hash.to_byte_array(),
            height,
            time_ms: now_ms,
        };
        self.chain.push_back(ChainBlock {
            block,
            txids,
            standing: Standing::Awaited,
            is_dated: false,
        });
        self.trim_chain(now_ms);
    }

    /// Passes over a block that is read from the node later, or is older than the window. Its known transactions are mined now,
    /// and nothing else of it is kept. `is_counted` if it is not read later.
    fn pass_over_block(&mut self, run: &Run, is_counted: bool, now_ms: u64) {
        for entry in run.entries() {
            let Some(seen) = self.seen.get(&entry.txid) else {
                continue;
            };
            match seen.place {
                Place::Announced => {
                    self.seen.remove(&entry.txid);
                    if is_counted {
                        self.out.sights.push(FirstSight::BeforeWindow);
                    }
                }
                _ => self.put(entry.txid, Place::Block, now_ms),
            }
        }
    }

    /// The transactions of `txids` of which only the `rawtx` has come, or that had left before they were stamped.
    pub(super) fn announced(&self, txids: &[Txid]) -> Vec<Txid> {
        let is_announced = |txid: &&Txid| {
            let seen = self.seen.get(txid);
            seen.is_some_and(|seen| match seen.place {
                Place::Announced => true,
                Place::Gone => seen.stamp() == Stamp::Open,
                Place::Mempool | Place::Block | Place::Pending => false,
            })
        };
        txids.iter().filter(is_announced).copied().collect()
    }

    /// Takes a `C` for a block that is in the chain already, because the message is older than a resync. Transactions that such
    /// messages have moved are put back into the block, and the block is published again.
    pub(super) fn connect_again(&mut self, at: usize, now_ms: u64) {
        let known = &self.chain[at];
        if known.standing != Standing::Told {
            return;
        }
        let is_elsewhere = |txid: &&Txid| {
            let seen = self.seen.get(txid);
            seen.is_some_and(|seen| seen.place != Place::Block)
        };
        let moved: Vec<Txid> = known.txids.iter().filter(is_elsewhere).copied().collect();
        if moved.is_empty() {
            return;
        }
        let (block, txids) = (known.block, known.txids.clone());
        for txid in &moved {
            self.put(*txid, Place::Block, now_ms);
        }
        let again = Event::BlockConnected(Box::new(block), self.accepted_of(&txids));
        self.out.events.push((now_ms, again));
    }

    /// Adds a block that is known whole: in the place that was held for it, or as the newest.
    pub(super) fn connect(&mut self, block: Block, txids: Vec<Txid>, now_ms: u64) {
        for txid in &txids {
            self.put(*txid, Place::Block, now_ms);
        }
        let hash = BlockHash::from_byte_array(block.hash);
        let connected = ChainBlock {
            block,
            txids,
            standing: Standing::Known,
            is_dated: true,
        };
        match self.place_in_chain(&hash) {
            Some(at) => self.chain[at] = connected,
            None => self.chain.push_back(connected),
        }
        self.tell_blocks(now_ms);
        self.trim_chain(now_ms);
    }

    /// Puts the blocks that wait for no other any more into the log and the journal. The journal gets only blocks whose times
    /// are known.
    pub(super) fn tell_blocks(&mut self, now_ms: u64) {
        let is_told = |known: &ChainBlock| known.standing == Standing::Told;
        let mut at = self
            .chain
            .iter()
            .rposition(is_told)
            .map_or(0, |last| last + 1);
        while let Some(known) = self.chain.get_mut(at)
            && known.standing == Standing::Known
        {
            known.standing = Standing::Told;
            let (block, txids) = (known.block, known.txids.clone());
            let is_noted = self.is_journaled && known.is_dated;
            let joined = Event::BlockConnected(Box::new(block), self.accepted_of(&txids));
            self.out.events.push((now_ms, joined));
            note(&mut self.out, is_noted, || Record::Connected(block, txids));
            at += 1;
        }
    }

    pub(super) fn trim_chain(&mut self, now_ms: u64) {
        let long_ago = |known: &ChainBlock| known.block.time_ms + WINDOW_MS + LATE_MS < now_ms;
        while self.chain.len() > MOST_BLOCKS
            || self.chain.len() > MIN_BLOCKS && self.chain.front().is_some_and(long_ago)
        {
            self.chain.pop_front();
        }
    }

    pub(super) fn accepted_of(&self, txids: &[Txid]) -> Vec<satscope_log::Txid> {
        txids
            .iter()
            .filter(|txid| {
                let seen = self.seen.get(txid);
                seen.is_some_and(|seen| seen.state().is_some())
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

//! Following a node's mempool and chain by its messages alone.

use std::collections::HashMap;
use std::sync::Arc;

use bitcoin::BlockHash;
use bitcoin::block::Header;
use satscope_bitcoin::frame::{Frame, SequenceEvent, Topic};

use crate::chain::{Block, Chain};
use crate::mempool::Mempool;
use crate::tx::Tx;

/// A follower that applies a recording's messages to a [`Chain`].
#[derive(Debug)]
pub struct Follower {
    headers: HashMap<BlockHash, Header>,
    /// The transactions published since the last `sequence` message.
    run: Vec<Arc<Tx>>,
}

impl Follower {
    /// A follower that knows `headers`, those of all blocks that the recording shows anywhere.
    pub fn new(headers: HashMap<BlockHash, Header>) -> Follower {
        Follower {
            headers,
            run: Vec::new(),
        }
    }

    /// Takes in one message that was published at `time` (Unix seconds). One that cannot be read changes nothing.
    pub fn observe(&mut self, chain: &mut Chain, frame: &Frame, time: f64) {
        match frame.topic {
            Topic::RawTx => match Tx::decode(frame.body.clone()) {
                Ok(tx) => self.run.push(tx),
                Err(error) => tracing::warn!(%error, "a recorded transaction cannot be read"),
            },
            Topic::Sequence => match SequenceEvent::decode(&frame.body) {
                Ok(event) => self.apply(chain, event, time),
                Err(error) => tracing::warn!(%error, "a recorded message cannot be read"),
            },
            Topic::RawBlock | Topic::HashBlock | Topic::StandIn => {}
        }
    }

    /// Empties the mempool after the node's stop, because it is filled anew when the node starts again.
    pub fn stopped(&mut self, chain: &mut Chain) {
        chain.mempool = Mempool::default();
        chain.mempool_sequence = 1;
        self.run.clear();
    }

    fn apply(&mut self, chain: &mut Chain, event: SequenceEvent, time: f64) {
        let run = std::mem::take(&mut self.run);
        match event {
            SequenceEvent::Added(txid, number) => {
                chain.mempool_sequence = number + 1;
                if let Some(tx) = run.into_iter().rev().find(|tx| tx.txid == txid) {
                    chain.enter(tx, time);
                }
            }
            SequenceEvent::Removed(txid, number) => {
                chain.mempool_sequence = number + 1;
                chain.mempool.remove(&txid);
            }
            SequenceEvent::BlockConnected(hash) => {
                let block = self.block(chain, hash, run, time);
                // Conflicting transactions left with messages of their own, which came before this one.
                chain.connect(block);
            }
            SequenceEvent::BlockDisconnected(_) => {
                chain.disconnect();
            }
        }
    }

    fn block(&self, chain: &Chain, hash: BlockHash, run: Vec<Arc<Tx>>, time: f64) -> Block {
        let tip = chain.tip();
        let header = self.headers.get(&hash).copied();
        Block {
            hash,
            previous: tip.hash,
            height: tip.height + 1,
            time: header.map_or(time as u32, |header| header.time),
            header,
            txs: (!run.is_empty()).then_some(run),
        }
    }
}

//! The state that the player and the RPC share: the chain, and the progress of the playing.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::chain::{Block, Chain};

/// The state of the playing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a subscriber to `rawtx`.
    Waiting,
    /// Messages go out.
    Playing,
    /// It holds, at a checkpoint or after `standinhold`, until `standincontinue`.
    Held,
    /// Nothing is answered: a recording is between the node's stop and its next start, or a simulation's past is being made.
    Down,
    /// All has been played; the stand-in still answers.
    Ended,
}

impl State {
    /// Its name in the answer of `standinstatus`.
    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Playing => "playing",
            State::Held => "held",
            State::Down => "down",
            State::Ended => "ended",
        }
    }
}

/// The answer of `standinstatus`.
#[derive(Clone, Debug)]
pub struct Status {
    pub state: State,
    /// The last checkpoint that was reached.
    pub checkpoint: Option<String>,
    /// The stand-in's clock at the last message, Unix seconds.
    pub time: f64,
}

/// The state of the stand-in.
pub struct NodeState {
    chain: Mutex<Chain>,
    status: Mutex<Status>,
    /// Tells a simulation to hold before its next event.
    pub hold: AtomicBool,
    /// Wakes a player that holds.
    pub go_on: Notify,
    /// Whether the transactions are made up.
    pub simulated: bool,
    pub started: Instant,
    pub zmq_endpoint: String,
    pub zmq_high_water_mark: i32,
}

impl NodeState {
    pub fn new(
        chain: Chain,
        time: f64,
        simulated: bool,
        zmq_endpoint: &str,
        zmq_high_water_mark: i32,
    ) -> NodeState {
        NodeState {
            chain: Mutex::new(chain),
            status: Mutex::new(Status {
                state: State::Waiting,
                checkpoint: None,
                time,
            }),
            hold: AtomicBool::new(false),
            go_on: Notify::new(),
            simulated,
            started: Instant::now(),
            zmq_endpoint: zmq_endpoint.to_owned(),
            zmq_high_water_mark,
        }
    }

    /// The chain, for as long as the guard is held; never across an await.
    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block with its transactions, if they are there or can be made again. They are made while the chain is not locked.
    pub fn whole(&self, block: Arc<Block>) -> Arc<Block> {
        if block.txs.is_some() {
            return block;
        }
        let Some(content) = self.chain().content(&block) else {
            return block;
        };
        let txs = content.txs(block.height);
        Arc::new(Block {
            txs: Some(txs),
            ..Block::clone(&block)
        })
    }

    /// The state of the playing, for as long as the guard is held; never across an await.
    pub fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

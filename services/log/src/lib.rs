//! The ordered log of mempool events, positions in it, and the window that it adds up to.
//!
//! Ingest writes the [`EventLog`] and the analyzer reads it; both keep the same [`Window`], so that a reader that resumes, or
//! begins again from a whole window, ends with the writer's window, transaction by transaction. With [`Replay`], a reader can
//! resume the updates that are made from the log. There is no clock here: time comes with the events.

mod event;
mod keyed;
mod log;
mod replay;
mod window;

pub use event::{
    Accepted, Block, BlockHash, Counters, Entry, Event, Hop, HopState, NodeStatus, Position,
    RemovalReason, Simulation, State, Txid, Values,
};
pub use keyed::TxidKey;
pub use log::{EventLog, LogLimits};
pub use replay::{Bounds, Missed, Replay};
pub use window::{Change, Tracked, WINDOW_MS, Window};

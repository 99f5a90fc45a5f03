//! A stand-in node: the same ZMQ and RPC as Bitcoin Core, from a simulation or from recordings; and the recorder.
//!
//! A player ([`simulate`](simulate()) or [`replay`](replay())) changes the chain that the RPC answers from and hands the messages of each
//! change to the publisher, which sends them on a thread of its own:
//!
//! ```text
//! simulation or files ──▶ player ──▶ publisher ──ZMQ──▶ subscribers
//!                           └──▶ chain ◀──RPC── clients
//! ```
//!
//! Beside Core's messages it publishes its clock and labels (topic `satscope`), and beside Core's calls it answers
//! three of its own. `standinstatus` gives `state` (waiting, playing, held, down, ended), the last `checkpoint` and the
//! clock's `time`; `standinhold` stops a simulation before its next event, and `standincontinue` lets it, or a replay
//! that holds at a checkpoint, go on.

mod chain;
mod clock;
mod mempool;
mod node;
mod odd;
mod player;
mod publisher;
mod record;
mod replay;
mod rpc;
mod settings;
mod simulate;
mod simulation;
mod standin;
mod tx;

pub use odd::odd_frames;
pub use record::start_recording;
pub use replay::{replay, start_replay};
pub use settings::{
    ListenSettings, PastPrice, RecordSettings, ReplaySettings, SimulateSettings, Speed,
};
pub use simulate::{simulate, start_simulation};
pub use standin::Running;

//! Bitcoin Core's side: ZMQ frames, JSON-RPC, raw blocks and recordings.
//!
//! What the node sends and how it answers is described in Core's `doc/zmq.md` and `doc/JSON-RPC-interface.md`.

pub mod blockfile;
pub mod counters;
pub mod discovery;
pub mod frame;
mod guard;
pub mod host;
mod login;
pub mod node;
pub mod recording;
pub mod rpc;
pub mod subscriber;

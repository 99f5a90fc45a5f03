//! Bitcoin Core's side: ZMQ frames, JSON-RPC, raw blocks and recordings.
//!
//! Core's `doc/zmq.md` and `doc/JSON-RPC-interface.md` describe the node's messages and answers.

pub mod blk;
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

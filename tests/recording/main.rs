//! Recordings over real sockets: what a node sent is kept to the byte, whatever happens to the recorder, and ingest
//! comes back with it where no RPC tells more.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod folder;
mod ingest;
mod recorder;
#[path = "../support/mod.rs"]
mod support;

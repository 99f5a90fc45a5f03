//! What goes wrong between the parts, and to them, and what is left of it: nothing.
//!
//! Each test has a simulated node, a chain on it that nothing happens to, and others that are plagued: their links cut,
//! frozen or dead, their parts killed. Once all is quiet, each one's window is held against that of the first,
//! transaction by transaction and stamp by stamp. The times that each test prints are those of `docs/RELIABILITY.md`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod compare;
mod disk;
mod kills;
mod limits;
mod links;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod without_rpc;

//! Tests of the tracker against a simple model of a node. Whatever the node does, whenever it is asked, and however far
//! behind its messages are, the tracker ends with the model's mempool and window, and every stamp is true.
#![allow(clippy::unwrap_used)]

mod answers;
mod node;
mod places;
mod reader;
mod stamps;
mod step;

const NOW: u64 = 1_700_000_000_000;

//! A node that says what the test wants, message by message: faults of its ZMQ and of clocks that need exact order.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod blocks;
mod clock;
mod ear;
mod link;
#[path = "../support/mod.rs"]
mod support;

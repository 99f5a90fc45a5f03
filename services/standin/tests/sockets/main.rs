//! The stand-in over real sockets: what a subscriber receives and what the RPC answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod listener;
mod refusals;
mod replay;
mod running;
mod simulation;

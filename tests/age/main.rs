//! How old the price is, in every interface, when parts die and links fall silent; and what survives them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod clock;
mod ingest;
mod restarts;
mod stage;
#[path = "../support/mod.rs"]
mod support;

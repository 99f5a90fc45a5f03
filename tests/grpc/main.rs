//! The gRPC services as others see them: reflection, health, resuming; and the metrics of each part.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod prices;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod transactions;

//! Ingest and analyzer beside a real Bitcoin Core on regtest.
//!
//! Each situation drives the node over JSON-RPC while two watchers read it: one is left alone, the ingest of the other is
//! killed in the middle and started again. After each situation both watchers must have the node's mempool, the right
//! stamp for each transaction of the window, the right count, and no price from old transactions.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bitcoind;
mod checks;
mod coins;
#[path = "../../benches/watchers/cost.rs"]
#[allow(dead_code)]
mod cost;
mod historian;
mod ledger;
mod market;
mod mempool_dat;
mod rpc;
mod scene;
mod situations;
mod watcher;

/// The whole-chain tests' common modules, as far as they are used here.
#[allow(dead_code)]
#[path = "../support"]
mod support {
    pub mod chain;
    pub mod clock;
    pub mod grpc;
    pub mod lossy;
    pub mod metrics;
    pub mod part;
    pub mod proxy;
    pub mod wait;
}

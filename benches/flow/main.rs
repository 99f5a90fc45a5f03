//! How fast transactions flow through the real parts, each a process of its own: from ZMQ to the WebSocket, into the log,
//! out over gRPC, and from a node to the first price.
//!
//! `cargo bench --bench flow` runs all of it; `-- latency`, `-- sustained`, `-- grpc`, `-- start` or
//! `-- footprint` one part.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../../tests/support/mod.rs"]
mod support;

#[allow(dead_code)]
#[path = "../watchers/cost.rs"]
mod cost;
mod footprint;
mod grpc;
mod latency;
mod start;
mod sustained;
mod traffic;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<&String> = arguments
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|word| *word == part);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if wanted("latency") {
            latency::run().await;
        }
        if wanted("sustained") {
            sustained::run().await;
        }
        if wanted("grpc") {
            grpc::run().await;
        }
        if wanted("start") {
            start::run().await;
        }
        if wanted("footprint") {
            footprint::run().await;
        }
    });
}

/// The value below which `share` of the sorted values lies.
fn percentile<T: Copy>(sorted: &[T], share: f64) -> T {
    let at = (sorted.len() as f64 * share) as usize;
    sorted[at.min(sorted.len() - 1)]
}

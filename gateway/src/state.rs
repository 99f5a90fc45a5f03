//! The state that the analyzer's updates add up to; only this module subscribes to them.

mod assemble;
pub mod columns;
pub mod freshness;
mod link;
pub mod message;
pub mod model;
pub mod points;
pub mod read;
pub mod sequence;
pub mod snapshot;
pub mod upstream;

/// A receiver of the newest snapshot.
pub type Newest = tokio::sync::watch::Receiver<std::sync::Arc<snapshot::Snapshot>>;

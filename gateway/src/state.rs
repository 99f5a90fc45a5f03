//! What the analyzer has said, made whole and kept: the only room that hears from upstream.

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

/// The newest snapshot, for whoever reads.
pub type Newest = tokio::sync::watch::Receiver<std::sync::Arc<snapshot::Snapshot>>;

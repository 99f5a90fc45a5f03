//! A price for every block, read from the node's blocks and kept.

pub mod progress;
mod settings;
pub mod store;

pub use settings::{Around, HistorianSettings};

//! A price for every block, read from the node's blocks and kept.

mod cpu;
mod fill_metrics;
pub mod node;
pub mod progress;
mod recent;
mod settings;
pub mod store;
mod times;

pub use settings::{Around, HistorianSettings};

//! A price for every block, read from the node's blocks and kept.

mod cpu;
mod fill_metrics;
mod node;
mod progress;
mod recent;
mod settings;
mod store;
mod times;

pub use settings::HistorianSettings;

//! What the analyzer has said, made whole and kept: the only room that hears from upstream.

pub mod assemble;
pub mod freshness;
pub mod message;
pub mod points;
pub mod read;
pub mod recent;
pub mod sequence;
pub mod snapshot;
pub mod upstream;

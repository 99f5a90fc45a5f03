//! Packs: files in which a history travels, and the proof of what such a file holds.
//!
//! [`make`](make()) writes all final periods of a history into a file, [`verify`](mod@verify) reads some of them from the
//! node's blocks again, and [`import`](import()) takes them into the history of an operator whose node is pruned.
//! [`mod@format`] is the file, byte by byte.

mod common;
mod error;
mod format;
mod import;
mod make;
mod target;
#[cfg(test)]
mod tests;
mod times;
mod verify;

pub use crate::fill::Missing;
pub use common::{Common, common};
pub use error::PackError;
pub use format::{Head, MOST_UNPACKED, PackReader};
pub use import::{Headers, Taken, import};
pub use make::{LeftOut, Packed, make};
pub use verify::{Claims, Difference, Finding, Periods, Verdict, Verifier};

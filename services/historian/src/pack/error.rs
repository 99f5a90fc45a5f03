//! Why a pack cannot be made, read, verified or taken in.

use std::{io, path::PathBuf};

use bitcoin::BlockHash;
use thiserror::Error;

use crate::{node::NodeError, store::StoreError};

/// Why a pack is of no use. Each error names what was found and what was expected.
#[derive(Debug, Error)]
pub enum PackError {
    /// The file cannot be opened, read or written.
    #[error("{}: {reason}; check that the file is there, and who may use it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// The file is a folder, pipe, socket or device.
    #[error("{}: it is not a regular file; name the file of a pack", .0.display())]
    NotRegular(PathBuf),
    /// A pack was to be written under a name of Satscope's own files in the history's folder.
    #[error("{}: this name is of Satscope's own files; choose another name or folder", .0.display())]
    OwnName(PathBuf),
    /// A pack was to be written in the place of a file that is no pack.
    #[error(
        "{}: {what}, and nothing but a pack is replaced by a pack; name a file that is not there, or move this one away",
        path.display()
    )]
    Taken {
        /// The file.
        path: PathBuf,
        /// What the file is.
        what: String,
    },
    /// The file was not made by `history pack`.
    #[error("the file is no pack of Satscope ({0}); expected one made by `satscope history pack`")]
    NotAPack(&'static str),
    /// The file has a newer format.
    #[error(
        "the pack has format {found}, and this program reads format {known}; use the program that made it, or a newer one"
    )]
    Newer {
        /// The format of the file.
        found: u16,
        /// The format that this program reads.
        known: u16,
    },
    /// The file ends too early, or its bytes are not those that were written.
    #[error(
        "the pack is cut off or damaged after {periods} whole periods ({reason}); copy it again"
    )]
    Damaged {
        /// Periods before the damage.
        periods: u32,
        /// What reading met.
        reason: io::Error,
    },
    /// The file unpacks to more than a history can need.
    #[error(
        "the pack unpacks to more than {limit} bytes, which no history needs; it was not made by `satscope history pack`"
    )]
    TooLarge {
        /// The most bytes that are unpacked.
        limit: u64,
    },
    /// The file has no period.
    #[error("the pack has no period; make it from a history with final periods")]
    Empty,
    /// A period follows one that does not come before it.
    #[error("period {found} follows period {before}; expected each period once, lowest first")]
    Order {
        /// The period.
        found: u32,
        /// The period before it in the file.
        before: u32,
    },
    /// A period's rows or lock cannot be true.
    #[error("period {period} of the pack: {what}")]
    Period {
        /// The period.
        period: u32,
        /// What is wrong.
        what: String,
    },
    /// The pack is of another chain.
    #[error("the pack is of {has}; expected {wanted}, as {by} has it")]
    OtherChain {
        /// The chain of the pack.
        has: String,
        /// The chain that was expected.
        wanted: String,
        /// What the expectation rests on.
        by: String,
    },
    /// The pack was made by another model.
    #[error(
        "the pack is of model {has}, and this program's is model {wanted}; expected a pack made by a program of the same model"
    )]
    OtherModel {
        /// The model of the pack.
        has: u32,
        /// This program's model.
        wanted: u32,
    },
    /// The hash over all periods is another.
    #[error(
        "the pack has the hash {found}; expected {expected}: it is another history, or was changed on its way"
    )]
    OtherHash {
        /// The hash that was expected, hexadecimal.
        expected: String,
        /// The hash of the pack, hexadecimal.
        found: String,
    },
    /// A block is not in the node's chain.
    #[error(
        "block {height} has the hash {has} in the {what}, and {node} in the node's chain; the two are of different chains"
    )]
    OtherBlock {
        /// The height.
        height: u32,
        /// The kind of file.
        what: &'static str,
        /// The hash in the file.
        has: BlockHash,
        /// The node's.
        node: BlockHash,
    },
    /// A final period of the history does not add up to its digest.
    #[error(
        "the rows of period {0} do not have the digest that the history states: the file was changed or is damaged; \
         `satscope history verify` says which block differs"
    )]
    NotItsDigest(u32),
    /// The history has no final period to put into a pack.
    #[error(
        "the history has no final period of model {0} that was read from blocks or vouched for; a period is final once 18 blocks follow \
         its 2,016"
    )]
    NothingFinal(u32),
    /// The history's file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node does not answer.
    #[error("the node does not answer")]
    Node(#[from] NodeError),
    /// The machine gives no means to work with.
    #[error("{0}")]
    Machine(String),
}

impl PackError {
    /// The error of a file, for an error of the system.
    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> PackError {
        let path = path.to_owned();
        move |reason| PackError::File { path, reason }
    }
}

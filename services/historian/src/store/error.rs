//! The errors of the history's file, each with what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Error, ErrorCode, ffi};
use thiserror::Error as ThisError;
use tracing::{error, warn};

/// Why the history cannot be read or written.
#[derive(Debug, ThisError)]
pub enum StoreError {
    /// The disk has no room. Earlier writes are still there.
    #[error("{}: the disk is full; make room, and writing goes on by itself", .0.display())]
    Full(PathBuf),
    /// The file or its folder may not be written.
    #[error(
        "{}: this user may not write the file, or the files beside it; give the user the file and its folder",
        .0.display()
    )]
    ReadOnly(PathBuf),
    /// The file may not be read, or cannot be made.
    #[error("{}: it cannot be opened: {reason}; check that the folder is there, and who may use it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// The file is damaged.
    #[error(
        "{}: the file is damaged ({reason}); stop the historian, move the file away and start again: blocks are then read anew; \
         docs/history.md says how to save the minutes",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// SQLite's finding.
        reason: String,
    },
    /// Another process writes the file.
    #[error(
        "{}: another process writes this history; stop it, or give this one a state_dir of its own",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file is of another chain.
    #[error(
        "{}: the file is of {has}, and the node is of {wanted}; move the file away, or set another state_dir",
        path.display()
    )]
    OtherChain {
        /// The file.
        path: PathBuf,
        /// The chain that the file is of.
        has: String,
        /// The chain that the node is of.
        wanted: String,
    },
    /// The file was written by a newer program.
    #[error(
        "{}: the file has version {version}, and this program knows none above {known}; install the newer program again, or move \
         the file away",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// The file was not written by Satscope.
    #[error("{}: the file is no history of Satscope ({reason}); move it away, or set another state_dir", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Rows that cannot be true were to be written; nothing was written.
    #[error("rows refused: {0}")]
    Rows(String),
    /// Rows of a final period were to be changed; nothing was changed.
    #[error("rows refused: period {0} is final; reopen it first")]
    FinalPeriod(u32),
    /// Any other error.
    #[error("{}: {source}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: Error,
    },
}

impl StoreError {
    /// The error of the file at `path` for an error of SQLite.
    pub(super) fn of(path: &Path, error: Error) -> StoreError {
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(path),
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly(path),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::Open { path, reason }
            }
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt { path, reason },
            Some(ErrorCode::NotADatabase) => StoreError::NotOurs { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse(path),
            _ => StoreError::Other {
                path,
                source: error,
            },
        }
    }

    /// The error of the file at `path` for an error of the system.
    pub(crate) fn of_system(path: &Path, error: &io::Error) -> StoreError {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(path),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::ReadOnly(path)
            }
            _ => StoreError::Open {
                path,
                reason: error.to_string(),
            },
        }
    }

    /// The error's label in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            StoreError::Full(_) => "full",
            StoreError::ReadOnly(_) => "read_only",
            StoreError::Open { .. } => "open",
            StoreError::Corrupt { .. } => "corrupt",
            StoreError::InUse(_) => "in_use",
            StoreError::OtherChain { .. } => "other_chain",
            StoreError::Newer { .. } => "newer",
            StoreError::NotOurs { .. } => "not_ours",
            StoreError::Rows(_) | StoreError::FinalPeriod(_) => "rows",
            StoreError::Other { .. } => "other",
        }
    }

    /// All labels.
    pub const LABELS: [&str; 10] = [
        "full",
        "read_only",
        "open",
        "corrupt",
        "in_use",
        "other_chain",
        "newer",
        "not_ours",
        "rows",
        "other",
    ];

    /// Logs it: damage as an error, because nothing mends it by itself, and all else as a warning.
    pub fn log(&self) {
        match self {
            StoreError::Corrupt { .. } => error!("{self}"),
            _ => warn!("{self}"),
        }
    }

    /// The text for the public: no path, and no words of another program.
    pub fn public(&self) -> &'static str {
        match self {
            StoreError::Full(_) => "the disk of the history is full",
            StoreError::ReadOnly(_) => "the history cannot be written",
            StoreError::Open { .. } => "the history cannot be opened",
            StoreError::Corrupt { .. } => "the history's file is damaged",
            StoreError::InUse(_) => "another process writes the history",
            StoreError::OtherChain { .. } => "the history's file is of another chain",
            StoreError::Newer { .. } => "the history's file is of a newer program",
            StoreError::NotOurs { .. } => "the history's file is none",
            StoreError::Rows(_) | StoreError::FinalPeriod(_) => "rows of the history were refused",
            StoreError::Other { .. } => "the history cannot be used",
        }
    }
}

/// An SQLite error for a value that a column cannot hold; only damage explains it.
pub(super) fn impossible(what: impl Into<String>) -> Error {
    let code = ffi::Error::new(ffi::SQLITE_CORRUPT);
    Error::SqliteFailure(code, Some(what.into()))
}

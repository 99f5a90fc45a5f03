//! The journal: records of what was seen, on disk, so that a killed process comes back with its own stamps.
//!
//! One file holds all that is known as of some moment and every change since. It is begun anew when it has grown to twice
//! its beginning, so that it stays as small as what it describes. Changes are written before they are published: what a
//! subscriber was told is never forgotten by a process that is killed. (A power cut may cost the last seconds: the node
//! then stamps what came in them.)

mod file;

use std::{
    fs::File,
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;
use tracing::{info, warn};

use crate::metrics;

/// The file's name in its folder, that of its successor while it is being written, and that of the lock.
pub const NAME: &str = "journal";
const SUCCESSOR: &str = "journal.new";
pub const LOCK: &str = "journal.lock";
/// It is not begun anew below this size.
pub const LEAST_BYTES: u64 = 16 << 20;
/// Records in one frame of the beginning.
const CHUNK: usize = 1000;

/// Whose journal it is: what another node sent is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Where the node publishes, or its RPC where that is not set.
    pub zmq_endpoint: String,
    /// Whether it is a stand-in, with a clock of its own.
    pub is_standin: bool,
}

/// A journal that cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The folder or a file in it cannot be used.
    #[error("state_dir: {}: {what}; expected a folder that can be written, or none", path.display())]
    Io {
        /// What cannot be used.
        path: PathBuf,
        /// Why.
        what: io::Error,
    },
    /// Another process writes there.
    #[error("state_dir: {} is in use by another ingest; expected a folder of its own for each", .0.display())]
    InUse(PathBuf),
}

/// An open journal of records `R`.
#[derive(Debug)]
pub struct Journal<R> {
    folder: PathBuf,
    owner: Owner,
    /// None while it cannot be written.
    file: Option<file::Writer>,
    /// The size at which it is begun anew.
    limit: u64,
    /// Held as long as the journal is.
    _lock: File,
    records: PhantomData<fn(R)>,
}

/// What an earlier process left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The stamp of its last change, Unix milliseconds; none where there is nothing.
    pub last_ms: Option<u64>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal in `folder`, and hands over all that an earlier process of the same `owner` has left there.
    /// Nothing is written before [`Journal::begin`].
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(
        folder: &Path,
        owner: Owner,
        each: impl FnMut(R),
    ) -> Result<(Journal<R>, Past), JournalError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |what| JournalError::Io { path, what }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock_path = folder.join(LOCK);
        let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(JournalError::InUse(folder.to_owned()));
            }
            Err(std::fs::TryLockError::Error(what)) => return Err(failed(&lock_path)(what)),
        }
        let path = folder.join(NAME);
        let past = file::read(&path, &owner, each).map_err(failed(&path))?;
        let journal = Journal {
            folder: folder.to_owned(),
            owner,
            file: None,
            limit: LEAST_BYTES,
            _lock: lock,
            records: PhantomData,
        };
        Ok((journal, past))
    }

    /// Begins the file anew with all that is known at `time_ms`. The one before it stays until this one is whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(
        &mut self,
        time_ms: u64,
        known: impl Iterator<Item = R>,
    ) -> Result<(), JournalError> {
        let (path, successor) = (self.folder.join(NAME), self.folder.join(SUCCESSOR));
        let written = || {
            let mut file = file::Writer::create(&successor, &self.owner)?;
            let mut known = known.peekable();
            while known.peek().is_some() {
                let chunk: Vec<R> = known.by_ref().take(CHUNK).collect();
                file.write(time_ms, &chunk)?;
            }
            file.sync()?;
            std::fs::rename(&successor, &path)?;
            Ok(file)
        };
        match written() {
            Ok(file) => {
                self.limit = LEAST_BYTES.max(2 * file.bytes());
                self.file = Some(file);
                Ok(())
            }
            Err(what) => {
                self.file = None;
                Err(JournalError::Io { path, what })
            }
        }
    }

    /// Writes changes as of `time_ms`. When that fails it is said and counted, and the journal waits to be begun anew.
    pub fn append(&mut self, time_ms: u64, changes: &[R]) {
        let Some(file) = self.file.as_mut().filter(|_| !changes.is_empty()) else {
            return;
        };
        match file.write(time_ms, changes) {
            Ok(()) => metrics::journal_bytes(file.bytes()),
            Err(what) => {
                metrics::journal_failed();
                warn!(
                    "the journal in {} cannot be written: {what}; going on without it, and trying again",
                    self.folder.display()
                );
                self.file = None;
            }
        }
    }

    /// Begins it anew if it has grown too long or could not be written.
    pub fn keep_short(&mut self, time_ms: u64, known: impl Iterator<Item = R>) {
        let is_short = |file: &file::Writer| file.bytes() <= self.limit;
        if self.file.as_ref().is_some_and(is_short) {
            return;
        }
        let was_lost = self.file.is_none();
        match self.begin(time_ms, known) {
            Ok(()) if was_lost => info!("the journal is written again"),
            Ok(()) => {}
            Err(error) => {
                metrics::journal_failed();
                warn!("{error}");
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! A journal that an earlier process left, and how it goes on.

use std::{
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use super::{
    Journal, JournalError, LEAST_BYTES, LOCK, NAME, Owner, RecordedEnd,
    disk::{Disk, Folder, LockError, is_of_the_disk},
    frame::{Encoder, Seal},
    recorded_end::{Found, read},
    retry::{Complaint, Retry},
    state::State,
    work::{Failure, Job, Worker},
};
use crate::metrics;

/// A journal of records `R` that has been read, and is not written yet.
#[derive(Debug)]
pub struct Earlier<R, D: Disk = Folder> {
    disk: Arc<D>,
    folder: PathBuf,
    owner: Owner,
    seal: Seal,
    found: Found,
    records: PhantomData<fn(R)>,
}

impl<R: Serialize + DeserializeOwned> Earlier<R> {
    /// Opens the journal in `folder`, and hands `each` the records that an earlier process of the same `owner` has left there.
    /// Nothing is written before [`Earlier::begin`].
    ///
    /// # Errors
    /// When the folder is not one that this user may use, or another process uses it.
    pub fn open(
        folder: &Path,
        owner: Owner,
        each: impl FnMut(R),
    ) -> Result<(Earlier<R>, RecordedEnd), JournalError> {
        let disk = Folder::at(folder).map_err(|what| JournalError::Io {
            path: folder.to_owned(),
            what,
        })?;
        Earlier::open_on(Arc::new(disk), folder, owner, each)
    }

    /// Keeps the journal from now on; `known` is all that is known at `time_ms`, and is written to a new file, which takes the
    /// place of the old one. Until then, and if that fails, the old file is appended to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn begin(
        self,
        time_ms: u64,
        known: impl Iterator<Item = R>,
    ) -> Result<Journal<R>, JournalError> {
        let worker = Worker::start(self.disk.clone()).map_err(|what| JournalError::Io {
            path: self.folder.clone(),
            what,
        })?;
        Ok(self.begin_with(worker, time_ms, known))
    }
}

impl<R: Serialize + DeserializeOwned, D: Disk> Earlier<R, D> {
    /// [`Earlier::open`] on any disk.
    pub(super) fn open_on(
        disk: Arc<D>,
        folder: &Path,
        owner: Owner,
        each: impl FnMut(R),
    ) -> Result<(Earlier<R, D>, RecordedEnd), JournalError> {
        let failed = |name: &str| {
            let path = folder.join(name);
            move |what| JournalError::Io { path, what }
        };
        match disk.lock() {
            Ok(()) => {}
            Err(LockError::InUse) => return Err(JournalError::InUse(folder.to_owned())),
            // The lock is asked for again before a new file is written.
            Err(LockError::Io(error)) if is_of_the_disk(&error) => {
                warn!("{LOCK} cannot be written: {error}; keep other processes out of its folder");
            }
            Err(LockError::Io(error)) => return Err(failed(LOCK)(error)),
        }
        let seal = Seal::of(&owner).map_err(io::Error::other);
        let seal = seal.map_err(failed(NAME))?;
        let name = folder.join(NAME).display().to_string();
        let found = match disk.read(NAME) {
            Ok(Some(source)) => read(source, &name, (&owner, &seal), each),
            Ok(None) => Found::default(),
            Err(error) => {
                warn!("{name} cannot be read: {error}; it is begun anew");
                Found::default()
            }
        };
        let past = found.past;
        let earlier = Earlier {
            disk,
            folder: folder.to_owned(),
            owner,
            seal,
            found,
            records: PhantomData,
        };
        Ok((earlier, past))
    }

    /// [`Earlier::begin`] with this worker.
    pub(super) fn begin_with(
        self,
        worker: Worker<D::File>,
        time_ms: u64,
        known: impl Iterator<Item = R>,
    ) -> Journal<R, D> {
        metrics::journal_begins();
        let now = Instant::now();
        let whole_bytes = self.found.whole_bytes;
        let mut journal = Journal {
            encoder: Encoder::new(self.seal.clone()),
            disk: self.disk,
            folder: self.folder,
            owner: self.owner,
            seal: self.seal,
            state: State::Lost { since: now },
            renewal: None,
            worker,
            is_outdated: false,
            limit: LEAST_BYTES,
            next_sync: None,
            retry: Retry::default(),
            loss: Complaint::default(),
            complaint: Complaint::default(),
            records: PhantomData,
        };
        match whole_bytes.map(|bytes| journal.go_on(bytes)) {
            Some(Ok(())) => journal.renew(now, time_ms, known),
            other => {
                if let Some(Err(error)) = other {
                    journal.failed(now, &Failure::while_doing("opening it")(error));
                }
                // No subscriber is served yet, so that the first file may be written here.
                if let Some(draft) = journal.draft(now, time_ms, known) {
                    let report = Job::Write(draft).run(journal.disk.as_ref());
                    journal.take(report, now);
                }
            }
        }
        journal.show();
        journal
    }
}

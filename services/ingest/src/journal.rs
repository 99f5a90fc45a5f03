//! The journal: a file of records, from which a process that was killed comes back with its own stamps.
//!
//! One file holds all that is known as of some moment and every change since. Changes are written before they are published, so
//! that a process that is killed never forgets what a subscriber was told. A power cut costs the changes since the last sync,
//! at most [`work::SYNC_EVERY`] ago. Their transactions are then stamped as the node tells.
//!
//! The file is begun anew when it has grown to twice its beginning. A thread of its own ([`work`]) writes the new file beside
//! the old one, which is appended to meanwhile. The same changes are kept in memory, and are in the new file before it takes
//! the old one's place.
//!
//! A journal that cannot be written costs durability, and never the service. Only a wrong setting ends a process at its start:
//! a folder that cannot be made, is a file, may not be written by this user, or is in use by another ingest. A disk that fails
//! once the folder is there (full, read-only, broken) leaves ingest running; ingest logs it, and tries again.

mod disk;
mod earlier;
mod frame;
mod recorded_end;
mod retry;
mod state;
mod work;

use std::{
    convert::Infallible,
    io,
    marker::PhantomData,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;
use tracing::{info, warn};

use crate::metrics;
use disk::{Disk, Folder, Writer};
pub use earlier::Earlier;
use frame::{Encoder, Seal};
pub use recorded_end::RecordedEnd;
use retry::{Complaint, Retry};
use state::{Name, Renewal, State};
use work::{Draft, Failure, Job, Report, SYNC_EVERY, Worker, aside, remove_successor};

/// The file's name in its folder, that of its successor while it is being written, and that of the lock.
pub const NAME: &str = "journal";
const SUCCESSOR: &str = "journal.new";
pub const LOCK: &str = "journal.lock";
/// A file below this size is not begun anew because of its size.
pub const LEAST_BYTES: u64 = 16 << 20;
/// The most bytes of changes that are added to the new file at the moment at which it takes the old one's place. If there are
/// more, the thread adds them first.
const LAST_BYTES: usize = 1 << 20;

/// The node that a journal is about; a journal about another node is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Where the node publishes, or its RPC where that is not set.
    pub zmq_endpoint: String,
    /// Whether the node is a stand-in, with a clock of its own.
    pub is_standin: bool,
}

/// A setting by which no journal can be kept.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The folder or a file in it cannot be used.
    #[error("state_dir: {}: {what}; expected a folder that can be written, or none", path.display())]
    Io {
        /// The file or folder that cannot be used.
        path: PathBuf,
        /// The system's answer.
        what: io::Error,
    },
    /// Another process writes there.
    #[error("state_dir: {} is in use by another ingest; expected a folder of its own for each", .0.display())]
    InUse(PathBuf),
}

/// A journal of records `R` that is being kept.
#[derive(Debug)]
pub struct Journal<R, D: Disk = Folder> {
    disk: Arc<D>,
    folder: PathBuf,
    owner: Owner,
    seal: Seal,
    encoder: Encoder,
    state: State<D::File>,
    /// The new file that is being written.
    renewal: Option<Renewal>,
    worker: Worker<D::File>,
    /// Whether the stamps in the file are outdated, because the clock was set.
    is_outdated: bool,
    /// The size in bytes beyond which the file is begun anew.
    limit: u64,
    next_sync: Option<Instant>,
    retry: Retry,
    /// The log lines about changes that are not written, and about new files that failed.
    loss: Complaint,
    complaint: Complaint,
    records: PhantomData<fn(R)>,
}

impl<R: Serialize + DeserializeOwned, D: Disk> Journal<R, D> {
    /// Appends to the file that is there, behind its last whole frame.
    fn go_on(&mut self, whole_bytes: u64) -> io::Result<()> {
        let file = self.disk.open(NAME)?;
        disk::DiskFile::truncate(&file, whole_bytes)?;
        let file = Writer {
            file: Arc::new(file),
            bytes: whole_bytes,
        };
        // The process that made the file may have been killed before it synced the folder.
        let name = Name::New { before: None };
        self.state = State::Written { file, name };
        Ok(())
    }

    /// Writes changes as of `time_ms`. A failure is logged and counted, and the journal then waits to be begun anew.
    pub fn append(&mut self, time_ms: u64, changes: &[R]) {
        if changes.is_empty() {
            return;
        }
        if self.worker.is_busy() {
            self.take_report(Instant::now());
        }
        if self.renewal.is_none() && matches!(self.state, State::Lost { .. }) {
            return;
        }
        let (state, renewal) = (&mut self.state, &mut self.renewal);
        let mut failure = None;
        let take = |frame: &[u8]| {
            if let Some(renewal) = renewal {
                renewal.push(frame);
            }
            if let State::Written { file, .. } = state
                && failure.is_none()
            {
                failure = file.append(frame).err();
            }
            Ok::<(), Infallible>(())
        };
        let Ok(left_out) = self.encoder.encode(time_ms, changes.iter(), take);
        self.left_out(left_out);
        if let Some(error) = failure {
            self.lost(Instant::now(), &Failure::while_doing("appending")(error));
            self.show();
        }
    }

    /// Does what is due at `now`: takes the thread's report, lets the thread sync the file, and lets it begin the file anew if
    /// the file is too long, outdated or not written. `known` is all that is known at `time_ms`.
    pub fn keep(&mut self, now: Instant, time_ms: u64, known: impl Iterator<Item = R>) {
        self.take_report(now);
        if !self.worker.is_busy() {
            if self.wants_renewal() && self.retry.is_due(now) {
                self.renew(now, time_ms, known);
            } else {
                self.sync(now);
            }
        }
        self.show();
    }

    /// Marks the stamps in the file as outdated, so that it is begun anew as soon as possible.
    pub fn outdate(&mut self) {
        self.is_outdated = true;
        self.retry.at_once();
        if let Some(renewal) = &mut self.renewal {
            renewal.give_up();
        }
    }

    fn wants_renewal(&self) -> bool {
        match &self.state {
            State::Written { file, .. } => self.is_outdated || file.bytes > self.limit,
            State::Lost { .. } => true,
        }
    }

    fn renew(&mut self, now: Instant, time_ms: u64, known: impl Iterator<Item = R>) {
        if let Some(draft) = self.draft(now, time_ms, known) {
            self.begin_job(Job::Write(draft), now);
        }
    }

    /// Copies `known` into a draft of a new file, encoded as in the file because that takes the least memory. Changes that are
    /// appended from now on are kept for the new file too. `None` if the owner cannot be encoded.
    fn draft(
        &mut self,
        now: Instant,
        time_ms: u64,
        known: impl Iterator<Item = R>,
    ) -> Option<Draft<D::File>> {
        let header = match frame::header(&self.owner) {
            Ok(header) => header,
            Err(error) => {
                let error = io::Error::other(error);
                self.failed(now, &Failure::while_doing("encoding")(error));
                return None;
            }
        };
        let mut pieces = vec![header];
        let mut encoder = Encoder::new(self.seal.clone());
        let take = |frame: &[u8]| {
            pieces.push(frame.to_vec());
            Ok::<(), Infallible>(())
        };
        let Ok(left_out) = aside(|| encoder.encode(time_ms, known, take));
        self.left_out(left_out);
        let is_given_up = Arc::new(AtomicBool::new(false));
        self.renewal = Some(Renewal {
            tail: Vec::new(),
            is_given_up: is_given_up.clone(),
            was_outdated: std::mem::take(&mut self.is_outdated),
            is_drafted: false,
        });
        let beside = match &self.state {
            State::Written { file, .. } => Some(file.file.clone()),
            State::Lost { .. } => None,
        };
        Some(Draft {
            pieces,
            beside,
            is_given_up,
        })
    }

    fn begin_job(&mut self, job: Job<D::File>, now: Instant) {
        if let Err(failure) = self.worker.begin(job) {
            self.not_renewed(now, &failure);
        }
    }

    /// Lets the thread sync the file if that is due, and the folder as soon as the file has got its name.
    fn sync(&mut self, now: Instant) {
        let State::Written { file, name } = &mut self.state else {
            return;
        };
        let is_due = self.next_sync.is_none_or(|at| at <= now);
        let (with_folder, before) = match std::mem::replace(name, Name::Kept) {
            Name::Kept if !is_due => return,
            Name::Kept => (false, None),
            Name::New { before } => (true, before),
        };
        let job = Job::Sync {
            file: file.file.clone(),
            with_folder,
            before,
        };
        self.next_sync = Some(now + SYNC_EVERY);
        self.begin_job(job, now);
    }

    fn take_report(&mut self, now: Instant) {
        if let Some(report) = self.worker.report() {
            self.take(report, now);
        }
    }

    fn take(&mut self, report: Report<D::File>, now: Instant) {
        match report {
            Report::Synced(Ok(())) => {}
            Report::Synced(Err(error)) => self.lost(now, &Failure::Unsynced(error)),
            Report::Written(Ok(new)) => {
                if let Err(failure) = self.go_over(new, now) {
                    remove_successor(self.disk.as_ref());
                    self.not_renewed(now, &failure);
                }
            }
            Report::Written(Err(failure)) => self.not_renewed(now, &failure),
        }
    }

    /// Appends the tail to the new file, and gives the new file the old one's place. A tail that was appended while the draft
    /// was written is synced in the new file first, because the old file may have been synced meanwhile.
    fn go_over(&mut self, mut new: Writer<D::File>, now: Instant) -> Result<(), Failure> {
        let Some(renewal) = self.renewal.as_mut().filter(|one| !one.is_given_up()) else {
            return Err(Failure::GivenUp);
        };
        let was_drafted = std::mem::replace(&mut renewal.is_drafted, true);
        let tail = std::mem::take(&mut renewal.tail);
        if !tail.is_empty() && (!was_drafted || tail.len() > LAST_BYTES) {
            self.begin_job(Job::Add(new, tail), now);
            return Ok(());
        }
        let drafted_bytes = new.bytes;
        let failed = || Failure::while_doing("putting a new file in its place");
        new.append(&tail).map_err(failed())?;
        self.disk.rename(SUCCESSOR, NAME).map_err(failed())?;
        let was_outdated = renewal.was_outdated;
        self.renewal = None;
        self.limit = LEAST_BYTES.max(2 * drafted_bytes);
        let (before, was_lost) =
            match std::mem::replace(&mut self.state, State::Lost { since: now }) {
                State::Written { file, .. } => (Some(file.file), false),
                State::Lost { .. } => (None, true),
            };
        self.state = State::Written {
            file: new,
            name: Name::New { before },
        };
        if was_lost && self.loss.is_open() {
            info!("the journal is written again");
        }
        self.loss.close();
        self.complaint.close();
        if was_outdated {
            info!("the journal has been begun anew");
        }
        Ok(())
    }

    /// Gives up a new file that failed; the old one, if it is written, goes on.
    fn not_renewed(&mut self, now: Instant, failure: &Failure) {
        let renewal = self.renewal.take();
        let is_for_new_stamps = self.is_outdated;
        self.is_outdated |= renewal.is_some_and(|renewal| renewal.was_outdated);
        match failure {
            Failure::GivenUp if is_for_new_stamps => {}
            Failure::Unsynced(_) => self.lost(now, failure),
            _ => self.failed(now, failure),
        }
    }

    /// Marks the file as lost, because changes from now on are missing in it.
    fn lost(&mut self, now: Instant, failure: &Failure) {
        if matches!(self.state, State::Written { .. }) {
            self.state = State::Lost { since: now };
        }
        self.failed(now, failure);
    }

    /// Counts a failure, logs it unless one of its kind was logged within a minute, and sets the time of the next attempt.
    fn failed(&mut self, now: Instant, failure: &Failure) {
        metrics::journal_failed();
        let seconds = self.retry.failed(now).as_secs();
        let complaint = match &self.state {
            State::Lost { .. } => &mut self.loss,
            State::Written { .. } => &mut self.complaint,
        };
        let Some(held_back) = complaint.pass(now) else {
            return;
        };
        let folder = self.folder.display();
        match &self.state {
            State::Lost { since } => {
                let lost_seconds = now.saturating_duration_since(*since).as_secs();
                warn!(
                    held_back,
                    lost_seconds,
                    "the journal in {folder} is not written: {failure}; a restart loses the stamps since; trying again in {seconds} s"
                );
            }
            State::Written { .. } => warn!(
                held_back,
                "the journal in {folder} is written, but cannot be begun anew: {failure}; it grows; trying again in {seconds} s"
            ),
        }
    }

    fn left_out(&mut self, records: usize) {
        if records > 0 {
            metrics::journal_failed();
            if let Some(held_back) = self.complaint.pass(Instant::now()) {
                warn!(
                    held_back,
                    records,
                    "records are left out of the journal: each is longer than a frame may be"
                );
            }
        }
    }

    fn show(&self) {
        match &self.state {
            State::Written { file, .. } => metrics::journal_written(file.bytes),
            State::Lost { .. } => metrics::journal_lost(),
        }
    }
}

impl<R, D: Disk> Drop for Journal<R, D> {
    fn drop(&mut self) {
        if let Some(renewal) = &mut self.renewal {
            renewal.give_up();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

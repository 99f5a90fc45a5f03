//! The journal's slow work on a thread of its own: writing a new file beside the one in use, and waiting until bytes are on the
//! disk.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::warn;

use super::{
    SUCCESSOR,
    disk::{Disk, DiskFile, LockError, Writer},
    frame::LONGEST,
};

/// The longest time that changes stay unsynced while the disk works, and so the most that a power cut costs.
pub const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Bytes that must be free beyond those of a new file, so that the next append finds room.
const SPARE_BYTES: u64 = LONGEST as u64;

/// A job for the thread.
#[derive(Debug)]
pub enum Job<F> {
    /// Write a new file.
    Write(Draft<F>),
    /// Append to the new file, and sync it.
    Add(Writer<F>, Vec<u8>),
    /// Sync the file in use; the folder too if it has had a new name.
    Sync {
        /// The file.
        file: Arc<F>,
        /// Whether the folder is synced first.
        with_folder: bool,
        /// The file that was in use before, to be closed here, because closing a long one takes time.
        before: Option<Arc<F>>,
    },
}

/// A new file that is to be written.
#[derive(Debug)]
pub struct Draft<F> {
    /// Its bytes: the beginning, and frames.
    pub pieces: Vec<Vec<u8>>,
    /// The file in use, which is synced meanwhile.
    pub beside: Option<Arc<F>>,
    /// Set once the new file is of no more use.
    pub is_given_up: Arc<AtomicBool>,
}

/// The outcome of a job.
#[derive(Debug)]
pub enum Report<F> {
    /// The new file under the name [`SUCCESSOR`], with all bytes of the job on the disk; after a failure, the file is removed.
    Written(Result<Writer<F>, Failure>),
    /// The file in use is on the disk as far as it was written when the job began.
    Synced(io::Result<()>),
}

/// Why the journal is not written.
#[derive(Debug, Error)]
pub enum Failure {
    /// The file system has too little room, so no file was begun.
    #[error("a new one takes {needed} bytes, and {free} are free")]
    NoRoom {
        /// Bytes that must be free.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// More changes were appended meanwhile than are kept in memory.
    #[error("so much was appended while a new one was written that it was given up")]
    GivenUp,
    /// The file in use may not be on the disk, although it was written.
    #[error("syncing it: {0}")]
    Unsynced(io::Error),
    /// Another process has taken the folder.
    #[error("the folder is in use by another ingest")]
    InUse,
    /// The disk refused.
    #[error("{doing}: {error}")]
    Io {
        /// The action that failed.
        doing: &'static str,
        /// The disk's answer.
        error: io::Error,
    },
    /// The thread has ended.
    #[error("the thread that writes it has ended; start ingest again")]
    NoThread,
}

impl Failure {
    /// Makes a [`Failure::Io`] of an I/O error, for `map_err`.
    pub fn while_doing(doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
        move |error| Failure::Io { doing, error }
    }
}

impl<F: DiskFile> Job<F> {
    /// Does the job; a new file that failed is removed.
    pub fn run(self, disk: &impl Disk<File = F>) -> Report<F> {
        let written = match self {
            Job::Write(draft) => draft.write(disk),
            Job::Add(mut file, bytes) => file
                .append(&bytes)
                .and_then(|()| file.file.sync())
                .map_err(Failure::while_doing("adding to a new file"))
                .map(|()| file),
            Job::Sync {
                file,
                with_folder,
                before,
            } => {
                drop(before);
                let folder = if with_folder { disk.sync() } else { Ok(()) };
                return Report::Synced(folder.and_then(|()| file.sync()));
            }
        };
        if written.is_err() {
            remove_successor(disk);
        }
        Report::Written(written)
    }
}

impl<F: DiskFile> Draft<F> {
    fn write(self, disk: &impl Disk<File = F>) -> Result<Writer<F>, Failure> {
        disk.lock().map_err(|error| match error {
            LockError::InUse => Failure::InUse,
            LockError::Io(error) => Failure::while_doing("locking the folder")(error),
        })?;
        // A file that an earlier attempt has left would count as taken room.
        disk.remove(SUCCESSOR)
            .map_err(Failure::while_doing("removing an unfinished file"))?;
        let needed = self
            .pieces
            .iter()
            .map(|piece| piece.len() as u64)
            .sum::<u64>()
            + SPARE_BYTES;
        let free = disk
            .free_bytes()
            .map_err(Failure::while_doing("asking for free room"))?;
        if free < needed {
            return Err(Failure::NoRoom { needed, free });
        }
        let failed = || Failure::while_doing("writing a new file");
        let file = disk.create(SUCCESSOR).map_err(failed())?;
        let mut new = Writer {
            file: Arc::new(file),
            bytes: 0,
        };
        let mut last_sync = Instant::now();
        self.sync_beside(disk)?;
        for piece in &self.pieces {
            if self.is_given_up.load(Ordering::Relaxed) {
                return Err(Failure::GivenUp);
            }
            new.append(piece).map_err(failed())?;
            if last_sync.elapsed() > SYNC_EVERY {
                self.sync_beside(disk)?;
                last_sync = Instant::now();
            }
        }
        new.file.sync().map_err(failed())?;
        self.sync_beside(disk)?;
        Ok(new)
    }

    /// Syncs the file in use, and its name, which may be new.
    fn sync_beside(&self, disk: &impl Disk<File = F>) -> Result<(), Failure> {
        let Some(file) = &self.beside else {
            return Ok(());
        };
        disk.sync()
            .and_then(|()| file.sync())
            .map_err(Failure::Unsynced)
    }
}

/// Runs long computation on this thread; a runtime with several threads moves the thread's other tasks to another thread.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Removes a new file that did not become the one in use, so that it takes no room.
pub fn remove_successor(disk: &impl Disk) {
    if let Err(error) = disk.remove(SUCCESSOR) {
        warn!("{SUCCESSOR} cannot be removed: {error}; it is overwritten later");
    }
}

/// The owner's end of the thread, which does one job at a time and ends with its owner.
#[derive(Debug)]
pub struct Worker<F> {
    jobs: SyncSender<Job<F>>,
    reports: Receiver<Report<F>>,
    is_busy: bool,
}

/// The thread's end, where jobs come in and reports go out; a test may hold it in the thread's place.
pub struct Bench<F> {
    pub jobs: Receiver<Job<F>>,
    pub reports: SyncSender<Report<F>>,
}

impl<F: DiskFile> Worker<F> {
    /// Starts a worker on a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(disk: Arc<impl Disk<File = F>>) -> io::Result<Worker<F>> {
        let (worker, bench) = Worker::new();
        let thread = std::thread::Builder::new().name("journal".to_owned());
        thread.spawn(move || while bench.work(disk.as_ref()).is_some() {})?;
        Ok(worker)
    }

    /// A worker and its bench; a job is done only when [`Bench::work`] is called.
    pub fn new() -> (Worker<F>, Bench<F>) {
        let (jobs, taken) = sync_channel(1);
        let (answers, reports) = sync_channel(1);
        let worker = Worker {
            jobs,
            reports,
            is_busy: false,
        };
        let bench = Bench {
            jobs: taken,
            reports: answers,
        };
        (worker, bench)
    }

    /// Whether a job has been given and its report has not been taken.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Begins a job; to be called while the worker is not busy.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn begin(&mut self, job: Job<F>) -> Result<(), Failure> {
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.is_busy = true;
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Failure::NoThread),
        }
    }

    /// The report of the job that was begun, once there is one.
    pub fn report(&mut self) -> Option<Report<F>> {
        if !self.is_busy {
            return None;
        }
        let report = match self.reports.try_recv() {
            Ok(report) => report,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Report::Written(Err(Failure::NoThread)),
        };
        self.is_busy = false;
        Some(report)
    }
}

impl<F: DiskFile> Bench<F> {
    /// Waits for the next job and does it; `None` if there will be none.
    pub fn work(&self, disk: &impl Disk<File = F>) -> Option<()> {
        let job = self.jobs.recv().ok()?;
        self.reports.send(job.run(disk)).ok()
    }
}

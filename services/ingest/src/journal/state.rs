//! Whether the journal is written, and the new file that is to take its place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use super::disk::Writer;

/// Bytes of changes that are kept in memory while a new file is written; beyond them the new file is given up.
const TAIL_BYTES: usize = 16 << 20;

/// Whether changes are written.
#[derive(Debug)]
pub enum State<F> {
    /// Changes are appended to this file.
    Written { file: Writer<F>, name: Name<F> },
    /// Changes are not written. The file, if there is one, ends before the first change that is missing.
    Lost {
        /// The moment since which changes are missing.
        since: Instant,
    },
}

/// Whether a file's name outlives a power cut.
#[derive(Debug)]
pub enum Name<F> {
    /// The name outlives a power cut, or the thread is syncing the folder.
    Kept,
    /// The folder must still be synced, and the file that had the name before must be closed.
    New { before: Option<Arc<F>> },
}

/// A new file that is being written.
#[derive(Debug)]
pub struct Renewal {
    /// The frames that were appended since the draft was begun.
    pub tail: Vec<u8>,
    pub is_given_up: Arc<AtomicBool>,
    /// Whether the file that it replaces is outdated.
    pub was_outdated: bool,
    /// Whether all but the tail has been written. From then on the file in use is not synced, so the tail need not be synced in
    /// the new file before it takes the old one's place.
    pub is_drafted: bool,
}

impl Renewal {
    /// Keeps a frame for the new file; gives that file up if more than `TAIL_BYTES` would be kept.
    pub fn push(&mut self, frame: &[u8]) {
        if self.tail.len() + frame.len() > TAIL_BYTES {
            self.give_up();
        }
        if !self.is_given_up() {
            self.tail.extend_from_slice(frame);
        }
    }

    /// Makes the thread stop; the new file will not be used.
    pub fn give_up(&mut self) {
        self.tail = Vec::new();
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Whether the new file will not be used.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }
}

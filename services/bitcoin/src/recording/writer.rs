//! Keeps a folder of recordings: small gzip members, appended whole, in files of bounded size.
//!
//! A member holds a second or so and goes out in one write at a known place. The lines that a crash leaves of the last one are
//! read back at the next start, cut off and written anew; a write that fails is done again at the same place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::{
    BEGAN, Ending, began_ms, inspect,
    line::{frame_line, note_line},
};
use crate::frame::Frame;

const PREFIX: &str = "recording-";
const ENDING: &str = ".jsonl.gz";
/// Bytes of text after which a member is closed early.
const MEMBER_BYTES: u64 = 4 << 20;

/// The limits on the size of the recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingLimits {
    /// The bytes at which a file is closed and another begun.
    pub file_bytes: u64,
    /// The most bytes of all files together; the oldest are deleted.
    pub total_bytes: u64,
}

impl RecordingLimits {
    /// Limits for at least two files, so that there is always a whole one.
    pub fn new(file_bytes: u64, total_bytes: u64) -> RecordingLimits {
        RecordingLimits {
            file_bytes: file_bytes.min(total_bytes / 2),
            total_bytes,
        }
    }
}

/// A folder or file that cannot be written to.
#[derive(Debug, Error)]
#[error("{}: {error}", path.display())]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}

/// A writer to the newest recording of a folder, or to a new one.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    /// The folder itself; its lock keeps other writers out.
    handle: File,
    limits: RecordingLimits,
    path: PathBuf,
    /// When the file began, Unix milliseconds; its lines count from there.
    began_ms: u64,
    /// `None` until the first write.
    file: Option<File>,
    /// Bytes of the file that are written.
    length: u64,
    member: Option<GzEncoder<Vec<u8>>>,
    /// Text in the open member.
    member_bytes: usize,
    /// Closed members that are not written yet.
    unwritten: Vec<u8>,
    files: usize,
}

impl Writer {
    /// Goes on with the newest recording in `folder`, which is made if it is not there. A torn end is repaired.
    ///
    /// # Errors
    /// When the folder cannot be made, locked or written to.
    pub fn open(folder: &Path, limits: RecordingLimits) -> Result<Writer, WriteError> {
        let failed = |error| WriteError {
            path: folder.to_path_buf(),
            error,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let handle = File::open(folder).map_err(failed)?;
        handle.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                failed(io::Error::other("another process records into this folder"))
            }
            TryLockError::Error(error) => failed(error),
        })?;
        probe(folder)?;
        let mut writer = Writer {
            folder: folder.to_path_buf(),
            handle,
            limits,
            path: PathBuf::new(),
            began_ms: 0,
            file: None,
            length: u64::MAX,
            member: None,
            member_bytes: 0,
            unwritten: Vec::new(),
            files: 0,
        };
        let files = writer.own_files()?;
        writer.files = files.len();
        if let Some(newest) = files.last() {
            writer.resume(newest)?;
        }
        Ok(writer)
    }

    /// Adds a message; `stamp_ms` is when it came, Unix milliseconds.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn frame(&mut self, stamp_ms: u64, frame: &Frame) -> Result<(), WriteError> {
        let t = self.seconds(stamp_ms)?;
        self.line(&frame_line(t, frame))
    }

    /// Adds a note; `fields` are its further fields.
    ///
    /// # Errors
    /// Those of [`Writer::frame`].
    pub fn note(
        &mut self,
        stamp_ms: u64,
        text: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), WriteError> {
        let t = self.seconds(stamp_ms)?;
        self.line(&note_line(t, text, fields))
    }

    /// Writes out all that was added; returns the number of bytes. After an error everything is kept, and can be tried again.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn flush(&mut self) -> Result<usize, WriteError> {
        self.close_member()?;
        if self.unwritten.is_empty() {
            return Ok(0);
        }
        let wrote = self.write_out();
        wrote.map_err(|error| WriteError {
            path: self.path.clone(),
            error,
        })
    }

    /// Whether enough was added to be written out at once.
    pub fn is_full(&self) -> bool {
        self.member_bytes as u64 >= self.limits.file_bytes.min(MEMBER_BYTES)
    }

    /// Recordings in the folder.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Writes out the rest, to the disk itself.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn finish(mut self) -> Result<(), WriteError> {
        self.flush()?;
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_all);
        synced.map_err(|error| WriteError {
            path: self.path,
            error,
        })
    }

    /// Continues a file if Satscope wrote it, and if it is intact up to its end or to the place where it was cut.
    fn resume(&mut self, path: &Path) -> Result<(), WriteError> {
        let failed = |error| WriteError {
            path: path.to_path_buf(),
            error,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let ending = inspect(BufReader::with_capacity(1 << 16, &file)).map_err(failed)?;
        let began = began_ms(path).ok().flatten();
        let (length, lines) = match (ending, began) {
            (Ending::Whole, Some(_)) => (file.metadata().map_err(failed)?.len(), Vec::new()),
            (Ending::Torn { good_bytes, lines }, Some(_)) => (good_bytes, lines),
            // The file does not say when it began, or is damaged: it stays as it is, and a new one is begun.
            _ => return Ok(()),
        };
        file.set_len(length).map_err(failed)?;
        self.path = path.to_path_buf();
        self.began_ms = began.unwrap_or_default();
        self.file = Some(file);
        self.length = length;
        if !lines.is_empty() {
            let mut member = new_member();
            member.write_all(&lines).map_err(failed)?;
            self.member = Some(member);
            self.flush()?;
        }
        Ok(())
    }

    /// A stamp in the seconds of the file's lines; begins a file if one is needed.
    fn seconds(&mut self, stamp_ms: u64) -> Result<f64, WriteError> {
        // If the clock was set back to before the file's beginning, only a new file can tell when this was.
        let is_before = stamp_ms < self.began_ms;
        if is_before {
            self.close_member()?;
        }
        let is_full = self.member.is_none() && self.length >= self.limits.file_bytes;
        if self.unwritten.is_empty() && (is_before || is_full) {
            self.begin_file(stamp_ms)?;
        }
        Ok(stamp_ms.saturating_sub(self.began_ms) as f64 / 1000.0)
    }

    fn begin_file(&mut self, stamp_ms: u64) -> Result<(), WriteError> {
        if let Some(full) = self.file.take() {
            full.sync_all().map_err(|error| WriteError {
                path: self.path.clone(),
                error,
            })?;
        }
        // Names sort in the order of recording, even if the clock was set back.
        let newest = self.own_files()?.last().and_then(|path| number(path));
        let number = newest.map_or(stamp_ms, |newest| stamp_ms.max(newest + 1));
        self.path = self.folder.join(format!("{PREFIX}{number:013}{ENDING}"));
        self.began_ms = stamp_ms;
        self.length = 0;
        let unix_ms = Map::from_iter([("unix_ms".to_owned(), json!(stamp_ms))]);
        self.line(&note_line(0.0, BEGAN, &unix_ms))
    }

    fn line(&mut self, line: &str) -> Result<(), WriteError> {
        let member = self.member.get_or_insert_with(new_member);
        let written = writeln!(member, "{line}");
        self.member_bytes += line.len() + 1;
        written.map_err(|error| WriteError {
            path: self.path.clone(),
            error,
        })
    }

    fn close_member(&mut self) -> Result<(), WriteError> {
        if let Some(member) = self.member.take() {
            self.member_bytes = 0;
            let closed = member.finish().map_err(|error| WriteError {
                path: self.path.clone(),
                error,
            })?;
            self.unwritten.extend(closed);
        }
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<usize> {
        if self.file.is_none() {
            self.make_room(self.limits.file_bytes)?;
            let options = OpenOptions::new().write(true).create_new(true).clone();
            self.file = Some(options.open(&self.path)?);
            self.files += 1;
            self.handle.sync_all()?;
        }
        if let Some(file) = &self.file {
            file.write_all_at(&self.unwritten, self.length)?;
        }
        let written = self.unwritten.len();
        self.length += written as u64;
        self.unwritten.clear();
        if self.length > self.limits.file_bytes {
            self.make_room(0)?;
        }
        Ok(written)
    }

    /// Deletes the oldest recordings, so that there is room for `bytes` more; never the one that is written to.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let files = self.own_files().map_err(|failed| failed.error)?;
        let lengths = files.iter().map(|file| Ok(fs::metadata(file)?.len()));
        let lengths: Vec<u64> = lengths.collect::<io::Result<_>>()?;
        let mut total = lengths.iter().sum::<u64>() + bytes;
        self.files = files.len();
        for (file, length) in files.iter().zip(lengths) {
            if total <= self.limits.total_bytes || *file == self.path {
                break;
            }
            fs::remove_file(file)?;
            self.files -= 1;
            total -= length;
        }
        Ok(())
    }

    /// The recordings in the folder that a writer has made, oldest first; other files are not its own.
    fn own_files(&self) -> Result<Vec<PathBuf>, WriteError> {
        let listed = fs::read_dir(&self.folder).and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut files = listed.map_err(|error| WriteError {
            path: self.folder.clone(),
            error,
        })?;
        files.retain(|path| number(path).is_some());
        files.sort();
        Ok(files)
    }
}

fn new_member() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::fast())
}

/// The number in the name of a file that a writer has made.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(PREFIX)?
        .strip_suffix(ENDING)?
        .parse()
        .ok()
}

/// Checks that there is room for a file, and permission to make one.
fn probe(folder: &Path) -> Result<(), WriteError> {
    let path = folder.join(".probe");
    let probed = fs::write(&path, [0; 4096]).and_then(|()| fs::remove_file(&path));
    probed.map_err(|error| WriteError {
        path: folder.to_path_buf(),
        error,
    })
}

#[cfg(test)]
mod tests;

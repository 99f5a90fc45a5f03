//! A folder of recordings, or several of them, read as one.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Line, Reader, RecordingError};

/// The endings of recordings' names.
const ENDINGS: [&str; 2] = [".jsonl", ".jsonl.gz"];

/// Whether a file is a recording, by its name.
pub fn is_recording(path: &Path) -> bool {
    let name = path.to_string_lossy();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The recordings of a folder, by name: the order of time for those that a [`super::Writer`] keeps.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let failed = |error| RecordingError::unopened(folder, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_recording(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// When the recording in a file began, Unix milliseconds; `None` if its first line does not say so.
///
/// # Errors
/// When the file cannot be opened, or its first line is no record.
pub fn began_ms(path: &Path) -> Result<Option<u64>, RecordingError> {
    let first = Reader::open(path)?.next_record()?;
    Ok(first.and_then(|record| record.began_ms()))
}

/// Several recordings, one after the other; `t` counts from the start of the first.
pub struct Series {
    files: VecDeque<PathBuf>,
    reader: Option<Reader>,
    /// When the first file began, Unix milliseconds; `None` if it does not say so.
    began_ms: Option<u64>,
    /// Whether the first record of the open file is still to come.
    at_start: bool,
    /// The seconds to add to the times of the open file.
    offset_t: f64,
    last_t: f64,
    torn: Vec<RecordingError>,
}

impl Series {
    /// A series of these files, in this order.
    pub fn new(files: Vec<PathBuf>) -> Series {
        Series {
            files: files.into(),
            reader: None,
            began_ms: None,
            at_start: false,
            offset_t: 0.0,
            last_t: 0.0,
            torn: Vec::new(),
        }
    }

    /// When the first file began, Unix milliseconds; known once its first record was read, if it says so.
    pub fn began_ms(&self) -> Option<u64> {
        self.began_ms
    }

    /// Returns the errors of the files that ended in the middle since the last call. The files after them are still read.
    pub fn take_torn(&mut self) -> Vec<RecordingError> {
        std::mem::take(&mut self.torn)
    }

    /// Gives up the file that is being read; reading goes on with the next one.
    pub fn skip_file(&mut self) {
        self.reader = None;
    }

    fn next_record(&mut self) -> Result<Option<Line>, RecordingError> {
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(file) = self.files.pop_front() else {
                    return Ok(None);
                };
                self.reader = Some(Reader::open(&file)?);
                self.at_start = true;
                continue;
            };
            if let Some(record) = reader.next_record()? {
                return Ok(Some(self.placed(record)));
            }
            let torn = self.reader.take().and_then(Reader::into_torn);
            self.torn.extend(torn);
        }
    }

    /// A record with its time in the series.
    fn placed(&mut self, mut record: Line) -> Line {
        if std::mem::take(&mut self.at_start) {
            self.offset_t = match (record.began_ms(), self.began_ms) {
                (Some(began), Some(first)) => (began as f64 - first as f64) / 1000.0,
                // The first file, or a file that does not say when it began.
                _ => self.last_t,
            };
            self.began_ms = self.began_ms.or(record.began_ms());
        }
        record.t += self.offset_t;
        self.last_t = record.t;
        record
    }
}

impl Iterator for Series {
    type Item = Result<Line, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn times(files: &[&str]) -> (Vec<f64>, Option<u64>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let paths = files.iter().enumerate().map(|(number, text)| {
            let path = folder.path().join(format!("{number}.jsonl"));
            fs::write(&path, text).unwrap();
            path
        });
        let mut series = Series::new(paths.collect());
        let times = series.by_ref().map(|record| record.unwrap().t).collect();
        (times, series.began_ms(), series.take_torn().len())
    }

    #[test]
    fn files_that_say_when_they_began_stand_where_they_belong() {
        let file = |began: u64| {
            format!(
                "{{\"t\":0,\"note\":\"recording began\",\"unix_ms\":{began}}}\n{{\"t\":1.5,\"note\":\"x\"}}\n{{\"t\":2,\"no"
            )
        };
        assert_eq!(
            times(&[&file(5000), &file(65_250)]),
            (vec![0.0, 1.5, 60.25, 61.75], Some(5000), 2)
        );
    }

    #[test]
    fn files_that_do_not_say_so_follow_each_other() {
        let file = "{\"t\":1,\"note\":\"x\"}\n{\"t\":4,\"note\":\"y\"}\n";
        assert_eq!(times(&[file, file]), (vec![1.0, 4.0, 5.0, 8.0], None, 0));
    }

    #[test]
    fn a_folders_recordings_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jsonl", "a.jsonl.gz", "c.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names = ["a.jsonl.gz", "b.jsonl"].map(|name| folder.path().join(name));
        assert_eq!(files(folder.path()).unwrap(), names);
        assert!(files(Path::new("/nowhere")).is_err());
    }
}

//! A recording's file, read line by line; one that ends in the middle is read up to there.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{Line, RecordingError, line::parse};

/// The longest line taken: a note that holds the hex of a dozen whole blocks fits.
pub const MAX_LINE_BYTES: u64 = 128_000_000;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BUFFER: usize = 1 << 16;

/// Reads a recording line by line.
pub struct Reader {
    lines: Box<dyn BufRead + Send>,
    path: PathBuf,
    line: u64,
    buffer: Vec<u8>,
    torn: Option<RecordingError>,
}

impl Reader {
    /// Opens a recording, plain or gzip, as its first bytes show.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn open(path: &Path) -> Result<Reader, RecordingError> {
        let failed = |error: io::Error| RecordingError::unopened(path, &error);
        let file = File::open(path).map_err(failed)?;
        Reader::over(BufReader::with_capacity(BUFFER, file), path)
    }

    /// Reads a recording from bytes that need not be a file's, as [`Reader::open`] does; errors name them `path`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn over(
        mut source: impl BufRead + Send + 'static,
        path: &Path,
    ) -> Result<Reader, RecordingError> {
        let start = source
            .fill_buf()
            .map_err(|error| RecordingError::unopened(path, &error))?;
        // A file that was cut after the first byte of a gzip file counts as gzip too.
        let gzip = start.starts_with(&GZIP_MAGIC) || start == &GZIP_MAGIC[..1];
        let lines: Box<dyn BufRead + Send> = match gzip {
            true => Box::new(BufReader::with_capacity(
                BUFFER,
                MultiGzDecoder::new(source),
            )),
            false => Box::new(source),
        };
        Ok(Reader {
            lines,
            path: path.to_path_buf(),
            line: 0,
            buffer: Vec::new(),
            torn: None,
        })
    }

    /// The next record; `None` at the end. A file that ends in the middle ends there ([`Reader::torn`] tells). Empty lines are
    /// passed over.
    ///
    /// # Errors
    /// When the file cannot be read on, or a line is no record; after an error of the second kind, reading can go on.
    pub fn next_record(&mut self) -> Result<Option<Line>, RecordingError> {
        while self.torn.is_none() {
            self.buffer.clear();
            self.line += 1;
            let mut limited = (&mut self.lines).take(MAX_LINE_BYTES);
            let read = match limited.read_until(b'\n', &mut self.buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(self.end_torn("the gzip data ends in the middle"));
                }
                Err(error) => return Err(self.error(read_problem(&error))),
            };
            if read as u64 == MAX_LINE_BYTES {
                return Err(self.error(format!(
                    "more than {MAX_LINE_BYTES} bytes; expected one JSON object"
                )));
            }
            if read == 0 {
                return Ok(None);
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            return match parse(&self.buffer) {
                Ok(record) => Ok(Some(record)),
                // A line without a line break was not written to its end; a file of nothing else is no recording.
                Err(_) if self.line > 1 && !self.buffer.ends_with(b"\n") => {
                    Ok(self.end_torn("the line ends in the middle"))
                }
                Err(what) => Err(self.error(what)),
            };
        }
        Ok(None)
    }

    /// The place where the file ends in the middle of a line or member; `None` if it does not, or is not read up to there yet.
    pub fn torn(&self) -> Option<&RecordingError> {
        self.torn.as_ref()
    }

    /// Like [`Reader::torn`], for a reader that is no longer needed.
    pub(super) fn into_torn(self) -> Option<RecordingError> {
        self.torn
    }

    fn end_torn(&mut self, what: &str) -> Option<Line> {
        let what = format!("{what}; what stands before is used");
        self.torn = Some(self.error(what));
        None
    }

    fn error(&self, what: String) -> RecordingError {
        RecordingError {
            path: self.path.clone(),
            line: self.line,
            what,
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Line, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

fn read_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("{error}; expected gzip data without damage")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::{
        frame::{Frame, Topic},
        recording::{LineContent, frame_line},
    };

    const CHECKPOINT: &str = r#"{"t":2,"checkpoint":"quiet","mempool_sequence":7,"mempool":["d5f8a96839f26ae3b81b2f5ae0b4f2ce0ed0ba3ae1c1dfc0cbaa2a2ab8f4d1c7"],"entries":{},"height":200,"tip":"0eda9daaac09a4fd7e84dbba1c9e413155d01cefe2305fa3de3ff4d76e2778f9"}"#;

    fn frame() -> Frame {
        Frame {
            topic: Topic::RawTx,
            body: vec![0xab, 0xcd],
            counter: 9,
        }
    }

    fn reader(content: &[u8]) -> Reader {
        Reader::over(Cursor::new(content.to_vec()), Path::new("x.jsonl")).unwrap()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn text() -> String {
        format!(
            "{}\n\n{CHECKPOINT}\n{}\n",
            frame_line(1.25, &frame()),
            r#"{"t":3,"note":"stopped","why":"test"}"#
        )
    }

    #[test]
    fn plain_and_gzip_read_alike() {
        let plain: Result<Vec<_>, _> = reader(text().as_bytes()).collect();
        let packed: Result<Vec<_>, _> = reader(&gzip(text().as_bytes())).collect();
        let (plain, packed) = (plain.unwrap(), packed.unwrap());
        assert_eq!(plain, packed);
        assert_eq!(plain.len(), 3);
        assert_eq!(plain[0].event, LineContent::Frame(frame()));
        assert!(matches!(&plain[1].event, LineContent::Checkpoint(at) if at.mempool_sequence == 7));
        assert!(matches!(&plain[2].event, LineContent::Note { text, .. } if text == "stopped"));
    }

    #[test]
    fn a_line_that_is_no_record_is_named_and_passed() {
        let mut reader = reader(format!("{CHECKPOINT}\nnot json\n{CHECKPOINT}\n").as_bytes());
        assert!(reader.next_record().unwrap().is_some());
        let error = reader.next_record().unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.to_string().contains("x.jsonl, line 2: "), "{error}");
        assert!(reader.next_record().unwrap().is_some());
        assert!(reader.next_record().unwrap().is_none());
    }

    #[test]
    fn what_stands_before_a_torn_end_is_read() {
        let whole = text();
        let packed = gzip(whole.as_bytes());
        let records = |content: &[u8]| {
            let mut reader = reader(content);
            let count = reader.by_ref().map(Result::unwrap).count();
            (count, reader.torn().map(ToString::to_string))
        };
        for length in 2..packed.len() {
            let (_, torn) = records(&packed[..length]);
            assert!(torn.unwrap().contains("ends in the middle"), "{length}");
        }
        let (count, torn) = records(&whole.as_bytes()[..whole.len() - 5]);
        assert_eq!(count, 2);
        assert!(torn.unwrap().starts_with("x.jsonl, line 4: the line ends"));
        let (count, torn) = records(whole.trim_end().as_bytes());
        assert_eq!((count, torn), (3, None), "no line break, but a whole line");
        assert!(
            reader(b"hello").next_record().is_err(),
            "no recording at all"
        );
    }

    #[test]
    fn damage_in_the_middle_is_named() {
        let mut damaged = gzip(text().repeat(50).as_bytes());
        let middle = damaged.len() / 2;
        damaged[middle..middle + 8].fill(0xff);
        assert!(reader(&damaged).any(|record| record.is_err()));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Reader::open(Path::new("/nowhere/x.jsonl")).err().unwrap();
        assert!(
            error.to_string().starts_with("/nowhere/x.jsonl, "),
            "{error}"
        );
    }
}

//! Recordings of what a node sent: JSON lines, plain or gzip, read and written one at a time.
//!
//! A line is a frame `{"t": seconds, "zmq": topic, "body": hex, "seq": counter}`, a checkpoint (what the node answered
//! once all was quiet) `{"t", "checkpoint": name, "mempool_sequence", "mempool", "entries", "height", "tip"}`, or a note
//! `{"t", "note": text, …}`. `t` counts from the recording's start.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin::{BlockHash, Txid};
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::frame::{Frame, MAX_BODY_BYTES, Topic};

/// The longest line taken: a note that holds the hex of a dozen whole blocks fits.
pub const MAX_LINE_BYTES: u64 = 128_000_000;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One line of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Seconds since the recording's start.
    pub t: f64,
    /// What happened then.
    pub event: Event,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The node sent a message.
    Frame(Frame),
    /// The node was quiet, and answered.
    Checkpoint(Checkpoint),
    /// Something that whoever recorded it did or found out.
    Note {
        /// What it was.
        text: String,
        /// All fields of the line.
        fields: Map<String, Value>,
    },
}

/// What the node answered at a quiet moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its name, unique in the recording.
    pub name: String,
    /// The next mempool sequence number.
    pub mempool_sequence: u64,
    /// The mempool's transactions.
    pub mempool: Vec<Txid>,
    /// What is known of each of them.
    pub entries: HashMap<Txid, Entry>,
    /// The tip's height.
    pub height: u32,
    /// The tip's hash.
    pub tip: BlockHash,
}

/// What a checkpoint knows of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// When it entered the mempool, Unix seconds.
    pub time: u64,
    /// Its virtual size in bytes.
    pub vsize: u64,
}

/// A recording that cannot be used, and where.
#[derive(Debug, Error)]
#[error("{}, line {line}: {what}", path.display())]
pub struct RecordingError {
    /// The file.
    pub path: PathBuf,
    /// Counts from 1; 0 when it could not be opened.
    pub line: u64,
    /// What was wrong, and what was expected.
    pub what: String,
}

/// Reads a recording line by line.
pub struct Reader {
    lines: Box<dyn BufRead + Send>,
    path: PathBuf,
    line: u64,
    buffer: Vec<u8>,
}

impl Reader {
    /// Opens a recording, plain or gzip: the first bytes tell.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn open(path: &Path) -> Result<Reader, RecordingError> {
        let failed = |error: io::Error| RecordingError {
            path: path.to_path_buf(),
            line: 0,
            what: error.to_string(),
        };
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let gzip = file.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let lines: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Reader {
            lines,
            path: path.to_path_buf(),
            line: 0,
            buffer: Vec::new(),
        })
    }

    /// The next record, or none at the end. Empty lines are passed over.
    ///
    /// # Errors
    /// When the file cannot be read on, or a line is no record; after an error of the second kind, reading can go on.
    pub fn next_record(&mut self) -> Result<Option<Record>, RecordingError> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let mut limited = (&mut self.lines).take(MAX_LINE_BYTES);
            let read = limited
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| self.error(read_problem(&error)))?;
            if read as u64 == MAX_LINE_BYTES {
                return Err(self.error(format!(
                    "more than {MAX_LINE_BYTES} bytes; expected one JSON object"
                )));
            }
            if read == 0 {
                return Ok(None);
            }
            if !self.buffer.trim_ascii().is_empty() {
                return parse(&self.buffer)
                    .map(Some)
                    .map_err(|what| self.error(what));
            }
        }
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
    type Item = Result<Record, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

/// A frame's line, without the line break; `t` in seconds since the recording's start.
pub fn frame_line(t: f64, frame: &Frame) -> String {
    let t = (t * 10_000.0).round() / 10_000.0;
    serde_json::json!({
        "t": t,
        "zmq": frame.topic.name(),
        "body": frame.body.to_lower_hex_string(),
        "seq": frame.counter,
    })
    .to_string()
}

fn read_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "the gzip data ends in the middle; expected a whole file".to_owned()
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("{error}; expected gzip data without damage")
        }
        _ => error.to_string(),
    }
}

#[derive(Deserialize)]
struct Kind {
    t: f64,
    #[serde(default)]
    zmq: Option<String>,
    #[serde(default)]
    checkpoint: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct FrameFields<'a> {
    body: std::borrow::Cow<'a, str>,
    seq: u32,
}

#[derive(Deserialize)]
struct CheckpointFields {
    checkpoint: String,
    mempool_sequence: u64,
    mempool: Vec<String>,
    #[serde(default)]
    entries: HashMap<String, Entry>,
    height: u32,
    tip: String,
}

impl CheckpointFields {
    fn read(self) -> Result<Checkpoint, String> {
        let entries = self.entries.into_iter();
        Ok(Checkpoint {
            name: self.checkpoint,
            mempool_sequence: self.mempool_sequence,
            mempool: self
                .mempool
                .iter()
                .map(|txid| hash(txid))
                .collect::<Result<_, _>>()?,
            entries: entries
                .map(|(txid, entry)| Ok((hash(&txid)?, entry)))
                .collect::<Result<_, String>>()?,
            height: self.height,
            tip: hash(&self.tip)?,
        })
    }
}

fn hash<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?}; expected a hash of 64 hex digits"))
}

fn parse(line: &[u8]) -> Result<Record, String> {
    let kind: Kind = from_json(line)?;
    if !kind.t.is_finite() || kind.t < 0.0 {
        return Err(format!("t is {}; expected seconds from 0", kind.t));
    }
    let event = match kind {
        Kind {
            zmq: Some(topic), ..
        } => Event::Frame(parse_frame(&topic, from_json(line)?)?),
        Kind {
            checkpoint: Some(_),
            ..
        } => Event::Checkpoint(from_json::<CheckpointFields>(line)?.read()?),
        Kind {
            note: Some(text), ..
        } => Event::Note {
            text,
            fields: from_json(line)?,
        },
        _ => return Err("no zmq, checkpoint or note; expected one of them".to_owned()),
    };
    Ok(Record { t: kind.t, event })
}

fn from_json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line)
        .map_err(|error| format!("{error}; expected a frame, a checkpoint or a note as JSON"))
}

fn parse_frame(topic: &str, fields: FrameFields<'_>) -> Result<Frame, String> {
    let known = Topic::from_name(topic.as_bytes()).ok_or_else(|| {
        format!("zmq is {topic:?}; expected rawtx, rawblock, hashblock or sequence")
    })?;
    if fields.body.len() > 2 * MAX_BODY_BYTES {
        return Err(format!(
            "a body of {} hex digits; expected at most {}",
            fields.body.len(),
            2 * MAX_BODY_BYTES
        ));
    }
    let body = Vec::from_hex(&fields.body).map_err(|error| format!("body: {error}"))?;
    Ok(Frame {
        topic: known,
        body,
        counter: fields.seq,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const CHECKPOINT: &str = r#"{"t":2,"checkpoint":"quiet","mempool_sequence":7,"mempool":["d5f8a96839f26ae3b81b2f5ae0b4f2ce0ed0ba3ae1c1dfc0cbaa2a2ab8f4d1c7"],"entries":{},"height":200,"tip":"0eda9daaac09a4fd7e84dbba1c9e413155d01cefe2305fa3de3ff4d76e2778f9"}"#;

    fn frame() -> Frame {
        Frame {
            topic: Topic::RawTx,
            body: vec![0xab, 0xcd],
            counter: 9,
        }
    }

    fn file(name: &str, content: &[u8]) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("satscope-recording-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
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
        let plain: Result<Vec<_>, _> = Reader::open(&file("a.jsonl", text().as_bytes()))
            .unwrap()
            .collect();
        let packed: Result<Vec<_>, _> = Reader::open(&file("a.jsonl.gz", &gzip(text().as_bytes())))
            .unwrap()
            .collect();
        let (plain, packed) = (plain.unwrap(), packed.unwrap());
        assert_eq!(plain, packed);
        assert_eq!(plain.len(), 3);
        assert_eq!(plain[0].event, Event::Frame(frame()));
        assert!(matches!(&plain[1].event, Event::Checkpoint(at) if at.mempool_sequence == 7));
        assert!(matches!(&plain[2].event, Event::Note { text, .. } if text == "stopped"));
    }

    #[test]
    fn a_line_that_is_no_record_is_named_and_passed() {
        let path = file(
            "b.jsonl",
            format!("{CHECKPOINT}\nnot json\n{CHECKPOINT}\n").as_bytes(),
        );
        let mut reader = Reader::open(&path).unwrap();
        assert!(reader.next_record().unwrap().is_some());
        let error = reader.next_record().unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.to_string().contains("b.jsonl, line 2: "), "{error}");
        assert!(reader.next_record().unwrap().is_some());
        assert!(reader.next_record().unwrap().is_none());
    }

    #[test]
    fn a_broken_gzip_is_named() {
        let packed = gzip(&text().as_bytes().repeat(50));
        let cut = file("cut.gz", &packed[..packed.len() / 2]);
        let error = Reader::open(&cut).unwrap().find_map(Result::err).unwrap();
        assert!(error.what.contains("ends in the middle"), "{error}");
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 8].fill(0xff);
        let damaged = file("damaged.gz", &damaged);
        assert!(
            Reader::open(&damaged)
                .unwrap()
                .any(|record| record.is_err())
        );
    }

    #[test]
    fn odd_lines_say_what_was_expected() {
        for (line, part) in [
            (r#"{"t":-1,"note":"x"}"#, "t is -1"),
            (r#"{"t":1}"#, "expected one of them"),
            (r#"{"t":1,"zmq":"rawtxt","body":"","seq":1}"#, "rawtxt"),
            (r#"{"t":1,"zmq":"rawtx","body":"abc","seq":1}"#, "body"),
            (r#"{"t":1,"zmq":"rawtx","body":"ab"}"#, "seq"),
            (r#"{"t":1,"checkpoint":"x"}"#, "mempool_sequence"),
        ] {
            let what = parse(line.as_bytes()).unwrap_err();
            assert!(what.contains(part), "{line}: {what}");
        }
    }
}

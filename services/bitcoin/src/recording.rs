//! Recordings of a node's messages: JSON lines, plain or gzip, read and written one at a time.
//!
//! A line is a frame `{"t": seconds, "zmq": topic, "body": hex, "seq": counter}`, a checkpoint (the node's answers once all was
//! quiet) `{"t", "checkpoint": name, "mempool_sequence", "mempool", "entries", "height", "tip"}`, or a note
//! `{"t", "note": text, …}`. `t` counts from the recording's start. A recording of our own has the time of that start in its
//! first line: `{"t": 0, "note": "recording began", "unix_ms": …}`.
//!
//! A [`Writer`] keeps a folder of such files, each a row of small gzip members, so that a crash costs no more than the last
//! one; a [`Series`] reads them as one recording.

mod keeper;
mod line;
mod members;
mod reader;
mod report;
mod series;
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use bitcoin::{BlockHash, Txid};
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::frame::Frame;

pub use keeper::{ToRecord, keep};
pub use line::frame_line;
pub use members::{Ending, inspect};
pub use reader::{MAX_LINE_BYTES, Reader};
pub use report::{describe as describe_metrics, left_out};
pub use series::{Series, began_ms, files, is_recording};
pub use writer::{RecordingLimits, WriteError, Writer};

/// The note that a recording of our own begins with.
pub const BEGAN: &str = "recording began";
/// The note that says that a connection to the node is up.
pub const CONNECTED: &str = "connected";
/// The note that says that a connection to the node is gone.
pub const DISCONNECTED: &str = "disconnected";

/// One line of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Seconds since the recording's start.
    pub t: f64,
    /// The event at that time.
    pub event: LineContent,
}

impl Line {
    /// When the recording began, Unix milliseconds; `None` if this is not the line that says so.
    pub fn began_ms(&self) -> Option<u64> {
        match &self.event {
            LineContent::Note { text, fields } if text == BEGAN => fields.get("unix_ms")?.as_u64(),
            _ => None,
        }
    }
}

/// The content of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum LineContent {
    /// The node sent a message.
    Frame(Frame),
    /// The node was quiet, and answered.
    Checkpoint(Checkpoint),
    /// Something that the recorder did or found out.
    Note {
        /// The kind of incident, such as [`CONNECTED`].
        text: String,
        /// All fields of the line.
        fields: Map<String, Value>,
    },
}

/// The node's answers at a quiet moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its name, unique in the recording.
    pub name: String,
    /// The next mempool sequence number.
    pub mempool_sequence: u64,
    /// The mempool's transactions.
    pub mempool: Vec<Txid>,
    /// The entries of these transactions.
    pub entries: HashMap<Txid, MempoolEntry>,
    /// The tip's height.
    pub height: u32,
    /// The tip's hash.
    pub tip: BlockHash,
}

/// A checkpoint's entry of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct MempoolEntry {
    /// When it entered the mempool, Unix seconds.
    pub time: u64,
    /// Its virtual size in bytes.
    pub vsize: u64,
}

/// An error in a recording, with its file and line.
#[derive(Debug, Error)]
#[error("{}, line {line}: {what}", path.display())]
pub struct RecordingError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1; 0 if the file could not be opened.
    pub line: u64,
    /// The fault, and the expected form.
    pub what: String,
}

impl RecordingError {
    fn unopened(path: &Path, error: &io::Error) -> RecordingError {
        RecordingError {
            path: path.to_path_buf(),
            line: 0,
            what: error.to_string(),
        }
    }
}

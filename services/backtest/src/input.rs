//! Files to read, gzip or plain, and how far the reading has come.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;

/// The first bytes of a gzip file (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Opens a CSV file with a header line, unpacking it where it is gzip.
///
/// # Errors
/// The file cannot be opened or read.
pub(crate) fn open_csv(path: &Path) -> anyhow::Result<csv::Reader<Box<dyn Read>>> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = BufReader::new(File::open(path).with_context(context)?);
    let packed = reader
        .fill_buf()
        .with_context(context)?
        .starts_with(&GZIP_MAGIC);
    let text: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    };
    Ok(csv::ReaderBuilder::new().flexible(true).from_reader(text))
}

/// One line on standard error that is written over, where that is a terminal.
pub(crate) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows where the reading is.
    pub(crate) fn show(&self, what: &str) {
        if self.terminal {
            eprint!("\r\x1b[K{what}");
            // Progress that cannot be shown is no reason to stop.
            std::io::stderr().flush().ok();
        }
    }

    /// Writes a line that stays.
    pub(crate) fn say(&self, line: &str) {
        self.show("");
        eprintln!("{line}");
    }
}

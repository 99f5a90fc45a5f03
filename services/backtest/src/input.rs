//! Input files, plain or gzip, and the display of progress.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use flate2::read::MultiGzDecoder;

/// The first bytes of a gzip file (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Opens a CSV file, and unpacks it if it is gzip. Its header line must have at least these columns, in any order.
///
/// # Errors
/// The file cannot be opened or read, or a column is missing.
pub(crate) fn open_csv(
    path: &Path,
    columns: &[&str],
) -> anyhow::Result<csv::Reader<Box<dyn Read>>> {
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
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let header = reader.headers().with_context(context)?;
    for column in columns {
        ensure!(
            header.iter().any(|found| found == *column),
            "{} has no column {column}; expected {}",
            path.display(),
            columns.join(", ")
        );
    }
    Ok(reader)
}

/// A line on standard error that is overwritten, if standard error is a terminal.
pub(crate) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows the present state of the work.
    pub(crate) fn show(&self, what: &str) {
        if self.terminal {
            eprint!("\r\x1b[K{what}");
            // Work goes on even if its progress cannot be shown.
            std::io::stderr().flush().ok();
        }
    }

    /// Writes a line that is not overwritten.
    pub(crate) fn say(&self, line: &str) {
        self.show("");
        eprintln!("{line}");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn opened(text: &[u8], columns: &[&str]) -> anyhow::Result<Vec<Vec<String>>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(&file, text)?;
        let mut reader = open_csv(file.path(), columns)?;
        let records: Result<Vec<_>, _> = reader.records().collect();
        let fields = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        Ok(records?.iter().map(fields).collect())
    }

    #[test]
    fn columns_may_stand_in_any_order_among_others() {
        let text = b"\xef\xbb\xbfb, other ,a\r\n1, 2,3\r\n";
        assert_eq!(opened(text, &["a", "b"]).unwrap(), [["1", "2", "3"]]);
    }

    #[test]
    fn a_missing_column_is_named_once_for_the_file() {
        for text in [&b""[..], b"a,c\n1,2\n3,4\n"] {
            let error = opened(text, &["a", "b"]).unwrap_err().to_string();
            assert!(error.contains("has no column"), "{error}");
            assert!(error.ends_with("expected a, b"), "{error}");
        }
    }
}

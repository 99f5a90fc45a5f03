//! Writing a command's text to standard output. A reader that stops early (`| head -1`) is no fault.

use std::io::{self, Write as _};

use anyhow::Context as _;

/// Writes all of `text`.
///
/// # Errors
/// When standard output cannot be written to, or its reader is gone: [`is_closed`].
pub fn write(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("writing to standard output")
}

/// Whether the reader of standard output is gone.
pub fn is_closed(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

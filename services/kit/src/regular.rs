//! Reads regular files that an operator names. A pipe, a device or a folder at such a path is refused, and never waited for.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;
use thiserror::Error;

/// The reason why a file was not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, pipe, socket or device.
    #[error("it is not a regular file; put a regular file in its place")]
    NotRegular,
    /// The file is longer than the limit.
    #[error("it is longer than {limit} bytes; check that it is the right file")]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
}

/// The file at `path`, opened for reading. The check looks at the opened file, so that no other can take its place between check
/// and reading. A pipe is opened without waiting for its other end (open(2), `O_NONBLOCK`).
///
/// # Errors
/// When it cannot be opened, or is not a regular file.
pub fn open(path: &Path) -> Result<File, ReadError> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(ReadError::NotRegular),
    }
}

/// The content of the file at `path`, of at most `limit` bytes. The checks look at the opened file.
///
/// # Errors
/// All of [`ReadError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let mut content = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut content)?;
    match content.len() as u64 > limit {
        true => Err(ReadError::TooLong { limit }),
        false => Ok(content),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, os::unix::net::UnixListener, process::Command};

    use super::*;

    #[test]
    fn a_file_up_to_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"0123456789");
        let longer = read(&path, 9).unwrap_err();
        assert!(matches!(longer, ReadError::TooLong { limit: 9 }));
    }

    #[test]
    fn a_folder_a_pipe_a_socket_and_a_device_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for path in [folder.path(), &at("pipe"), Path::new("/dev/zero")] {
            let refused = read(path, 10).unwrap_err();
            assert!(matches!(refused, ReadError::NotRegular), "{refused}");
        }
        for name in ["socket", "none"] {
            let refused = read(&at(name), 10).unwrap_err();
            assert!(matches!(refused, ReadError::Io(_)), "{refused}");
        }
    }
}

//! What the SQLite files beside the history have in common: a file that is damaged is begun anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{Error, ErrorCode};

/// Whether an error shows that a file is damaged, so that it may be deleted. A disk that is full or busy, or a file that may not be
/// written, says nothing of what is in the file.
pub fn is_damage(error: &Error) -> bool {
    match error {
        // A value that its column cannot have.
        Error::IntegralValueOutOfRange(..)
        | Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..) => true,
        error => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        ),
    }
}

/// Removes a file, and those that SQLite keeps beside it.
///
/// # Errors
/// When one is there and cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

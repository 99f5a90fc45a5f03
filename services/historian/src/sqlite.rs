//! What the SQLite files beside the history have in common: each says whose it is, is written without waiting for the disk, and
//! is begun anew if it is damaged.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, Error, ErrorCode};

/// Time for which a statement waits for another process that reads the file.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Size of the journal that is kept between two writes, in bytes.
const JOURNAL_BYTES: u32 = 1 << 20;

/// What a file says of itself. All numbers are 0 in an empty file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `PRAGMA application_id`.
    pub application: u32,
    /// `PRAGMA user_version`, the number of the tables' layout.
    pub layout: u32,
    /// The number of tables, and of what else the schema lists.
    pub tables: u32,
}

/// Opens a file, or makes an empty one, and reads what it says of itself. Nothing is written, because it may be another program's.
///
/// # Errors
/// When SQLite fails.
pub fn open(path: &Path) -> Result<(Connection, Marks), Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
    let marks = Marks {
        application: number("application_id")?,
        layout: number("user_version")?,
        tables: connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
    };
    Ok((connection, marks))
}

/// Writes into a file whose it is.
///
/// # Errors
/// When SQLite fails.
pub fn mark(connection: &Connection, application: u32, layout: u32) -> Result<(), Error> {
    connection.pragma_update(None, "application_id", application)?;
    connection.pragma_update(None, "user_version", layout)
}

/// Has writes not wait for the disk, because what a power cut removes is read again; and holds `cache_kilobytes` of the file in
/// memory.
///
/// # Errors
/// When SQLite fails.
pub fn write_unsynced(connection: &Connection, cache_kilobytes: i32) -> Result<(), Error> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
    connection.pragma_update(None, "cache_size", -cache_kilobytes)
}

/// Whether an error shows that a file is damaged, so that it may be deleted. A full or busy disk, or a missing permission,
/// says nothing about the content.
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

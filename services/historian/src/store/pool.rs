//! A fixed number of reading connections; a caller waits for a free one.

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{error::StoreError, schema};

/// Time for which a reader waits while the file is brought up to a new version.
const PATIENCE: Duration = Duration::from_secs(5);
/// Memory for pages that each connection may take, in kibibytes.
const PAGES_KIB: i64 = 2048;
/// Statements that each connection keeps prepared.
const STATEMENTS: usize = 32;

/// Connections of one file.
#[derive(Debug)]
pub(super) struct Pool {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
    given_back: Condvar,
}

impl Pool {
    /// A pool of `connections` connections to a file.
    pub(super) fn open(path: &Path, connections: usize) -> Result<Pool, StoreError> {
        let free: Result<Vec<_>, _> = (0..connections).map(|_| open(path)).collect();
        Ok(Pool {
            path: path.to_owned(),
            free: Mutex::new(free?),
            given_back: Condvar::new(),
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks on a free connection. All that one question reads is of the same moment.
    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let held = self.take();
        let answer = held.connection().and_then(|connection| {
            // The transaction ends with the answer. It writes nothing, so it may end in any way.
            let moment = connection.unchecked_transaction()?;
            question(&moment)
        });
        answer.map_err(|error| StoreError::of(&self.path, error))
    }

    fn take(&self) -> Held<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.given_back.wait_while(free, |free| free.is_empty());
        let connection = free.unwrap_or_else(PoisonError::into_inner).pop();
        Held {
            pool: self,
            connection,
        }
    }
}

/// A connection on loan. It is given back when this is dropped, even after a panic.
struct Held<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Held<'_> {
    fn connection(&self) -> rusqlite::Result<&Connection> {
        let connection = self.connection.as_ref();
        connection.ok_or(rusqlite::Error::InvalidQuery)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let free = self.pool.free.lock();
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        free.extend(self.connection.take());
        self.pool.given_back.notify_one();
    }
}

/// A reading connection.
///
/// # Errors
/// When the file cannot be opened.
pub(super) fn connection(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let connection = connection.and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        Ok(connection)
    });
    connection.map_err(|error| StoreError::of(path, error))
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let of = |error| StoreError::of(path, error);
    let connection = connection(path)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .pragma_update(None, "cache_size", -PAGES_KIB)
        .map_err(of)?;
    schema::show_as_newest(&connection, path)?;
    Ok(connection)
}

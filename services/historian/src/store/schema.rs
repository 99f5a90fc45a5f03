//! The tables of the history's file: made, brought from one version to the next, and checked.
//!
//! The tables hold a price and its small differences to others, because small integers take fewer bytes. The views give
//! prices plainly; `docs/history.md` describes both.

use std::{fs, io, path::Path};

use bitcoin::{BlockHash, hashes::Hash as _};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{
    error::{StoreError, impossible},
    pool,
    rows::Identity,
};

/// `PRAGMA application_id` of a history: "SATH".
const APPLICATION: u32 = 0x5341_5448;

/// The step at each index takes a file from the version of that number to the next.
const STEPS: [&str; 2] = [include_str!("version1.sql"), include_str!("version2.sql")];

/// Lets a reader see the periods of a file of version 1 as those of version 2, without writing the file.
const VERSION1_AS_2: &str = "CREATE TEMP VIEW periods AS
    SELECT period, state, model, disputed, blocks, priced, lock, digest, last_hash, 0 AS trust FROM main.periods";

/// The version that this program writes.
pub const VERSION: u32 = STEPS.len() as u32;

/// The identity that a file states. `None` if the file is new and empty.
///
/// # Errors
/// When the file is no history, is of a newer version, or is damaged.
pub fn identity(connection: &Connection, path: &Path) -> Result<Option<Identity>, StoreError> {
    let of = |error| StoreError::of(path, error);
    if version(connection, path)? == 0 {
        return Ok(None);
    }
    let text = |key: &str| -> rusqlite::Result<String> {
        let found = connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        });
        found
            .optional()?
            .ok_or_else(|| impossible(format!("no {key} in meta")))
    };
    let genesis: BlockHash = text("genesis")
        .and_then(|hash| hash.parse().map_err(|_| impossible("no hash in meta")))
        .map_err(of)?;
    Ok(Some(Identity {
        chain: text("chain").map_err(of)?,
        genesis,
        simulated: text("simulated").map_err(of)? == "1",
    }))
}

/// The version of a file; 0 if it is new and empty.
///
/// # Errors
/// When the file is no history, or is of a newer version.
fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let of = |error| StoreError::of(path, error);
    let number = |name: &str| -> Result<u32, StoreError> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(of)
    };
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(of)?;
    let (application, version) = (number("application_id")?, number("user_version")?);
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION, version) if version > VERSION => Err(StoreError::Newer {
            path: path.to_owned(),
            version,
            known: VERSION,
        }),
        (APPLICATION, version) if version > 0 => Ok(version),
        _ => Err(StoreError::NotOurs {
            path: path.to_owned(),
            reason: format!("a database whose application_id is {application}"),
        }),
    }
}

/// Whether there is no history in a file yet: it is not there, or is an empty database, as a process that was killed while making a
/// history leaves it. A file that cannot be read is not empty.
pub fn is_empty(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(is) if is.len() > 0 => {}
        Ok(is) => return is.is_file(),
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    }
    let connection = pool::connection(path);
    connection.is_ok_and(|connection| matches!(version(&connection, path), Ok(0)))
}

/// Checks that a file is of this history, or is empty and may become so.
///
/// # Errors
/// When the file is no history, of another chain, or of a newer version.
pub fn check(connection: &Connection, path: &Path, wanted: &Identity) -> Result<(), StoreError> {
    check_identity(identity(connection, path)?, wanted, path)
}

/// Makes a reading connection show a file of an older version as one of [`VERSION`]. The file stays as it is.
///
/// # Errors
/// When the file is no history, or is of a newer version.
pub fn show_as_newest(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match version(connection, path)? {
        1 => connection
            .execute_batch(VERSION1_AS_2)
            .map_err(|error| StoreError::of(path, error)),
        _ => Ok(()),
    }
}

/// Searches the whole file for damage.
///
/// # Errors
/// [`StoreError::Corrupt`] if there is any.
pub fn quick_check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| StoreError::of(path, error))?;
    match found.as_str() {
        "ok" => Ok(()),
        reason => Err(StoreError::Corrupt {
            path: path.to_owned(),
            reason: reason.to_owned(),
        }),
    }
}

/// Makes the tables in a new file, or brings those of an older version to [`VERSION`], in one transaction.
///
/// # Errors
/// When the file is of another chain, is of a newer version, or cannot be written.
pub fn bring_up(
    connection: &mut Connection,
    path: &Path,
    wanted: &Identity,
) -> Result<(), StoreError> {
    let of = |error| StoreError::of(path, error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(of)?;
    let before = version(&transaction, path)?;
    check_identity(identity(&transaction, path)?, wanted, path)?;
    for step in &STEPS[before as usize..] {
        transaction.execute_batch(step).map_err(of)?;
    }
    if before == 0 {
        put_identity(&transaction, wanted).map_err(of)?;
    }
    if before < VERSION {
        transaction
            .pragma_update(None, "application_id", APPLICATION)
            .and_then(|()| transaction.pragma_update(None, "user_version", VERSION))
            .map_err(of)?;
    }
    transaction.commit().map_err(of)
}

fn put_identity(transaction: &Transaction<'_>, identity: &Identity) -> rusqlite::Result<()> {
    let simulated = if identity.simulated { "1" } else { "0" };
    let genesis = identity.genesis.to_string();
    for (key, value) in [
        ("chain", identity.chain.as_str()),
        ("genesis", &genesis),
        ("simulated", simulated),
    ] {
        transaction.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)",
            [key, value],
        )?;
    }
    Ok(())
}

fn check_identity(has: Option<Identity>, wanted: &Identity, path: &Path) -> Result<(), StoreError> {
    match has {
        Some(has) if has != *wanted => Err(StoreError::OtherChain {
            path: path.to_owned(),
            has: has.to_string(),
            wanted: wanted.to_string(),
        }),
        _ => Ok(()),
    }
}

/// The block hash in a column.
///
/// # Errors
/// When the bytes are not a hash.
pub fn hash(bytes: &[u8]) -> rusqlite::Result<BlockHash> {
    BlockHash::from_slice(bytes).map_err(|_| impossible("a hash that is not 32 bytes"))
}

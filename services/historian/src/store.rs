//! The history's file: SQLite in WAL mode, with one writer and any number of readers.
//!
//! A write is one transaction, so a process that is killed leaves no half write. With `synchronous = NORMAL` a power
//! cut may undo the last transactions, in order, and never a part of one. Blocks are then read again; minutes since the
//! last checkpoint are lost.

mod candles;
mod check;
mod coverage;
mod digest;
mod disputes;
mod error;
mod import;
mod lookup;
mod pool;
mod readers;
mod rows;
mod schema;
mod series;
mod statements;
#[cfg(test)]
mod tests;
mod whole;
mod writer;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

pub use candles::{Candle, Candles, Ohlc};
pub use coverage::{Coverage, Place};
pub use digest::{OverAll, ROW_BYTES, digest, row_bytes, row_of_bytes};
pub use disputes::is_disputed;
pub use error::StoreError;
pub use import::Imported;
pub use lookup::{BlockState, Kind, Price, Source};
pub use readers::Readers;
pub use rows::{
    BlockRow, Identity, MinuteRow, PeriodRow, PeriodState, Seal, SealedPeriod, StoredPeriod, Tip,
    Trust,
};
pub use schema::VERSION;
pub use series::{MOST_ROWS, Series, Span};
pub use whole::Bookmark;
pub use writer::Writer;

/// The history's file.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// The name of the file of a chain, in the state folder.
    pub fn file_name(chain: &str, simulated: bool) -> String {
        let letters = chain.chars().filter(char::is_ascii_alphanumeric);
        let chain: String = letters.take(32).collect();
        let simulated = if simulated { "-simulated" } else { "" };
        format!("history-{chain}{simulated}.sqlite")
    }

    /// Opens the file of this history for writing and reading, and makes it if it is missing. A file of an older
    /// version is brought up to [`VERSION`].
    ///
    /// # Errors
    /// When the file is in use, of another chain, of a newer version or damaged, or cannot be written.
    pub fn open(path: &Path, identity: &Identity) -> Result<(Writer, Readers), StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| StoreError::of_system(path, &error))?;
        }
        let minutes = Arc::new(AtomicU64::new(0));
        let writer = Writer::open(path, identity, minutes.clone())?;
        let readers = Readers::open(path, minutes)?;
        Ok((writer, readers))
    }

    /// Opens a file for reading, whether or not another process writes it.
    ///
    /// # Errors
    /// When the file is missing or no history.
    pub fn read(path: &Path) -> Result<Readers, StoreError> {
        Readers::open(path, Arc::default())
    }

    /// The identity of the history in a file.
    ///
    /// # Errors
    /// When the file is missing or no history.
    pub fn identity(path: &Path) -> Result<Identity, StoreError> {
        Ok(Store::read(path)?.identity().clone())
    }

    /// The history files in a folder, of nodes or of stand-ins, in the order of their names. A file that is still empty holds no
    /// history, and is left out.
    ///
    /// # Errors
    /// When the folder cannot be read. A missing folder has no files.
    pub fn files(folder: &Path, simulated: bool) -> Result<Vec<PathBuf>, StoreError> {
        let is_history = |name: &str| {
            let name = name.strip_prefix("history-");
            let chain = name.and_then(|name| name.strip_suffix(".sqlite"));
            chain.is_some_and(|chain| chain.ends_with("-simulated") == simulated)
        };
        let named = named_files(folder)?.into_iter();
        let histories = named.filter(|(name, path)| is_history(name) && !schema::is_empty(path));
        Ok(histories.map(|(_, path)| path).collect())
    }
}

/// Name and path of each file in a folder, in the order of their names. Names that are no Unicode are left out.
///
/// # Errors
/// When the folder cannot be read. A missing folder has no files.
pub(crate) fn named_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let of = |error| StoreError::of_system(folder, &error);
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(of(error)),
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry.map_err(of)?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

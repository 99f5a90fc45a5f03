//! The files that the historian keeps beside the histories: payments of recent blocks, and indexes of the node's block files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    disk, recent, sqlite,
    store::{StoreError, named_files},
};

/// A file beside the histories, which the historian makes anew if it is lost.
#[derive(Debug)]
pub struct Beside {
    file: PathBuf,
    content: &'static str,
    bytes: u64,
}

/// The content of a file and its `PRAGMA application_id`, as its name tells them; `None` for any other file.
fn expected(name: &str) -> Option<(&'static str, u32)> {
    let stem = name.strip_suffix(".sqlite")?;
    match stem.split_once('-')?.0 {
        "recent" => Some(("payments of recent blocks", recent::APPLICATION)),
        "blocks" => Some(("index of the node's block files", disk::APPLICATION)),
        _ => None,
    }
}

/// The files in a folder, in the order of their names; for one that cannot be used, why.
///
/// # Errors
/// When the folder cannot be read. A missing folder has no files.
pub fn of_folder(folder: &Path) -> Result<Vec<Result<Beside, String>>, StoreError> {
    let named = named_files(folder)?.into_iter();
    let found = named.filter_map(|(name, file)| Some((file, expected(&name)?)));
    let told = found.map(|(file, (content, application))| {
        let named = file.display().to_string();
        let bytes = look(&file, application).map_err(|why| format!("{named}: {why}"))?;
        Ok(Beside {
            file,
            content,
            bytes,
        })
    });
    Ok(told.collect())
}

/// Searches a file for damage, and returns its length in bytes.
fn look(file: &Path, application: u32) -> Result<u64, String> {
    let bytes = fs::metadata(file).map_err(|error| error.to_string())?.len();
    let asked = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(
        |connection| {
            connection.busy_timeout(sqlite::PATIENCE)?;
            let found: String =
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            let of: u32 =
                connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            Ok((found, of))
        },
    );
    let anew = "the historian begins the file anew when it uses it";
    match asked {
        Ok((found, _)) if found != "ok" => Err(format!("the file is damaged ({found}); {anew}")),
        // A historian that was killed may leave an empty file.
        Ok((_, of)) if of != application && bytes > 0 => {
            Err(format!("the file is of another program; {anew}"))
        }
        Ok(_) => Ok(bytes),
        Err(error) if sqlite::is_damage(&error) => {
            Err(format!("the file is damaged ({error}); {anew}"))
        }
        Err(error) => Err(format!(
            "the file cannot be read ({error}); check that this user may read it"
        )),
    }
}

impl Beside {
    /// The file, its content and its size as two lines of text.
    pub fn text(&self) -> String {
        let megabytes = self.bytes as f64 / 1e6;
        let Beside { file, content, .. } = self;
        format!("{}\n  {content}, {megabytes:.1} MB\n", file.display())
    }
}

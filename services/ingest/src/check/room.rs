//! Whether there is room for the journal, and whether it may be written. Nothing is created to find out.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access, statvfs};

use super::{answers::grouped, finding::Finding};
use crate::{IngestSettings, journal};

/// The finding about the journal.
pub const JOURNAL: &str = "journal";

/// The room that a journal needs, as a multiple of the size of all records. It grows to twice that size, and then a new
/// journal of that size is written beside it.
const TIMES: u64 = 3;
const MEGABYTE: u64 = 1_000_000;

/// Room and permission for the journal of these settings.
pub fn journal(settings: &IngestSettings) -> Finding {
    match settings.state.folder() {
        Err(error) => Finding::wrong(JOURNAL, "no folder to keep it in", error.to_string()),
        Ok(None) => Finding::ok(JOURNAL, "none is kept, as state_dir says"),
        Ok(Some(folder)) => {
            let needed = journal::LEAST_BYTES.max(settings.window_bytes) * TIMES;
            judge(&folder, look(&folder), needed)
        }
    }
}

/// The state of the journal's place.
#[derive(Debug)]
enum Place {
    /// The journal can be written there, with this many free bytes.
    Open(u64),
    /// A file or folder that cannot be used, and why.
    Closed(PathBuf, io::Error),
}

fn look(folder: &Path) -> Place {
    match try_look(folder) {
        Ok(free) => Place::Open(free),
        Err((path, error)) => Place::Closed(path, error),
    }
}

/// Free bytes of the file system, for this user.
fn try_look(folder: &Path) -> Result<u64, (PathBuf, io::Error)> {
    let closed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| (path, error)
    };
    let folder = std::path::absolute(folder).map_err(closed(folder))?;
    // A folder that is not there yet is made in the first one above it that is.
    let mut above = folder.ancestors();
    let there = above.find(|folder| folder.symlink_metadata().is_ok());
    let there = there.unwrap_or(&folder);
    if !there.metadata().map_err(closed(there))?.is_dir() {
        return Err(closed(there)(io::ErrorKind::NotADirectory.into()));
    }
    let may = |path: &Path, what: Access| match access(path, what) {
        Err(rustix::io::Errno::NOENT) if path != there => Ok(()),
        answer => answer.map_err(|error| closed(path)(error.into())),
    };
    may(there, Access::WRITE_OK | Access::EXEC_OK)?;
    may(&folder.join(journal::LOCK), Access::WRITE_OK)?;
    may(&folder.join(journal::NAME), Access::READ_OK)?;
    let system = statvfs(there).map_err(|error| closed(there)(error.into()))?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

fn judge(folder: &Path, place: Place, needed: u64) -> Finding {
    let megabytes = |bytes: u64| grouped(bytes / MEGABYTE);
    let folder = folder.display();
    match place {
        Place::Closed(path, error) => Finding::wrong(
            JOURNAL,
            format!("{} cannot be used: {error}", path.display()),
            "set state_dir to a folder that this user may write, or to none",
        ),
        Place::Open(free) if free < needed => Finding::warning(
            JOURNAL,
            format!(
                "{folder}: {} MB free; the journal of a full window takes up to {} MB",
                megabytes(free),
                megabytes(needed)
            ),
            "set state_dir to a folder with more room, or lower window_bytes",
        ),
        Place::Open(free) => Finding::ok(JOURNAL, format!("{folder}: {} MB free", megabytes(free))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_looked_for_above_and_not_made() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        assert!(matches!(look(&folder), Place::Open(free) if free > 0));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        for folder in [file.clone(), file.join("below")] {
            let finding = judge(&folder, look(&folder), 0);
            assert!(finding.to_fix().unwrap().contains("state_dir"));
            assert!(finding.said().contains(file.to_str().unwrap()));
        }
    }

    #[test]
    fn little_room_is_a_warning_with_both_sizes() {
        let finding = judge(Path::new("/x"), Place::Open(20_000_000), 805_306_368);
        assert_eq!(finding.to_fix(), None);
        let said = finding.said();
        assert!(
            said.contains("20 MB free") && said.contains("805 MB"),
            "{said}"
        );
        let finding = judge(Path::new("/x"), Place::Open(1_234_567_890), 805_306_368);
        assert_eq!(finding, Finding::ok(JOURNAL, "/x: 1,234 MB free"));
    }
}

//! The place of a pack that is made: checked, so that a pack takes the place of nothing but a pack.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    time::{Duration, SystemTime},
};

use satscope_kit::regular;
use tempfile::NamedTempFile;

use super::{error::PackError, format::PackReader};

/// The first letters of the name of a pack that is not whole yet; [`RANDOM`] others follow.
const PREFIX: &str = ".satscope-pack-";
/// Random letters in the name of a pack that is not whole yet.
const RANDOM: usize = 6;
/// Age from which an unfinished pack that no process locks counts as left behind.
const LEFT_AFTER: Duration = Duration::from_mins(1);

/// A place for a pack.
#[derive(Debug)]
pub(super) struct Target<'a> {
    file: &'a Path,
    /// The folder of the history.
    state: &'a Path,
}

impl<'a> Target<'a> {
    /// The place `file` for a pack of a history in the folder `state`.
    ///
    /// # Errors
    /// When a file is there that is no pack, or the name is one of Satscope's own files.
    pub(super) fn new(file: &'a Path, state: &'a Path) -> Result<Target<'a>, PackError> {
        let target = Target { file, state };
        target.check()?;
        Ok(target)
    }

    fn check(&self) -> Result<(), PackError> {
        let taken = |what: String| PackError::Taken {
            path: self.file.to_owned(),
            what,
        };
        if self.is_own_name() {
            return Err(PackError::OwnName(self.file.to_owned()));
        }
        match fs::symlink_metadata(self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(PackError::file(self.file)(error)),
            Ok(is) if !is.is_file() => return Err(taken("it is no regular file".to_owned())),
            Ok(_) => {}
        }
        match PackReader::open(self.file) {
            Ok(_) | Err(PackError::Newer { .. }) => Ok(()),
            Err(error @ PackError::File { .. }) => Err(error),
            Err(_) => Err(taken("it is no pack of Satscope".to_owned())),
        }
    }

    /// Whether the place is in the history's folder and has a name that Satscope gives its files there, such as
    /// `history-main.sqlite-wal`.
    fn is_own_name(&self) -> bool {
        let name = self.file.file_name().and_then(OsStr::to_str);
        let is_own = name.is_some_and(|name| {
            let begins = ["history-", "recent-", "blocks-"];
            name.contains(".sqlite") && begins.iter().any(|begin| name.starts_with(begin))
        });
        let is_in_state = match (self.folder().canonicalize(), self.state.canonicalize()) {
            (Ok(folder), Ok(state)) => folder == state,
            // A folder that is not there has no files of Satscope, and no pack can be made in it.
            _ => false,
        };
        is_own && is_in_state
    }

    fn folder(&self) -> &Path {
        folder_of(self.file)
    }

    /// A file beside the place, for a pack that is not whole yet. Other users may read it as they may read any file of this user. A
    /// lock shows that a process writes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn beside(&self) -> Result<NamedTempFile, PackError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).rand_bytes(RANDOM);
        builder.permissions(fs::Permissions::from_mode(0o666));
        let beside = builder.tempfile_in(self.folder());
        let beside = beside.map_err(PackError::file(self.file))?;
        match beside.as_file().try_lock() {
            // A pack is made on a file system without locks too. What a killed process leaves there stays, because `is_left` asks
            // for a lock.
            Ok(()) | Err(_) => {}
        }
        Ok(beside)
    }

    /// Puts the whole pack in its place.
    ///
    /// # Errors
    /// When a file that is no pack has come there meanwhile, or the place cannot be written.
    pub(super) fn put(&self, beside: NamedTempFile) -> Result<fs::File, PackError> {
        self.check()?;
        let written = beside.persist(self.file).map_err(|error| error.error);
        written.map_err(PackError::file(self.file))
    }

    /// Removes unfinished packs that killed processes of this user left in the folder. `beside` is the file of this process.
    ///
    /// # Errors
    /// When the folder cannot be read, or such a file cannot be removed.
    pub(super) fn tidy(&self, beside: &NamedTempFile) -> Result<(), PackError> {
        let file = PackError::file;
        let own = beside.as_file().metadata().map_err(file(beside.path()))?;
        for entry in fs::read_dir(self.folder()).map_err(file(self.folder()))? {
            let entry = entry.map_err(file(self.folder()))?;
            let path = entry.path();
            if !is_unfinished(&entry.file_name()) || !is_left(&path, own.uid()) {
                continue;
            }
            match fs::remove_file(&path) {
                // Another pack that is made beside this one has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(file(&path))?,
            }
        }
        Ok(())
    }
}

/// The folder of a file.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether a name is that of a pack that is not whole yet.
fn is_unfinished(name: &OsStr) -> bool {
    let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    rest.is_some_and(|rest| {
        rest.len() == RANDOM && rest.bytes().all(|letter| letter.is_ascii_alphanumeric())
    })
}

/// Whether a file is old and of this user, and no process holds a lock on it. One that cannot be opened is not of this user.
fn is_left(path: &Path, user: u32) -> bool {
    let Ok(file) = regular::open(path) else {
        return false;
    };
    let Ok(is) = file.metadata() else {
        return false;
    };
    let age = is
        .modified()
        .map(|modified| SystemTime::now().duration_since(modified));
    let is_old = matches!(age, Ok(Ok(age)) if age >= LEFT_AFTER);
    is_old && is.uid() == user && file.try_lock().is_ok()
}

//! Reads a file only if root, our user or the node's user owns it, and not all users can write it.

use std::{
    fmt,
    fs::{File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};
use thiserror::Error;

/// The permission to write for all users. Source: POSIX, `S_IWOTH`.
const WRITABLE_BY_ALL: u32 = 0o002;
/// The bit with which only the owner of a file may remove it from a folder. Source: POSIX, `S_ISVTX`.
const STICKY: u32 = 0o1000;

/// The users whose files are trusted: root, our user and the node's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owners {
    ours: u32,
    node: Option<u32>,
}

impl Owners {
    /// Root, the user of this process, and the owner of the node's folder if that folder can be looked at.
    pub fn of(folder: &Path) -> Owners {
        Owners {
            ours: geteuid().as_raw(),
            node: folder.metadata().ok().map(|metadata| metadata.uid()),
        }
    }

    fn trusts(self, uid: u32) -> bool {
        uid == 0 || uid == self.ours || Some(uid) == self.node
    }
}

/// Owner, group and permissions of a file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The file or folder.
    pub path: PathBuf,
    /// The number of the user that owns it.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its permissions, as in `chmod`.
    pub mode: u32,
}

impl Access {
    fn of(path: &Path, metadata: &Metadata) -> Access {
        Access {
            path: path.to_owned(),
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Access {
            path,
            uid,
            gid,
            mode,
        } = self;
        let path = path.display();
        write!(
            formatter,
            "{path} belongs to uid {uid} and gid {gid} and has mode {mode:04o}"
        )
    }
}

/// The reason why a file was not read.
#[derive(Debug, Error)]
pub enum FileFault {
    /// The file is not there.
    #[error("it is not there")]
    Missing,
    /// Our user has no permission.
    #[error("uid {us} may not read it: {}", blocked(.by.as_ref()))]
    Denied {
        /// The number of our user.
        us: u32,
        /// The file, or the folder on the way to it that is closed to us; `None` if neither can be looked at.
        by: Option<Access>,
    },
    /// The operating system failed.
    #[error("{0}")]
    Io(io::Error),
    /// A folder, pipe, socket or device.
    #[error("it is not a regular file; put a regular file in its place")]
    NotRegular,
    /// The file belongs to a user that is not trusted.
    #[error(
        "it belongs to uid {uid}; expected root, our user or the owner of the node's data folder, so check it and chown it"
    )]
    ForeignOwner {
        /// The number of the owner.
        uid: u32,
    },
    /// All users may write to the file, or replace it in its folder.
    #[error("all users may change it: {0}; remove that permission with chmod o-w")]
    WritableByAll(Access),
    /// The file is longer than the limit.
    #[error("it is longer than {limit} bytes; check that it is the right file")]
    TooLong {
        /// The limit, in bytes.
        limit: u64,
    },
}

fn blocked(by: Option<&Access>) -> String {
    match by {
        Some(access) => access.to_string(),
        None => "no folder above it can be looked at".to_owned(),
    }
}

/// A file that was not read, and the reason.
#[derive(Debug, Error)]
#[error("{}: {fault}", .path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub fault: FileFault,
}

impl FileError {
    /// The error for a file that the operating system did not open.
    pub(crate) fn of_system(path: &Path, error: io::Error) -> FileError {
        let fault = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => FileFault::Missing,
            ErrorKind::PermissionDenied => denied(path),
            _ => FileFault::Io(error),
        };
        FileError {
            path: path.to_owned(),
            fault,
        }
    }

    /// Whether the file is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self.fault, FileFault::Missing)
    }

    /// Whether our user lacks the permission.
    pub fn is_denied(&self) -> bool {
        matches!(self.fault, FileFault::Denied { .. })
    }
}

/// The fault of a path that our user may not read. The first path upwards that can be looked at is the one that stops us.
fn denied(path: &Path) -> FileFault {
    let by = path
        .ancestors()
        .find_map(|path| Some(Access::of(path, &path.metadata().ok()?)));
    FileFault::Denied {
        us: geteuid().as_raw(),
        by,
    }
}

/// The content of a trusted regular file of at most `limit` bytes. The checks look at the opened file, so that no user can
/// exchange it between check and reading. Symbolic links are followed, because packages use them.
///
/// # Errors
/// [`FileError`] with all of [`FileFault`].
pub(crate) fn read(path: &Path, owners: Owners, limit: u64) -> Result<Vec<u8>, FileError> {
    let system = |error| FileError::of_system(path, error);
    let refused = |fault| FileError {
        path: path.to_owned(),
        fault,
    };
    let opened = open(path).map_err(system)?;
    let (file, metadata) = opened.ok_or_else(|| refused(FileFault::NotRegular))?;
    check_file(Access::of(path, &metadata), owners).map_err(refused)?;
    check_folders(path)?;
    let content = content(file, limit).map_err(system)?;
    content.ok_or_else(|| refused(FileFault::TooLong { limit }))
}

/// The content of a regular file of at most `limit` bytes that an operator chose, with any owner.
///
/// # Errors
/// When it cannot be read, is no regular file, or is longer.
pub(crate) fn read_chosen(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let refused = |fault: FileFault| io::Error::other(fault.to_string());
    let (file, _) = open(path)?.ok_or_else(|| refused(FileFault::NotRegular))?;
    content(file, limit)?.ok_or_else(|| refused(FileFault::TooLong { limit }))
}

/// The open file, with any owner; `None` if it is no regular file. A pipe is opened without waiting for its other end.
///
/// # Errors
/// When the operating system fails.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

/// The content of a file; `None` if it is longer than `limit` bytes.
fn content(file: File, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= limit).then_some(content))
}

fn check_file(access: Access, owners: Owners) -> Result<(), FileFault> {
    if !owners.trusts(access.uid) {
        return Err(FileFault::ForeignOwner { uid: access.uid });
    }
    match access.mode & WRITABLE_BY_ALL {
        0 => Ok(()),
        _ => Err(FileFault::WritableByAll(access)),
    }
}

/// Checks the folder of the path, and that of the file which the path leads to by symbolic links.
fn check_folders(path: &Path) -> Result<(), FileError> {
    let system = |error| FileError::of_system(path, error);
    let real = path.canonicalize().map_err(system)?;
    for folder in [path.parent(), real.parent()].into_iter().flatten() {
        let access = Access::of(folder, &folder.metadata().map_err(system)?);
        if access.mode & WRITABLE_BY_ALL != 0 && access.mode & STICKY == 0 {
            return Err(FileError {
                path: path.to_owned(),
                fault: FileFault::WritableByAll(access),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;

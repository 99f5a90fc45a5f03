//! The journal's folder. It is a trait, so that tests fill a disk up, cut its power and kill its process at any byte.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::io::Errno;

use super::LOCK;

/// A folder of files.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Keeps other processes out until this one ends. Does nothing if that was done before.
    ///
    /// # Errors
    /// When another process has the lock, or the lock's file cannot be opened.
    fn lock(&self) -> Result<(), LockError>;

    /// A file's bytes; `None` if there is no such file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    fn read(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>>;

    /// An empty new file, in place of one of that name.
    ///
    /// # Errors
    /// When there is no room, or no permission.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Renames the file `from` to `to`, in place of a file of that name.
    ///
    /// # Errors
    /// When the folder cannot be written.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file if there is one of that name.
    ///
    /// # Errors
    /// When the folder cannot be written.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns once all names in the folder outlive a power cut.
    ///
    /// # Errors
    /// When they may not.
    fn sync(&self) -> io::Result<()>;

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// When the file system does not tell.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open file.
pub trait DiskFile: Send + Sync + 'static {
    /// Writes bytes at a place; returns how many were written.
    ///
    /// # Errors
    /// When none could be.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Cuts everything off beyond `length` bytes.
    ///
    /// # Errors
    /// When the file is as long as before.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns once all that was written outlives a power cut.
    ///
    /// # Errors
    /// When it may not.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that cannot be had.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    InUse,
    /// Its file cannot be opened.
    Io(io::Error),
}

/// A folder of the real file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: OnceLock<File>,
}

impl Folder {
    /// The folder at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or is no folder.
    pub fn at(path: &Path) -> io::Result<Folder> {
        std::fs::create_dir_all(path)?;
        Ok(Folder {
            path: path.to_owned(),
            lock: OnceLock::new(),
        })
    }
}

impl Disk for Folder {
    type File = File;

    fn lock(&self) -> Result<(), LockError> {
        if self.lock.get().is_some() {
            return Ok(());
        }
        let path = self.path.join(LOCK);
        let lock = match File::create(&path) {
            // On a disk that cannot be written, an existing lock file can still be locked.
            Err(error) if is_of_the_disk(&error) => File::open(&path).map_err(|_| error),
            opened => opened,
        };
        let lock = lock.map_err(LockError::Io)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LockError::InUse,
            TryLockError::Error(error) => LockError::Io(error),
        })?;
        self.lock.get_or_init(|| lock);
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        match File::open(self.path.join(name)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        options.open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let system = rustix::fs::statvfs(&self.path)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, at)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Whether an error tells of a disk that is full, read-only or broken, and not of a setting that is wrong.
pub fn is_of_the_disk(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::FBIG | Errno::IO)
    )
}

/// The file that frames are appended to.
#[derive(Debug)]
pub struct Writer<F> {
    /// Shared with the thread that syncs it.
    pub file: std::sync::Arc<F>,
    /// How long the file is.
    pub bytes: u64,
}

impl<F: DiskFile> Writer<F> {
    /// Appends all these bytes, or none: a part that was written is cut off again.
    ///
    /// # Errors
    /// When the disk does not take all of them.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            match self
                .file
                .write_at(&bytes[written..], self.bytes + written as u64)
            {
                Ok(0) => return self.cut_off(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.cut_off(error),
            }
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn cut_off(&self, error: io::Error) -> io::Result<()> {
        match self.file.truncate(self.bytes) {
            Ok(()) => Err(error),
            // A reader finds the end of the last whole frame itself.
            Err(also) => Err(io::Error::new(
                error.kind(),
                format!("{error}; and its torn end cannot be cut off: {also}"),
            )),
        }
    }
}

//! The block files of a folder.

use std::{
    fs::{self, File, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::BlkError;
use crate::guard;

/// A block file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlkFile {
    /// The number in its name.
    pub number: u32,
    /// Where it is.
    pub path: PathBuf,
    /// Its state when the folder was listed.
    pub state: FileState,
}

/// What shows that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its length in bytes.
    pub length: u64,
    /// When it was last written to, Unix nanoseconds.
    pub written_ns: i64,
}

impl FileState {
    fn of(metadata: &Metadata) -> FileState {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        FileState {
            length: metadata.len(),
            written_ns: seconds.saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// The block files of a folder, by number. Links are followed. A file that goes meanwhile, as by pruning, is left out.
///
/// # Errors
/// When the folder or a file cannot be looked at, or there is no block file.
pub fn blk_files(folder: &Path) -> Result<Vec<BlkFile>, BlkError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(BlkError::io(folder))? {
        let path = entry.map_err(BlkError::io(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(number) = name.and_then(number_of) else {
            continue;
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => files.push(BlkFile {
                number,
                path,
                state: FileState::of(&metadata),
            }),
            Ok(_) => return Err(BlkError::NotRegular(path)),
            // Pruned since the folder was read. A link to nothing looks the same, and its blocks are missing as well.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BlkError::Io { path, error }),
        }
    }
    if files.is_empty() {
        return Err(BlkError::Empty(folder.to_owned()));
    }
    files.sort_by_key(|file| file.number);
    Ok(files)
}

/// The block file of a number in a folder, opened for reading only.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub fn open(folder: &Path, number: u32) -> Result<File, BlkError> {
    let path = folder.join(format!("blk{number:05}.dat"));
    let opened = guard::open(&path).map_err(BlkError::io(&path))?;
    let (file, _) = opened.ok_or(BlkError::NotRegular(path))?;
    Ok(file)
}

/// Tells the system that bytes of a file will be read soon, so that a disk fetches them meanwhile. Without that they are read all the
/// same, only later.
pub fn will_read(file: &File, offset: u64, bytes: u64) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::fs::fadvise(
        file,
        offset,
        std::num::NonZero::new(bytes),
        rustix::fs::Advice::WillNeed,
    ) {
        tracing::debug!("a block file is not read ahead: {error}");
    }
}

/// The number in a block file's name: five digits, or more from 100,000 on. Source: Core, `src/flatfile.cpp`.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("blk")?.strip_suffix(".dat")?;
    let is_number = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| digits.parse().ok()).flatten()?;
    (format!("{number:05}") == digits).then_some(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_has_five_digits_or_as_many_as_the_number_needs() {
        let cases = [
            ("blk00000.dat", Some(0)),
            ("blk04321.dat", Some(4321)),
            ("blk123456.dat", Some(123_456)),
            ("blk000001.dat", None),
            ("blk0001.dat", None),
            ("blk-0001.dat", None),
            ("blk99999999999.dat", None),
            ("rev00000.dat", None),
            ("blk00000.dat.old", None),
        ];
        for (name, number) in cases {
            assert_eq!(number_of(name), number, "{name}");
        }
    }

    #[test]
    fn files_come_by_number_and_links_are_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        fs::write(elsewhere.path().join("old"), "abc").unwrap();
        fs::write(at("blk00002.dat"), "ab").unwrap();
        fs::write(at("rev00002.dat"), "ab").unwrap();
        symlink(elsewhere.path().join("old"), at("blk00000.dat")).unwrap();
        symlink(elsewhere.path().join("gone"), at("blk00001.dat")).unwrap();
        let files = blk_files(folder.path()).unwrap();
        let found = files.iter().map(|file| (file.number, file.state.length));
        assert_eq!(found.collect::<Vec<_>>(), [(0, 3), (2, 2)]);
    }

    #[test]
    fn a_folder_without_block_files_and_one_in_place_of_a_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = blk_files(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no file blk*.dat"), "{error}");
        fs::create_dir(folder.path().join("blk00000.dat")).unwrap();
        let error = blk_files(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("blk00000.dat: not a regular file"),
            "{error}"
        );
        let error = open(folder.path(), 0).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        let error = blk_files(Path::new("/nowhere/blocks")).unwrap_err();
        assert!(error.is_missing(), "{error}");
    }
}

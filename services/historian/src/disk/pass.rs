//! A pass over the files: those that are new or have changed are scanned, and those that are gone leave the index.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use satscope_bitcoin::blk::{
    BlkError, BlkFile, BlkFormat, FileState, Scanned, blk_files, open, scan,
};
use satscope_kit::clock::unix_ms;
use tokio_util::sync::CancellationToken;

use super::folder::{BlockFolder, DiskError};

/// A file that was written to less than this long before it was scanned is scanned again, because a later write may bear the same time.
const SETTLED_NS: u64 = 2_000_000_000;

/// What a pass did.
#[derive(Debug, Default)]
pub struct Passed {
    /// The number of files in the folder.
    pub files: usize,
    /// The number of files that were scanned.
    pub scanned: usize,
    /// The number of blocks in all files; `None` if no file has changed.
    pub blocks: Option<usize>,
    /// The first file that could not be read, and why; the others were scanned.
    pub unread: Option<BlkError>,
}

/// Scans the files of a folder that have changed since the last pass, newest first, because the newest blocks are wanted first.
/// Ends early if told to stop. What was scanned stays in the index, so the next pass goes on from there.
///
/// # Errors
/// When the folder or the index cannot be used, or the folder is of another chain.
pub fn pass(folder: &BlockFolder, stop: &CancellationToken) -> Result<Passed, DiskError> {
    let files = blk_files(folder.path())?;
    let known = folder.index().files()?;
    let gone = forget_gone(folder, &known, &files)?;
    let mut passed = Passed {
        files: files.len(),
        ..Passed::default()
    };
    let is_new = |file: &&BlkFile| known.get(&file.number) != Some(&file.state);
    let mut is_ours = known.len() > gone;
    for file in files.iter().rev().filter(is_new) {
        if stop.is_cancelled() {
            return Ok(passed);
        }
        match scan_file(folder.path(), folder.format(), file) {
            Ok(scanned) => {
                if !is_ours {
                    refuse_foreign(folder.format(), file, &scanned)?;
                }
                let state = as_scanned(file.state);
                folder
                    .index()
                    .replace(file.number, state, &scanned.blocks)?;
                passed.scanned += 1;
                is_ours |= !scanned.blocks.is_empty();
            }
            // It was pruned since the folder was listed.
            Err(error) if error.is_missing() => {}
            // Core gives all its files the same permissions.
            Err(error) if error.is_denied() && !is_ours => return Err(error.into()),
            Err(error) => {
                passed.unread.get_or_insert(error);
            }
        }
    }
    if passed.scanned > 0 || gone > 0 || folder.best().is_empty() {
        passed.blocks = Some(folder.find_best()?);
    }
    Ok(passed)
}

/// Removes the files from the index that are no longer in the folder, and returns their number.
fn forget_gone(
    folder: &BlockFolder,
    known: &BTreeMap<u32, FileState>,
    files: &[BlkFile],
) -> Result<usize, DiskError> {
    let numbers: BTreeSet<u32> = files.iter().map(|file| file.number).collect();
    let gone = known
        .keys()
        .copied()
        .filter(|number| !numbers.contains(number));
    let gone: Vec<u32> = gone.collect();
    folder.index().forget(&gone)?;
    Ok(gone.len())
}

/// The blocks of a file in a folder.
///
/// # Errors
/// When it cannot be opened or read.
pub fn scan_file(folder: &Path, format: BlkFormat, file: &BlkFile) -> Result<Scanned, BlkError> {
    let opened = open(folder, file.number)?;
    scan(&opened, file.state.length, format).map_err(|error| BlkError::Io {
        path: file.path.clone(),
        error,
    })
}

/// Refuses the first file that is looked at if it has only bytes of another chain. A later one like that is damaged.
///
/// # Errors
/// [`BlkError::Foreign`] for such a file.
pub fn refuse_foreign(
    format: BlkFormat,
    file: &BlkFile,
    scanned: &Scanned,
) -> Result<(), BlkError> {
    match scanned.foreign {
        Some(found) if scanned.blocks.is_empty() => Err(BlkError::Foreign {
            path: file.path.clone(),
            found,
            expected: format.magic,
        }),
        _ => Ok(()),
    }
}

/// The state that the index keeps of a file. A file that was just written to counts as changed at the next pass.
fn as_scanned(state: FileState) -> FileState {
    let now = i64::try_from(unix_ms())
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000_000);
    match now.abs_diff(state.written_ns) < SETTLED_NS {
        true => FileState {
            written_ns: -1,
            ..state
        },
        false => state,
    }
}

//! Whether the historian could read the block files of a folder, found out without an index. Nothing is written.

use std::path::Path;

use satscope_bitcoin::blk::{BlkError, XorKey, blk_files, open};

use super::{
    folder::{DiskError, format_of},
    pass::{refuse_foreign, scan_file},
};

/// What a look at the folder found, if its files can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockFiles {
    /// The number of files.
    pub files: usize,
    /// The newest file that cannot be opened or read, and why; `None` if all can.
    pub unread: Option<String>,
}

/// Looks at the folder as the historian's first pass does. Each file is opened, and the newest ones are scanned, up to the first
/// that has a block of the chain. `chain` is the node's; if it is `None`, no file is scanned.
///
/// # Errors
/// With the reason for which the historian would read none of the files.
pub fn check(folder: &Path, chain: Option<&str>) -> Result<BlockFiles, String> {
    look(folder, chain).map_err(|error| error.to_string())
}

fn look(folder: &Path, chain: Option<&str>) -> Result<BlockFiles, DiskError> {
    let format = match chain {
        Some(chain) => Some(format_of(folder, chain)?),
        None => {
            XorKey::of_folder(folder)?;
            None
        }
    };
    let files = blk_files(folder)?;
    let (mut unread, mut is_ours) = (None, false);
    for file in files.iter().rev() {
        let looked = match format.filter(|_| !is_ours) {
            Some(format) => scan_file(folder, format, file).and_then(|scanned| {
                refuse_foreign(format, file, &scanned)?;
                Ok(!scanned.blocks.is_empty())
            }),
            None => open(folder, file.number).map(|_| true),
        };
        match looked {
            Ok(is_of_chain) => is_ours = is_of_chain,
            Err(error) if error.is_missing() => {}
            Err(error @ BlkError::Foreign { .. }) => return Err(error.into()),
            // Core gives all its files the same permissions, so no other can be read either.
            Err(error) if error.is_denied() && !is_ours => return Err(error.into()),
            Err(error) => {
                unread.get_or_insert(error.to_string());
            }
        }
    }
    Ok(BlockFiles {
        files: files.len(),
        unread,
    })
}

//! Whether the historian could read the node's own block files. Without them, blocks are asked of the node.

use std::{path::Path, time::Duration};

use satscope_historian::{BlockFiles, check_block_files};
use satscope_ingest::check::{Checked, Finding};
use tokio::{task::spawn_blocking, time::timeout};

use crate::parts::Parts;

/// The finding about the block files.
const BLOCK_FILES: &str = "block_files";
/// The longest look at the folder; a disk that sleeps wakes up in that time.
const LIMIT: Duration = Duration::from_secs(10);
const ADVICE: &str = "set blocks_dir to the folder of the node's block files and let this user read it, or set blocks_dir to none; until \
                      then blocks are asked of the node";

/// The finding about the folder that `blocks_dir` names, or else the one in which the node's files were found; `None` if no block files are to be read.
pub async fn files(parts: &Parts, checked: &Checked) -> Option<Finding> {
    let node = &parts.ingest.node;
    let found = checked.blocks_dir.as_deref();
    let folder = parts.historian.blocks_folder(node, found)?.to_owned();
    let (path, chain) = (folder.clone(), checked.chain.clone());
    let looked = spawn_blocking(move || check_block_files(&path, chain.as_deref()));
    Some(match timeout(LIMIT, looked).await {
        Ok(Ok(looked)) => judge(&folder, checked.chain.as_deref(), looked),
        Ok(Err(error)) => Finding::unknown(BLOCK_FILES, format!("{}: {error}", folder.display())),
        Err(_) => {
            let said = format!("{}: not read within {LIMIT:?}", folder.display());
            Finding::warning(BLOCK_FILES, said, "look how busy the disk is")
        }
    })
}

fn judge(folder: &Path, chain: Option<&str>, looked: Result<BlockFiles, String>) -> Finding {
    let folder = folder.display();
    match (looked, chain) {
        (Err(reason), _) => Finding::warning(
            BLOCK_FILES,
            format!("those in {folder} are not read: {reason}"),
            ADVICE,
        ),
        (
            Ok(BlockFiles {
                unread: Some(reason),
                ..
            }),
            _,
        ) => Finding::warning(
            BLOCK_FILES,
            format!("one in {folder} is left out: {reason}"),
            ADVICE,
        ),
        (Ok(BlockFiles { files, .. }), Some(chain)) => Finding::ok(
            BLOCK_FILES,
            format!("{folder}: blocks are read from here; chain {chain}, files: {files}"),
        ),
        (Ok(BlockFiles { files, .. }), None) => Finding::unknown(
            BLOCK_FILES,
            format!("{folder}: files that can be read: {files}; for their chain see rpc"),
        ),
    }
}

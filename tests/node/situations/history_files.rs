//! The history from the node's own block files: the same as over RPC, block by block, whatever state the files are in.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    historian::Historian,
    situations::history::{node_with, reorganize},
    support::part::Folder,
};

/// Height of the last block of the chain: all of it is in one open period, whose prices do not take long.
const BLOCKS: u64 = 600;

fn blocks_dir(folder: &Path) -> Vec<String> {
    vec![format!("--blocks-dir={}", folder.display())]
}

/// Waits until the historian has the newest blocks from the files too, and returns what it has of each period.
async fn followed(historian: &Historian, node: &Bitcoind) -> Vec<(u64, String, u64, String)> {
    historian.follows(node).await;
    historian.periods()
}

/// The key of the files, which Core makes since version 28.
fn key(folder: &Path) -> [u8; 8] {
    let key = fs::read(folder.join("xor.dat")).unwrap();
    let key: [u8; 8] = key.try_into().unwrap();
    assert_ne!(key, [0; 8]);
    key
}

/// The block files of the node in a folder of their own.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Takes away the room that Core reserved, and puts half of a block's bytes in its place.
fn tear(folder: &Path) {
    let path: PathBuf = folder.join("blk00000.dat");
    let mut bytes = fs::read(&path).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // Behind the last byte of a block, which may be a zero under its mask, lies a whole word of zeros.
    bytes.truncate(written.next_multiple_of(8));
    let (torn, key) = (bytes[..200].to_vec(), key(folder));
    let end = bytes.len();
    let masked = torn
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ key[at % 8] ^ key[(end + at) % 8]);
    bytes.extend(masked);
    fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_from_the_nodes_files_is_that_over_rpc() {
    let mut node = node_with("history-files", &[], BLOCKS).await;
    for left in [1, 3, 12] {
        reorganize(&node, left).await;
    }
    let folder = node.path("regtest/blocks");
    key(&folder);
    let over_rpc = Historian::start("files-rpc", &node).await;
    let expected = followed(&over_rpc, &node).await;
    assert_eq!(expected.len(), 1);
    let (from_files, of_node) = over_rpc.blocks_read().await;
    assert!(from_files == 0.0 && of_node > BLOCKS as f64);
    let mut files = Historian::start_with("files", &node, &blocks_dir(&folder)).await;
    assert_eq!(followed(&files, &node).await, expected);
    let (from_files, of_node) = files.blocks_read().await;
    assert!(
        from_files > BLOCKS as f64 && of_node == 0.0,
        "{from_files}, {of_node}"
    );
    // New blocks, another branch, and a start in between.
    node.generate(4).await;
    files.follows(&node).await;
    files.kill().await;
    reorganize(&node, 5).await;
    files.restart().await;
    let expected = followed(&over_rpc, &node).await;
    assert_eq!(followed(&files, &node).await, expected);
    // A node that makes its own index anew leaves the files as they are.
    let tip = node.tip().await;
    node.stop().await;
    node.run(&["-reindex"]).await;
    node.has_tip(tip).await;
    let reindexed = Historian::start_with("files-reindexed", &node, &blocks_dir(&folder)).await;
    assert_eq!(followed(&reindexed, &node).await, expected);
    assert_eq!(reindexed.blocks_read().await.1, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_copy_of_the_files_lacks_blocks_that_the_node_gives() {
    let node = node_with("history-torn", &[], BLOCKS).await;
    let copied = Folder::new("torn-files");
    copy(&node.path("regtest/blocks"), Path::new(copied.path()));
    tear(Path::new(copied.path()));
    node.generate(6).await;
    let over_rpc = Historian::start("torn-rpc", &node).await;
    let expected = followed(&over_rpc, &node).await;
    let torn = Historian::start_with("torn", &node, &blocks_dir(Path::new(copied.path()))).await;
    assert_eq!(followed(&torn, &node).await, expected);
    let (from_files, of_node) = torn.blocks_read().await;
    assert!(
        from_files > BLOCKS as f64 && of_node >= 6.0,
        "{from_files}, {of_node}"
    );
    // Another chain's files are refused once, and the node gives all blocks.
    let foreign = Folder::new("foreign-files");
    fs::write(
        Path::new(foreign.path()).join("blk00000.dat"),
        [&[0xf9, 0xbe, 0xb4, 0xd9][..], &[1; 400]].concat(),
    )
    .unwrap();
    let other =
        Historian::start_with("foreign", &node, &blocks_dir(Path::new(foreign.path()))).await;
    assert_eq!(followed(&other, &node).await, expected);
    assert_eq!(other.blocks_read().await.0, 0.0);
    let log = other.served.as_ref().unwrap().part.log().join("\n");
    assert_eq!(log.matches("the magic of chain main").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_the_node_prunes_leave_the_index() {
    let node = node_with("history-files-pruned", &["-prune=1", "-fastprune"], BLOCKS).await;
    let folder = node.path("regtest/blocks");
    let files = Historian::start_with("files-pruned", &node, &blocks_dir(&folder)).await;
    files.follows(&node).await;
    assert_eq!(files.blocks_read().await.1, 0.0);
    node.order("pruneblockchain", json!([BLOCKS - 300])).await;
    node.generate(5).await;
    files.follows(&node).await;
    let late = Historian::start_with("files-late", &node, &blocks_dir(&folder)).await;
    let over_rpc = Historian::start("files-late-rpc", &node).await;
    let expected = followed(&over_rpc, &node).await;
    assert_eq!(followed(&late, &node).await, expected);
    let (from_files, of_node) = late.blocks_read().await;
    assert!(
        from_files > 200.0 && of_node == 0.0,
        "{from_files}, {of_node}"
    );
}

//! Packs that are taken in where no history is yet, and nodes that do not answer or are behind.

use std::time::Duration;

use super::*;
use crate::{
    pack::{Headers, import::put},
    store::StoreError,
};

/// A pack of these periods, and the folder that it lies in.
async fn packed(node: &FakeNode, periods: &[u32]) -> (PathBuf, TempDir) {
    let kept = Kept::filled(node, periods).await;
    let (file, _) = kept.pack(node).await;
    (file, kept.folder)
}

#[tokio::test]
async fn an_empty_file_that_a_killed_import_left_is_filled() {
    let node = FakeNode::new(TIP);
    let (file, _folder) = packed(&node, &[0]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(path_in(folder.path()), "").unwrap();
    let other = folder.path().join(Store::file_name("signet", true));
    std::fs::write(other, "").unwrap();
    let taken = take(&file, folder.path(), None, None).await.unwrap();
    assert_eq!(taken.imported.written, 1);
    let told = crate::status::of_folder(folder.path()).unwrap();
    assert_eq!((told.histories.len(), told.faults.len()), (1, 0));
}

#[tokio::test]
async fn an_import_that_meets_a_full_disk_leaves_no_file_of_its_own() {
    let node = FakeNode::new(TIP);
    let (file, _folder) = packed(&node, &[0]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(folder.path());
    let identity = identity(&node).await;
    let attempt = || {
        let (writer, readers) = Store::open(&path, &identity).unwrap();
        drop(readers);
        writer.limit_pages(20);
        let periods = PackReader::open(&file).unwrap();
        let refused = put(writer, periods, Trust::Unverified).unwrap_err();
        assert!(
            matches!(refused, PackError::Store(StoreError::Full(_))),
            "{refused}"
        );
    };
    attempt();
    assert!(!path.exists());
    drop(Store::open(&path, &identity).unwrap());
    attempt();
    assert!(path.exists(), "it was there before");
}

#[tokio::test]
async fn a_pack_wholly_above_the_nodes_best_block_is_not_called_compared() {
    let node = FakeNode::new(TIP);
    let (file, _folder) = packed(&node, &[1, 2]).await;
    let headers = async |tip| {
        let folder = tempfile::tempdir().unwrap();
        let taken = take(&file, folder.path(), None, Some(&FakeNode::new(tip))).await;
        taken.unwrap().headers
    };
    assert_eq!(headers(2015).await, Headers::Above(2015));
    assert_eq!(headers(2016).await, Headers::UpTo(2016));
    assert_eq!(headers(4031).await, Headers::UpTo(4031));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_accepts_and_does_not_answer_is_soon_given_up() {
    let node = FakeNode::new(TIP);
    let (file, _folder) = packed(&node, &[0]).await;
    node.chain().is_silent = true;
    let folder = tempfile::tempdir().unwrap();
    let began = tokio::time::Instant::now();
    let taken = take(&file, folder.path(), None, Some(&node)).await.unwrap();
    let waited = began.elapsed();
    assert!(waited <= Duration::from_secs(11), "{waited:?}");
    let Headers::Unknown(why) = taken.headers else {
        panic!("{:?}", taken.headers);
    };
    assert!(why.contains("within 10 s"), "{why}");
}

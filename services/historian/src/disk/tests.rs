//! Block files in many states, beside a node: what is read from them, and what is asked of the node.
#![allow(clippy::unwrap_used)]

mod made;

use std::fs;

use bitcoin::Block;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::node::Node as _;
use made::{Files, Known, chain, child, framed, other_transactions};

const KEY: [u8; 8] = [0x11, 0, 0xfe, 4, 5, 0xfa, 7, 0xb5];

/// A node beside its files, after a pass.
struct Scene {
    files: Files,
    node: Known,
    both: WithDisk<Known>,
}

impl Scene {
    fn new(files: Files, blocks: Vec<Block>) -> Scene {
        let node = Known::new(blocks);
        let disk = disk(&files);
        let both = WithDisk {
            node: node.clone(),
            disk: Some(disk),
        };
        Scene { files, node, both }
    }

    fn pass(&self) -> Result<Passed, DiskError> {
        let disk = self.both.disk.as_ref().unwrap();
        disk.pass("regtest", &CancellationToken::new())
            .map(|(_, passed)| passed)
    }

    /// Reads all blocks, which must be the node's; returns the heights of those that the node was asked for.
    async fn asked(&self) -> Vec<u32> {
        let heads = self.node.heads();
        let mut read = Vec::new();
        while read.len() < heads.len() {
            read.extend(self.both.payments(&heads[read.len()..]).await.unwrap());
        }
        let expected: Vec<_> = heads
            .iter()
            .map(|header| self.node.payments_of(header))
            .collect();
        assert!(read == expected);
        self.node.asked()
    }
}

fn disk(files: &Files) -> Disk {
    let state = files.state.path().to_owned();
    Disk::new(files.path().to_owned(), state, Cpu::new(2).unwrap())
}

/// Blocks in two files: not in the order of their heights, with two stale ones among them, and a torn end before reserved room.
fn two_files(key: [u8; 8], blocks: &[Block]) -> Files {
    let files = Files::new(key);
    let half = blocks.len() / 2;
    let stale = child(&blocks[half], 55_555);
    let on_stale = child(&stale, 66_666);
    let mut first: Vec<&Block> = blocks[..half].iter().collect();
    first.reverse();
    files.write(0, &first);
    let mut second: Vec<&Block> = blocks[half..].iter().rev().step_by(2).collect();
    second.extend(blocks[half..].iter().rev().skip(1).step_by(2));
    second.splice(2..2, [&stale, &on_stale]);
    files.write(1, &second);
    let torn = framed(&on_stale);
    files.append(1, &torn[..torn.len() / 2]);
    files.reserve(1, 1 << 20);
    files
}

#[tokio::test]
async fn all_blocks_and_headers_come_from_the_files() {
    for key in [[0; 8], KEY] {
        let blocks = chain(99);
        let scene = Scene::new(two_files(key, &blocks), blocks);
        let passed = scene.pass().unwrap();
        assert_eq!(
            (passed.files, passed.scanned, passed.blocks),
            (2, 2, Some(102))
        );
        assert_eq!(scene.asked().await, [0; 0]);
        let headers = scene.both.headers(10..100).await.unwrap();
        assert_eq!(headers, scene.node.heads()[10..]);
        assert_eq!(scene.node.0.lock().unwrap().headers_asked, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_pass_is_waited_for_and_then_the_node_is_asked() {
    let blocks = chain(3);
    let scene = Scene::new(two_files(KEY, &blocks), blocks);
    let began = tokio::time::Instant::now();
    assert_eq!(scene.asked().await.len(), 4);
    assert!(began.elapsed() >= FIRST_PASS);
    scene.pass().unwrap();
    assert_eq!(scene.asked().await, [0; 0]);
}

#[tokio::test]
async fn the_node_decides_which_chain_is_best() {
    let blocks = chain(60);
    let scene = Scene::new(two_files(KEY, &blocks), blocks);
    scene.pass().unwrap();
    // The node leaves its last block, and the files do not have the other one yet.
    let mut other = scene.node.0.lock().unwrap().blocks.clone();
    other[60] = child(&other[59], 1_234_567);
    scene.node.0.lock().unwrap().blocks = other;
    assert_eq!(
        scene.both.headers(10..61).await.unwrap(),
        scene.node.heads()[10..]
    );
    assert_eq!(scene.node.0.lock().unwrap().headers_asked, 1);
    assert_eq!(scene.asked().await, [60]);
}

#[tokio::test]
async fn a_pass_scans_what_has_changed_and_a_new_start_goes_on_from_there() {
    let blocks = chain(40);
    let scene = Scene::new(two_files(KEY, &blocks[..30]), blocks.clone());
    scene.pass().unwrap();
    assert_eq!(scene.asked().await, (30..41).collect::<Vec<u32>>());
    scene.files.write(2, &[&blocks[31], &blocks[30]]);
    let passed = scene.pass().unwrap();
    assert_eq!((passed.scanned, passed.blocks), (1, Some(34)));
    assert_eq!(scene.asked().await, (32..41).collect::<Vec<u32>>());
    let again = Scene::new(scene.files, blocks);
    assert_eq!(again.pass().unwrap().scanned, 0);
    assert_eq!(again.asked().await, (32..41).collect::<Vec<u32>>());
    let best = again.both.disk.as_ref().unwrap().folder().unwrap().best();
    assert_eq!(best.len(), 32);
}

#[tokio::test]
async fn a_file_that_was_just_written_is_scanned_again() {
    let blocks = chain(3);
    let files = Files::new(KEY);
    files.write(0, &[&blocks[0], &blocks[1]]);
    let now = fs::OpenOptions::new()
        .append(true)
        .open(files.file(0))
        .unwrap();
    now.set_modified(std::time::SystemTime::now()).unwrap();
    let scene = Scene::new(files, blocks);
    assert_eq!(scene.pass().unwrap().scanned, 1);
    assert_eq!(scene.pass().unwrap().scanned, 1);
}

#[tokio::test]
async fn a_damaged_block_is_asked_of_the_node_and_its_file_scanned_again() {
    let blocks = chain(20);
    let files = Files::new(KEY);
    let mut damaged = blocks[7].clone();
    damaged.txdata = other_transactions(&blocks[6]);
    let whole: Vec<&Block> = blocks
        .iter()
        .map(|block| if *block == blocks[7] { &damaged } else { block })
        .collect();
    files.write(3, &whole);
    let scene = Scene::new(files, blocks);
    scene.pass().unwrap();
    assert_eq!(scene.asked().await, [7]);
    assert_eq!(scene.pass().unwrap().scanned, 1);
}

#[tokio::test]
async fn blocks_of_a_file_that_is_overwritten_or_pruned_are_asked_of_the_node() {
    let blocks = chain(20);
    let files = two_files(KEY, &blocks);
    let scene = Scene::new(files, blocks.clone());
    scene.pass().unwrap();
    // Another file in its place, with the same blocks elsewhere: the reader notices by the blocks themselves.
    fs::remove_file(scene.files.file(0)).unwrap();
    scene.files.append(0, &[0x5a; 100]);
    let reversed: Vec<&Block> = blocks[..10].iter().collect();
    scene.files.write(0, &reversed);
    assert_eq!(scene.asked().await, (0..10).collect::<Vec<u32>>());
    scene.pass().unwrap();
    assert_eq!(scene.asked().await, [0; 0]);
    fs::remove_file(scene.files.file(0)).unwrap();
    assert_eq!(scene.asked().await, (0..10).collect::<Vec<u32>>());
    let passed = scene.pass().unwrap();
    assert_eq!((passed.files, passed.blocks), (1, Some(13)));
    assert_eq!(scene.asked().await, (0..10).collect::<Vec<u32>>());
    // The chain cannot be followed down to its first block, so headers are asked of the node.
    assert!(
        scene
            .both
            .disk
            .as_ref()
            .unwrap()
            .folder()
            .unwrap()
            .best()
            .is_empty()
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_says_why_and_the_node_is_asked() {
    let blocks = chain(5);
    let scene = Scene::new(Files::new([0; 8]), blocks.clone());
    let words = |scene: &Scene| {
        let words = scene.pass().unwrap_err().to_string();
        // `satscope check` says the same beforehand.
        let checked = check(scene.files.path(), Some("regtest"));
        assert_eq!(checked.unwrap_err(), words);
        words
    };
    assert!(
        words(&scene).contains("no file blk*.dat"),
        "{}",
        words(&scene)
    );
    let main = [&[0xf9, 0xbe, 0xb4, 0xd9][..], &[1; 300]].concat();
    scene.files.append(0, &main);
    let foreign = words(&scene);
    assert!(
        foreign.contains("f9beb4d9, the magic of chain main; expected fabfb5da"),
        "{foreign}"
    );
    fs::write(scene.files.path().join("xor.dat"), [1; 7]).unwrap();
    assert!(
        words(&scene).contains("7 bytes; expected the 8 bytes"),
        "{}",
        words(&scene)
    );
    assert_eq!(scene.asked().await.len(), 6);
    let disk = scene.both.disk.as_ref().unwrap();
    let unknown = disk.pass("liquid", &CancellationToken::new()).unwrap_err();
    assert!(unknown.to_string().contains("chain liquid"), "{unknown}");
    // Once all is well again, the files are read.
    fs::remove_file(scene.files.path().join("xor.dat")).unwrap();
    fs::remove_file(scene.files.file(0)).unwrap();
    scene.files.write(0, &blocks.iter().collect::<Vec<_>>());
    scene.pass().unwrap();
    assert_eq!(scene.asked().await, [0; 0]);
    let well = BlockFiles {
        files: 1,
        unread: None,
    };
    let checked = check(scene.files.path(), Some("regtest"));
    assert_eq!(checked, Ok(well));
}

#[tokio::test]
async fn an_index_that_is_damaged_or_of_another_key_is_begun_anew() {
    let blocks = chain(12);
    let scene = Scene::new(two_files(KEY, &blocks), blocks.clone());
    scene.pass().unwrap();
    let index = scene
        .files
        .state
        .path()
        .join(BlockIndex::file_name("regtest"));
    let again = Scene::new(scene.files, blocks.clone());
    for junk in ["no database", ""] {
        drop(again.both.disk.as_ref().unwrap().lock().take());
        sqlite::remove(&index).unwrap();
        fs::write(&index, junk).unwrap();
        assert_eq!(again.pass().unwrap().scanned, 2, "{junk}");
        assert_eq!(again.asked().await, [0; 0]);
    }
    // The node's files were made anew, with another key.
    let other = two_files([9; 8], &blocks);
    for name in ["xor.dat", "blk00000.dat", "blk00001.dat"] {
        fs::copy(other.path().join(name), again.files.path().join(name)).unwrap();
    }
    assert_eq!(again.pass().unwrap().blocks, Some(15));
    assert_eq!(again.asked().await, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn passes_are_made_after_each_new_block_of_the_node_until_told_to_stop() {
    let blocks = chain(30);
    let scene = Scene::new(two_files(KEY, &blocks[..20]), blocks[..20].to_vec());
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(scene.both.disk.clone().unwrap().keep(stop.clone()));
    let reaches = async |height: usize| {
        let folder = || scene.both.disk.as_ref().unwrap().folder();
        while folder().is_none_or(|folder| folder.best().len() <= height) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(
        scene.both.disk.as_ref().unwrap().folder().is_none(),
        "no chain is known yet"
    );
    scene.both.moment().await.unwrap();
    reaches(19).await;
    scene
        .files
        .write(2, &blocks[20..].iter().collect::<Vec<_>>());
    scene.node.0.lock().unwrap().blocks = blocks.clone();
    scene.both.moment().await.unwrap();
    reaches(30).await;
    stop.cancel();
    keeper.await.unwrap().unwrap();
}

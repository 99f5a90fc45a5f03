//! What `satscope check` says of the node's own block files.

use std::path::Path;

use super::{
    Checked, rpc_flag,
    support::{
        chain::StandIn,
        part::{Folder, reserve_address},
    },
    with_ports,
};

#[tokio::test(flavor = "multi_thread")]
async fn block_files_are_used_or_the_reason_is_told_why_they_are_not() {
    let node = StandIn::simulate(&[]).await;
    let (url, folder) = (node.rpc_url(), Folder::new("check-blocks"));
    let at = |name: &str| Path::new(folder.path()).join(name);
    let checked_in = |folder: &Path, url: &str| {
        let blocks = format!("--blocks-dir={}", folder.display());
        let checked = Checked::run(&with_ports(&[url, &blocks]));
        let (state, said) = checked.said("block_files");
        (state.to_owned(), said.to_owned(), checked.code)
    };
    let expect = |folder: &Path, state: &str, words: &str| {
        let (found, said, code) = checked_in(folder, &url);
        assert!(found == state && said.contains(words), "{found}: {said}");
        assert_eq!(code, Some(0), "blocks are asked of the node");
    };
    expect(Path::new("/nowhere/blocks"), "warning", "No such file");
    expect(folder.path().as_ref(), "warning", "no file blk*.dat");
    let genesis = bitcoin::constants::genesis_block(bitcoin::Network::Bitcoin);
    let block = bitcoin::consensus::serialize(&genesis);
    let length = u32::try_from(block.len()).unwrap().to_le_bytes();
    let framed = |magic: [u8; 4]| [&magic[..], &length, &block, &[0; 4096]].concat();
    std::fs::write(at("blk00000.dat"), framed([0xfa, 0xbf, 0xb5, 0xda])).unwrap();
    let other = "the magic of chain regtest; expected f9beb4d9";
    expect(folder.path().as_ref(), "warning", other);
    std::fs::write(at("blk00000.dat"), framed([0xf9, 0xbe, 0xb4, 0xd9])).unwrap();
    // Room that Core has reserved, in which no block lies yet.
    std::fs::write(at("blk00001.dat"), [0; 4096]).unwrap();
    expect(folder.path().as_ref(), "ok", "chain main, files: 2");
    std::fs::write(at("xor.dat"), [1; 7]).unwrap();
    expect(folder.path().as_ref(), "warning", "7 bytes; expected the 8");
    std::fs::remove_file(at("xor.dat")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(at("xor.dat"))
        .status();
    assert!(made.unwrap().success());
    let pipe = "xor.dat: not a regular file";
    expect(folder.path().as_ref(), "warning", pipe);
    std::fs::remove_file(at("xor.dat")).unwrap();
    // Without the node, its chain is not known.
    let silent = rpc_flag(reserve_address());
    let (state, said, _) = checked_in(folder.path().as_ref(), &silent);
    assert!(state == "unknown" && said.contains("see rpc"), "{said}");
    let off = Checked::run(&with_ports(&[&url, "--blocks-dir=none"]));
    let findings = off.report["findings"].as_array().unwrap();
    let is_there = findings.iter().any(|one| one["name"] == "block_files");
    assert!(!is_there, "{}", off.all);
    // Nothing was written beside them.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

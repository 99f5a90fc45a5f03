//! Every input that fuzzing started from or found, through its target, without a fuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

/// Runs a target's corpus; an input that fails is named by the panic before it.
fn run(target: &str) {
    let (_, body) = targets::TARGETS
        .into_iter()
        .find(|(name, _)| *name == target)
        .expect("a target of that name");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        body(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 5, "{inputs} inputs in {}", folder.display());
    println!("{target}: {inputs} inputs");
}

#[test]
fn zmq_frames() {
    run("zmq_frame");
}

#[test]
fn transactions_and_blocks() {
    run("transaction");
}

#[test]
fn recordings() {
    run("recording");
}

#[test]
fn rpc_answers() {
    run("rpc_answer");
}

#[test]
fn block_files() {
    run("block_file");
}

#[test]
fn packs() {
    run("pack");
}

#[test]
fn what_websocket_clients_send() {
    run("websocket");
}

#[test]
fn every_target_has_its_corpus_and_every_corpus_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let folders = fs::read_dir(corpus).unwrap();
    let mut found: Vec<String> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut expected = targets::TARGETS.map(|(name, _)| name);
    expected.sort_unstable();
    assert_eq!(found, expected);
}

//! The first stage of the Dockerfile leaves manifests that cargo can read. (The image itself is built in
//! `scripts/compose-check`, around a program that is there already.)

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::process::Command;

use support::part::Folder;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What that stage runs.
fn first_run() -> String {
    let dockerfile = include_str!("../Dockerfile");
    let (_, rest) = dockerfile.split_once("COPY . .\nRUN ").unwrap();
    let (command, _) = rest.split_once("\n\n").unwrap();
    command.replace("\\\n", " ")
}

/// What `.dockerignore` lets through.
fn sources() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../.dockerignore").lines();
    lines.filter_map(|line| line.strip_prefix('!'))
}

#[test]
fn the_first_stage_leaves_manifests_that_cargo_can_read() {
    let folder = Folder::new("image");
    let copied = Command::new("cp")
        .args(["-r", "--target-directory", folder.path()])
        .args(sources())
        .current_dir(ROOT)
        .status();
    assert!(copied.unwrap().success());
    let run = Command::new("sh")
        .args(["-c", &first_run()])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let read = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(read.status.success(), "{read:?}");
}

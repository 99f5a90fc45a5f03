//! Which crate of ours may know which: the arrows of the architecture, held against `cargo metadata`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Each crate and those of ours that it may depend on, in its normal and build dependencies. The program itself sees all
/// parts, and tests may use what they need.
const ARROWS: [(&str, &[&str]); 12] = [
    ("proto", &["log"]),
    ("oracle", &[]),
    ("filter", &["log"]),
    ("log", &[]),
    ("bitcoin", &[]),
    ("kit", &[]),
    ("ingest", &["bitcoin", "filter", "log", "proto", "kit"]),
    ("analyzer", &["oracle", "log", "proto", "kit"]),
    ("standin", &["bitcoin", "kit"]),
    ("backtest", &["oracle", "filter", "bitcoin"]),
    (
        "historian",
        &["oracle", "filter", "bitcoin", "proto", "kit"],
    ),
    ("gateway", &["log", "proto", "kit"]),
];

/// Crates that compute and do nothing else.
const PURE: [&str; 3] = ["oracle", "filter", "log"];
/// What a crate that only computes has no use for.
const EFFECTS: [&str; 9] = [
    "tokio",
    "tokio-util",
    "tonic",
    "axum",
    "hyper",
    "reqwest",
    "zmq",
    "metrics",
    "tracing",
];

/// Hashers without a key, or with one that is the same in each process. A stranger chooses txids, addresses and questions so
/// that a table of theirs becomes a list.
const UNKEYED: [&str; 8] = [
    "ahash",
    "fnv",
    "fxhash",
    "metrohash",
    "nohash-hasher",
    "rustc-hash",
    "seahash",
    "twox-hash",
];

const PREFIX: &str = "satscope-";

fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap();
    metadata.packages
}

/// What a package depends on when it is built, tests left out.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    let built_with = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development);
    built_with
        .map(|dependency| dependency.name.as_str())
        .collect()
}

#[test]
fn our_crates_know_only_those_that_they_may_know() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut seen = BTreeSet::new();
    for package in workspace() {
        let Some(name) = package.name.strip_prefix(PREFIX) else {
            assert_eq!(package.name.as_str(), "satscope", "a crate without a place");
            continue;
        };
        let arrows = allowed.get(name);
        let arrows = arrows.unwrap_or_else(|| panic!("{name} is not in the architecture"));
        for other in dependencies(&package) {
            if let Some(other) = other.strip_prefix(PREFIX) {
                assert!(arrows.contains(&other), "{name} must not know {other}");
            }
        }
        seen.insert(name.to_owned());
    }
    let expected: BTreeSet<String> = allowed.into_keys().map(str::to_owned).collect();
    assert_eq!(seen, expected, "the crates of the workspace");
}

#[test]
fn crates_that_only_compute_have_no_sockets_clocks_or_logs() {
    for package in workspace() {
        let Some(name) = package.name.strip_prefix(PREFIX) else {
            continue;
        };
        if PURE.contains(&name) {
            let found: Vec<_> = dependencies(&package)
                .into_iter()
                .filter(|dependency| EFFECTS.contains(dependency))
                .collect();
            assert!(found.is_empty(), "{name} is pure, and has {found:?}");
        }
    }
}

#[test]
fn no_crate_hashes_without_a_key() {
    let unkeyed: Vec<(String, String)> = workspace()
        .iter()
        .flat_map(|package| {
            let of_package = dependencies(package).into_iter();
            let found = of_package.filter(|name| UNKEYED.contains(name));
            let found: Vec<_> = found
                .map(|name| (package.name.to_string(), name.to_owned()))
                .collect();
            found
        })
        .collect();
    assert_eq!(unkeyed, [], "crate and hasher");
}

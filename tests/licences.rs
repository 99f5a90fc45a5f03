//! What goes into the program is what `deny.toml` lets in: its licences, its bans, and crates.io as the only source. The same
//! rules as `cargo deny check licenses bans sources` has, for what is built on Linux, without a tool that takes minutes to
//! install.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use cargo_metadata::{Metadata, MetadataCommand, Package};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

fn rules() -> Rules {
    toml::from_str(include_str!("../deny.toml")).unwrap()
}

/// All that is built for Linux, tests included.
fn metadata() -> Metadata {
    let filter = "--filter-platform=x86_64-unknown-linux-gnu";
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .other_options([
            "--offline".to_owned(),
            "--locked".to_owned(),
            filter.to_owned(),
        ])
        .exec()
        .unwrap()
}

/// The packages of the graph: more are listed that only other systems need.
fn packages(metadata: &Metadata) -> Vec<&Package> {
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    nodes.iter().map(|node| &metadata[&node.id]).collect()
}

impl Licences {
    fn let_in(&self, package: &Package) -> bool {
        let Some(expression) = &package.license else {
            return false;
        };
        let excepted = self
            .exceptions
            .iter()
            .filter(|exception| exception.name == package.name.as_str());
        let allowed: Vec<&String> = excepted
            .flat_map(|exception| &exception.allow)
            .chain(&self.allow)
            .collect();
        let expression = Expression::parse_mode(expression, ParseMode::LAX).unwrap();
        expression.evaluate(|wanted| {
            allowed
                .iter()
                .any(|allowed| **allowed == wanted.to_string())
        })
    }
}

#[test]
fn every_licence_is_one_that_is_let_in() {
    let (rules, metadata) = (rules(), metadata());
    let packages = packages(&metadata);
    assert!(packages.len() > 200, "{}", packages.len());
    let not_let_in: Vec<String> = packages
        .iter()
        .filter(|package| !rules.licenses.let_in(package))
        .map(|package| format!("{}: {:?}", package.name, package.license))
        .collect();
    assert!(not_let_in.is_empty(), "{not_let_in:#?}");
}

#[test]
fn all_comes_from_crates_io_and_nothing_is_banned() {
    let (rules, metadata) = (rules(), metadata());
    for package in packages(&metadata) {
        let is_banned = rules
            .bans
            .deny
            .iter()
            .any(|ban| ban.name == package.name.as_str());
        assert!(!is_banned, "{} is banned", package.name);
        let is_ours = package.source.is_none() && package.name.starts_with("satscope");
        let source = package.source.as_ref();
        let is_of_crates_io = source.is_some_and(|source| source.is_crates_io());
        assert!(
            is_ours || is_of_crates_io,
            "{} comes from {:?}",
            package.name,
            package.source
        );
    }
}

#[test]
fn what_is_not_listed_is_not_let_in() {
    let metadata = metadata();
    let mut package = packages(&metadata)[0].clone();
    let licences = rules().licenses;
    for (expression, let_in) in [
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("MIT/Apache-2.0", true),
        ("MPL-2.0", false),
    ] {
        package.license = Some(expression.to_owned());
        assert_eq!(licences.let_in(&package), let_in, "{expression}");
    }
    package.license = None;
    assert!(!licences.let_in(&package));
}

use std::path::Path;

use clap::Parser;
use satscope_bitcoin::discovery::{CookieFile, Owners};

use super::*;
use crate::node;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    ingest: IngestSettings,
}

fn settings(flags: &[&str]) -> IngestSettings {
    let arguments = std::iter::once(&"ingest").chain(flags);
    Command::try_parse_from(arguments).unwrap().ingest
}

/// A data folder with that `bitcoin.conf`.
fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bitcoin.conf"), config).unwrap();
    folder
}

fn in_folder(path: &Path) -> (IngestSettings, anyhow::Result<Choice>) {
    let settings = settings(&["--bitcoin-dir", path.to_str().unwrap()]);
    let choice = node::choose(&settings);
    (settings, choice)
}

#[test]
fn folder_chain_and_files_are_named() {
    let folder = folder("chain=signet\nincludeconf=more.conf\n");
    std::fs::write(folder.path().join("more.conf"), "").unwrap();
    let (settings, choice) = in_folder(folder.path());
    let path = folder.path().display();
    assert_eq!(
        files(&choice),
        Finding::ok(
            FILES,
            format!("{path}, chain signet, read from bitcoin.conf, more.conf")
        )
    );
    assert_eq!(
        login(&settings, &choice, None),
        Finding::ok(LOGIN, format!("the cookie {path}/signet/.cookie"))
    );
}

#[test]
fn a_password_of_the_nodes_files_and_its_user_are_not_shown() {
    let folder = folder("rpcuser=alice\nrpcpassword=hush\n");
    let (settings, choice) = in_folder(folder.path());
    let refused = Failure::Rpc(RpcError::Unauthorized("http://127.0.0.1:8332".to_owned()));
    for failure in [None, Some(&refused)] {
        let finding = login(&settings, &choice, failure);
        assert!(finding.said().contains("rpcuser and rpcpassword of"));
        let shown = format!("{finding:?}");
        assert!(
            !shown.contains("alice") && !shown.contains("hush"),
            "{shown}"
        );
        assert_eq!(finding.to_fix().is_some(), failure.is_some());
    }
}

#[test]
fn a_login_in_the_url_is_not_shown() {
    let settings = settings(&["--rpc-url", "http://alice:hush@127.0.0.1:8332"]);
    let choice = node::choose(&settings);
    let finding = login(&settings, &choice, None);
    assert_eq!(finding, Finding::ok(LOGIN, "the user in rpc_url"));
    assert_eq!(
        files(&choice),
        Finding::ok(
            FILES,
            "not looked for, because settings say where the node is"
        )
    );
}

#[test]
fn a_bad_line_is_a_fault_of_the_files_that_the_login_waits_for() {
    let folder = folder("server\n");
    let (settings, choice) = in_folder(folder.path());
    let finding = files(&choice);
    let text = format!("{} {}", finding.said(), finding.to_fix().unwrap());
    assert!(text.contains("bitcoin.conf, line 1"), "{text}");
    assert_eq!(
        login(&settings, &choice, None),
        Finding::unknown(LOGIN, "see node_files")
    );
}

#[test]
fn a_folder_that_is_not_there_names_the_setting() {
    let (_, choice) = in_folder(Path::new("/nowhere/at/all"));
    let finding = files(&choice);
    assert!(finding.said().contains("/nowhere/at/all"), "{finding:?}");
    assert!(
        finding.to_fix().unwrap().contains("bitcoin_dir"),
        "{finding:?}"
    );
}

#[test]
fn a_user_without_a_password_is_a_fault_of_the_login() {
    let settings = settings(&[
        "--rpc-user",
        "alice",
        "--rpc-password-file",
        "/nowhere/at/all",
    ]);
    let choice = node::choose(&settings);
    assert_eq!(files(&choice), Finding::unknown(FILES, "see login"));
    let finding = login(&settings, &choice, None);
    assert!(
        finding.to_fix().unwrap().contains("/nowhere/at/all"),
        "{finding:?}"
    );
}

#[test]
fn a_cookie_that_is_not_there_says_to_start_the_node() {
    let folder = folder("");
    let (settings, choice) = in_folder(folder.path());
    let cookie = CookieFile::new(folder.path().join(".cookie"), Owners::of(folder.path()));
    let failure = Failure::Rpc(cookie.read().unwrap_err().into());
    let finding = login(&settings, &choice, Some(&failure));
    assert!(finding.said().contains(".cookie"), "{finding:?}");
    assert_eq!(finding.to_fix(), Some(START));
}

#[test]
fn an_error_is_cut_where_it_says_what_to_do() {
    assert_eq!(
        parts("it is dark; light it"),
        Some(("it is dark", "light it"))
    );
    assert_eq!(
        parts("uid 5 may not read it. Share it; or not"),
        Some(("uid 5 may not read it", "Share it; or not"))
    );
    assert_eq!(parts("at 127.0.0.1: dark"), None);
}

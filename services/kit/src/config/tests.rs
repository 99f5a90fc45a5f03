//! The layers, and what a bad setting is answered with.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use clap::{Args, Parser, Subcommand};

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    Run(Settings),
}

#[derive(Debug, Args)]
struct Settings {
    /// Transactions a second.
    #[arg(long, env = "SATSCOPE_RATE", default_value = "5", value_parser = positive)]
    rate: f64,
    #[arg(long, env = "SATSCOPE_ZMQ_ENDPOINT", default_value = "tcp://127.0.0.1:28332", value_parser = zmq_endpoint)]
    zmq_endpoint: String,
}

fn load_with(
    flags: &[&str],
    variables: &[(&str, &str)],
    file: &str,
) -> Result<Loaded<Cli>, String> {
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(file.as_bytes()).unwrap();
    let path = on_disk.path().to_str().unwrap();
    let arguments = ["satscope", "--config", path, "run"]
        .iter()
        .chain(flags)
        .map(OsString::from)
        .collect();
    let environment = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
        .collect();
    load_from(arguments, &environment).map_err(|error| {
        assert_eq!(error.exit_code(), 78);
        error.to_string().replace(path, "FILE")
    })
}

fn rate(loaded: Result<Loaded<Cli>, String>) -> f64 {
    let Part::Run(settings) = loaded.unwrap().settings.part;
    settings.rate
}

#[test]
fn the_file_stands_above_the_defaults_and_below_the_flags() {
    assert_eq!(rate(load_with(&[], &[], "")), 5.0);
    assert_eq!(rate(load_with(&[], &[], "rate = 7")), 7.0);
    assert_eq!(rate(load_with(&["--rate", "9"], &[], "rate = 7")), 9.0);
}

#[test]
fn a_misspelt_setting_is_named_wherever_it_stands() {
    assert_eq!(
        load_with(&[], &[], "rat = 7").unwrap_err(),
        "rat in FILE: no such setting; did you mean rate?"
    );
    assert_eq!(
        load_with(&[], &[("SATSCOPE_ZMQ_ENDPONT", "tcp://a:1")], "").unwrap_err(),
        "SATSCOPE_ZMQ_ENDPONT in the environment: no such setting; did you mean SATSCOPE_ZMQ_ENDPOINT?"
    );
    assert_eq!(
        load_with(&["--rat", "7"], &[], "").unwrap_err(),
        "--rat in the command line: no such setting; did you mean --rate?"
    );
}

#[test]
fn a_bad_value_says_where_it_stands_and_what_was_expected() {
    assert_eq!(
        load_with(&["--rate", "fast"], &[], "").unwrap_err(),
        r#"rate = "fast" (from --rate): expected a number above 0"#
    );
    assert_eq!(
        load_with(&[], &[], "rate = \"slow\"").unwrap_err(),
        r#"rate = "slow" (from FILE): expected a number above 0"#
    );
    assert_eq!(
        load_with(&[], &[], "zmq_endpoint = \"localhost\"").unwrap_err(),
        r#"zmq_endpoint = "localhost" (from FILE): expected tcp://HOST:PORT or ipc://PATH"#
    );
    assert!(
        load_with(&[], &[], "rate = [1]")
            .unwrap_err()
            .starts_with("rate = ")
    );
    assert!(
        load_with(&[], &[], "rate =")
            .unwrap_err()
            .starts_with("FILE: ")
    );
}

#[test]
fn each_value_is_listed_with_its_source() {
    let loaded = load_with(&["--rate", "9"], &[], "zmq_endpoint = \"tcp://node:1\"").unwrap();
    let rows = list(&loaded.sources);
    let of = |key: &str| rows.iter().find(|row| row.key == key).unwrap();
    assert_eq!(
        (of("rate").value.as_str(), of("rate").source.as_str()),
        ("9", "flag")
    );
    assert_eq!(of("zmq_endpoint").value, "tcp://node:1");
}

#[test]
fn a_login_in_a_url_is_for_the_node_only_and_never_shown() {
    use super::{http_url, node_url, without_login};

    let login = "http://alice:s3cr3t/@x@node:8332";
    assert!(http_url("http://alice:s3cr3t@node:8332").is_err());
    assert!(node_url("http://alice:s3cr3t@node:8332").is_ok());
    assert!(http_url("http://node:8332").is_ok());
    for text in [
        login,
        "http://alice:s3cr3t@node:8332/path",
        "tcp://alice:s3cr3t@node:1",
    ] {
        let shown = without_login(text);
        assert!(
            !shown.contains("s3cr3t") && !shown.contains("alice"),
            "{shown}"
        );
        assert!(shown.contains("node:"), "{shown}");
    }
    assert_eq!(without_login("http://node:8332"), "http://node:8332");
    let error = load_with(&[], &[], &format!("zmq_endpoint = {login:?}")).unwrap_err();
    assert!(!error.contains("s3cr3t"), "{error}");
}

#[test]
fn a_socket_is_taken_as_core_and_as_zmq_write_it() {
    use super::zmq_endpoint;

    assert_eq!(
        zmq_endpoint("unix:/run/node.sock").unwrap(),
        "ipc:///run/node.sock"
    );
    assert_eq!(
        zmq_endpoint("ipc:///run/node.sock").unwrap(),
        "ipc:///run/node.sock"
    );
    assert_eq!(
        zmq_endpoint("tcp://[::1]:28332").unwrap(),
        "tcp://[::1]:28332"
    );
    assert!(zmq_endpoint("unix:").is_err());
}

//! Settings that are wrong, and settings as they are listed.

use crate::{
    File, run, run_command,
    support::{chain::FREE, part::satscope},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_setting_ends_the_start_with_78_and_one_line_that_names_it() {
    let file = File::write("misspelt.toml", "ingest_lisen = \"127.0.0.1:1\"\n");
    for (arguments, environment, parts) in [
        (
            vec!["ingest", "--ingest-lisen", "127.0.0.1:1"],
            vec![],
            ["--ingest-lisen", "--ingest-listen"],
        ),
        (
            vec!["ingest"],
            vec![("SATSCOPE_INGEST_LISEN", "127.0.0.1:1")],
            ["SATSCOPE_INGEST_LISEN", "SATSCOPE_INGEST_LISTEN"],
        ),
        (
            vec!["ingest", "--config", file.path()],
            vec![],
            ["ingest_lisen", "ingest_listen"],
        ),
    ] {
        let ended = run(&arguments, &environment).await;
        let line = ended.one_line();
        assert_eq!(ended.code, Some(78), "{line}");
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_ends_the_start_with_78_and_one_line_with_key_value_and_what_was_expected() {
    let file = File::write("bad-value.toml", "zmq_endpoint = \"localhost\"\n");
    for (arguments, environment, parts) in [
        (
            vec!["ingest", "--zmq-endpoint", "localhost"],
            vec![],
            ["zmq_endpoint", "localhost", "tcp://HOST:PORT"],
        ),
        (
            vec!["run"],
            vec![("SATSCOPE_DRAIN_SECONDS", "soon")],
            [
                "SATSCOPE_DRAIN_SECONDS",
                "soon",
                "seconds, above 0 and at most 3600",
            ],
        ),
        (
            vec!["ingest", "--config", file.path()],
            vec![],
            ["zmq_endpoint", "localhost", "tcp://HOST:PORT"],
        ),
        (
            vec!["gateway", "--log-format", "xml"],
            vec![],
            ["log_format", "xml", "text, json"],
        ),
        (
            vec!["gateway", "--gateway-listen", "8000"],
            vec![],
            ["gateway_listen", "8000", "socket address"],
        ),
        (
            vec!["gateway", "--gateway-ping-seconds", "often"],
            vec![],
            [
                "gateway_ping_seconds",
                "often",
                "a whole number from 1 to 3600",
            ],
        ),
        (
            vec!["ingest", "--zmq-endpoint", "tcp://*:28332"],
            vec![],
            ["zmq_endpoint", "tcp://*:28332", "the node's own address"],
        ),
        (
            vec!["ingest", "--state-dir", ""],
            vec![],
            ["state_dir", "\"\"", "a value that is not empty"],
        ),
        (
            vec!["gateway", "--log-level", ",,"],
            vec![],
            ["log_level", ",,", "error, warn, info, debug, trace"],
        ),
        (
            vec!["gateway", "--log-level", "=loud="],
            vec![],
            ["log_level", "=loud=", "error, warn, info, debug, trace"],
        ),
    ] {
        let ended = run(&arguments, &environment).await;
        let line = ended.one_line();
        assert_eq!(ended.code, Some(78), "{arguments:?}: {line}");
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_used_end_the_start_with_78_and_one_line_that_says_why() {
    let empty = File::write("empty-secret", "\n");
    let no_folder = File::write("no-folder", "");
    let inside = format!("{}/state", no_folder.path());
    let ports = ["--ingest-listen", FREE, "--metrics-listen", FREE];
    for (arguments, parts) in [
        (vec!["--rpc-user=alice"], ["alice", "has no password"]),
        (
            vec!["--rpc-user=alice", "--rpc-password-file=/nowhere"],
            ["/nowhere", "No such file"],
        ),
        (
            vec!["--rpc-user=alice", "--rpc-password-file", empty.path()],
            [empty.path(), "expected the secret"],
        ),
        (
            vec!["--grpc-token-file=/nowhere"],
            ["grpc_token_file", "/nowhere"],
        ),
        (vec!["--bitcoin-dir=/nowhere"], ["/nowhere", "bitcoin_dir"]),
        (
            vec!["--state-dir", &inside],
            ["state_dir", no_folder.path()],
        ),
        (vec!["--record", &inside], ["record", no_folder.path()]),
    ] {
        let arguments = [&["ingest"], &ports[..], &arguments].concat();
        let ended = run(&arguments, &[]).await;
        let line = ended.one_line();
        assert_eq!(ended.code, Some(78), "{arguments:?}: {line}");
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line:?}");
        }
    }
    let homeless = [
        ("HOME", ""),
        ("XDG_STATE_HOME", ""),
        ("STATE_DIRECTORY", ""),
    ];
    for part in ["ingest", "analyzer"] {
        let listen = format!("--{part}-listen={FREE}");
        let arguments = [part, &listen, "--metrics-listen", FREE];
        let mut command = satscope();
        command
            .args(arguments)
            .env_remove("SATSCOPE_STATE_DIR")
            .envs(homeless);
        let ended = run_command(&mut command).await;
        assert_eq!(ended.code, Some(78), "{part}");
        assert!(ended.one_line().contains("no home folder"));
    }
    let arguments = ["simulate", "--standin-rpc-user=alice", "--history=0"];
    let ended = run(&arguments, &[]).await;
    assert_eq!(ended.code, Some(78));
    assert!(ended.one_line().contains("standin_rpc_password_file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn config_lists_each_value_with_its_source_and_masks_secrets() {
    let text = "zmq_endpoint = \"tcp://127.0.0.1:1111\"\ndrain_seconds = 2.5\n";
    let file = File::write("listed.toml", text);
    let arguments = [
        "config",
        "ingest",
        "--config",
        file.path(),
        "--rpc-url",
        "http://127.0.0.1:2222",
    ];
    let environment = [
        ("SATSCOPE_RPC_USER", "alice"),
        ("SATSCOPE_RPC_PASSWORD", "correct horse"),
        ("SATSCOPE_DRAIN_SECONDS", "3"),
    ];
    let ended = run(&arguments, &environment).await;
    let shown = ended.lines.join("\n");
    assert_eq!(ended.code, Some(0), "{shown}");
    assert!(!shown.contains("correct horse"), "{shown}");
    let row = |key: &str| -> Vec<String> {
        let line = shown
            .lines()
            .find(|line| line.split(' ').next() == Some(key));
        let line = line.unwrap_or_else(|| panic!("no {key} in:\n{shown}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    for (key, value, source) in [
        ("rpc_url", "http://127.0.0.1:2222", "flag"),
        ("rpc_user", "alice", "SATSCOPE_RPC_USER"),
        ("rpc_password", "********", "SATSCOPE_RPC_PASSWORD"),
        ("drain_seconds", "3", "SATSCOPE_DRAIN_SECONDS"),
        ("zmq_endpoint", "tcp://127.0.0.1:1111", file.path()),
        ("ingest_listen", "127.0.0.1:50051", "default"),
    ] {
        assert_eq!(row(key), [key, value, source]);
    }
}

//! Input and settings that a stand-in refuses, and what it says of them.

use clap::Parser as _;
use satscope_standin::start_simulation;
use tokio_util::sync::CancellationToken;

use crate::running::{Simulate, finish, replay, simulation};

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named() {
    let folder = std::env::temp_dir().join(format!("satscope-standin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = folder.join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    for (path, part) in [
        (write("cut.blk", &[1; 90]), "cut.blk: byte "),
        (
            write("line.jsonl", b"{\"t\":1,\"note\":\"x\"}\nno\n"),
            "line.jsonl, line 2: ",
        ),
        (
            write("cut.jsonl.gz", &[0x1f, 0x8b, 8, 0, 0]),
            "cut.jsonl.gz, line 1: ",
        ),
        (write("other.txt", b""), "expected a .blk file"),
        (empty.to_str().unwrap().to_owned(), "no file in this folder"),
        ("/nowhere/x.jsonl".to_owned(), "/nowhere/x.jsonl"),
    ] {
        let error = replay(&[&path], &CancellationToken::new())
            .await
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains(part), "{error:#}");
    }
    let notes = write("notes.jsonl", b"{\"t\":1,\"note\":\"x\"}\n");
    let error = replay(&["--stop-at=here", &notes], &CancellationToken::new()).await;
    assert!(error.err().unwrap().to_string().contains("stop_at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_ports_and_settings_that_do_not_fit_are_named() {
    let shutdown = CancellationToken::new();
    let running = simulation(&["--history=10"], &shutdown).await;
    let rpc = running.rpc_url().replace("http://", "");
    for (flags, part) in [
        (
            vec!["--standin-rpc-listen", &rpc],
            format!("standin_rpc_listen: {rpc} is in use"),
        ),
        (
            vec!["--standin-zmq-listen", running.zmq_endpoint()],
            format!("standin_zmq_listen: {} is in use", running.zmq_endpoint()),
        ),
        (
            vec!["--standin-rpc-user=me"],
            "expected standin_rpc_password_file".to_owned(),
        ),
        (
            vec!["--standin-rpc-no-auth", "--standin-rpc-listen=0.0.0.0:0"],
            "standin_rpc_no_auth".to_owned(),
        ),
    ] {
        let defaults = [
            "program",
            "--standin-zmq-listen=tcp://127.0.0.1:*",
            "--standin-rpc-listen=127.0.0.1:0",
        ];
        let given = |default: &&str| {
            !flags.iter().any(|flag| {
                flag.starts_with("--") && default.starts_with(flag.split('=').next().unwrap())
            })
        };
        let arguments: Vec<&str> = defaults
            .into_iter()
            .filter(given)
            .chain(flags.clone())
            .collect();
        let settings = Simulate::parse_from(arguments).settings;
        let error = start_simulation(&settings, CancellationToken::new())
            .await
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains(&part), "{error:#}");
    }
    finish(running, shutdown).await;
}

//! How a process ends: by a signal, and when nobody reads what it writes.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    DRAIN,
    support::{
        chain::{Chain, FREE},
        grpc::{next, stream_transactions},
        part::{Part, satscope},
        socket::Socket,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_every_part_with_0_within_the_drain_time_whoever_is_connected() {
    let mut chain = Chain::on_simulation(&[]).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    socket
        .read_until("a price", |message| message["type"] == "mempool_update")
        .await;
    let closed = tokio::spawn(socket.closed());
    let mut transactions = stream_transactions(chain.ingest.address, None).await;
    assert!(next(&mut transactions).await.is_some());
    for part in [
        &mut chain.ingest.part,
        &mut chain.analyzer.part,
        &mut chain.gateway.part,
        &mut chain.node.part,
    ] {
        let (status, took) = part.end().await;
        println!("ended after {took:.2?}");
        assert_eq!(status.code(), Some(0));
        assert!(took < DRAIN + Duration::from_secs(1), "{took:?}");
        let cut_off = part
            .log()
            .into_iter()
            .find(|line| line.contains("not drained"));
        assert_eq!(cut_off, None);
    }
    let reason = closed.await.unwrap();
    println!("the WebSocket was closed: {reason:?}");
    assert!(!reason.is_empty(), "a client is told why it is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_closed_ends_a_part_in_order() {
    let mut gateway = Part::satscope(&[
        "gateway",
        "--gateway-listen",
        FREE,
        "--metrics-listen",
        FREE,
    ]);
    let address = gateway.listening("gateway_listen").await;
    let mut socket = Socket::connect(address).await;
    socket.next().await;
    let closed = tokio::spawn(socket.closed());
    gateway.hang_up();
    assert_eq!(gateway.ended().await.code(), Some(0));
    gateway.line("SIGHUP: draining").await;
    assert!(!closed.await.unwrap().is_empty(), "a client is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_to_outlive_its_terminal_does() {
    let mut command = Command::new("nohup");
    command.arg(satscope().get_program());
    command.args([
        "gateway",
        "--gateway-listen",
        FREE,
        "--metrics-listen",
        FREE,
    ]);
    let mut gateway = Part::start(&mut command);
    let address = gateway.listening("gateway_listen").await;
    gateway.hang_up();
    // It still answers, and a later signal is the first that it hears of.
    Socket::connect(address).await.next().await;
    let (status, _) = gateway.end().await;
    assert_eq!(status.code(), Some(0));
    let log = gateway.log().join("\n");
    assert!(
        log.contains("SIGTERM: draining") && !log.contains("SIGHUP"),
        "{log}"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    for arguments in [
        &["config"][..],
        &["config", "gateway"],
        &["document", "commands"],
        &["completions", "bash"],
        &["check", "--format=json"],
    ] {
        let mut command = satscope();
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Closed before anything was written, so that each write finds it so.
        drop(child.stdout.take());
        let errors = BufReader::new(child.stderr.take().unwrap());
        let lines: Vec<String> = errors.lines().map(Result::unwrap).collect();
        let is_fault = |line: &&String| line.contains("panicked") || line.contains("writing to");
        assert_eq!(lines.iter().find(is_fault), None, "{arguments:?}");
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{arguments:?}: {lines:?}");
    }
}

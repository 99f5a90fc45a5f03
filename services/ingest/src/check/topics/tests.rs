use std::{
    io::{Read as _, Write as _},
    thread::JoinHandle,
};

use satscope_bitcoin::discovery::ZmqTopic;

use super::*;
use crate::check::State;

const AT: &str = "tcp://127.0.0.1:28332";

fn lines(lines: &[(&str, &str, i64)]) -> Vec<Notification> {
    let line = |(kind, address, hwm): &(&str, &str, i64)| Notification {
        kind: (*kind).to_owned(),
        address: (*address).to_owned(),
        hwm: Some(*hwm),
    };
    lines.iter().map(line).collect()
}

fn endpoints(rpc_host: &str) -> Endpoints {
    Endpoints {
        rpc_host: Some(rpc_host.to_owned()),
        ..Endpoints::default()
    }
}

/// As a node on this machine is judged that publishes this, and whose endpoints answer.
fn judged(published: &[Notification], in_files: &[ZmqPublisher]) -> Finding {
    judge(&endpoints("127.0.0.1"), published, true, in_files)
}

/// What to do about a finding that is a warning.
fn advice(finding: &Finding) -> &str {
    assert!(
        matches!(finding.state(), State::Warning { .. }),
        "{finding:?}"
    );
    finding.state().what_to_do().unwrap()
}

#[test]
fn both_topics_are_named_with_their_endpoints() {
    let both = lines(&[("pubrawtx", AT, 1000), ("pubsequence", AT, 1000)]);
    assert_eq!(
        judged(&both, &[]),
        Finding::ok(
            TOPICS,
            format!("rawtx and sequence at {AT}, reached from here")
        )
    );
    let apart = lines(&[
        ("pubrawtx", AT, 1000),
        ("pubsequence", "tcp://0.0.0.0:28333", 1000),
    ]);
    let finding = judged(&apart, &[]);
    assert_eq!(finding.state(), &State::Ok);
    for part in [
        "rawtx at tcp://127.0.0.1:28332",
        "sequence at tcp://127.0.0.1:28333",
    ] {
        assert!(finding.said().contains(part), "{finding:?}");
    }
}

#[test]
fn a_topic_that_is_missing_is_the_exact_line_to_add() {
    let finding = judged(&lines(&[("pubrawtx", AT, 1000)]), &[]);
    assert_eq!(
        finding.said(),
        "the node does not publish sequence; satscope run works by polling the mempool, which is slower"
    );
    let line = format!("add zmqpubsequence={AT} to bitcoin.conf");
    assert!(advice(&finding).starts_with(&line), "{finding:?}");
    let finding = judged(&[], &[]);
    let lines = format!("add zmqpubrawtx={AT} and zmqpubsequence={AT} to bitcoin.conf");
    assert!(advice(&finding).starts_with(&lines), "{finding:?}");
}

#[test]
fn a_line_that_is_in_the_files_already_asks_for_a_restart() {
    let in_files = [ZmqTopic::RawTx, ZmqTopic::Sequence].map(|topic| ZmqPublisher {
        topic,
        address: AT.to_owned(),
    });
    let finding = judged(&lines(&[("pubrawtx", AT, 1000)]), &in_files);
    assert_eq!(
        advice(&finding),
        format!("restart the node: its files say zmqpubsequence={AT}")
    );
}

#[test]
fn a_publisher_that_cannot_be_reached_is_a_warning() {
    let both = lines(&[("pubrawtx", AT, 1000), ("pubsequence", AT, 1000)]);
    let finding = judge(&endpoints("127.0.0.1"), &both, false, &[]);
    assert_eq!(advice(&finding), "is a firewall in the way?");
    // The same addresses are of another machine's loopback.
    let finding = judge(&endpoints("10.0.0.9"), &both, true, &[]);
    assert!(
        advice(&finding).contains("which only its own machine reaches"),
        "{finding:?}"
    );
    assert!(advice(&finding).contains(AT), "{finding:?}");
}

#[test]
fn a_low_mark_is_a_warning_with_the_lines_to_add() {
    let of = |rawtx, sequence| {
        queues(&lines(&[
            ("pubrawtx", AT, rawtx),
            ("pubsequence", AT, sequence),
        ]))
        .unwrap()
    };
    let low = of(1000, 1000);
    let expected = "add zmqpubrawtxhwm=100000 and zmqpubsequencehwm=100000 to bitcoin.conf and restart the node";
    assert_eq!(low.state().what_to_do(), Some(expected));
    assert_eq!(low.to_fix(), None, "a warning");
    let one = of(100_000, 1000);
    let what_to_do = one.state().what_to_do().unwrap();
    assert!(what_to_do.starts_with("add zmqpubsequencehwm=100000 to"));
    assert_eq!(
        of(10_000, 100_000),
        Finding::ok(QUEUES, "high-water marks: rawtx 10000, sequence 100000")
    );
    assert_eq!(of(0, 0).state(), &State::Ok, "0 is without a limit");
    assert_eq!(queues(&lines(&[("pubhashtx", AT, 1000)])), None);
}

#[tokio::test]
async fn only_endpoints_that_speak_zmq_are_reached_and_nothing_is_subscribed_to() {
    let (publisher, heard) = zmq_publisher();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("tcp://{}", mute.local_addr().unwrap());
    let used = |endpoint: &str| Subscription {
        endpoint: endpoint.to_owned(),
        topics: NEEDED.to_vec(),
    };
    let up = reach(&[used(&publisher), used(&mute)]).await;
    assert_eq!(up, BTreeSet::from([publisher]));
    let heard = tokio::task::spawn_blocking(|| heard.join().unwrap());
    let heard = String::from_utf8_lossy(&heard.await.unwrap()).into_owned();
    assert!(heard.contains("READY"), "{heard:?}");
    for topic in NEEDED {
        assert!(!heard.contains(topic.name()), "{heard:?}");
    }
}

/// The endpoint of what greets one subscriber as a ZMQ publisher does, and all that it has heard in the end. Source: ZMTP 3.0,
/// greeting and NULL handshake.
fn zmq_publisher() -> (String, JoinHandle<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut greeting = [0; 64];
        (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
        greeting[12..16].copy_from_slice(b"NULL");
        stream.write_all(&greeting).unwrap();
        stream.read_exact(&mut [0; 64]).unwrap();
        let ready = b"\x05READY\x0bSocket-Type\0\0\0\x03PUB";
        let command = [&[0x04, ready.len() as u8][..], ready].concat();
        stream.write_all(&command).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        heard
    });
    (endpoint, heard)
}

//! `satscope record`: what it keeps, what it counts and notes, and how it starts and ends.

use std::{fs, io::Write as _, net::SocketAddr, path::Path};

use satscope_bitcoin::{
    frame::Frame,
    recording::{CONNECTED, DISCONNECTED, files},
};

use crate::{
    folder::{Folder, recorded},
    support::{
        chain::{FREE, StandIn},
        data::data,
        metrics::{Scrape, get},
        part::{Part, satscope},
        publisher::{Publisher, payment},
        wait::until,
    },
};

const SESSION: &str = "zmq/core29-regtest.jsonl.gz";
const MESSAGES: &str = "satscope_recording_messages_total";

/// `satscope record`.
struct Recorder {
    part: Part,
    metrics: SocketAddr,
}

impl Recorder {
    async fn start(zmq: &str, folder: &Folder, flags: &[&str]) -> Recorder {
        let fixed = [
            "record",
            folder.path(),
            "--zmq-endpoint",
            zmq,
            "--metrics-listen",
            FREE,
        ];
        let mut part = Part::satscope(&[&fixed[..], flags].concat());
        let metrics = part.listening("metrics_listen").await;
        Recorder { part, metrics }
    }

    async fn has_recorded(&self, messages: usize) {
        until(&format!("{messages} messages recorded"), async || {
            let recorded = Scrape::of(self.metrics).await.sum(MESSAGES, "");
            (recorded == messages as f64).then_some(())
        })
        .await;
    }

    /// Ends it with SIGTERM.
    async fn end(mut self) {
        let (status, _) = self.part.end().await;
        assert_eq!(status.code(), Some(0));
    }
}

/// Plays `from` as fast as it goes and records it into `folder`.
async fn record_replay(from: &Path, folder: &Folder, messages: usize) {
    let node = StandIn::replay(from, &["--speed=max"]).await;
    let recorder = Recorder::start(&node.zmq, folder, &["--record-file-bytes=20000"]).await;
    node.reaches("ended").await;
    recorder.has_recorded(messages).await;
    recorder.end().await;
}

/// Compared by place, so that a difference is shown and not both recordings.
fn assert_same(recorded: &[Frame], original: &[Frame]) {
    for (at, (recorded, original)) in recorded.iter().zip(original).enumerate() {
        assert_eq!(recorded, original, "message {at}");
    }
    assert_eq!(recorded.len(), original.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_recorded_to_the_byte_and_so_is_the_replay_of_that() {
    let Some(session) = data(SESSION) else {
        return;
    };
    let (original, _) = recorded(&session);
    assert!(original.len() > 1000, "{} messages", original.len());
    let (once, twice) = (Folder::new("once"), Folder::new("twice"));
    record_replay(&session, &once, original.len()).await;
    assert_same(&recorded(&once.0).0, &original);
    assert!(files(&once.0).unwrap().len() > 3, "rotated by size");
    record_replay(&once.0, &twice, original.len()).await;
    assert_same(&recorded(&twice.0).0, &original);
}

/// A recorder that has subscribed to a publisher of ours.
async fn recorder_of(publisher: &Publisher, folder: &Folder) -> Recorder {
    let recorder = Recorder::start(&publisher.endpoint, folder, &[]).await;
    publisher.wait_for_subscriber();
    recorder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recorder_has_all_but_its_last_second_and_goes_on_behind_a_torn_end() {
    let folder = Folder::new("killed");
    let mut publisher = Publisher::bind();
    let mut recorder = recorder_of(&publisher, &folder).await;
    for number in 0..50 {
        publisher.enter(&payment(number));
    }
    until("what was sent on the disk", async || {
        (recorded(&folder.0).0.len() == 100).then_some(())
    })
    .await;
    recorder.part.kill().await;
    let file = files(&folder.0).unwrap().remove(0);
    let mut torn = fs::OpenOptions::new().append(true).open(&file).unwrap();
    torn.write_all(&fs::read(&file).unwrap()[..300]).unwrap();
    let before = recorded(&folder.0).0;

    let recorder = recorder_of(&publisher, &folder).await;
    for number in 50..60 {
        publisher.enter(&payment(number));
    }
    recorder.has_recorded(20).await;
    recorder.end().await;
    let (after, notes) = recorded(&folder.0);
    assert_same(&after[..before.len()], &before);
    assert_eq!(after.len(), before.len() + 20);
    let connections = notes.iter().filter(|note| *note == CONNECTED).count();
    assert!(connections >= 2, "{notes:?}");
    assert_eq!(files(&folder.0).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_messages_and_connections_are_counted_and_noted() {
    let folder = Folder::new("gaps");
    let mut publisher = Publisher::bind();
    let mut recorder = recorder_of(&publisher, &folder).await;
    publisher.enter(&payment(1));
    publisher.send(&[
        b"rawtx",
        b"no body of Core's, kept all the same",
        &[9, 0, 0, 0],
    ]);
    publisher.send(&[b"rawtx", b"a part too few"]);
    recorder.has_recorded(3).await;
    let scrape = Scrape::of(recorder.metrics).await;
    assert_eq!(
        scrape.sum("satscope_recording_gaps_total", r#"topic="rawtx""#),
        1.0
    );
    let left_out = "satscope_recording_left_out_total";
    until("the odd one counted", async || {
        let scrape = Scrape::of(recorder.metrics).await;
        (scrape.sum(left_out, r#"reason="frame_parts""#) == 1.0).then_some(())
    })
    .await;
    let [samples, helped, _] = scrape.families();
    assert!(samples.is_subset(&helped), "{samples:?} without help");
    drop(publisher);
    recorder.part.line("lost the node").await;
    recorder.end().await;
    let (_, notes) = recorded(&folder.0);
    for text in [CONNECTED, "messages lost", DISCONNECTED] {
        assert!(notes.iter().any(|note| note == text), "{text}: {notes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_to_ends_the_start_with_78_and_one_line() {
    let folder = Folder::new("unwritable");
    let file = folder.0.join("a-file");
    fs::write(&file, "").unwrap();
    let flag = format!("--record={}", file.display());
    for arguments in [
        vec!["record", file.to_str().unwrap(), "--metrics-listen", FREE],
        vec![
            "ingest",
            &flag,
            "--metrics-listen",
            FREE,
            "--ingest-listen",
            FREE,
        ],
    ] {
        let mut part = Part::start(satscope().args(&arguments));
        assert_eq!(part.ended().await.code(), Some(78));
        let log = part.log();
        let line = log
            .iter()
            .find(|line| line.starts_with("satscope: "))
            .unwrap();
        assert!(
            line.contains("record: ") && line.contains("a-file"),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_the_recorder_is_shown() {
    let mut part = Part::satscope(&["config", "record"]);
    assert!(part.ended().await.success());
    let shown = part.log().join("\n");
    for key in [
        "record ",
        "record_file_bytes",
        "record_max_bytes",
        "zmq_sequence_endpoint",
    ] {
        assert!(shown.contains(key), "{key} is not in {shown}");
    }
}

/// What the recorder says that it waits for; `None` if all is well.
async fn waits_for(recorder: &Recorder) -> Option<String> {
    let (_, text) = get(&format!("http://{}/readyz", recorder.metrics)).await;
    let said: serde_json::Value = serde_json::from_str(&text).unwrap();
    Some(said["waiting_for"]["node"].as_str()?.to_owned())
}

async fn waits_for_words(recorder: &Recorder, words: &str) {
    until(&format!("word of {words:?}"), async || {
        waits_for(recorder).await?.contains(words).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_no_connection_before_both_topics_have_come() {
    let folder = Folder::new("handshake");
    let mut publisher = Publisher::bind();
    let recorder = recorder_of(&publisher, &folder).await;
    waits_for_words(
        &recorder,
        "no rawtx and sequence message has come from tcp://",
    )
    .await;
    publisher.rawtx(b"a transaction");
    waits_for_words(&recorder, "no sequence message has come from tcp://").await;
    publisher.sequence(&[b'A'; 41]);
    until("a recorder that waits for nothing", async || {
        waits_for(&recorder).await.is_none().then_some(())
    })
    .await;
    drop(publisher);
    waits_for_words(&recorder, "the node's ZMQ").await;
    recorder.end().await;
}

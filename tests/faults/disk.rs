//! A disk that fills up under the journal. A limit on the length of files stands for it, because any user may set one on a
//! process of its own, and lift it again: a write beyond the limit answers `EFBIG`, as one to a full disk answers `ENOSPC`.

use std::{collections::BTreeSet, net::SocketAddr, ops::Range, path::Path};

use bitcoin::Txid;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::support::{
    chain::FREE,
    grpc::list_mempool,
    metrics::{Scrape, get},
    part::{Folder, Part, bare},
    publisher::{Publisher, payment},
    wait::until,
};

/// Ingest whose files may have a limited length.
struct Ingest {
    part: Part,
    address: SocketAddr,
    metrics: SocketAddr,
}

impl Ingest {
    /// Starts with files of at most `bytes`, in steps of 512; `None` is without a limit.
    async fn start(publisher: &Publisher, state: &Folder, bytes: Option<u64>) -> Ingest {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| (bytes / 512).to_string());
        let mut command = bare("sh");
        command
            // Without the trap, the signal that comes with `EFBIG` ends the process.
            .args([
                "-c",
                r#"trap "" XFSZ; ulimit -S -f "$0"; exec "$@""#,
                &limit,
            ])
            .arg(env!("CARGO_BIN_EXE_satscope"))
            .args(["ingest", "--node-is-standin", "--zmq-endpoint"])
            .args([&publisher.endpoint, "--state-dir", state.path()])
            .args(["--ingest-listen", FREE, "--metrics-listen", FREE]);
        let mut part = Part::start(&mut command);
        Ingest {
            metrics: part.listening("metrics_listen").await,
            address: part.listening("ingest_listen").await,
            part,
        }
    }

    /// From now on its files may be of that length.
    fn limit(&self, bytes: Option<u64>) {
        let pid = Pid::from_raw(self.part.id() as i32);
        let limit = Rlimit {
            current: bytes,
            maximum: getrlimit(Resource::Fsize).maximum,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }

    async fn shows(&self, metric: &str, value: f64) {
        until(&format!("{metric} {value}"), async || {
            let scrape = Scrape::of(self.metrics).await;
            let is_there = scrape.samples().any(|(name, ..)| name == metric);
            (is_there && scrape.sum(metric, "") == value).then_some(())
        })
        .await;
    }

    async fn is_written(&self, is_written: bool) {
        self.shows(
            "satscope_ingest_journal_written",
            f64::from(u8::from(is_written)),
        )
        .await;
    }

    async fn has(&self, sent: &BTreeSet<Txid>) {
        until("all that was sent", async || {
            (list_mempool(self.address).await == *sent).then_some(())
        })
        .await;
    }

    fn lines(&self, text: &str) -> usize {
        let log = self.part.log();
        log.iter().filter(|line| line.contains(text)).count()
    }

    /// Not ended by the disk, and served as ever.
    async fn is_well(&mut self) {
        assert!(self.part.is_running());
        let (status, said) = get(&format!("http://{}/readyz", self.metrics)).await;
        assert_eq!(status, 200, "{said}");
    }
}

fn send(publisher: &mut Publisher, sent: &mut BTreeSet<Txid>, numbers: Range<u32>) {
    publisher.say_time(1_700_000_000_000 + u64::from(numbers.start));
    sent.extend(numbers.map(|number| publisher.enter(&payment(number))));
}

fn bytes_of(state: &Folder, name: &str) -> u64 {
    std::fs::metadata(Path::new(state.path()).join(name)).map_or(0, |file| file.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_the_disk_has_no_room_for_costs_no_service_and_is_written_again_by_itself() {
    let (state, mut publisher) = (Folder::new("full-disk"), Publisher::bind());
    let mut ingest = Ingest::start(&publisher, &state, None).await;
    publisher.wait_for_subscriber();
    let mut sent = BTreeSet::new();
    send(&mut publisher, &mut sent, 0..2000);
    ingest.has(&sent).await;
    ingest.is_written(true).await;
    let length = bytes_of(&state, "journal");
    assert!(length > 100_000, "{length}");

    ingest.limit(Some(length + 1000));
    send(&mut publisher, &mut sent, 2000..4000);
    ingest.has(&sent).await;
    ingest.is_written(false).await;
    // Each attempt to begin anew is a failure that is counted: three of them are waited for.
    until("attempts", async || {
        let scrape = Scrape::of(ingest.metrics).await;
        (scrape.sum("satscope_ingest_journal_failures_total", "") >= 3.0).then_some(())
    })
    .await;
    ingest.is_well().await;
    assert_eq!(ingest.lines("is not written"), 1);
    assert_eq!(bytes_of(&state, "journal.new"), 0);
    let kept = bytes_of(&state, "journal");
    assert!((length..=length + 1000).contains(&kept), "{length} {kept}");

    ingest.limit(None);
    ingest.is_written(true).await;
    assert_eq!(ingest.lines("the journal is written again"), 1);
    send(&mut publisher, &mut sent, 4000..5000);
    ingest.has(&sent).await;
    ingest.part.kill().await;

    let mut next = Ingest::start(&publisher, &state, None).await;
    next.part.line("the journal has been read").await;
    next.has(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_starts_on_a_full_disk_with_a_journal_and_without_one() {
    let (state, mut publisher) = (Folder::new("full-at-start"), Publisher::bind());
    let mut sent = BTreeSet::new();
    let mut first = Ingest::start(&publisher, &state, Some(0)).await;
    publisher.wait_for_subscriber();
    first.is_written(false).await;
    send(&mut publisher, &mut sent, 0..1000);
    first.has(&sent).await;
    first.is_well().await;
    assert_eq!(first.lines("is not written"), 1);
    first.limit(None);
    first.is_written(true).await;
    first.part.kill().await;

    let length = bytes_of(&state, "journal");
    let mut second = Ingest::start(&publisher, &state, Some(512)).await;
    second.part.line("the journal has been read").await;
    second.has(&sent).await;
    assert_eq!(bytes_of(&state, "journal"), length);
    publisher.wait_for_subscriber();
    send(&mut publisher, &mut sent, 1000..1100);
    second.has(&sent).await;
    second.is_written(false).await;
    second.is_well().await;
    assert!(second.lines("is not written") <= 1);
    second.limit(None);
    second.is_written(true).await;
    second.part.kill().await;

    let third = Ingest::start(&publisher, &state, None).await;
    third.has(&sent).await;
}

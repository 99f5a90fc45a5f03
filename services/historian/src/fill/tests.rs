//! A whole filler on a made-up node, from its start to its end: what it writes, and what it waits for.
#![allow(clippy::unwrap_used)]

mod branches;
pub mod fake;
mod imported;
mod models;
mod pruning;

use std::{sync::Arc, time::Duration};

use bitcoin::{BlockHash, hashes::Hash as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Setting, run};
use crate::{
    archive::{Archive, History},
    cpu::Cpu,
    progress::{Doing, Progress, Report},
    store::{BlockState, Kind, PeriodState, StoredPeriod},
};
use fake::{FakeNode, Sums};

const USUAL: Sums = Sums {
    model: 1,
    place: 900,
};

/// A filler that runs on a node, with its files in a folder.
struct Running {
    task: JoinHandle<anyhow::Result<()>>,
    archive: Archive,
    progress: Progress,
    stop: CancellationToken,
}

impl Running {
    fn start(node: &FakeNode, folder: &std::path::Path, estimator: Sums) -> Running {
        Running::start_on(node, folder, estimator, false)
    }

    /// The same on a node, or on a stand-in.
    fn start_on(
        node: &FakeNode,
        folder: &std::path::Path,
        estimator: Sums,
        is_made_up: bool,
    ) -> Running {
        let archive = Archive::new(Some(folder.to_owned()), is_made_up).unwrap();
        let (progress, cpu) = (Progress::default(), Cpu::new(2).unwrap());
        let mut setting = Setting::new(node.clone(), archive.clone(), progress.clone(), cpu, 2);
        setting.estimator = Arc::new(estimator);
        setting.every = Duration::from_millis(20);
        let stop = setting.stop.clone();
        Running {
            task: tokio::spawn(run(setting)),
            archive,
            progress,
            stop,
        }
    }

    /// Waits until the report is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Report) -> bool) {
        for _ in 0..3000 {
            if is_so(&self.progress.report()) {
                return;
            }
            assert!(
                !self.task.is_finished(),
                "the filler has ended before {what}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not come: {:?}", self.progress.report());
    }

    /// Waits until the history has all of the node's chain.
    async fn follows(&self, node: &FakeNode) {
        let tip = node.tip();
        let is_there = |history: &History| {
            let written = history.readers().tip().unwrap();
            written.is_some_and(|written| written.hash == tip.hash)
        };
        self.until("the tip", |report| {
            let history = self.archive.history();
            report.doing == Doing::Following && history.is_some_and(|history| is_there(&history))
        })
        .await;
    }

    fn history(&self) -> History {
        self.archive.history().unwrap()
    }

    fn periods(&self) -> Vec<StoredPeriod> {
        self.history().readers().periods().unwrap()
    }

    /// The first blocks of the open and of the final periods' rows are what the chain says, and so are all others.
    fn holds(&self, node: &FakeNode, heights: std::ops::Range<u32>) {
        let history = self.history();
        let mut time = 0;
        for height in heights {
            let found = history.readers().price_of_height(height).unwrap();
            let found = found.unwrap_or_else(|| panic!("no block {height}"));
            let (_, expected) = node.expected(height);
            assert_eq!(Some(found.price.price_cents), expected, "block {height}");
            assert!(found.time >= time, "block {height} is before its parent");
            time = found.time;
        }
    }

    /// Ends it, and waits until its files are free.
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Ends it wherever it is.
    async fn kill(self) {
        self.task.abort();
        let _ended = self.task.await;
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn state(running: &Running, height: u32) -> BlockState {
    match running
        .history()
        .readers()
        .price_of_height(height)
        .unwrap()
        .unwrap()
        .kind
    {
        Kind::Block { state, .. } => state,
        Kind::Minute => panic!("a minute"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_and_the_newest_blocks_are_filled_and_the_tip_is_followed() {
    let (node, folder) = (FakeNode::new(4500), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.holds(&node, 0..4501);
    let periods = running.periods();
    let states: Vec<_> = periods.iter().map(|period| period.row.state).collect();
    assert_eq!(
        states,
        [PeriodState::Final, PeriodState::Final, PeriodState::Open]
    );
    assert_eq!(state(&running, 4482), BlockState::Settled);
    assert_eq!(state(&running, 4483), BlockState::Provisional);
    let report = running.progress.report();
    assert_eq!((report.read_blocks, report.wanted_blocks), (4501, 4501));
    assert!(
        report.detail.starts_with("history since September 2020"),
        "{}",
        report.detail
    );
    for added in [1, 1, 5, 40] {
        node.grow(added, 0);
        running.follows(&node).await;
        running.holds(&node, 4032..node.tip().height + 1);
    }
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_becomes_final_once_its_last_block_has_eighteen_on_top() {
    let (node, folder) = (FakeNode::new(2015 + 17), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.holds(&node, 0..2033);
    assert_eq!(state(&running, 2014), BlockState::Settled);
    node.grow(1, 0);
    running.follows(&node).await;
    assert_eq!(state(&running, 2015), BlockState::Final);
    running.holds(&node, 0..2034);
    node.grow(1, 0);
    running.follows(&node).await;
    running.holds(&node, 0..2035);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filler_that_was_killed_anywhere_ends_with_the_same_digests() {
    let node = FakeNode::new(4032 + 18 + 100);
    let whole = folder();
    let running = Running::start(&node, whole.path(), USUAL);
    running.follows(&node).await;
    let expected = running.periods();
    running.end().await;
    let killed = folder();
    for round in 0..40 {
        let running = Running::start(&node, killed.path(), USUAL);
        tokio::time::sleep(Duration::from_millis(3 * round)).await;
        running.kill().await;
    }
    let running = Running::start(&node, killed.path(), USUAL);
    running.follows(&node).await;
    assert_eq!(running.periods(), expected);
    running.holds(&node, 0..node.tip().height + 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_away_is_waited_for_and_what_was_read_is_kept() {
    let (node, folder) = (FakeNode::new(4200), folder());
    node.chain().is_away = true;
    let running = Running::start(&node, folder.path(), USUAL);
    running
        .until("a word", |report| {
            report.detail == "the node is slow to answer"
        })
        .await;
    assert_eq!(running.progress.report().doing, Doing::Waiting);
    node.chain().is_away = false;
    node.chain().downloading = Some(0.42);
    running
        .until("a word", |report| {
            report.detail == "the node is 42 % synchronised"
        })
        .await;
    running.end().await;
    node.chain().downloading = None;
    let running = Running::start(&node, folder.path(), USUAL);
    running
        .until("some blocks", |report| report.read_blocks > 100)
        .await;
    node.chain().is_away = true;
    running
        .until("a word", |report| report.doing == Doing::Waiting)
        .await;
    node.chain().is_away = false;
    running.follows(&node).await;
    running.holds(&node, 0..4201);
    // Nothing was asked for twice but what two periods rest on, and what the newest blocks rest on.
    let asked = node.chain().asked.len();
    assert!(
        asked < 4201 + 3 * (144 + 18) + 1,
        "{asked} blocks asked for"
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_chain_is_refused_from_the_nodes_first_answer_on() {
    let folder = folder();
    let archive = Archive::new(Some(folder.path().to_owned()), false).unwrap();
    let other = archive.open("regtest", BlockHash::all_zeros()).unwrap();
    let path = other.readers().path().to_owned();
    drop((archive, other));
    let before = std::fs::read(&path).unwrap();
    for downloading in [Some(0.42), None] {
        let node = FakeNode::new(200);
        node.chain().downloading = downloading;
        node.chain().is_away = true;
        let running = Running::start(&node, folder.path(), USUAL);
        let served = running.archive.open_again().unwrap();
        assert!(served.is_some(), "the node has not answered yet");
        drop(served);
        node.chain().is_away = false;
        running
            .until("a word", |report| {
                report.detail == "the history's file is of another chain"
            })
            .await;
        assert_eq!(running.progress.report().doing, Doing::Stuck);
        for _ in 0..5 {
            running.archive.open_again().unwrap_err();
            assert!(running.archive.history().is_none());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.end().await;
    }
    assert_eq!(std::fs::read(&path).unwrap(), before, "it stays as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_with_other_blocks_has_its_own_alone_however_long_its_past_is() {
    let (long, folder) = (FakeNode::made_up(8100, 1500, 1), folder());
    let start = |node: &FakeNode| Running::start_on(node, folder.path(), USUAL, true);
    let running = start(&long);
    running.follows(&long).await;
    running.holds(&long, 2016..8101);
    running.end().await;
    // The same, further on, keeps what is there.
    long.chain().asked.clear();
    long.grow(30, 1);
    let running = start(&long);
    running.follows(&long).await;
    running.holds(&long, 2016..8131);
    assert!(long.chain().asked.iter().all(|height| *height > 6048 - 200));
    running.end().await;
    // Others, with a shorter past and a longer one, a lower and a higher tip.
    for (tip, lowest, branch) in [
        (8100, 7000, 2),
        (9000, 8500, 3),
        (8050, 1500, 4),
        (300, 10, 5),
    ] {
        let other = FakeNode::made_up(tip, lowest, branch);
        let running = start(&other);
        running.follows(&other).await;
        running
            .until("all blocks", |report| {
                report.wanted_blocks > 0 && report.read_blocks == report.wanted_blocks
            })
            .await;
        let readers = running.history().readers().clone();
        let open_from = (tip + 1 - 18) / 2016 * 2016;
        let first = open_from.max(lowest).min(lowest.next_multiple_of(2016));
        running.holds(&other, first..tip + 1);
        assert_eq!(readers.price_of_height(first - 1).unwrap(), None);
        assert_eq!(readers.price_of_height(tip + 1).unwrap(), None);
        drop(readers);
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_that_is_exchanged_meanwhile_has_its_own_blocks_alone() {
    let (node, folder) = (FakeNode::made_up(4300, 100, 1), folder());
    let running = Running::start_on(&node, folder.path(), USUAL, true);
    running.follows(&node).await;
    let other = FakeNode::made_up(4310, 4200, 2);
    std::mem::swap(&mut *node.chain(), &mut *other.chain());
    running.follows(&node).await;
    running.holds(&node, 4200..4311);
    let readers = running.history().readers().clone();
    assert_eq!(readers.price_of_height(4199).unwrap(), None);
    drop(readers);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_blocks_of_the_history_is_said_to_have_none() {
    let (node, folder) = (FakeNode::new(4300), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    node.chain().first_known = 4301;
    let running = Running::start(&node, folder.path(), USUAL);
    running
        .until("a word", |report| {
            report.detail == "the node does not have the blocks that the history was made of"
        })
        .await;
    assert_eq!(running.progress.report().doing, Doing::Waiting);
    // What is in the file stays, and the node has the blocks again.
    node.chain().first_known = 0;
    running.holds(&node, 0..4301);
    running.follows(&node).await;
    running.end().await;
}

#![allow(clippy::unwrap_used)]

mod fake;

use std::{sync::Arc, time::Duration};

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
        let archive = Archive::new(Some(folder.to_owned()), false).unwrap();
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
        other => panic!("{other:?}"),
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
async fn a_reorg_recomputes_what_rests_on_its_blocks_at_a_periods_edge_too() {
    for (tip, left) in [
        (4400, 1),
        (4400, 7),
        (4400, 200),
        (4050, 1),
        (4050, 5),
        (4060, 40),
        (4060, 2100),
    ] {
        let (node, folder) = (FakeNode::new(tip), folder());
        let running = Running::start(&node, folder.path(), USUAL);
        running.follows(&node).await;
        node.reorganize(left, left + 1, 1);
        running.follows(&node).await;
        running.holds(&node, 0..tip + 2);
        running.end().await;
        // The history is that of one that saw nothing of it.
        let fresh = self::folder();
        let other = Running::start(&node, fresh.path(), USUAL);
        other.follows(&node).await;
        let digests = |running: &Running| -> Vec<_> {
            running
                .periods()
                .into_iter()
                .map(|period| (period.row.state, period.seal))
                .collect()
        };
        let expected = digests(&other);
        other.end().await;
        let again = Running::start(&node, folder.path(), USUAL);
        again.follows(&node).await;
        assert_eq!(digests(&again), expected, "tip {tip}, {left} left");
        again.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_while_nobody_looked_is_found_at_the_start() {
    for left in [3, 60, 130, 2500] {
        let (node, folder) = (FakeNode::new(4100), folder());
        let running = Running::start(&node, folder.path(), USUAL);
        running.follows(&node).await;
        running.end().await;
        node.reorganize(left, left + 30, 2);
        let running = Running::start(&node, folder.path(), USUAL);
        running.follows(&node).await;
        running.holds(&node, 0..node.tip().height + 1);
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_takes_nothing_away() {
    let (node, folder) = (FakeNode::new(4100), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    node.reorganize(20, 0, 0);
    running
        .until("a word", |report| report.detail.contains("behind"))
        .await;
    assert!(
        running
            .history()
            .readers()
            .price_of_height(4100)
            .unwrap()
            .is_some()
    );
    node.grow(25, 0);
    running.follows(&node).await;
    running.holds(&node, 0..4106);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_node_gives_what_it_has_and_recent_amounts_outlive_its_pruning() {
    let (node, folder) = (FakeNode::new(4300), folder());
    node.chain().lowest = 4000;
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    let history = running.history();
    assert!(history.readers().price_of_height(4143).unwrap().is_none());
    running.holds(&node, 4144..4301);
    assert!(
        running
            .periods()
            .iter()
            .all(|period| period.row.period == 2)
    );
    running.end().await;
    drop(history);
    // It prunes all that was read, and goes on.
    node.grow(300, 0);
    node.chain().lowest = 4301;
    node.chain().asked.clear();
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.holds(&node, 4144..4601);
    assert!(node.chain().asked.iter().all(|height| *height > 4300));
    running.end().await;
    // The period is over: it has rows, and is never final.
    node.grow(6048 + 30 - 4601, 0);
    node.chain().lowest = 5900;
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    // Block 4,583 had 17 blocks on top when all of them were to be had.
    running.holds(&node, 4144..4583);
    let second = &running.periods()[0];
    assert_eq!(
        (second.row.period, second.row.state),
        (2, PeriodState::Open)
    );
    running.holds(&node, 6048..node.tip().height + 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_within_a_period_is_bridged_without_prices() {
    let (node, folder) = (FakeNode::new(4300), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    std::fs::remove_file(folder.path().join("recent-regtest.sqlite")).unwrap();
    node.grow(500, 0);
    node.chain().lowest = 4400;
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.holds(&node, 0..4283);
    running.holds(&node, 4544..4801);
    let history = running.history();
    assert!(history.readers().price_of_height(4400).unwrap().is_none());
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_model_recomputes_all_and_keeps_what_it_cannot_read() {
    let (node, folder) = (FakeNode::new(6200), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    node.chain().lowest = 2016 - 144;
    let running = Running::start(&node, folder.path(), Sums { model: 2, ..USUAL });
    running.follows(&node).await;
    // A historian that has all blocks follows already while it reads them anew.
    running
        .until("the new model", |_| {
            let periods = running.periods().into_iter();
            let models: Vec<u32> = periods.map(|period| period.row.model).collect();
            models == [1, 2, 2, 2]
        })
        .await;
    running.holds(&node, 0..6201);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_disagree_are_disputed_and_agree_again_under_a_new_model() {
    let (node, folder) = (FakeNode::new(2100), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    // Another estimator of the same model, which locks elsewhere.
    node.grow(2016, 0);
    let elsewhere = Sums {
        place: 1000,
        ..USUAL
    };
    let running = Running::start(&node, folder.path(), elsewhere);
    running.follows(&node).await;
    let disputed: Vec<bool> = running
        .periods()
        .iter()
        .map(|period| period.row.disputed)
        .collect();
    assert_eq!(disputed, [true, true, false]);
    running.end().await;
    let running = Running::start(
        &node,
        folder.path(),
        Sums {
            model: 2,
            ..elsewhere
        },
    );
    running.follows(&node).await;
    assert!(running.periods().iter().all(|period| !period.row.disputed));
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

//! The system clock of ingest and analyzer is set, while the node's goes on.

use std::{collections::BTreeMap, time::Duration};

use bitcoin::{Transaction, Txid};
use satscope_kit::clock::unix_ms;

use crate::{
    bitcoind::Bitcoind,
    coins::Purse,
    scene::PRICE_USD,
    support::{
        chain::{FREE, Served},
        clock::SetClock,
        grpc::{list_mempool, list_window},
        part::{Part, satscope},
        wait::until,
    },
};

/// Between ten payments.
const PAUSE: Duration = Duration::from_millis(500);
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Beats and readings after a step, and the second of an entry time, milliseconds.
const SLACK_MS: i64 = 2500;

/// Ingest and analyzer under one clock, and when each payment was sent by the true one.
struct Machine {
    node: Bitcoind,
    purse: Purse,
    clock: SetClock,
    ingest: Served,
    analyzer: Served,
    sent: BTreeMap<Txid, u64>,
}

impl Machine {
    /// With a clock that is so many seconds ahead, beside a node with a few payments.
    async fn start(name: &str, ahead: i64) -> Machine {
        let node = Bitcoind::start(name, &[]).await;
        let made = unix_ms() / 1000 - 4 * HOUR as u64;
        let purse = Purse::fill(&node, 400, 0, made).await;
        let clock = SetClock::ahead(name, ahead);
        let zmq = format!("tcp://{}", node.zmq);
        let cookie = node.cookie().display().to_string();
        let ingest = [
            "ingest",
            "--zmq-endpoint",
            &zmq,
            "--rpc-url",
            &node.rpc.url(),
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(["--rpc-cookie-file".to_owned(), cookie]);
        let ingest = serve(&clock, ingest.collect(), "ingest_listen").await;
        let url = format!("http://{}", ingest.address);
        let analyzer = ["analyzer", "--ingest-url", &url].map(str::to_owned);
        let analyzer = serve(&clock, analyzer.to_vec(), "analyzer_listen").await;
        let mut machine = Machine {
            node,
            purse,
            clock,
            ingest,
            analyzer,
            sent: BTreeMap::new(),
        };
        machine.ingest.part.line("in step with the node").await;
        machine
    }

    /// Sets the clock, and waits until the node has been read since.
    async fn set_clock(&mut self, ahead: i64) {
        let readings = self.readings();
        self.clock.set(ahead);
        until("a reading after the step", async || {
            (self.readings() > readings).then_some(())
        })
        .await;
    }

    fn readings(&self) -> usize {
        let lines = self.ingest.part.log();
        let in_step = |line: &&String| line.contains("in step with the node");
        lines.iter().filter(in_step).count()
    }

    /// At an ordinary pace: what comes faster is asked about, and an entry time is by the node's clock.
    async fn pay(&mut self, count: usize) {
        let payments = self.purse.payments(count, PRICE_USD);
        for part in payments.chunks(10) {
            self.node.send(part).await;
            let sent = part.iter().map(Transaction::compute_txid);
            self.sent.extend(sent.map(|txid| (txid, unix_ms())));
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the window holds every payment, as old as it is by the clock that is so many seconds ahead.
    async fn ages_are_right(&self, ahead: i64) {
        let what = format!("the age of {} payments, {ahead} s ahead", self.sent.len());
        let is_right = |txid: &Txid, stamp_ms: u64| {
            let true_ms = stamp_ms as i64 - ahead * 1000;
            (true_ms - self.sent[txid] as i64).abs() <= SLACK_MS
        };
        until(&what, async || {
            let window = list_window(self.analyzer.address).await?.transactions;
            let right = window
                .iter()
                .filter(|(txid, tracked)| is_right(txid, tracked.first_seen_ms));
            (window.len() == self.sent.len() && right.count() == window.len()).then_some(())
        })
        .await;
        let mempool = self.node.mempool().await;
        assert_eq!(list_mempool(self.ingest.address).await, mempool);
        println!("{what}: right");
    }
}

async fn serve(clock: &SetClock, arguments: Vec<String>, setting: &str) -> Served {
    let flag = format!("--{}", setting.replace('_', "-"));
    let mut command = satscope();
    command
        .args(arguments)
        .args(["--metrics-listen", FREE, &flag, FREE]);
    clock.give(&mut command);
    let mut part = Part::start(&mut command);
    Served {
        metrics: part.listening("metrics_listen").await,
        address: part.listening(setting).await,
        part,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_and_forward_changes_no_age() {
    let mut machine = Machine::start("set-clock", 0).await;
    machine.pay(60).await;
    machine.ages_are_right(0).await;
    for ahead in [-HOUR, 3 * DAY, 0, 10 * DAY, 0] {
        machine.set_clock(ahead).await;
        machine.ages_are_right(ahead).await;
        machine.pay(10).await;
        machine.ages_are_right(ahead).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_day_ahead_at_the_start_leaves_nothing_in_the_future() {
    let mut machine = Machine::start("ahead-clock", DAY).await;
    machine.pay(60).await;
    machine.ages_are_right(DAY).await;
    machine.set_clock(0).await;
    machine.ages_are_right(0).await;
}

//! An event clock that is set, and the updates that lie on it.

use std::time::Duration;

use satscope_proto::v1::{GetPriceRequest, HistoryEntry, PriceUpdate, PriceUpdatesRequest};
use serde_json::Value;

use crate::{
    ingest::Ingest,
    support::{
        chain::Served,
        grpc::{next, prices},
        metrics::{Scrape, get},
        socket::Socket,
        wait::until,
    },
};

const HOUR_MS: u64 = 3_600_000;
const NOW_MS: u64 = 1_763_800_000_000;
const EPOCH_BITS: u32 = 33;

/// The scripted ingest with an analyzer and a gateway; the clock ticks by the test's own.
struct Chain {
    gateway: Served,
    analyzer: Served,
    ingest: Ingest,
}

impl Chain {
    async fn start() -> Chain {
        let ingest = Ingest::start(NOW_MS).await;
        let analyzer = Served::analyzer(ingest.address).await;
        let gateway = Served::gateway(analyzer.address).await;
        Chain {
            gateway,
            analyzer,
            ingest,
        }
    }

    /// Ticks twice a second until the analyzer's update is so.
    async fn ticks_until(&self, what: &str, is_so: impl Fn(&PriceUpdate) -> bool) -> PriceUpdate {
        let mut client = prices(self.analyzer.address).await;
        until(what, async || {
            self.ingest.tick();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let answer = client.get_price(GetPriceRequest {}).await.unwrap();
            answer.into_inner().update.filter(&is_so)
        })
        .await
    }

    /// The estimates of the last three hours, oldest first.
    async fn history(&self) -> Vec<f64> {
        let url = format!(
            "http://{}/api/v1/history?range=3h&step=1s",
            self.gateway.address
        );
        let (status, text) = get(&url).await;
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let estimates = answer["estimates"].as_array().unwrap().iter();
        let stamps = estimates.map(|estimate| estimate["timestamp"].as_f64().unwrap() * 1000.0);
        stamps.collect()
    }
}

fn is_priced(update: &PriceUpdate) -> bool {
    update.estimate.is_some_and(|estimate| !estimate.stale)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_an_hour_has_new_history_at_once() {
    let chain = Chain::start().await;
    let before = chain.ticks_until("a price", is_priced).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    socket.next().await;
    chain.ingest.set_clock(NOW_MS - HOUR_MS);
    let after = chain
        .ticks_until("a price by the new clock", |update| {
            is_priced(update) && update.time_ms < before.time_ms - HOUR_MS / 2
        })
        .await;
    assert_ne!(after.sequence >> EPOCH_BITS, before.sequence >> EPOCH_BITS);
    assert!(after.sequence < 1 << 53);
    until("history by the new clock", async || {
        chain.ingest.tick();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (stamps, now_ms) = (chain.history().await, chain.ingest.now_ms() as f64);
        let is_of_this_clock = |stamp: &&f64| (now_ms - 60_000.0..=now_ms).contains(*stamp);
        assert!(stamps.iter().all(|stamp| *stamp <= now_ms), "{stamps:?}");
        (stamps.iter().filter(is_of_this_clock).count() > 2).then_some(())
    })
    .await;
    let told = socket
        .read_until("a beginning of the plot", |message| {
            message["data"]["reset"] == true
        })
        .await;
    assert_eq!(told["type"], "mempool_update");
    let mut plot = Socket::resume(chain.gateway.address, before.sequence).await;
    assert_eq!(plot.next().await["data"]["reset"], true);
    let scrape = Scrape::of(chain.analyzer.metrics).await;
    let clock = scrape.sum("satscope_analyzer_event_timestamp_seconds", "");
    assert!(clock < before.time_ms as f64 / 1000.0 - 1800.0, "{clock}");
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_lie_on_the_half_seconds_of_the_event_clock() {
    let chain = Chain::start().await;
    chain.ticks_until("a price", is_priced).await;
    let mut client = prices(chain.analyzer.address).await;
    let updates = client.price_updates(PriceUpdatesRequest::default()).await;
    let mut updates = updates.unwrap().into_inner();
    let mut last = 0;
    for _ in 0..8 {
        chain.ingest.tick();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let update = next(&mut updates).await.unwrap().update.unwrap();
        assert_eq!(update.time_ms % 500, 0, "{}", update.time_ms);
        assert!(update.sequence > last);
        assert!(!update.more_follows);
        last = update.sequence;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_analyzers_of_one_ingest_say_the_same_at_the_same_moment() {
    let chain = Chain::start().await;
    let other = Served::analyzer(chain.ingest.address).await;
    chain.ticks_until("a price", is_priced).await;
    let history = async |analyzer: &Served| -> Vec<HistoryEntry> {
        let mut client = prices(analyzer.address).await;
        let request = satscope_proto::v1::GetHistoryRequest::default();
        client
            .get_history(request)
            .await
            .unwrap()
            .into_inner()
            .entries
    };
    let shared = until("moments that both have", async || {
        chain.ingest.tick();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (one, two) = (history(&chain.analyzer).await, history(&other).await);
        let of = |entries: &[HistoryEntry], time_ms| {
            let found = entries.iter().find(|entry| entry.time_ms == time_ms);
            found.and_then(|entry| entry.estimate)
        };
        let both = one.iter().filter_map(|entry| {
            let recent = entry.time_ms > NOW_MS;
            let other = of(&two, entry.time_ms).filter(|_| recent)?;
            Some((entry.estimate?, other))
        });
        let both: Vec<_> = both.collect();
        (both.len() >= 3).then_some(both)
    })
    .await;
    for (one, other) in shared {
        assert_eq!(one, other);
    }
}

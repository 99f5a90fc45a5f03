//! Price updates, how a subscriber resumes them, and the questions for the price, the amounts and the history.

use std::{collections::BTreeMap, net::SocketAddr};

use satscope_proto::v1::{
    GetAmountsRequest, GetHistoryRequest, GetPriceRequest, HistoryEntry, PriceUpdate,
    PriceUpdatesRequest, PriceUpdatesResponse, TransactionState,
};
use serde_json::Value;
use tonic::Streaming;

use crate::support::{
    chain::{Chain, Served},
    grpc::{next, prices},
    socket::Socket,
    wait::{in_time, until},
};

type Updates = Streaming<PriceUpdatesResponse>;

async fn updates(address: SocketAddr, after_sequence: u64) -> Updates {
    let mut client = prices(address).await;
    let request = client.price_updates(PriceUpdatesRequest { after_sequence });
    in_time("PriceUpdates", request).await.unwrap().into_inner()
}

async fn next_update(updates: &mut Updates) -> PriceUpdate {
    let message = next(updates).await.expect("a stream without end");
    message.update.expect("an update")
}

/// What a reader holds of the plot: each point's state and price.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plot(BTreeMap<String, (TransactionState, f64)>);

impl Plot {
    fn take(&mut self, update: &PriceUpdate) {
        if update.reset {
            self.0.clear();
        }
        for point in &update.points {
            self.0
                .insert(point.id.clone(), (point.state(), point.price_usd));
        }
        for change in &update.changes {
            match (change.state(), self.0.get_mut(&change.id)) {
                (TransactionState::Removed, _) => drop(self.0.remove(&change.id)),
                (state, Some(point)) => point.0 = state,
                (_, None) => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn price_updates_resume_with_all_that_was_missed() {
    let chain = Chain::on_simulation(&[]).await;
    let address = chain.analyzer.address;
    let mut stream = updates(address, 0).await;
    let mut update = next_update(&mut stream).await;
    assert!(update.reset, "a new subscriber gets the whole plot");
    let mut plot = Plot::default();
    plot.take(&update);
    // The plot is whole, and stays itself, once the price has been found.
    while plot.0.is_empty() {
        update = next_update(&mut stream).await;
        plot.take(&update);
    }
    let (left, mut returning) = (update.sequence, plot.clone());
    let mut last = left;
    for _ in 0..6 {
        update = next_update(&mut stream).await;
        assert!(update.sequence > last, "{} after {last}", update.sequence);
        last = update.sequence;
        plot.take(&update);
    }

    let mut resumed = updates(address, left).await;
    let first = next_update(&mut resumed).await;
    assert!(first.sequence >= last);
    returning.take(&first);
    while update.sequence < first.sequence {
        update = next_update(&mut stream).await;
        plot.take(&update);
    }
    assert_eq!(update.sequence, first.sequence);
    assert_eq!(returning, plot);

    let unknown = next_update(&mut updates(address, 1).await).await;
    assert!(unknown.reset, "what is not known gives everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn price_and_history_can_be_asked_for_once() {
    let chain = Chain::on_simulation(&[]).await;
    let mut client = prices(chain.analyzer.address).await;
    let update = until("a price", async || {
        let answer = client.get_price(GetPriceRequest {}).await.unwrap();
        let update = answer.into_inner().update?;
        update.estimate.is_some().then_some(update)
    })
    .await;
    let estimate = update.estimate.unwrap();
    assert!(estimate.low_usd <= estimate.price_usd && estimate.price_usd <= estimate.high_usd);
    assert!((0.0..=1.0).contains(&estimate.confidence));
    assert!(
        (1..=500).contains(&update.points.len()),
        "{}",
        update.points.len()
    );

    let newest = update.blocks.last().map(|block| &block.hash);
    assert_eq!(newest, update.block.as_ref().map(|block| &block.hash));
    assert!(update.blocks.is_sorted_by_key(|block| block.height));

    // They are counted anew every few seconds: the first count may be of the first payment.
    let amounts = until("the amounts of the window", async || {
        let asked = client.get_amounts(GetAmountsRequest {}).await.unwrap();
        let amounts = asked.into_inner().amounts?;
        let counted: u32 = amounts.counts.iter().sum();
        (counted > 100).then_some(amounts)
    })
    .await;
    assert!(
        amounts
            .ladder
            .is_sorted_by(|one, other| one.round_usd < other.round_usd)
    );

    let mut history = async |after_ms, step_ms| -> Vec<HistoryEntry> {
        let request = GetHistoryRequest { after_ms, step_ms };
        let answer = client.get_history(request).await.unwrap();
        answer.into_inner().entries
    };
    let all = until("ten estimates", async || {
        let all = history(0, 0).await;
        (all.len() > 10).then_some(all)
    })
    .await;
    assert!(all.is_sorted_by(|one, other| one.time_ms < other.time_ms));
    assert!(all.iter().all(|entry| entry.estimate.is_some()));
    let middle = all[all.len() / 2].time_ms;
    let later = history(middle, 0).await;
    assert!(later.iter().all(|entry| entry.time_ms > middle));
    assert!(
        later.starts_with(&all[all.len() / 2 + 1..]),
        "exactly what followed"
    );
    // A fifth of what there is.
    let step_ms = (all[all.len() - 1].time_ms - all[0].time_ms) / 5;
    let coarse = history(0, step_ms).await;
    assert!(coarse.len() < all.len());
    let apart = |one: &HistoryEntry, other: &HistoryEntry| one.time_ms + step_ms <= other.time_ms;
    assert!(coarse.is_sorted_by(apart));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyzer_that_comes_later_has_the_history_of_the_whole_window() {
    let chain = Chain::on_simulation(&[]).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    let is_in_step = |message: &Value| message["data"]["hops"][0]["state"] == "connected";
    socket.read_until("the node's window", is_in_step).await;
    let late = Served::analyzer(chain.ingest.address).await;
    let mut client = prices(late.address).await;
    let span_ms = until("a history", async || {
        let answer = client.get_history(GetHistoryRequest::default()).await;
        let entries = answer.unwrap().into_inner().entries;
        Some(entries.last()?.time_ms - entries.first()?.time_ms)
    })
    .await;
    assert!(span_ms > 20 * 60 * 1000, "{span_ms} ms of half an hour");
}

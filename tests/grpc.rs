//! The gRPC services as others see them: reflection, health, resuming; and the metrics of each part.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_proto::v1::{
    Event, GetAmountsRequest, GetHistoryRequest, GetPriceRequest, HistoryEntry, Position,
    PriceUpdate, PriceUpdatesRequest, PriceUpdatesResponse, TransactionState, event::Kind,
};
use serde_json::Value;
use support::{
    chain::{Chain, Served},
    grpc::{Window, Windowed, channel, list_window, next, prices, stream_transactions},
    metrics::Scrape,
    part::reserve_address,
    socket::Socket,
    wait::{in_time, until},
};
use tonic::Streaming;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const INGEST: &str = "satscope.v1.IngestService";
const PRICES: &str = "satscope.v1.PriceService";

/// The services that a server names by one version of reflection.
macro_rules! reflected {
    ($address:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel($address).await);
        let requests = tokio_stream::once(request);
        let answers = in_time("reflection", client.server_reflection_info(requests)).await;
        let answer = next(&mut answers.unwrap().into_inner()).await.unwrap();
        match answer.message_response {
            Some(MessageResponse::ListServicesResponse(list)) => list
                .service
                .into_iter()
                .map(|service| service.name)
                .collect::<BTreeSet<_>>(),
            other => panic!("expected a list of services, got {other:?}"),
        }
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_in_both_versions_lists_the_services_of_both_servers() {
    let chain = Chain::on_simulation(&[]).await;
    for (served, service) in [(&chain.ingest, INGEST), (&chain.analyzer, PRICES)] {
        for services in [
            reflected!(served.address, v1),
            reflected!(served.address, v1alpha),
        ] {
            for expected in [service, "grpc.health.v1.Health"] {
                assert!(
                    services.contains(expected),
                    "{expected} is not in {services:?}"
                );
            }
        }
    }
}

async fn health(address: SocketAddr, service: &str) -> ServingStatus {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut client = HealthClient::new(channel(address).await);
    let answer = in_time("health", client.check(request)).await.unwrap();
    answer.into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_serving_whatever_a_part_still_waits_for() {
    let lonely = Served::analyzer(reserve_address()).await;
    let blind = Served::ingest(&format!("tcp://{}", reserve_address()), &[]).await;
    for (served, service) in [(&blind, INGEST), (&lonely, PRICES)] {
        for name in ["", service] {
            until("SERVING", async || {
                let status = health(served.address, name).await;
                (status == ServingStatus::Serving).then_some(())
            })
            .await;
        }
    }
}

/// Reads messages until `enough` events have come; whether the first said `reset`, and the events.
async fn events(
    address: SocketAddr,
    after: Option<Position>,
    enough: impl Fn(&[Event]) -> bool,
) -> (bool, Vec<Event>) {
    let mut stream = stream_transactions(address, after).await;
    let (mut reset, mut events) = (None, Vec::new());
    while !enough(&events) {
        let message = next(&mut stream).await.expect("a stream without end");
        assert!(reset.is_none() || !message.reset, "a reset in mid-stream");
        reset.get_or_insert(message.reset);
        events.extend(message.events);
    }
    (reset.unwrap_or(false), events)
}

fn caught_up_at(events: &[Event]) -> Option<usize> {
    let is_end = |event: &Event| matches!(event.kind, Some(Kind::CaughtUp(_)));
    events.iter().position(is_end)
}

fn has_payment(events: &[Event]) -> bool {
    let is_payment = |event: &Event| matches!(event.kind, Some(Kind::Accepted(_)));
    events.iter().any(is_payment)
}

fn has_window(events: &[Event]) -> bool {
    caught_up_at(events).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_transactions_resumes_with_exactly_what_followed() {
    let chain = Chain::on_simulation(&[]).await;
    let address = chain.ingest.address;
    let live = |events: &[Event]| caught_up_at(events).is_some_and(|end| events.len() > end + 300);
    let (reset, events_seen) = events(address, None, live).await;
    assert!(reset, "a new subscriber gets the window");
    let end = caught_up_at(&events_seen).unwrap();
    let window = events_seen[end].position.expect("a position");
    assert!(
        events_seen[..end]
            .iter()
            .all(|event| event.position == Some(window))
    );
    let followed = &events_seen[end + 1..];
    for (number, event) in followed.iter().enumerate() {
        let position = event.position.expect("a position");
        assert_eq!(position.epoch, window.epoch);
        assert_eq!(position.sequence, window.sequence + 1 + number as u64);
    }

    for at in [0, 100, 250] {
        let expected = &followed[at + 1..];
        let position = followed[at].position;
        let as_many = |events: &[Event]| events.len() >= expected.len();
        let (reset, resumed) = events(address, position, as_many).await;
        assert!(!reset);
        assert_eq!(&resumed[..expected.len()], expected, "after {position:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_not_known_gives_the_whole_window_again() {
    let chain = Chain::on_simulation(&[]).await;
    let address = chain.ingest.address;
    let (_, first) = events(address, None, has_payment).await;
    let known = first[0].position.expect("a position");
    for unknown in [
        Position {
            epoch: known.epoch - 1,
            ..known
        },
        Position {
            sequence: known.sequence + 1_000_000,
            ..known
        },
    ] {
        let (reset, window) = events(address, Some(unknown), has_window).await;
        assert!(reset, "after {unknown:?}");
        assert!(has_payment(&window), "an empty window");
    }
}

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

/// The window that the events of a stream from the start add up to.
fn window_of(events: &[Event]) -> Window {
    let mut window = Window::default();
    for event in events {
        match event.kind.as_ref().expect("a kind") {
            Kind::Accepted(accepted) => {
                let windowed = Windowed {
                    first_seen_ms: accepted.first_seen_ms,
                    values_sats: accepted.values_sats.clone(),
                    input_count: accepted.input_count,
                    state: accepted.state(),
                    met_in_block: accepted.met_in_block,
                };
                let txid = Txid::from_slice(&accepted.txid).unwrap();
                window.transactions.insert(txid, windowed);
            }
            Kind::BlockConnected(connected) => {
                let block = connected.block.as_ref().expect("a block");
                window
                    .blocks
                    .push(BlockHash::from_slice(&block.hash).unwrap());
            }
            Kind::Status(_) | Kind::CaughtUp(_) => {}
            other => panic!("{other:?} in a window"),
        }
    }
    window
}

#[tokio::test(flavor = "multi_thread")]
async fn the_analyzers_window_is_listed_and_is_that_of_ingest() {
    let chain = Chain::on_simulation(&["--rate=15"]).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    socket
        .read_until("a price", |message| message["type"] == "mempool_update")
        .await;
    assert_eq!(chain.node.call("standinhold").await, true);
    chain.node.reaches("held").await;
    let listed = until("the same window in both", async || {
        let listed = list_window(chain.analyzer.address).await?;
        let (_, events) = events(chain.ingest.address, None, has_window).await;
        let end = caught_up_at(&events)?;
        // Ingest may still be reading what the node had; the whole of it is more than one message holds.
        let is_whole = listed.transactions.len() > 10_000;
        (is_whole && listed == window_of(&events[..end])).then_some(listed)
    })
    .await;
    assert!(!listed.blocks.is_empty());
    let state = |wanted| listed.transactions.values().any(|one| one.state == wanted);
    assert!(state(TransactionState::Mempool) && state(TransactionState::Confirmed));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_counted_by_its_method_and_how_it_ended() {
    let chain = Chain::on_simulation(&[]).await;
    let mut client = prices(chain.analyzer.address).await;
    let asking = client.get_price(GetPriceRequest {});
    in_time("GetPrice", asking).await.unwrap();
    let mut health = HealthClient::new(channel(chain.analyzer.address).await);
    let unknown = HealthCheckRequest {
        service: "nobody".to_owned(),
    };
    let refused = in_time("Check", health.check(unknown)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let asking = client.price_updates(PriceUpdatesRequest { after_sequence: 0 });
    let mut updates = in_time("PriceUpdates", asking).await.unwrap().into_inner();
    next(&mut updates).await.unwrap();
    drop((updates, client));

    let ended = [
        ("satscope.v1.PriceService/GetPrice", "Ok"),
        ("grpc.health.v1.Health/Check", "NotFound"),
        ("satscope.v1.PriceService/PriceUpdates", "Gone"),
    ];
    for (method, code) in ended {
        let (method, labels) = (
            format!("method=\"{method}\""),
            format!("method=\"{method}\",code=\"{code}\""),
        );
        until(&labels, async || {
            let scrape = Scrape::of(chain.analyzer.metrics).await;
            (scrape.sum("satscope_grpc_responses_total", &labels) >= 1.0).then_some(())
        })
        .await;
        let scrape = Scrape::of(chain.analyzer.metrics).await;
        for begun in [
            "satscope_grpc_requests_total",
            "satscope_grpc_response_seconds_count",
        ] {
            assert!(scrape.sum(begun, &method) >= 1.0, "{begun}: {}", scrape.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_explains_each_of_its_metrics() {
    let chain = Chain::on_simulation(&[]).await;
    let mut socket = Socket::connect(chain.gateway.address).await;
    socket
        .read_until("a price", |message| message["type"] == "mempool_update")
        .await;
    for (served, metric) in [
        (&chain.ingest, "satscope_ingest_transactions_total"),
        (&chain.analyzer, "satscope_price_usd"),
        (&chain.gateway, "satscope_gateway_watchers"),
    ] {
        let scrape = Scrape::of(served.metrics).await;
        let [samples, helps, types] = scrape.families();
        assert!(samples.contains(metric), "no {metric} in:\n{}", scrape.0);
        for family in samples {
            let is_named = ["satscope_", "process_"]
                .iter()
                .any(|name| family.starts_with(name));
            assert!(is_named, "{family}");
            assert!(helps.contains(family), "{family} has no HELP");
            assert!(types.contains(family), "{family} has no TYPE");
        }
    }
}

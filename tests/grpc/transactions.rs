//! Streams of transactions: how a subscriber resumes, and the window that they add up to in ingest and in the analyzer.

use std::net::SocketAddr;

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_proto::v1::{Event, Position, TransactionState, event::Kind};

use crate::support::{
    chain::Chain,
    grpc::{Window, Windowed, list_window, next, stream_transactions},
    socket::Socket,
    wait::until,
};

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

//! Which message brings which client up to date.

use serde_json::Value;

use super::*;
use crate::state::{
    freshness::{Age, Stale},
    message::{Block, Estimate, Evidence, Hop, HopState, Interval, PointState},
    model::Model,
    read::Update,
};

const START_MS: u64 = 1_700_000_000_000;
/// Bytes of a catch-up: more than any here, unless it is about that.
const PLENTY: usize = 1 << 20;

fn point(id: &str) -> Point {
    Point {
        id: id.into(),
        time_ms: START_MS - 1000,
        price: 50_000.0,
        value_sats: 40_000,
        round_usd: 20.0,
        state: PointState::Mempool,
    }
}

fn change(id: &str, state: PointState) -> Change {
    Change {
        id: id.into(),
        state,
        spot: None,
    }
}

fn update(sequence: u64, points: &[&str], changes: Vec<Change>) -> Update {
    Update {
        sequence: sequence.into(),
        current: Current {
            sequence: Some(sequence.into()),
            time_ms: Some(START_MS + sequence * 500),
            estimate: Some(Estimate {
                price: 50_000.0,
                confidence: 0.5,
                interval: Interval {
                    low: 49_000.0,
                    high: 51_000.0,
                },
                evidence: Evidence {
                    payments: 10,
                    margin: 1.0,
                },
                as_of_ms: START_MS + sequence * 500,
                age: Age::now(200),
                stale: None,
            }),
            hops: ["node", "ingest"]
                .map(|name| Hop {
                    name: name.to_owned(),
                    state: HopState::Connected,
                    detail: String::new(),
                })
                .into(),
            ..Current::default()
        },
        reset: false,
        points: points.iter().map(|id| point(id)).collect(),
        changes,
        blocks: Vec::new(),
    }
}

/// A writer, and what it has written last.
struct Gateway {
    model: Model,
    shared: Shared,
}

impl Gateway {
    fn new(capacity: usize, largest: usize) -> Self {
        Gateway {
            model: Model::new(capacity, largest),
            shared: Shared::new(Arc::new(Snapshot::new()), largest),
        }
    }

    fn take(&mut self, update: Update) {
        let next = self.model.take(&self.shared.snapshot, update);
        self.shared = Shared::new(Arc::new(next), self.shared.largest);
    }

    /// False when that is nothing new.
    fn lose(&mut self, reason: &str) -> bool {
        let lost = self.shared.snapshot.lost(reason);
        let is_new = lost.is_some();
        if let Some(lost) = lost {
            self.shared = Shared::new(Arc::new(lost), self.shared.largest);
        }
        is_new
    }

    fn message(&self, after: Option<Sequence>) -> Bytes {
        let outgoing = self.shared.message(after);
        assert_eq!(outgoing.messages.len(), 1);
        outgoing.messages[0].text.clone()
    }

    fn stale_for_ms(&self) -> Option<u64> {
        self.shared.snapshot.stale_for_ms()
    }
}

fn begun(points: &[&str]) -> Gateway {
    let mut state = Gateway::new(10_000, PLENTY);
    state.take(Update {
        reset: true,
        ..update(10, points, Vec::new())
    });
    state
}

/// The message, as its kind, its `data`, and the sequence after it.
fn told(state: &Gateway, after: Option<u64>) -> (&'static str, Value, Option<u64>) {
    let outgoing = state.shared.message(after.map(Sequence::from));
    assert_eq!(outgoing.messages.len(), 1);
    let message: Value = serde_json::from_slice(&outgoing.messages[0].text).unwrap();
    (
        outgoing.kind,
        message["data"].clone(),
        outgoing.messages[0].sequence.map(Sequence::get),
    )
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

fn analyzer(data: &Value) -> (&str, &str) {
    let hops = data["hops"].as_array().unwrap();
    let hop = hops.iter().find(|hop| hop["name"] == "analyzer").unwrap();
    (
        hop["state"].as_str().unwrap(),
        hop["detail"].as_str().unwrap(),
    )
}

#[test]
fn before_the_first_update_there_is_a_status_and_nothing_to_forget() {
    let mut state = Gateway::new(10, PLENTY);
    let (_, data, sequence) = told(&state, None);
    assert_eq!((&data["reset"], sequence), (&Value::Bool(false), None));
    assert_eq!(data.get("sequence"), None);
    assert_eq!(told(&state, Some(7)).2, None, "what it has seen stays seen");
    assert!(state.lose("Connection refused"));
    let (_, data, _) = told(&state, None);
    assert_eq!(analyzer(&data), ("connecting", "Connection refused"));
    assert!(!state.lose("Connection refused"), "nothing new");
}

#[test]
fn a_new_client_gets_the_newest_points_and_then_news_that_all_share() {
    let mut state = begun(&["a", "b"]);
    let (kind, data, sequence) = told(&state, None);
    assert_eq!((kind, sequence), ("greeting", Some(10)));
    assert_eq!(data["reset"], true);
    assert_eq!(ids(&data["transactions"]), ["a", "b"]);
    state.take(update(11, &["c"], vec![change("a", PointState::Confirmed)]));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some(11)));
    assert_eq!(data["reset"], false);
    assert_eq!(ids(&data["transactions"]), ["c"]);
    assert_eq!(ids(&data["changes"]), ["a"]);
    let [one, other] = [10, 10].map(|after| state.message(Some(after.into())));
    assert_eq!(one.as_ptr(), other.as_ptr(), "serialised once");
    let [one, other] = [state.message(None), state.message(None)];
    assert_eq!(one.as_ptr(), other.as_ptr(), "so are greetings");
}

#[test]
fn a_greeting_holds_the_newest_five_hundred() {
    let names: Vec<String> = (0..GREETING + 20).map(|at| format!("{at:04}")).collect();
    let state = begun(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, data, _) = told(&state, None);
    assert_eq!(ids(&data["transactions"]), names[20..]);
}

#[test]
fn blocks_are_told_at_first_and_when_they_change() {
    let block = |height| Block {
        height: Some(height),
        time_ms: START_MS,
    };
    let with = |sequence, heights: &[u32]| Update {
        blocks: heights.iter().map(|height| block(*height)).collect(),
        ..update(sequence, &[], Vec::new())
    };
    let heights = |data: &Value| -> Option<Vec<u64>> {
        let blocks = data.get("blocks")?.as_array().unwrap().iter();
        Some(
            blocks
                .map(|block| block["height"].as_u64().unwrap())
                .collect(),
        )
    };
    let mut state = begun(&["a"]);
    state.take(with(11, &[7]));
    assert_eq!(heights(&told(&state, None).1), Some(vec![7]));
    assert_eq!(heights(&told(&state, Some(10)).1), Some(vec![7]));
    state.take(with(12, &[7]));
    assert_eq!(heights(&told(&state, Some(11)).1), None, "nothing new");
    state.take(with(13, &[7, 8]));
    assert_eq!(heights(&told(&state, Some(12)).1), Some(vec![7, 8]));
    assert_eq!(heights(&told(&state, Some(11)).1), Some(vec![7, 8]));
}

#[test]
fn who_missed_updates_gets_what_they_touched_as_it_is_now() {
    let mut state = begun(&["old", "gone"]);
    state.take(update(11, &["a", "brief"], Vec::new()));
    state.take(update(
        12,
        &["b"],
        vec![
            change("a", PointState::Confirmed),
            change("old", PointState::Confirmed),
            change("gone", PointState::Removed),
            change("brief", PointState::Removed),
        ],
    ));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("catch_up", Some(12)));
    assert_eq!(data["reset"], false);
    assert_eq!(ids(&data["transactions"]), ["a", "b"]);
    assert_eq!(data["transactions"][0]["state"], "confirmed");
    let mut changes: Vec<(&str, &str)> = data["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["id"].as_str().unwrap(),
                change["state"].as_str().unwrap(),
            )
        })
        .collect();
    changes.sort_unstable();
    let expected = [
        ("brief", "removed"),
        ("gone", "removed"),
        ("old", "confirmed"),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn who_has_missed_nothing_gets_what_holds_without_points() {
    let state = begun(&["a"]);
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(kind, "catch_up");
    assert_eq!(
        (ids(&data["transactions"]), data["price"].as_f64()),
        (vec![], Some(50_000.0))
    );
}

#[test]
fn who_cannot_be_told_what_it_missed_starts_afresh() {
    let mut state = begun(&["a"]);
    for unknown in [1, 9, 11, u64::MAX] {
        let (kind, data, sequence) = told(&state, Some(unknown));
        assert_eq!((kind, sequence), ("greeting", Some(10)), "{unknown}");
        assert_eq!(data["reset"], true);
    }
    let mut elsewhere = whole(update(11, &["z"], Vec::new()));
    if let Some(estimate) = &mut elsewhere.current.estimate {
        estimate.price = 60_000.0;
    }
    state.take(elsewhere);
    let (_, data, _) = told(&state, Some(10));
    assert_eq!(data["reset"], true, "the price has locked on elsewhere");
    assert_eq!(ids(&data["transactions"]), ["z"]);
}

#[test]
fn an_analyzer_that_has_gone_back_is_followed() {
    let mut state = begun(&["a"]);
    state.take(update(3, &["b"], Vec::new()));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("greeting", Some(3)));
    assert_eq!(ids(&data["transactions"]), ["a", "b"]);
}

#[test]
fn a_lost_analyzer_is_told_with_the_last_price_and_no_new_sequence() {
    let mut state = begun(&["a"]);
    state.take(update(11, &["b"], Vec::new()));
    assert!(state.lose("it closed the stream"));
    let (kind, data, sequence) = told(&state, Some(11));
    assert_eq!((kind, sequence), ("news", Some(11)));
    assert_eq!(analyzer(&data), ("disconnected", "it closed the stream"));
    assert_eq!(
        (ids(&data["transactions"]), data["price"].as_f64()),
        (vec![], Some(50_000.0))
    );
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(
        kind, "catch_up",
        "who had not yet had the last update gets it now"
    );
    assert_eq!(ids(&data["transactions"]), ["b"]);
    state.take(update(11, &[], Vec::new()));
    let (kind, data, _) = told(&state, Some(11));
    assert_eq!(kind, "news");
    assert_eq!(analyzer(&data), ("connected", ""));
}

#[test]
fn hops_are_in_order_and_the_analyzers_word_on_itself_is_kept() {
    let mut state = Gateway::new(10, PLENTY);
    let mut sent = update(10, &[], Vec::new());
    for name in ["analyzer", "gateway"] {
        sent.current.hops.push(Hop {
            name: name.to_owned(),
            state: HopState::Resyncing,
            detail: "its own word".to_owned(),
        });
    }
    state.take(sent);
    let names: Vec<&str> = state
        .shared
        .snapshot
        .current()
        .hops
        .iter()
        .map(|hop| hop.name.as_str())
        .collect();
    assert_eq!(names, ["node", "ingest", "analyzer", "gateway"]);
    let (_, data, _) = told(&state, None);
    assert_eq!(analyzer(&data), ("resyncing", "its own word"));
    assert_eq!(data["hops"][3]["state"], "connected");
    state.lose("silent for 8s");
    let (_, data, _) = told(&state, None);
    assert_eq!(analyzer(&data), ("disconnected", "silent for 8s"));
}

#[test]
fn what_was_missed_is_written_once_for_all_who_missed_the_same() {
    let mut state = begun(&["a"]);
    for sequence in 11..=13 {
        state.take(update(sequence, &["b"], Vec::new()));
    }
    let [one, other, third] = [11, 11, 10].map(|after| state.message(Some(after.into())));
    assert_eq!(one.as_ptr(), other.as_ptr());
    assert_ne!(one.as_ptr(), third.as_ptr());
    state.take(update(14, &["c"], Vec::new()));
    assert_eq!(ids(&told(&state, Some(11)).1["transactions"]), ["b", "c"]);
}

#[test]
fn who_missed_more_than_may_be_held_for_one_client_starts_afresh() {
    let names: Vec<String> = (0..100).map(|at| format!("point {at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut state = Gateway::new(10_000, 4096);
    for (sequence, points) in [(10, &names[..1]), (11, &names[..9]), (12, &names)] {
        state.take(update(sequence, points, Vec::new()));
    }
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!((kind, &data["reset"]), ("greeting", &Value::Bool(true)));
    assert_eq!(data["transactions"].as_array().unwrap().len(), 100);
    assert_eq!(told(&state, Some(11)).0, "news", "which all share");
    state.take(update(13, &names[..2], Vec::new()));
    state.take(update(14, &names[..2], Vec::new()));
    assert_eq!(told(&state, Some(12)).0, "catch_up");
}

fn whole(update: Update) -> Update {
    Update {
        reset: true,
        ..update
    }
}

/// Of a node on this chain.
fn of(chain: &str, update: Update) -> Update {
    Update {
        current: Current {
            chain: Some(chain.to_owned()),
            ..update.current
        },
        ..update
    }
}

/// In another epoch.
fn anew(tick: u64, update: Update) -> Update {
    let sequence = Sequence::from((7 << 33) | tick);
    Update {
        sequence,
        current: Current {
            sequence: Some(sequence),
            ..update.current
        },
        ..update
    }
}

fn without_price(update: Update) -> Update {
    Update {
        current: Current {
            estimate: None,
            ..update.current
        },
        ..update
    }
}

fn stale(data: &Value) -> Option<&str> {
    let reason = data
        .get("stale_reason")
        .map(|reason| reason.as_str().unwrap());
    assert_eq!(data["stale"], reason.is_some());
    reason
}

#[test]
fn a_lost_analyzer_makes_the_price_stale_until_it_speaks_again() {
    let mut state = begun(&["a"]);
    assert_eq!(stale(&told(&state, None).1), None);
    assert_eq!(state.stale_for_ms(), None);
    assert!(state.lose("it closed the stream"));
    for after in [None, Some(10)] {
        assert_eq!(stale(&told(&state, after).1), Some("upstream_lost"));
    }
    assert!(state.stale_for_ms().is_some());
    state.take(update(11, &[], Vec::new()));
    assert_eq!(stale(&told(&state, Some(10)).1), None);
    assert_eq!(state.stale_for_ms(), None);
}

#[test]
fn what_the_analyzer_says_is_passed_on() {
    let mut state = begun(&["a"]);
    let mut old = update(11, &[], Vec::new());
    if let Some(estimate) = &mut old.current.estimate {
        estimate.stale = Some(Stale::NoPayments);
        estimate.age = Age::now(700_000);
    }
    state.take(old);
    let (_, data, _) = told(&state, Some(10));
    assert_eq!(stale(&data), Some("no_payments"));
    let age_seconds = data["age_seconds"].as_f64().unwrap();
    assert!((700.0..760.0).contains(&age_seconds), "{age_seconds}");
    assert_eq!(data["evidence"]["newest_payment_age_seconds"], age_seconds);
    assert_eq!(data["as_of"], 1_700_000_005.5);
    let stale_for_ms = state.stale_for_ms().unwrap();
    assert!(stale_for_ms < 60_000, "since now: {stale_for_ms}");
}

#[test]
fn a_price_that_was_stale_when_it_came_first_has_been_so_since_its_newest_payment() {
    let mut state = Gateway::new(10, PLENTY);
    state.take(without_price(update(9, &[], Vec::new())));
    let mut old = update(10, &[], Vec::new());
    if let Some(estimate) = &mut old.current.estimate {
        estimate.stale = Some(Stale::NoEstimate);
        estimate.age = Age::now(5_000_000);
    }
    state.take(old);
    assert!(state.stale_for_ms().unwrap() >= 5_000_000);
}

#[test]
fn an_analyzer_that_begins_again_takes_nothing_away_before_it_has_its_window() {
    let mut state = begun(&["a", "b"]);
    let beginning = anew(1, without_price(update(0, &[], Vec::new())));
    let lost = |mut update: Update| {
        update.current.hops[1].state = HopState::Connecting;
        update
    };
    state.take(lost(beginning));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some(10)));
    assert_eq!(
        (&data["reset"], data["price"].as_f64()),
        (&Value::Bool(false), Some(50_000.0))
    );
    assert_eq!(stale(&data), Some("upstream_lost"));
    let receiving = anew(2, without_price(update(0, &[], Vec::new())));
    state.take(receiving);
    assert_eq!(stale(&told(&state, Some(10)).1), Some("no_estimate"));
    assert_eq!(ids(&told(&state, None).1["transactions"]), ["a", "b"]);
    // With the price that it had kept, and then an empty window.
    state.take(anew(3, update(0, &[], Vec::new())));
    assert_eq!(told(&state, Some(10)).2, Some(10));
    let empty = Update {
        reset: true,
        ..anew(4, without_price(update(0, &[], Vec::new())))
    };
    state.take(empty);
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!((kind, data["price"].as_f64()), ("news", Some(50_000.0)));
    let whole = Update {
        reset: true,
        ..anew(5, update(0, &["z"], Vec::new()))
    };
    state.take(whole);
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some((7 << 33) | 5)));
    assert_eq!(data["reset"], false, "clients are told the difference");
    assert_eq!(ids(&data["transactions"]), ["z"]);
    assert_eq!(ids(&data["changes"]), ["a", "b"], "which are gone");
    assert_eq!(ids(&told(&state, None).1["transactions"]), ["z"]);
    assert_eq!(stale(&data), None);
}

#[test]
fn the_price_of_another_node_is_not_held() {
    let mut state = Gateway::new(10, PLENTY);
    let first = Update {
        reset: true,
        ..of("regtest", update(10, &["a"], Vec::new()))
    };
    state.take(first);
    let other = Update {
        reset: true,
        ..of("main", anew(1, without_price(update(0, &[], Vec::new()))))
    };
    state.take(other);
    assert_eq!(told(&state, None).1.get("price"), None);
}

#[test]
fn an_analyzer_that_begins_again_with_the_same_picture_changes_nothing() {
    let mut state = begun(&["a", "b", "c"]);
    state.take(anew(3, whole(update(1, &["a", "b", "c"], Vec::new()))));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some((7 << 33) | 3)));
    assert_eq!(data["reset"], false);
    assert_eq!(ids(&data["transactions"]), Vec::<&str>::new());
    assert_eq!(ids(&data["changes"]), Vec::<&str>::new());
    state.take(anew(4, update(2, &["d"], Vec::new())));
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!((kind, ids(&data["transactions"])), ("catch_up", vec!["d"]));
}

#[test]
fn a_difference_tells_what_came_what_changed_and_what_went() {
    let mut state = begun(&["same", "mined", "gone", "dated"]);
    let mut again = anew(
        3,
        whole(update(1, &["same", "mined", "dated", "new"], Vec::new())),
    );
    again.points[1].state = PointState::Confirmed;
    again.points[2].time_ms += 300;
    state.take(again);
    let (_, data, _) = told(&state, Some(10));
    assert_eq!(ids(&data["transactions"]), ["dated", "new"]);
    assert_eq!(ids(&data["changes"]), ["mined", "gone"]);
    state.take(anew(4, update(2, &[], Vec::new())));
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(kind, "catch_up");
    assert_eq!(
        ids(&data["transactions"]),
        ["new", "dated"],
        "by their stamps"
    );
    assert_eq!(
        ids(&data["changes"]),
        ["gone", "mined"],
        "one dated anew has not gone"
    );
    let points = state.shared.snapshot.points();
    assert_eq!(points.len(), 4);
}

#[test]
fn a_difference_that_is_too_large_is_a_reset() {
    let names: Vec<String> = (0..300).map(|at| format!("point {at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (largest, is_reset) in [(PLENTY, false), (32_768, true)] {
        let mut state = Gateway::new(10_000, largest);
        state.take(whole(update(10, &names[..1], Vec::new())));
        state.take(anew(3, whole(update(1, &names, Vec::new()))));
        let outgoing = state.shared.message(Some(10.into()));
        assert_eq!(outgoing.kind == "greeting", is_reset, "{largest}");
        assert_eq!(state.shared.snapshot.points().len(), 300);
    }
}

#[test]
fn an_analyzer_of_another_node_or_another_clock_begins_anew() {
    let mut state = Gateway::new(10, PLENTY);
    state.take(of("main", whole(update(300, &["a"], Vec::new()))));
    state.take(anew(
        1,
        of("regtest", whole(update(301, &["a"], Vec::new()))),
    ));
    assert_eq!(told(&state, Some(300)).0, "greeting", "another node");
    state.take(anew(
        2,
        of("regtest", whole(update(150, &["a"], Vec::new()))),
    ));
    assert_eq!(told(&state, Some((7 << 33) | 1)).0, "greeting", "75 s back");
    state.take(anew(
        3,
        of("regtest", whole(update(100, &["a"], Vec::new()))),
    ));
    assert_eq!(told(&state, Some((7 << 33) | 2)).0, "news", "25 s back");
}

#[test]
fn more_changes_than_a_message_holds_come_in_several() {
    let names: Vec<String> = (0..500).map(|at| format!("point {at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let largest = 8192;
    let mut state = Gateway::new(10_000, largest);
    state.take(whole(update(10, &names[..400], Vec::new())));
    let mined = names[..400]
        .iter()
        .map(|id| change(id, PointState::Confirmed));
    state.take(update(11, &names[400..], mined.collect()));
    let outgoing = state.shared.message(Some(10.into()));
    assert_eq!(outgoing.kind, "news");
    assert!(outgoing.messages.len() > 2);
    let (mut told, mut seen) = (Vec::new(), Vec::new());
    for written in outgoing.messages.iter() {
        assert!(written.text.len() <= largest, "{}", written.text.len());
        let message: Value = serde_json::from_slice(&written.text).unwrap();
        let data = &message["data"];
        assert_eq!(
            (&message["type"], &data["reset"]),
            (&"mempool_update".into(), &false.into())
        );
        assert_eq!(data["sequence"], written.sequence.unwrap().get());
        told.extend(ids(&data["changes"]).into_iter().map(str::to_owned));
        seen.push((
            written.sequence.unwrap().get(),
            ids(&data["transactions"]).len(),
        ));
    }
    assert_eq!(told, names[..400]);
    let (last, before) = seen.split_last().unwrap();
    assert!(before.iter().all(|one| *one == (10, 0)), "{before:?}");
    let (sequence, points) = *last;
    assert!(sequence == 11 && (1..100).contains(&points), "{last:?}");
    let message: Value = serde_json::from_slice(&outgoing.messages.last().unwrap().text).unwrap();
    assert_eq!(
        ids(&message["data"]["transactions"]).last(),
        Some(&names[499])
    );
}

#[test]
fn who_returns_with_any_of_many_sequences_costs_few_messages() {
    let mut state = begun(&["a"]);
    for sequence in 11..=600 {
        state.take(update(sequence, &["b"], Vec::new()));
    }
    for after in 10..=600 {
        let (kind, data, sequence) = told(&state, Some(after));
        assert_eq!(
            (kind == "greeting", sequence),
            (false, Some(600)),
            "{after}"
        );
        assert_eq!(data["reset"], false);
    }
    assert!(state.shared.catch_ups.lock().unwrap().len() < EXACT + 40);
    for updates in 0..=600 {
        let told = rounded(updates);
        assert!(
            (updates..=updates + updates / 4).contains(&told),
            "{updates}"
        );
    }
}

/// Each change as its id, its state, and the stamp that it bears.
fn placed(data: &Value) -> Vec<(&str, &str, Option<f64>)> {
    let changes = data["changes"].as_array().unwrap().iter();
    let placed = changes.map(|change| {
        assert_eq!(
            change.get("timestamp").is_some(),
            change["value_sats"] == 40_000
        );
        let text = |name: &str| change[name].as_str().unwrap();
        (text("id"), text("state"), change["timestamp"].as_f64())
    });
    placed.collect()
}

#[test]
fn what_goes_or_goes_back_is_told_with_its_place() {
    let stamp = Some(1_699_999_999.0);
    let mut state = begun(&["gone", "mined", "back"]);
    let mined = ["gone", "mined", "back"].map(|id| change(id, PointState::Confirmed));
    state.take(update(11, &[], mined.into()));
    let told_now = told(&state, Some(10)).1;
    let expected = ["gone", "mined", "back"].map(|id| (id, "confirmed", None));
    assert_eq!(placed(&told_now), expected);
    let then = [
        ("gone", PointState::Removed),
        ("back", PointState::Mempool),
        ("unknown", PointState::Removed),
    ];
    let then = then.map(|(id, state)| change(id, state));
    state.take(update(12, &[], then.into()));
    let told_now = told(&state, Some(11)).1;
    let expected = [
        ("gone", "removed", stamp),
        ("back", "mempool", stamp),
        ("unknown", "removed", None),
    ];
    assert_eq!(placed(&told_now), expected);
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(kind, "catch_up");
    let expected = [
        ("back", "mempool", stamp),
        ("gone", "removed", stamp),
        ("mined", "confirmed", None),
    ];
    assert_eq!(placed(&data), expected);
    // Likewise in the difference to the picture of an analyzer that begins again.
    state.take(anew(1, whole(update(1, &["mined"], Vec::new()))));
    let (kind, data, _) = told(&state, Some(12));
    assert_eq!(kind, "news");
    assert_eq!(
        placed(&data),
        [("mined", "mempool", stamp), ("back", "removed", stamp)]
    );
}

#[test]
fn everybody_begins_anew_when_a_confirmed_point_gets_another_stamp_or_amount() {
    let moves: [fn(&mut Point); 2] = [|point| point.time_ms += 300, |point| point.value_sats += 1];
    for (move_it, is_whole) in moves.iter().flat_map(|one| [(one, false), (one, true)]) {
        for (is_confirmed, expected) in [(false, "news"), (true, "greeting")] {
            let mut state = begun(&["a", "b"]);
            let mined = change("a", PointState::Confirmed);
            state.take(update(
                11,
                &[],
                is_confirmed.then_some(mined).into_iter().collect(),
            ));
            let mut next = update(12, &["a", "b"], Vec::new());
            next.points[0].state = match is_confirmed {
                true => PointState::Confirmed,
                false => PointState::Mempool,
            };
            move_it(&mut next.points[0]);
            state.take(Update {
                reset: is_whole,
                ..next
            });
            let (kind, _, _) = told(&state, Some(11));
            assert_eq!(kind, expected, "whole: {is_whole}");
            assert_eq!(state.shared.snapshot.points().len(), 2);
        }
    }
}

#[test]
fn who_missed_that_a_point_went_and_came_with_another_stamp_starts_afresh() {
    let mut state = begun(&["a", "b"]);
    state.take(update(11, &[], vec![change("a", PointState::Removed)]));
    let mut later = update(12, &["a"], Vec::new());
    later.points[0].time_ms += 300;
    state.take(later);
    assert_eq!(told(&state, Some(10)).0, "greeting");
    assert_eq!(told(&state, Some(11)).0, "news");
}

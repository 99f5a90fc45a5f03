//! Which message brings which client up to date.

use serde_json::Value;

use super::*;
use crate::state::{
    freshness::{Age, Stale},
    message::{Block, Estimate, Evidence, Hop, HopState, Interval, PointState},
    model::Model,
    read::Update,
};

mod again;
mod links;
mod places;
mod sizes;
mod told;

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

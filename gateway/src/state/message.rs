//! What clients read: the JSON of WebSocket messages and of `/api/v1/price`, as `websocket-message.schema.json` says.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::{
    answer::json::{json, seconds},
    files::BUILD,
    state::{
        freshness::{Age, Stale},
        sequence::Sequence,
    },
};

/// What holds now, the same for all clients: a message without its points, and the answer to `/api/v1/price`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Current {
    /// The analyzer's; absent until its first update has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// The event clock; absent while it has not begun.
    #[serde(
        rename = "timestamp",
        serialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub time_ms: Option<u64>,
    /// Absent while there is none.
    #[serde(flatten)]
    pub estimate: Option<Estimate>,
    /// From the node to this gateway.
    pub hops: Vec<Hop>,
    /// Absent until the first update has come, and while there is neither a price nor a word of ingest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
    /// Whether the transactions are made up; absent until the first update has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<bool>,
    /// The price that a simulation pays by, USD for one BTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_price_usd: Option<f64>,
    /// Absent while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The newest; absent while none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// The oldest estimate that `/api/v1/history` has, Unix milliseconds; absent while it has none.
    #[serde(
        rename = "history_since",
        serialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub history_since_ms: Option<u64>,
}

/// The price and the doubt about it. All numbers are finite. Its age is that of the moment when it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// USD for one BTC, above 0.
    pub price: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// The 90 % interval.
    pub interval: Interval,
    /// What it rests on.
    pub evidence: Evidence,
    /// The event clock when it was made, Unix milliseconds, above 0.
    pub as_of_ms: u64,
    /// Of the newest payment that it rests on.
    pub age: Age,
    /// Why it is not of this moment, if it is not.
    pub stale: Option<Stale>,
}

impl Serialize for Estimate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written {
            price: f64,
            confidence: f64,
            interval: Interval,
            evidence: WrittenEvidence,
            #[serde(rename = "as_of", serialize_with = "seconds")]
            as_of_ms: u64,
            #[serde(rename = "age_seconds", serialize_with = "seconds")]
            age_ms: u64,
            stale: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            stale_reason: Option<Stale>,
        }
        #[derive(Serialize)]
        struct WrittenEvidence {
            payments: u64,
            margin: f64,
            #[serde(rename = "newest_payment_age_seconds", serialize_with = "seconds")]
            age_ms: u64,
        }
        let age_ms = self.age.ms();
        let evidence = WrittenEvidence {
            payments: self.evidence.payments,
            margin: self.evidence.margin,
            age_ms,
        };
        let written = Written {
            price: self.price,
            confidence: self.confidence,
            interval: self.interval,
            evidence,
            as_of_ms: self.as_of_ms,
            age_ms,
            stale: self.stale.is_some(),
            stale_reason: self.stale,
        };
        written.serialize(serializer)
    }
}

/// USD for one BTC, `low` ≤ `high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// What an estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Payments used.
    pub payments: u64,
    /// How far the best price stands above its best rival.
    pub margin: f64,
}

/// One link of the chain, and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// What stands at its far end.
    pub name: String,
    /// How it is.
    pub state: HopState,
    /// One line for a person; may be empty.
    pub detail: String,
}

/// How a link is; the meanings are those of `satscope/v1/common.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum HopState {
    Connecting,
    Connected,
    Resyncing,
    Degraded,
    Disconnected,
}

/// Counters of ingest's process, and sizes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Whether ingest has told its counters. A message with a price must have `stats` before that too, by the contract: all
    /// but `active_in_window` is then 0, or the least that is allowed.
    #[serde(skip)]
    pub is_counted: bool,
    /// Distinct transactions that ingest has met: those that it read back at its start too.
    pub total_received: u64,
    /// Those of them that the filter left out.
    pub total_filtered: u64,
    /// Accepted within the window.
    pub active_in_window: u64,
    /// Of ingest; at least 1.
    #[serde(rename = "uptime_seconds", serialize_with = "seconds")]
    pub uptime_ms: u64,
    /// Believed to be in the node's mempool.
    pub mempool_transactions: u64,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Absent when it could not be learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The stamp of its arrival, Unix milliseconds.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
}

/// A dot on the plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The same in all updates.
    pub id: Arc<str>,
    /// First seen, Unix milliseconds, above 0.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
    /// USD for one BTC that this output implies, above 0.
    pub price: f64,
    /// The output's amount.
    pub value_sats: u64,
    /// The round sum that it most likely is.
    pub round_usd: f64,
    /// `Mempool` or `Confirmed`.
    pub state: PointState,
}

/// Where a point's transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PointState {
    Mempool,
    Confirmed,
    Removed,
}

/// What has become of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The point's.
    pub id: Arc<str>,
    /// The new one.
    pub state: PointState,
    /// Absent if the point was confirmed, or is not held here.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
}

/// What a client that had a confirmed point without its id finds the point by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The point's stamp, Unix milliseconds.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
    /// The output's amount.
    pub value_sats: u64,
}

/// The points that go with what holds now.
#[derive(Debug, Default)]
pub struct News<'a> {
    /// Forget all points: `points` are the newest there are.
    pub reset: bool,
    /// New to the client.
    pub points: Vec<&'a Point>,
    /// To points that it may have.
    pub changes: &'a [Change],
    /// The blocks of the window, where the client may not have them.
    pub blocks: Option<&'a [Block]>,
}

/// One WebSocket message: `mempool_update`, or `status` while there is no estimate.
pub fn message(current: &Current, news: &News<'_>) -> Bytes {
    #[derive(Serialize)]
    struct Message<'a> {
        r#type: &'static str,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        build: &'a str,
        reset: bool,
        #[serde(flatten)]
        current: &'a Current,
        transactions: &'a [&'a Point],
        changes: &'a [Change],
        #[serde(skip_serializing_if = "Option::is_none")]
        blocks: Option<&'a [Block]>,
    }
    json(&Message {
        r#type: match current.estimate {
            Some(_) => "mempool_update",
            None => "status",
        },
        data: Data {
            build: &BUILD,
            reset: news.reset,
            current,
            transactions: &news.points,
            changes: news.changes,
            blocks: news.blocks,
        },
    })
}

/// The answer to `/api/v1/points`.
pub fn all_points<'a>(sequence: Sequence, points: impl Iterator<Item = &'a Point>) -> Bytes {
    #[derive(Serialize)]
    struct Answer<'a> {
        sequence: Sequence,
        points: Vec<&'a Point>,
    }
    json(&Answer {
        sequence,
        points: points.collect(),
    })
}

fn some_seconds<S: Serializer>(ms: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match ms {
        Some(ms) => seconds(ms, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! The JSON that clients read: WebSocket messages and `/api/v1/price`, as in `websocket-message.schema.json`.

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

/// The present state, the same for all clients: a message without its points, and the answer to `/api/v1/price`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Current {
    /// The analyzer's sequence; absent until its first update has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// The event clock, Unix milliseconds; absent until it has begun.
    #[serde(
        rename = "timestamp",
        serialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub time_ms: Option<u64>,
    /// Absent if there is no price.
    #[serde(flatten)]
    pub estimate: Option<Estimate>,
    /// The hops from the node to this gateway.
    pub hops: Vec<Hop>,
    /// Absent until the first update has come, and while there is neither a price nor a message of ingest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
    /// Whether the transactions are made up; absent until the first update has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<bool>,
    /// The price that a simulation's payments are made at, USD for one BTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_price_usd: Option<f64>,
    /// The node's chain; absent while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The newest block; absent if none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// Stamp of the oldest estimate that `/api/v1/history` has, Unix milliseconds; absent if it has none.
    #[serde(
        rename = "history_since",
        serialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub history_since_ms: Option<u64>,
}

/// The price and the doubt about it. All numbers are finite. The age is written as it is at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// USD for one BTC, above 0.
    pub price: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// The 90 % interval.
    pub interval: Interval,
    /// The payments that it rests on.
    pub evidence: Evidence,
    /// The event clock when it was made, Unix milliseconds, above 0.
    pub as_of_ms: u64,
    /// Age of the newest payment that it rests on.
    pub age: Age,
    /// Why it is stale; `None` if it is not.
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

/// The payments that an estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Payments used.
    pub payments: u64,
    /// How much more probable the price is than its best rival, as the natural logarithm of the odds.
    pub margin: f64,
}

/// One link of the chain, with its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// The part at its far end.
    pub name: String,
    /// The state of the link.
    pub state: HopState,
    /// One line for a person; may be empty.
    pub detail: String,
}

/// The state of a link; the meanings are those of `satscope/v1/common.proto`.
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

/// Counters of ingest's process, and present sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Whether ingest has sent its counters. By the contract, a message with a price has `stats` even before that: all
    /// but `active_in_window` is then 0, or the least that is allowed.
    #[serde(skip)]
    pub is_counted: bool,
    /// Distinct transactions that ingest has met, including those that it read back at its start.
    pub total_received: u64,
    /// Received transactions that the filter rejected.
    pub total_filtered: u64,
    /// Accepted transactions in the window.
    pub active_in_window: u64,
    /// Uptime of ingest, milliseconds, at least 1.
    #[serde(rename = "uptime_seconds", serialize_with = "seconds")]
    pub uptime_ms: u64,
    /// Transactions that ingest believes to be in the node's mempool.
    pub mempool_transactions: u64,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Absent if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The stamp of its arrival, Unix milliseconds.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
}

/// A dot on the plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The id, which is the same in all updates.
    pub id: Arc<str>,
    /// Stamp of its transaction, Unix milliseconds, above 0.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
    /// USD for one BTC that this output implies, above 0.
    pub price: f64,
    /// The output's amount.
    pub value_sats: u64,
    /// The round sum that the output most likely is.
    pub round_usd: f64,
    /// `Mempool` or `Confirmed`.
    pub state: PointState,
}

/// The place of a point's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PointState {
    Mempool,
    Confirmed,
    Removed,
}

/// A change of a point's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The point's id.
    pub id: Arc<str>,
    /// The new state.
    pub state: PointState,
    /// The point's spot; absent if the point was confirmed, or is not held here.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
}

/// The stamp and amount by which a client that has a confirmed point without its id finds the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The point's stamp, Unix milliseconds.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
    /// The output's amount.
    pub value_sats: u64,
}

/// The points and blocks that a message adds to the present state.
#[derive(Debug, Default)]
pub struct News<'a> {
    /// Whether the client must forget all points; `points` are then the newest.
    pub reset: bool,
    /// Points that are new to the client.
    pub points: Vec<&'a Point>,
    /// Changes of points that the client may have.
    pub changes: &'a [Change],
    /// The blocks of the window; `None` if the client has them.
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

#[allow(clippy::ref_option, reason = "serde gives it so")]
fn some_seconds<S: Serializer>(ms: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match ms {
        Some(ms) => seconds(ms, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

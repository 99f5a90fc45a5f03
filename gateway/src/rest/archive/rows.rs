//! Prices of the past as rows, in JSON and in CSV.

use serde::Serialize;

use super::read::{Confidence, Origin, Price, State};
use crate::rest::cents::Cents;

/// The names of the columns in CSV (RFC 4180).
pub const COLUMNS: &str = "time,price,low,high,confidence,state,source,height\r\n";

/// The ends of a 90 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Interval {
    low: Cents,
    high: Cents,
}

/// The series that a price belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Block,
    Minute,
}

/// The fields of a price beside its time and its value. For a minute, `state` and `height` are absent.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Particulars {
    interval: Interval,
    confidence: Confidence,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

/// A price of the past as an object.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    time: u64,
    price: Cents,
    #[serde(flatten)]
    particulars: Particulars,
}

impl Particulars {
    /// The fields of this price.
    pub fn of(price: &Price) -> Self {
        let (state, source, height) = match price.origin {
            Origin::Block(block) => (Some(block.state), Source::Block, Some(block.height)),
            Origin::Minute => (None, Source::Minute, None),
        };
        Particulars {
            interval: Interval {
                low: price.low,
                high: price.high,
            },
            confidence: price.confidence,
            state,
            source,
            height,
        }
    }
}

impl Row {
    /// The row of this price.
    pub fn of(price: &Price) -> Self {
        Row {
            time: price.time,
            price: price.price,
            particulars: Particulars::of(price),
        }
    }
}

/// The prices as CSV, below a line with the names of the columns; fields that a minute lacks are empty.
pub fn csv(prices: &[Price]) -> String {
    let lines = prices.iter().map(line);
    std::iter::once(COLUMNS.to_owned()).chain(lines).collect()
}

fn line(price: &Price) -> String {
    let Particulars {
        interval: Interval { low, high },
        confidence,
        state,
        source,
        height,
    } = Particulars::of(price);
    let state = state.map_or("", State::name);
    let source = match source {
        Source::Block => "block",
        Source::Minute => "minute",
    };
    let height = height.map_or_else(String::new, |height| height.to_string());
    let (time, price, confidence) = (price.time, price.price, confidence.share());
    format!("{time},{price},{low},{high},{confidence},{state},{source},{height}\r\n")
}

//! Prices and candles as rows, with the names and the forms that REST gives them.

use serde::{Serialize, Serializer};

use crate::store::{BlockState, Candle, Kind, Price};

/// The columns of prices.
pub const PRICES: &str = "time,price,low,high,confidence,state,source,height";
/// The columns of candles.
pub const CANDLES: &str = "time,open,high,low,close,blocks,confidence,state";

/// US cents for one bitcoin, written in dollars; whole dollars as an integer.
#[derive(Clone, Copy, Debug)]
struct Cents(u64);

impl std::fmt::Display for Cents {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 100 {
            0 => write!(text, "{}", self.0 / 100),
            _ => text.write_str(&dollars(self.0)),
        }
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            0 => serializer.serialize_u64(self.0 / 100),
            _ => serializer.serialize_f64(self.0 as f64 / 100.0),
        }
    }
}

/// Dollars with two decimals.
pub fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The price of a block.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PriceRow {
    time: u64,
    price: Cents,
    interval: Interval,
    confidence: f64,
    #[serde(serialize_with = "as_name")]
    state: BlockState,
    source: &'static str,
    height: u32,
}

/// The ends of a 90 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
struct Interval {
    low: Cents,
    high: Cents,
}

impl PriceRow {
    /// The row of a block's price; `None` of a minute's.
    pub fn of(price: &Price) -> Option<PriceRow> {
        let Kind::Block { height, state, .. } = price.kind else {
            return None;
        };
        Some(PriceRow {
            time: price.time,
            price: Cents(price.price.price_cents),
            interval: Interval {
                low: Cents(price.price.low_cents),
                high: Cents(price.price.high_cents),
            },
            confidence: share(price.price.confidence_thousandths),
            state,
            source: "block",
            height,
        })
    }

    /// The state of the block.
    pub fn state(&self) -> BlockState {
        self.state
    }

    /// The row without the end of its line.
    pub fn csv(&self) -> String {
        let PriceRow {
            time,
            price,
            interval: Interval { low, high },
            confidence,
            state,
            source,
            height,
        } = *self;
        let state = state.name();
        format!("{time},{price},{low},{high},{confidence},{state},{source},{height}")
    }
}

/// The prices of one cell of time; in an empty cell, all but `time` and `blocks` are absent.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CandleRow {
    time: u64,
    open: Option<Cents>,
    high: Option<Cents>,
    low: Option<Cents>,
    close: Option<Cents>,
    blocks: u32,
    confidence: Option<f64>,
    #[serde(serialize_with = "as_name_or_null")]
    state: Option<BlockState>,
}

impl CandleRow {
    /// The row of a candle.
    pub fn of(candle: &Candle) -> CandleRow {
        let of = candle.blocks;
        CandleRow {
            time: candle.time,
            open: of.map(|blocks| Cents(blocks.open_cents)),
            high: of.map(|blocks| Cents(blocks.high_cents)),
            low: of.map(|blocks| Cents(blocks.low_cents)),
            close: of.map(|blocks| Cents(blocks.close_cents)),
            blocks: of.map_or(0, |blocks| blocks.blocks),
            confidence: of.map(|blocks| share(blocks.confidence_thousandths)),
            state: of.map(|blocks| blocks.state),
        }
    }

    /// The row without the end of its line.
    pub fn csv(&self) -> String {
        let [open, high, low, close] = [self.open, self.high, self.low, self.close]
            .map(|cents| cents.map_or_else(String::new, |cents| cents.to_string()));
        let confidence = self
            .confidence
            .map_or_else(String::new, |share| share.to_string());
        let state = self.state.map_or("", BlockState::name);
        let CandleRow { time, blocks, .. } = self;
        format!("{time},{open},{high},{low},{close},{blocks},{confidence},{state}")
    }
}

fn share(thousandths: u16) -> f64 {
    f64::from(thousandths) / 1000.0
}

fn as_name<S: Serializer>(state: &BlockState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

#[allow(clippy::ref_option, reason = "serde gives it so")]
fn as_name_or_null<S: Serializer>(
    state: &Option<BlockState>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match state {
        Some(state) => as_name(state, serializer),
        None => serializer.serialize_none(),
    }
}

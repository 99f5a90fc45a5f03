//! Reads and checks the historian's answers. An answer with one unusable number is refused as a whole.
//!
//! A refusal names no number of the answer, because the number would tell which moment a client asked about.

mod coverage;

use satscope_proto::v1;
use serde::{Serialize, Serializer};

use crate::rest::cents::{Cents, LARGEST};
pub use coverage::{Coverage, Doing, coverage};

/// The most prices or candles of one answer.
pub const MOST: usize = 5000;

/// Why an answer is refused.
pub type Refusal = &'static str;

/// A confidence in thousandths, 0 to 1000. Written as a number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confidence(u16);

impl Confidence {
    fn read(thousandths: u32) -> Result<Self, Refusal> {
        match u16::try_from(thousandths) {
            Ok(thousandths @ 0..=1000) => Ok(Confidence(thousandths)),
            _ => Err("a confidence above 1"),
        }
    }

    /// The confidence as a number from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl Serialize for Confidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.share())
    }
}

/// Whether the price of a block can still change, or comes from a pack that was not vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum State {
    Unverified,
    Provisional,
    Settled,
    Final,
}

impl State {
    fn read(state: v1::BlockState) -> Result<Self, Refusal> {
        match state {
            v1::BlockState::Unspecified => Err("a block without a state"),
            v1::BlockState::Unverified => Ok(State::Unverified),
            v1::BlockState::Provisional => Ok(State::Provisional),
            v1::BlockState::Settled => Ok(State::Settled),
            v1::BlockState::Final => Ok(State::Final),
        }
    }

    /// The state's name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Unverified => "unverified",
            State::Provisional => "provisional",
            State::Settled => "settled",
            State::Final => "final",
        }
    }
}

/// A block with a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its height.
    pub height: u32,
    /// Whether its price can still change.
    pub state: State,
    /// Number of the model that read it.
    pub model: u32,
    /// Number of its payments.
    pub payments: u64,
}

/// The payments or estimates that a price was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The payments of this block, and of the blocks before and after it.
    Block(Block),
    /// The live estimates of a minute.
    Minute,
}

/// The price at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Unix seconds.
    pub time: u64,
    /// The price.
    pub price: Cents,
    /// Lower end of the 90 % interval.
    pub low: Cents,
    /// Upper end of the 90 % interval, not below the lower one.
    pub high: Cents,
    /// Confidence in the price.
    pub confidence: Confidence,
    /// The block or minute that it was read from.
    pub origin: Origin,
}

impl Price {
    /// Whether it comes from a pack that was not vouched for.
    pub fn is_unverified(&self) -> bool {
        matches!(self.origin, Origin::Block(block) if block.state == State::Unverified)
    }
}

/// Reads one price.
///
/// # Errors
/// If a number of it cannot be used.
pub fn price(told: &v1::PastPrice) -> Result<Price, Refusal> {
    let (low, high) = (Cents::read(told.low_cents)?, Cents::read(told.high_cents)?);
    if low > high {
        return Err("an interval whose ends are the wrong way round");
    }
    Ok(Price {
        time: time(told.time)?,
        price: Cents::read(told.price_cents)?,
        low,
        high,
        confidence: Confidence::read(told.confidence_thousandths)?,
        origin: origin(told)?,
    })
}

fn time(seconds: u64) -> Result<u64, Refusal> {
    match seconds {
        0 | LARGEST.. => Err("a price without a time"),
        seconds => Ok(seconds),
    }
}

fn origin(told: &v1::PastPrice) -> Result<Origin, Refusal> {
    match told.source() {
        v1::HistorySource::Unspecified => Err("a price without a source"),
        v1::HistorySource::Minute => Ok(Origin::Minute),
        v1::HistorySource::Block => Ok(Origin::Block(Block {
            height: told.height.ok_or("a block without a height")?,
            state: State::read(told.state())?,
            model: told.model,
            payments: told.count,
        })),
    }
}

/// Prices of a span of time, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The prices, at most [`MOST`].
    pub prices: Vec<Price>,
    /// Time of the first price that is of a minute, Unix seconds; `None` if all are of blocks.
    pub minutes_from: Option<u64>,
    /// Whether these are all of the historian's prices in the span.
    pub is_complete: bool,
}

/// Reads the prices at or after `from` and before `to`, Unix seconds.
///
/// # Errors
/// If a price cannot be used, prices are out of order, or there are more than [`MOST`].
pub fn series(told: &v1::GetSeriesResponse, from: u64, to: u64) -> Result<Series, Refusal> {
    if told.prices.len() > MOST {
        return Err("more prices than one answer has");
    }
    let prices: Vec<Price> = told.prices.iter().map(price).collect::<Result<_, _>>()?;
    if !prices.is_sorted_by_key(|price| price.time) {
        return Err("prices that are out of order");
    }
    if !prices.iter().all(|price| (from..to).contains(&price.time)) {
        return Err("a price of another time than was asked about");
    }
    Ok(Series {
        prices,
        minutes_from: told.minutes_from,
        is_complete: told.complete,
    })
}

/// The course of the prices in one cell of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// First price.
    pub open: Cents,
    /// Highest price, at least `open` and `close`.
    pub high: Cents,
    /// Lowest price, at most `open` and `close`.
    pub low: Cents,
    /// Last price.
    pub close: Cents,
    /// Number of blocks with a price, at least 1.
    pub blocks: u32,
    /// The lowest confidence of these blocks.
    pub confidence: Confidence,
    /// The least final state of these blocks.
    pub state: State,
}

/// One cell of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candle {
    /// Unix seconds at which the cell begins.
    pub time: u64,
    /// `None` if the cell has no price.
    pub prices: Option<Prices>,
}

impl Candle {
    /// Whether one of its blocks comes from a pack that was not vouched for.
    pub fn is_unverified(&self) -> bool {
        (self.prices).is_some_and(|prices| prices.state == State::Unverified)
    }
}

/// Reads the candles that begin at or after `from` and before `to`, Unix seconds. Each begins `step` seconds after the
/// one before, and the first a whole number of steps after `from`.
///
/// # Errors
/// If a candle cannot be used, a cell between two others is missing, or there are more than [`MOST`].
pub fn candles(
    told: &v1::GetCandlesResponse,
    from: u64,
    to: u64,
    step: u64,
) -> Result<Vec<Candle>, Refusal> {
    if told.candles.len() > MOST {
        return Err("more candles than one answer has");
    }
    if !told.complete {
        return Err("not all candles");
    }
    let candles: Vec<Candle> = told.candles.iter().map(candle).collect::<Result<_, _>>()?;
    let is_cell = |candle: &Candle| {
        (from..to).contains(&candle.time) && (candle.time - from).is_multiple_of(step)
    };
    if !candles.iter().all(is_cell) {
        return Err("a candle of another time than was asked about");
    }
    if !candles.is_sorted_by(|one, next| one.time.checked_add(step) == Some(next.time)) {
        return Err("candles that do not follow one another");
    }
    Ok(candles)
}

fn candle(told: &v1::Candle) -> Result<Candle, Refusal> {
    let Some(span) = told.prices else {
        return match told.blocks {
            0 => Ok(Candle {
                time: told.time,
                prices: None,
            }),
            _ => Err("a candle of blocks without prices"),
        };
    };
    let prices = Prices {
        open: Cents::read(span.open_cents)?,
        high: Cents::read(span.high_cents)?,
        low: Cents::read(span.low_cents)?,
        close: Cents::read(span.close_cents)?,
        blocks: told.blocks,
        confidence: Confidence::read(told.confidence_thousandths)?,
        state: State::read(told.state())?,
    };
    let between = |price: Cents| prices.low <= price && price <= prices.high;
    if !between(prices.open) || !between(prices.close) {
        return Err("a candle whose ends are the wrong way round");
    }
    match prices.blocks {
        0 => Err("a candle of prices without blocks"),
        _ => Ok(Candle {
            time: told.time,
            prices: Some(prices),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

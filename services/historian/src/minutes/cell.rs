//! The estimates of one minute, added up.

use satscope_oracle::past::BlockPrice;
use satscope_proto::v1::{Estimate, PriceUpdate};

use crate::store::MinuteRow;

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;
/// Dollars that an estimate must stay below.
const MOST_USD: f64 = 1e13;

/// A live estimate as it was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The minute of the event clock in which it was shown, Unix seconds divided by 60.
    pub minute: u64,
    /// The node's chain.
    pub chain: String,
    price: BlockPrice,
}

impl Sample {
    /// The estimate of an update; `None` if the update has none, or the estimate is stale or makes no sense.
    pub fn of(update: &PriceUpdate) -> Option<Sample> {
        let estimate = update.estimate.as_ref()?;
        let price = match estimate.stale {
            false => price(estimate)?,
            true => return None,
        };
        Some(Sample {
            minute: update.time_ms / MINUTE_MS,
            chain: update.chain.clone(),
            price,
        })
    }
}

fn price(estimate: &Estimate) -> Option<BlockPrice> {
    let usd = [estimate.low_usd, estimate.price_usd, estimate.high_usd];
    let is_price = |usd: &f64| usd.is_finite() && *usd > 0.0 && *usd < MOST_USD;
    let is_usable = usd.iter().all(is_price) && usd.is_sorted();
    if !is_usable || !(0.0..=1.0).contains(&estimate.confidence) {
        return None;
    }
    let [low_cents, price_cents, high_cents] = usd.map(|usd| (usd * 100.0).round() as u64);
    let price = BlockPrice {
        price_cents,
        low_cents,
        high_cents,
        confidence_thousandths: (estimate.confidence * 1000.0).round() as u16,
    };
    // A price under half a cent rounds to 0, which is no price.
    (low_cents > 0).then_some(price)
}

/// The file's row of a minute before this process wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Not read yet.
    Unknown,
    /// The file had no row.
    Nothing,
    /// The row that an earlier process left.
    Row(MinuteRow),
}

/// The samples of one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Distinguishes cells of the same minute.
    pub number: u64,
    /// The node's chain.
    pub chain: String,
    /// The minute's row in the file before this process wrote it.
    pub before: Before,
    samples: MinuteRow,
}

impl Cell {
    /// A cell that begins with a sample.
    pub fn begin(number: u64, sample: &Sample) -> Cell {
        let cents = sample.price.price_cents;
        Cell {
            number,
            chain: sample.chain.clone(),
            before: Before::Unknown,
            samples: MinuteRow {
                minute: sample.minute,
                open_cents: cents,
                high_cents: cents,
                low_cents: cents,
                close: sample.price,
                samples: 1,
            },
        }
    }

    /// The minute.
    pub fn minute(&self) -> u64 {
        self.samples.minute
    }

    /// Whether a sample belongs to this minute and chain.
    pub fn takes(&self, sample: &Sample) -> bool {
        self.minute() == sample.minute && self.chain == sample.chain
    }

    /// Adds a sample of this minute and chain.
    pub fn add(&mut self, sample: &Sample) {
        self.samples = joined(&self.samples, &Cell::begin(self.number, sample).samples);
    }

    /// The row to write: the samples, added to the row that the file had before.
    pub fn row(&self) -> MinuteRow {
        match &self.before {
            Before::Unknown | Before::Nothing => self.samples,
            Before::Row(before) => joined(before, &self.samples),
        }
    }
}

fn joined(earlier: &MinuteRow, later: &MinuteRow) -> MinuteRow {
    MinuteRow {
        minute: earlier.minute,
        open_cents: earlier.open_cents,
        high_cents: earlier.high_cents.max(later.high_cents),
        low_cents: earlier.low_cents.min(later.low_cents),
        close: later.close,
        samples: earlier.samples.saturating_add(later.samples),
    }
}

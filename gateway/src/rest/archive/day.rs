//! The prices of one day, for a line of the last hours.

use satscope_proto::v1::HistorySource;

use super::{Archive, read::Price};
use crate::rest::cents::Cents;

/// Length of the day, seconds.
const DAY: u64 = 86_400;
/// Length of a step, seconds. At most one price is asked for in each step, so a day has at most 288 prices.
const STEP: u64 = 300;

/// A price of the past in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usd {
    /// Unix seconds.
    pub time: u64,
    /// USD for one BTC.
    pub price: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// Whether it comes from a pack that was not vouched for.
    pub is_unverified: bool,
}

impl Archive {
    /// The prices of the day that ends before `to`, Unix seconds, oldest first: of settled blocks, then of the minutes
    /// after them.
    ///
    /// # Errors
    /// With the reason if the historian gives no usable answer.
    pub async fn day_before(&self, to: u64) -> Result<Vec<Usd>, String> {
        let from = to.saturating_sub(DAY);
        let source = HistorySource::Unspecified;
        let series = self.historian.series(from, to, STEP, source).await?;
        Ok(series.prices.iter().map(in_usd).collect())
    }
}

fn in_usd(price: &Price) -> Usd {
    let [usd, low, high] = [price.price, price.low, price.high].map(Cents::units);
    Usd {
        time: price.time,
        price: usd,
        low,
        high,
        is_unverified: price.is_unverified(),
    }
}

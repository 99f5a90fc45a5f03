//! The exchange rates that serve the live price, for the page's converter.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::HeaderMap, response::Response};
use satscope_kit::clock::unix_ms;
use serde::Serialize;

use super::{Rest, cents::Cents};
use crate::{
    answer::{encoded::Encoded, etag::revalidated, json::json},
    exchange::{Currency, Rates, UnitsPerDollar},
    files::hash_of,
};

/// The rates, and the moment of the live price.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// All rates of the operator's file.
    pub rates: Arc<Rates>,
    /// When the live price was estimated; now if there is none. Unix seconds.
    pub present: u64,
}

impl Rest {
    /// The rates as they are now.
    pub fn exchange(&self) -> Exchange {
        let snapshot = self.state.borrow();
        let estimate = snapshot.current().estimate.as_ref();
        Exchange {
            rates: self.rates.borrow().clone(),
            present: estimate.map_or_else(unix_ms, |estimate| estimate.as_of_ms) / 1000,
        }
    }
}

impl Exchange {
    /// The currencies that have a rate for the live price, with that rate.
    pub fn live(&self) -> impl Iterator<Item = (Currency, UnitsPerDollar)> {
        let all = self.rates.all_live(self.present);
        all.map(|(currency, units, _)| (currency, units))
    }

    /// The field `exchangeRates` of mempool.space, such as `{"USDEUR": 0.92}`: the rates of the live price with two decimals. A rate
    /// below 0.005 is left out, because it would be written as 0.
    pub fn in_pairs(&self) -> BTreeMap<String, Cents> {
        let pairs = self.live().filter_map(|(currency, rate)| {
            let pair = format!("{}{currency}", Currency::USD);
            Some((pair, Cents::nearest(rate.units())?))
        });
        pairs.collect()
    }
}

/// `/api/v1/exchange-rates`: each currency with a rate for the live price, in the order of the codes.
pub async fn exchange_rates(State(rest): State<Rest>, headers: HeaderMap) -> Response {
    #[derive(Serialize)]
    struct Element<'a> {
        currency: Currency,
        name: &'a str,
        units_per_dollar: UnitsPerDollar,
        date: String,
    }
    #[derive(Serialize)]
    struct Elements<'a> {
        rates: Vec<Element<'a>>,
    }
    let Exchange { rates, present } = rest.exchange();
    let all: Vec<_> = rates.all_live(present).collect();
    let all = all.iter().map(|(currency, units, day)| Element {
        currency: *currency,
        name: currency.name(),
        units_per_dollar: *units,
        date: day.to_string(),
    });
    let body = json(&Elements {
        rates: all.collect(),
    });
    let tag = hash_of([&*body]);
    revalidated(&headers, &tag, "application/json", &Encoded::fast(body))
}

//! The price at a time in the form of mempool.space, so that wallets made for that can ask here. In dollars, and in each currency
//! with a dated rate near that time.

use std::collections::BTreeMap;

use axum::{extract::State, http::HeaderMap, response::Response};
use bytes::Bytes;
use satscope_kit::moment::moment;
use serde::Serialize;

use super::{
    Question,
    historian::Historian,
    hours,
    read::{Coverage, Price},
    rows::Particulars,
    state_headers, tagged, unanswered,
};
use crate::{
    answer::{etag::revalidated, json::json, problem::Problem},
    exchange::{Currency, Rates},
    rest::{
        Rest,
        cents::Cents,
        exchange_rates::Exchange,
        past::Form,
        query::{Query, bad},
    },
};

/// 2010-07-19, Unix seconds: clients take an element of this time, with a price of 0, for "no price at that time".
const BEFORE_ALL_PRICES: u64 = 1_279_497_600;
/// If the newest known block is this much older than the time that is asked for, in seconds, another block may be unread. One
/// gap between blocks in twenty is as long.
const LONG_AGO: u64 = 30 * 60;

/// The time, currency and fields that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    when: When,
    /// `None` for a text that is no code of a currency.
    currencies: Option<Currencies>,
    is_verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Unix seconds.
    At(u64),
    /// One row for each hour; before this time, Unix seconds, if given.
    Hourly(Option<u64>),
}

/// The currencies beside the dollar that prices are given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Currencies {
    /// All that have rates.
    All,
    /// Those that mempool.space has, so that an answer with many rows stays small.
    Usual,
    /// This one; none beside the dollar if it is the dollar.
    One(Currency),
}

impl Currencies {
    /// Whether the answer is for one currency, and that one has no rate of any date.
    fn is_unknown(self, rates: &Rates) -> bool {
        matches!(self, Currencies::One(currency) if !rates.knows(currency))
    }

    fn has(self, currency: Currency) -> bool {
        match self {
            Currencies::All => true,
            Currencies::Usual => currency.is_usual(),
            Currencies::One(one) => one == currency,
        }
    }

    /// The price in each of these currencies with a rate near the price's time.
    fn of(self, price: &Price, rates: &Rates) -> impl Iterator<Item = (Currency, Cents)> {
        let wanted = rates.currencies().filter(move |one| self.has(*one));
        wanted.filter_map(|currency| {
            let rate = rates.past(currency, price.time)?;
            let cents = Cents::nearest(rate.of_usd(price.price.units()))?;
            Some((currency, cents))
        })
    }
}

impl Asked {
    /// Reads the query. An empty parameter counts as absent, as at mempool.space.
    fn read(query: &Query) -> Result<Self, String> {
        let given = |name: &str| {
            let text = query.text(name);
            text.map(|text| text.is_some_and(|text| !text.is_empty()))
        };
        let when = match given("timestamp")? {
            true => {
                query.excludes("timestamp", &["before"])?;
                let time = query.read("timestamp", moment)?;
                time.map_or(When::Hourly(None), When::At)
            }
            false => When::Hourly(query.read("before", moment)?),
        };
        let currencies = match query.text("currency")? {
            None | Some("") => Some(Currencies::All),
            Some(code) => Currency::read(code).map(Currencies::One),
        };
        let fields = |fields: &str| match fields {
            "all" => Ok(true),
            _ => Err("all".to_owned()),
        };
        Ok(Asked {
            when,
            currencies,
            is_verbose: query.read("fields", fields)?.unwrap_or(false),
        })
    }
}

/// A price in a currency.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Exact(Cents),
    Whole(u64),
}

/// A price in the form of mempool.space, with all its fields if the client asks for them.
#[derive(Serialize)]
pub struct Element {
    time: u64,
    #[serde(rename = "USD")]
    usd: Amount,
    #[serde(flatten)]
    others: BTreeMap<Currency, Amount>,
    #[serde(flatten)]
    particulars: Option<Particulars>,
}

impl Element {
    /// The price with two decimals.
    fn exact(price: &Price, currencies: Currencies, rates: &Rates, is_verbose: bool) -> Self {
        let others = currencies.of(price, rates);
        Element {
            time: price.time,
            usd: Amount::Exact(price.price),
            others: others
                .map(|(currency, cents)| (currency, Amount::Exact(cents)))
                .collect(),
            particulars: is_verbose.then(|| Particulars::of(price)),
        }
    }

    /// The price in whole units.
    pub fn rounded(price: &Price, currencies: Currencies, rates: &Rates, is_verbose: bool) -> Self {
        let others = currencies.of(price, rates);
        let others = others.map(|(currency, cents)| (currency, cents.rounded()));
        // A price of 0 would say that there is none.
        let others = others.filter(|(_, whole)| *whole > 0);
        Element {
            time: price.time,
            usd: Amount::Whole(price.price.rounded()),
            others: others
                .map(|(currency, whole)| (currency, Amount::Whole(whole)))
                .collect(),
            particulars: is_verbose.then(|| Particulars::of(price)),
        }
    }

    /// The element for a time before the first price.
    fn none() -> Self {
        Element {
            time: BEFORE_ALL_PRICES,
            usd: Amount::Whole(0),
            others: BTreeMap::new(),
            particulars: None,
        }
    }
}

/// The body of an answer with these prices, and with the rates of the live price.
pub fn body(prices: &[Element], exchange: &Exchange) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        prices: &'a [Element],
        #[serde(rename = "exchangeRates")]
        exchange_rates: BTreeMap<String, Cents>,
    }
    json(&Body {
        prices,
        exchange_rates: exchange.in_pairs(),
    })
}

/// `/api/v1/historical-price?timestamp=1500000000&currency=USD`: the newest price at or before a time. Without a time:
/// one row for each hour, newest first.
///
/// # Errors
/// With the problem that the client is told.
pub async fn historical_price(
    State(rest): State<Rest>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::read(&query).map_err(bad)?;
    let content_type = Form::Json.content_type();
    let Asked {
        when, is_verbose, ..
    } = asked;
    let exchange = rest.exchange();
    let currencies = asked.currencies;
    let known = currencies.filter(|currencies| !currencies.is_unknown(&exchange.rates));
    let (body, is_unverified) = match (known, when) {
        (None, _) => (Bytes::from_static(b"null"), false),
        (Some(currencies), When::At(time)) => {
            let price = at(&rest.archive.historian, time).await;
            let price = price.map_err(|reason| unanswered(&reason))?;
            let is_unverified = price.as_ref().is_some_and(Price::is_unverified);
            let elements = elements(price, currencies, &exchange.rates, is_verbose);
            (body(&elements, &exchange), is_unverified)
        }
        (Some(currencies), When::Hourly(before)) => {
            let currencies = match currencies {
                Currencies::All => Currencies::Usual,
                one => one,
            };
            let asked = hours::Asked {
                before,
                currencies,
                is_verbose,
            };
            return hourly(rest, asked, content_type, &headers).await;
        }
    };
    let answer = tagged(body, state_headers(is_unverified));
    let mut response = revalidated(&headers, &answer.tag, content_type, &answer.body);
    response.headers_mut().extend(answer.headers);
    Ok(response)
}

async fn hourly(
    rest: Rest,
    asked: hours::Asked,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let archive = rest.archive.clone();
    let make = move || asked.of(rest.archive.historian.clone(), rest.exchange());
    let question = Question::Hours(asked);
    archive.answer(question, make, content_type, headers).await
}

/// The newest price at or before this time; `None` if all prices are later.
///
/// # Errors
/// If the historian gives no usable answer, or has [`unread`] blocks of that time.
async fn at(historian: &Historian, time: u64) -> Result<Option<Price>, String> {
    let price = historian.price_at(time).await?;
    if is_old(price.as_ref(), time) {
        unread(&historian.coverage_of_this_second().await?, time)?;
    }
    Ok(price)
}

/// Whether the newest known price at or before `time`, Unix seconds, is so old that a newer block may be unread.
pub fn is_old(newest: Option<&Price>, time: u64) -> bool {
    let is_recent = |price: &Price| price.time.saturating_add(LONG_AGO) >= time;
    !newest.is_some_and(is_recent) && time >= BEFORE_ALL_PRICES
}

/// Refuses an answer about `time`, Unix seconds, while blocks of that time may be unread. Clients would take an old price, a
/// made-up one or none for the right answer.
///
/// # Errors
/// With the reason for the client.
pub fn unread(coverage: &Coverage, time: u64) -> Result<(), String> {
    match coverage.may_be_unread_at(time) {
        true => Err("it has not read the blocks of that time yet".to_owned()),
        false => Ok(()),
    }
}

/// The element of a price at one time, if there is one. A client that asks for one currency gets a made-up element in its place.
fn elements(
    price: Option<Price>,
    currencies: Currencies,
    rates: &Rates,
    is_verbose: bool,
) -> Vec<Element> {
    match (price, currencies) {
        (Some(price), _) => vec![Element::exact(&price, currencies, rates, is_verbose)],
        (None, Currencies::One(_)) => vec![Element::none()],
        (None, _) => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<Asked, String> {
        Asked::read(&query.into())
    }

    #[test]
    fn what_is_empty_is_not_asked() {
        let all = Asked {
            when: When::Hourly(None),
            currencies: Some(Currencies::All),
            is_verbose: false,
        };
        assert_eq!(asked(&[]), Ok(all));
        assert_eq!(asked(&[("timestamp", ""), ("currency", "")]), Ok(all));
        let at = |text: &str| asked(&[("timestamp", text)]).unwrap().when;
        assert_eq!(at("1500000000"), When::At(1_500_000_000));
        assert_eq!(at("2017-07-14T02:40:00Z"), When::At(1_500_000_000));
        assert_eq!(at("0"), When::At(0));
        let before = asked(&[("before", "7200")]).unwrap().when;
        assert_eq!(before, When::Hourly(Some(7200)));
    }

    #[test]
    fn a_currency_is_known_by_its_capital_letters() {
        let read = |name: &str| asked(&[("currency", name)]).unwrap().currencies;
        for name in ["USD", "EUR"] {
            let one = Currency::read(name).map(Currencies::One);
            assert!(one.is_some());
            assert_eq!(read(name), one);
        }
        for name in ["usd", "time", "EURO"] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn a_bad_parameter_is_named_with_its_value_and_what_was_expected() {
        for (query, expected) in [
            (
                &[("timestamp", "x")][..],
                "timestamp: expected a time such as 1709251200 (Unix seconds), 2024-03-01 or 2024-03-01T12:00:00Z; got \
                 \"x\"",
            ),
            (
                &[("timestamp", "5"), ("before", "6")],
                "timestamp: expected no before beside it; got both",
            ),
            (
                &[("timestamp", "5"), ("timestamp", "6")],
                "timestamp: expected one value; got more",
            ),
            (
                &[("timestamp", "5"), ("fields", "some")],
                "fields: expected all; got \"some\"",
            ),
        ] {
            assert_eq!(asked(query).unwrap_err(), expected);
        }
    }
}

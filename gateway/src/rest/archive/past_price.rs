//! The price at a time in the form of mempool.space, so that wallets made for that can ask here. Only dollars are
//! known.

use axum::{extract::State, http::HeaderMap, response::Response};
use bytes::Bytes;
use serde::Serialize;

use super::{
    Archive, Question,
    historian::Historian,
    hours,
    moment::moment,
    read::{Cents, Price},
    rows::Particulars,
    tagged, unanswered,
};
use crate::{
    answer::{etag::revalidated, json::json, problem::Problem},
    rest::{
        Rest,
        past::Form,
        query::{Query, bad},
    },
};

/// The only currency that prices are known in.
const USD: &str = "USD";
/// 2010-07-19, Unix seconds: clients take an element of this time, with a price of 0, for "no price at that time".
const BEFORE_ALL_PRICES: u64 = 1_279_497_600;
/// If the newest known block is this much older than the time that is asked for, in seconds, another block may be unread. One
/// gap between blocks in twenty is as long.
const LONG_AGO: u64 = 30 * 60;

/// The time, currency and fields that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    when: When,
    currency: Currency,
    is_verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Unix seconds.
    At(u64),
    /// One row for each hour; before this time, Unix seconds, if given.
    Hourly(Option<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Currency {
    /// All known currencies.
    All,
    Usd,
    Unknown,
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
        let currency = match query.text("currency")? {
            None | Some("") => Currency::All,
            Some(USD) => Currency::Usd,
            Some(_) => Currency::Unknown,
        };
        let fields = |fields: &str| match fields {
            "all" => Ok(true),
            _ => Err("all".to_owned()),
        };
        Ok(Asked {
            when,
            currency,
            is_verbose: query.read("fields", fields)?.unwrap_or(false),
        })
    }
}

/// A price in dollars.
#[derive(Serialize)]
#[serde(untagged)]
enum Usd {
    Exact(Cents),
    Whole(u64),
}

/// A price in the form of mempool.space, with all its fields if the client asks for them.
#[derive(Serialize)]
pub struct Element {
    time: u64,
    #[serde(rename = "USD")]
    usd: Usd,
    #[serde(flatten)]
    particulars: Option<Particulars>,
}

impl Element {
    /// The price in dollars and cents.
    fn exact(price: &Price, is_verbose: bool) -> Self {
        Element {
            time: price.time,
            usd: Usd::Exact(price.price),
            particulars: is_verbose.then(|| Particulars::of(price)),
        }
    }

    /// The price in whole dollars.
    pub fn rounded(price: &Price, is_verbose: bool) -> Self {
        Element {
            usd: Usd::Whole(price.price.dollars()),
            ..Element::exact(price, is_verbose)
        }
    }

    /// The element for a time before the first price.
    fn none() -> Self {
        Element {
            time: BEFORE_ALL_PRICES,
            usd: Usd::Whole(0),
            particulars: None,
        }
    }
}

/// The body of an answer with these prices.
pub fn body(prices: &[Element]) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        prices: &'a [Element],
        #[serde(rename = "exchangeRates")]
        exchange_rates: ExchangeRates,
    }
    json(&Body {
        prices,
        exchange_rates: ExchangeRates {},
    })
}

/// Empty, because no exchange rate is known.
#[derive(Serialize)]
struct ExchangeRates {}

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
    let body = match (asked.currency, when) {
        (Currency::Unknown, _) => Bytes::from_static(b"null"),
        (currency, When::At(time)) => {
            let price = at(&rest.archive.historian, time, currency, is_verbose).await;
            price.map_err(|reason| unanswered(&reason))?
        }
        (_, When::Hourly(before)) => {
            let asked = hours::Asked { before, is_verbose };
            return hourly(&rest.archive, asked, content_type, &headers).await;
        }
    };
    let answer = tagged(body, HeaderMap::new());
    Ok(revalidated(
        &headers,
        &answer.tag,
        content_type,
        &answer.body,
    ))
}

async fn hourly(
    archive: &Archive,
    asked: hours::Asked,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let historian = archive.historian.clone();
    let make = move || asked.of(historian.clone());
    let question = Question::Hours(asked);
    archive.answer(question, make, content_type, headers).await
}

/// The answer for one time. While blocks before that time are unread, its newest price may be unknown. Then there is no
/// answer yet, because clients would take an old or made-up price for the right one.
async fn at(
    historian: &Historian,
    time: u64,
    currency: Currency,
    is_verbose: bool,
) -> Result<Bytes, String> {
    let price = historian.price_at(time).await?;
    let is_recent = |price: &Price| price.time.saturating_add(LONG_AGO) >= time;
    if !price.as_ref().is_some_and(is_recent)
        && time >= BEFORE_ALL_PRICES
        && historian.coverage().await?.may_be_unread_at(time)
    {
        return Err("it has not read the blocks of that time yet".to_owned());
    }
    Ok(match (price, currency) {
        (Some(price), _) => body(&[Element::exact(&price, is_verbose)]),
        (None, Currency::All) => body(&[]),
        (None, _) => body(&[Element::none()]),
    })
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
            currency: Currency::All,
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
        for (name, currency) in [
            ("USD", Currency::Usd),
            ("EUR", Currency::Unknown),
            ("usd", Currency::Unknown),
            ("time", Currency::Unknown),
        ] {
            assert_eq!(asked(&[("currency", name)]).unwrap().currency, currency);
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

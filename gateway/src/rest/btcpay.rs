//! The live price in the form of BTCPay Server, so that programs made for that can ask here.

use axum::{extract::State, response::Response};
use serde::Serialize;

use super::{
    Rest,
    cents::Cents,
    exchange_rates::Exchange,
    price::{given, of_this_moment},
    query::{Query, bad},
};
use crate::{
    answer::{json::json, problem::Problem},
    exchange::{Currency, UnitsPerDollar},
};

/// The code of bitcoin in a pair.
const BITCOIN: &str = "BTC";

/// The pairs that a client asks for; `None` for all.
type Pairs = Option<Vec<Pair>>;

/// Two currencies, such as `BTC_USD`.
#[derive(Debug, PartialEq)]
struct Pair {
    priced: String,
    paid: String,
}

impl Pair {
    /// Reads `BTC_USD`, `BTC-USD` or `BTCUSD`, in any capitals.
    fn read(text: &str) -> Option<Self> {
        let capitals = text.to_ascii_uppercase();
        let (priced, paid) = match capitals.split_once(['_', '-']) {
            Some(pair) => pair,
            None => capitals.split_at_checked(BITCOIN.len())?,
        };
        let is_code =
            |code: &str| code.len() >= 3 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_code(priced) && is_code(paid)).then(|| Pair {
            priced: priced.to_owned(),
            paid: paid.to_owned(),
        })
    }

    /// The currency that bitcoin is priced in; `None` if the pair is of anything else.
    fn of_bitcoin(&self) -> Option<Currency> {
        let is_bitcoin = self.priced == BITCOIN;
        is_bitcoin.then(|| Currency::read(&self.paid)).flatten()
    }
}

/// Reads the parameter `currencyPairs`, a list with commas. All other parameters are ignored, because they name stores of BTCPay.
fn pairs(query: &Query) -> Result<Pairs, String> {
    let read = |text: &str| {
        let pairs = text.split(',').map(|pair| Pair::read(pair.trim()));
        let pairs: Option<Vec<Pair>> = pairs.collect();
        pairs.ok_or_else(|| "pairs such as BTC_USD, with commas between them".to_owned())
    };
    match query.text("currencyPairs")? {
        None | Some("") => Ok(None),
        Some(_) => query.read("currencyPairs", read),
    }
}

/// One pair with its rate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PairRate {
    name: String,
    crypto_code: &'static str,
    currency_pair: String,
    code: Currency,
    rate: Cents,
}

/// The elements of these pairs, in their order. A pair without a rate has none.
fn pair_rates(pairs: Pairs, exchange: &Exchange, price_usd: f64) -> Vec<PairRate> {
    let known = || {
        [(Currency::USD, UnitsPerDollar::ONE)]
            .into_iter()
            .chain(exchange.live())
    };
    let rate_of = |currency: Currency| known().find(|(known, _)| *known == currency);
    let wanted: Vec<_> = match pairs {
        None => known().collect(),
        Some(pairs) => {
            let currencies = pairs.iter().filter_map(Pair::of_bitcoin);
            currencies.filter_map(rate_of).collect()
        }
    };
    let elements = wanted.into_iter().filter_map(|(currency, units)| {
        Some(PairRate {
            name: currency.name().to_owned(),
            crypto_code: BITCOIN,
            currency_pair: format!("{BITCOIN}_{currency}"),
            code: currency,
            rate: Cents::nearest(units.of_usd(price_usd))?,
        })
    });
    elements.collect()
}

/// `/api/rates`: the price of one bitcoin in each currency, in the form of BTCPay Server.
///
/// # Errors
/// With the problem that the client is told.
pub async fn rates(State(rest): State<Rest>, query: Query) -> Result<Response, Problem> {
    let pairs = pairs(&query).map_err(bad)?;
    let estimate = given(&rest)?;
    let body = json(&pair_rates(pairs, &rest.exchange(), estimate.price));
    Ok(of_this_moment("application/json", body, &estimate))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exchange::Rates;

    fn read(text: &str) -> Result<Pairs, String> {
        pairs(&[("storeId", "X"), ("currencyPairs", text)][..].into())
    }

    #[test]
    fn pairs_are_read_as_they_are_written_elsewhere() {
        let pair = |paid: &str| Pair {
            priced: "BTC".to_owned(),
            paid: paid.to_owned(),
        };
        for text in ["BTC_USD,BTC_EUR", "btc-usd, BTCEUR", "BTC_usd,BTC_EUR"] {
            assert_eq!(
                read(text),
                Ok(Some(vec![pair("USD"), pair("EUR")])),
                "{text}"
            );
        }
        assert_eq!(read(""), Ok(None));
        for text in [
            "BTC",
            "BTC_",
            "_USD",
            "BTC_USD,",
            "BTC_U",
            "BTC USD",
            "BTC_USD_EUR",
        ] {
            let expected = format!(
                "currencyPairs: expected pairs such as BTC_USD, with commas between them; got {text:?}"
            );
            assert_eq!(read(text), Err(expected));
        }
    }

    #[test]
    fn a_pair_without_a_rate_is_left_out() {
        let exchange = Exchange {
            rates: Arc::new(Rates::written_at(0)),
            present: 0,
        };
        let of = |text: &str| {
            let rates = pair_rates(read(text).unwrap(), &exchange, 43_753.123);
            serde_json::to_string(&rates).unwrap()
        };
        let usd = r#"[{"name":"US Dollar","cryptoCode":"BTC","currencyPair":"BTC_USD","code":"USD","rate":43753.12}]"#;
        assert_eq!(of(""), usd);
        assert_eq!(of("BTC_EUR,BTC_USD,LTC_USD,USD_BTC,BTC_USDT"), usd);
        assert_eq!(of("BTC_EUR"), "[]");
    }
}

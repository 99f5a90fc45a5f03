//! The present price by REST, for programs without a socket.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use satscope_kit::clock::Steady;
use serde::Serialize;

use crate::{
    answer::{AGE, STALE, accept, json::json, problem::Problem},
    exchange::Currency,
    rest::{Rest, cents::whole},
    state::message::{Current, Estimate, Hop, HopState},
};

/// `/api/v1/price`: one JSON object, or the bare number for a client that prefers `text/plain`.
pub async fn price(State(rest): State<Rest>, headers: HeaderMap) -> Response {
    let (current, estimate) = match priced(&rest) {
        Ok(priced) => priced,
        Err(problem) => return problem.into_response(),
    };
    let (content_type, body) = match accept::prefers("text/plain", &headers) {
        true => match withheld(&rest, &estimate) {
            Some(problem) => return problem.into_response(),
            None => (
                "text/plain; charset=utf-8",
                format!("{:.2}", estimate.price).into(),
            ),
        },
        false => ("application/json", json(&current)),
    };
    let mut response = of_this_moment(content_type, body, &estimate);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// `/api/v1/prices`: in the form of mempool.space, so that wallets made for that can ask here. In dollars, and in each currency
/// with a rate for the live price.
///
/// # Errors
/// With the problem that the client is told.
pub async fn prices(State(rest): State<Rest>) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Prices {
        /// The event clock when the estimate was made, Unix seconds.
        time: u64,
        /// The price of one BTC in whole dollars, as at mempool.space.
        #[serde(rename = "USD")]
        usd: u64,
        /// For one BTC, in whole units.
        #[serde(flatten)]
        others: BTreeMap<Currency, u64>,
    }
    let estimate = given(&rest)?;
    let exchange = rest.exchange();
    let others = exchange.live().filter_map(|(currency, rate)| {
        let price = whole(rate.of_usd(estimate.price))?;
        Some((currency, price))
    });
    // A price is finite and above 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let usd = estimate.price.round() as u64;
    let prices = Prices {
        time: estimate.as_of_ms / 1000,
        usd,
        others: others.collect(),
    };
    Ok(of_this_moment("application/json", json(&prices), &estimate))
}

/// The estimate, for an answer that cannot say that its price is stale.
///
/// # Errors
/// With the problem that the client is told if there is none, or it has been stale for too long.
pub fn given(rest: &Rest) -> Result<Estimate, Problem> {
    let (_, estimate) = priced(rest)?;
    match withheld(rest, &estimate) {
        Some(problem) => Err(problem),
        None => Ok(estimate),
    }
}

/// The present state, and the estimate in it.
fn priced(rest: &Rest) -> Result<(Current, Estimate), Problem> {
    let snapshot = rest.state.borrow().judged_at(Steady::now());
    let current = snapshot.current().clone();
    match current.estimate.clone() {
        Some(estimate) => Ok((current, estimate)),
        None => Err(Problem::later(why_no_price(&current))),
    }
}

/// The problem that replaces a price which has been stale for longer than `stale_after_seconds`, because the body
/// cannot say so. `None` if the price may be given.
fn withheld(rest: &Rest, estimate: &Estimate) -> Option<Problem> {
    let stale_for = Duration::from_millis(rest.state.borrow().stale_for_ms()?);
    let reason = estimate.stale.filter(|_| stale_for >= rest.stale_after)?;
    Some(Problem::later(format!(
        "the price has been stale for {} s, and its newest payment is {} s old: {} ({}); /api/v1/price has the last price \
         as JSON",
        stale_for.as_secs(),
        estimate.age.ms() / 1000,
        reason.in_words(),
        reason.as_str()
    )))
}

/// An answer about this moment, which no client may keep.
pub fn of_this_moment(content_type: &'static str, body: Bytes, estimate: &Estimate) -> Response {
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    label(headers, estimate);
    response
}

/// Adds headers with the age of the price, and with the reason if it is stale.
pub fn label(headers: &mut HeaderMap, estimate: &Estimate) {
    headers.insert(AGE, HeaderValue::from(estimate.age.ms() / 1000));
    if let Some(reason) = estimate.stale {
        headers.insert(STALE, HeaderValue::from_static(reason.as_str()));
    }
}

/// Why there is no price, in words: the state of the hop nearest to the gateway that is neither connected nor degraded, or
/// else that there are too few payments.
pub fn why_no_price(current: &Current) -> String {
    let is_cause = |hop: &&Hop| !matches!(hop.state, HopState::Connected | HopState::Degraded);
    let Some(hop) = current.hops.iter().rev().find(is_cause) else {
        return "there is no price yet: too few payments have been seen".to_owned();
    };
    let state = match hop.state {
        HopState::Resyncing => "is catching up",
        _ => "is not connected",
    };
    let detail = match hop.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({detail})"),
    };
    format!("there is no price yet: the {} {state}{detail}", hop.name)
}

//! The price, for programs that have no socket.

use std::time::Duration;

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
    rest::Rest,
    state::message::{Current, Estimate, Hop, HopState},
};

/// `/api/v1/price`: one JSON object, or the bare number for who prefers `text/plain`.
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

/// `/api/v1/prices`: as mempool.space answers, so that wallets that ask there can ask here. Only dollars are known.
pub async fn prices(State(rest): State<Rest>) -> Response {
    #[derive(Serialize)]
    struct Prices {
        /// When the estimate was made, Unix seconds.
        time: u64,
        /// For one BTC, whole as theirs.
        #[serde(rename = "USD")]
        usd: u64,
    }
    let estimate = match priced(&rest) {
        Ok((_, estimate)) => estimate,
        Err(problem) => return problem.into_response(),
    };
    if let Some(problem) = withheld(&rest, &estimate) {
        return problem.into_response();
    }
    // A price is finite and above 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let usd = estimate.price.round() as u64;
    let time = estimate.as_of_ms / 1000;
    of_this_moment("application/json", json(&Prices { time, usd }), &estimate)
}

/// What holds now, and the estimate in it.
fn priced(rest: &Rest) -> Result<(Current, Estimate), Problem> {
    let snapshot = rest.state.borrow().judged_at(Steady::now());
    let current = snapshot.current().clone();
    match current.estimate.clone() {
        Some(estimate) => Ok((current, estimate)),
        None => Err(Problem::later(why_no_price(&current))),
    }
}

/// The problem in place of a price that has been stale for longer than `stale_after_seconds`: the body has no room to say so.
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

fn of_this_moment(content_type: &'static str, body: Bytes, estimate: &Estimate) -> Response {
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    label(headers, estimate);
    response
}

/// Says how old the price is that an answer goes with, and why it is stale if it is.
pub fn label(headers: &mut HeaderMap, estimate: &Estimate) {
    headers.insert(AGE, HeaderValue::from(estimate.age.ms() / 1000));
    if let Some(reason) = estimate.stale {
        headers.insert(STALE, HeaderValue::from_static(reason.as_str()));
    }
}

/// The first hop that is not well is the cause; when all are, there is too little to read a price from.
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

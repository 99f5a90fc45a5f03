//! What programs read without a socket: the price, and the points of the plot.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use tracing::error;

use crate::{
    Gateway, accept, cache,
    message::{Current, HopState, json},
    problem::Problem,
};

/// `/api/v1/price`: one JSON object, or the bare number for who prefers `text/plain`.
pub async fn price(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let current = gateway.state.borrow().current().clone();
    let Some(estimate) = &current.estimate else {
        return Problem::later(why_no_price(&current)).into_response();
    };
    let (content_type, body) = match accept::prefers("text/plain", &headers) {
        true => (
            "text/plain; charset=utf-8",
            format!("{:.2}", estimate.price).into(),
        ),
        false => ("application/json", json(&current)),
    };
    let mut response = of_this_moment(content_type, body);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// `/api/v1/prices`: as mempool.space answers, so that wallets that ask there can ask here. Only dollars are known.
pub async fn prices(State(gateway): State<Gateway>) -> Response {
    #[derive(Serialize)]
    struct Prices {
        /// Unix seconds.
        time: u64,
        /// For one BTC, whole as theirs.
        #[serde(rename = "USD")]
        usd: u64,
    }
    let current = gateway.state.borrow().current().clone();
    let (Some(estimate), Some(time_ms)) = (&current.estimate, current.time_ms) else {
        return Problem::later(why_no_price(&current)).into_response();
    };
    // A price is finite and above 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let usd = estimate.price.round() as u64;
    let time = time_ms / 1000;
    of_this_moment("application/json", json(&Prices { time, usd }))
}

fn of_this_moment(content_type: &'static str, body: Bytes) -> Response {
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `/api/v1/points`: all points held, and the sequence that they go with.
pub async fn points(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let (picture, current) = {
        let state = gateway.state.borrow();
        (state.picture(), state.current().clone())
    };
    let Some(picture) = picture else {
        return Problem::later(why_no_price(&current)).into_response();
    };
    let tag = picture.sequence.to_string();
    if cache::is_known(&headers, &tag) {
        return cache::unchanged(&tag);
    }
    match picture.body().await {
        Ok(body) => cache::fresh(&headers, &tag, "application/json", &body),
        Err(fault) => {
            error!("the points could not be written: {fault}");
            Problem::later("the points could not be written").into_response()
        }
    }
}

/// The first hop that is not well is the cause; when all are, there is too little to read a price from.
fn why_no_price(current: &Current) -> String {
    let cause = current
        .hops
        .iter()
        .rev()
        .find(|hop| hop.state != HopState::Connected);
    match cause {
        Some(hop) => format!(
            "there is no price yet: {} is {:?} {}",
            hop.name, hop.state, hop.detail
        )
        .trim_end()
        .to_owned(),
        None => "there is no price yet: too few payments have been seen".to_owned(),
    }
}

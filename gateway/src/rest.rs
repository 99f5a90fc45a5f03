//! What programs read without a socket: the price, and the points of the plot.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use tracing::error;

use crate::{
    Gateway, cache,
    message::{Current, HopState, json},
    problem::Problem,
};

/// `/api/v1/price`: one JSON object, or the bare number for who prefers `text/plain`.
pub async fn price(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let current = gateway.state.borrow().current().clone();
    let Some(estimate) = &current.estimate else {
        return Problem::later(why_no_price(&current)).into_response();
    };
    let (content_type, body) = match prefers_text(&headers) {
        true => (
            "text/plain; charset=utf-8",
            format!("{:.2}", estimate.price).into(),
        ),
        false => ("application/json", json(&current)),
    };
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
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

/// Whether `Accept` puts `text/plain` before JSON (RFC 9110, 12.5.1); JSON when it does not say.
fn prefers_text(headers: &HeaderMap) -> bool {
    let listed: Vec<(&str, f32)> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(weighed)
        .collect();
    let weight = |wanted: &[&str]| {
        let named = wanted
            .iter()
            .find_map(|name| listed.iter().find(|(range, _)| range == name));
        named.map_or(0.0, |(_, weight)| *weight)
    };
    weight(&["text/plain", "text/*", "*/*"]) > weight(&["application/json", "application/*", "*/*"])
}

/// `type/subtype; q=0.5` as its name and weight.
fn weighed(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts
        .find_map(|parameter| parameter.strip_prefix("q="))
        .and_then(|weight| weight.parse().ok());
    (name, weight.unwrap_or(1.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_is_for_those_who_prefer_it() {
        let prefers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            prefers_text(&headers)
        };
        assert!(prefers("text/plain"));
        assert!(prefers("text/plain, application/json;q=0.5"));
        assert!(prefers("application/json; q=0.1, text/*"));
        assert!(prefers("text/plain, */*;q=0.8"));
        assert!(!prefers("*/*"));
        assert!(!prefers("application/json, text/plain"));
        assert!(!prefers("text/html, application/xml;q=0.9"));
        assert!(!prefers_text(&HeaderMap::new()));
    }
}

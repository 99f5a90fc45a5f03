//! The state of the whole chain in one object, for people and monitors.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use satscope_kit::clock::Steady;
use serde::Serialize;

use super::{Rest, price::why_no_price};
use crate::{
    answer::json::{json, seconds},
    state::{
        freshness::Stale,
        message::{Current, Hop, HopState, Stats},
    },
};

/// The answer to `/health`. It has nothing that watchers are not told.
#[derive(Serialize)]
struct Health<'a> {
    state: Word,
    /// The fault in words; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Seconds since this gateway's process started.
    uptime_seconds: u64,
    hops: &'a [Hop],
    /// Absent if there is no price.
    #[serde(flatten)]
    price: Option<Price>,
    /// Absent until ingest has told its counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<&'a Stats>,
}

/// The age and staleness of the price.
#[derive(Serialize)]
struct Price {
    #[serde(rename = "as_of", serialize_with = "seconds")]
    as_of_ms: u64,
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    age_ms: u64,
    stale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_reason: Option<Stale>,
}

/// The state of the whole in one word: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// This gateway is about to stop.
    Draining,
    /// There has been no price yet.
    NoPrice,
    /// The price is not of this moment.
    Stale,
    /// The price is of this moment, but a hop is not in its best state.
    Degraded,
    Ok,
}

/// `/health`: always 200, because the state is in the body. It is written from the snapshot, and asks no other part.
pub async fn health(State(rest): State<Rest>) -> Response {
    let snapshot = rest.state.borrow().judged_at(Steady::now());
    let current = snapshot.current();
    let (state, detail) = match rest.readiness.can_serve() {
        true => judged(current),
        false => (
            Word::Draining,
            Some("this gateway is about to stop".to_owned()),
        ),
    };
    let price = current.estimate.as_ref().map(|estimate| Price {
        as_of_ms: estimate.as_of_ms,
        age_ms: estimate.age.ms(),
        stale: estimate.stale.is_some(),
        stale_reason: estimate.stale,
    });
    let health = Health {
        state,
        detail,
        uptime_seconds: rest.readiness.uptime_seconds(),
        hops: &current.hops,
        price,
        stats: current.stats.as_ref().filter(|stats| stats.is_counted),
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, json(&health)).into_response()
}

/// The word for the present state, and the fault in words.
fn judged(current: &Current) -> (Word, Option<String>) {
    let Some(estimate) = &current.estimate else {
        return (Word::NoPrice, Some(why_no_price(current)));
    };
    if let Some(reason) = estimate.stale {
        return (Word::Stale, Some(reason.in_words().to_owned()));
    }
    let is_amiss = |hop: &&Hop| hop.state != HopState::Connected;
    match current.hops.iter().find(is_amiss) {
        None => (Word::Ok, None),
        Some(hop) => {
            let what = match (hop.state, hop.detail.as_str()) {
                (_, detail) if !detail.is_empty() => detail,
                (HopState::Resyncing, _) => "catching up",
                _ => "without something that it needs to be exact",
            };
            (Word::Degraded, Some(format!("{}: {what}", hop.name)))
        }
    }
}

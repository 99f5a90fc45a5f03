//! All points of the plot.

use std::future::ready;

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    Rest,
    price::why_no_price,
    questions::{Question, response},
};
use crate::{
    answer::{
        encoded::Encoded,
        etag,
        made_once::{Answer, Wanted},
        problem::Problem,
    },
    state::{Newest, message::all_points},
};

/// `/api/v1/points`: all points held, and the sequence that they go with.
///
/// # Errors
/// With the problem that the client is told.
pub async fn points(State(rest): State<Rest>, headers: HeaderMap) -> Result<Response, Problem> {
    let sequence = {
        let snapshot = rest.state.borrow();
        let current = snapshot.current();
        let sequence = current.sequence;
        sequence.ok_or_else(|| Problem::later(why_no_price(current)))?
    };
    let tag = sequence.get().to_string();
    if etag::is_known(&headers, &tag) {
        return Ok(etag::unchanged(&tag));
    }
    let wanted = Wanted {
        epoch: sequence.epoch(),
        version: Some(sequence.tick()),
    };
    let state = rest.state.clone();
    let make = move || ready(newest(&state));
    let given = rest.questions.answer(Question::Points, wanted, make).await;
    match given {
        Ok(given) => Ok(response(&given, "application/json", &headers)),
        Err(reason) => Err(Problem::later(format!(
            "the points could not be had: {reason}"
        ))),
    }
}

/// What writes the points as they are now.
fn newest(state: &Newest) -> Result<impl FnOnce() -> Answer + Send + use<>, String> {
    let snapshot = state.borrow().clone();
    let sequence = snapshot.current().sequence;
    let sequence = sequence.ok_or("no update has come yet")?;
    Ok(move || Answer {
        tag: sequence.get().to_string(),
        version: sequence.tick(),
        body: Encoded::fast(all_points(sequence, snapshot.points().iter())),
    })
}

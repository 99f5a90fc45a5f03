//! All points of the plot.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use tokio::task::spawn_blocking;
use tracing::error;

use crate::{
    answer::{encoded::Encoded, etag, problem::Problem},
    rest::{Rest, price::why_no_price},
    state::message::all_points,
};

/// `/api/v1/points`: all points held, and the sequence that they go with.
pub async fn points(State(rest): State<Rest>, headers: HeaderMap) -> Response {
    let snapshot = rest.state.borrow().clone();
    let Some(sequence) = snapshot.current().sequence else {
        return Problem::later(why_no_price(snapshot.current())).into_response();
    };
    let tag = sequence.get().to_string();
    if etag::is_known(&headers, &tag) {
        return etag::unchanged(&tag);
    }
    let write = move || Encoded::fast(all_points(sequence, snapshot.points().iter()));
    match spawn_blocking(write).await {
        Ok(body) => etag::fresh(&headers, &tag, "application/json", &body),
        Err(fault) => {
            error!("the points could not be written: {fault}");
            Problem::later("the points could not be written").into_response()
        }
    }
}

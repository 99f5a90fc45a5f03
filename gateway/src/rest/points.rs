//! All points of the plot.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use tracing::error;

use crate::{
    answer::{etag, problem::Problem},
    rest::{Rest, price::why_no_price},
};

/// `/api/v1/points`: all points held, and the sequence that they go with.
pub async fn points(State(rest): State<Rest>, headers: HeaderMap) -> Response {
    let (picture, current) = {
        let state = rest.state.borrow();
        (state.picture(), state.current().clone())
    };
    let Some(picture) = picture else {
        return Problem::later(why_no_price(&current)).into_response();
    };
    let tag = picture.sequence.get().to_string();
    if etag::is_known(&headers, &tag) {
        return etag::unchanged(&tag);
    }
    match picture.body().await {
        Ok(body) => etag::fresh(&headers, &tag, "application/json", &body),
        Err(fault) => {
            error!("the points could not be written: {fault}");
            Problem::later("the points could not be written").into_response()
        }
    }
}

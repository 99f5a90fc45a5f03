//! All points of the plot, as JSON or in columns.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tracing::error;

use crate::{
    answer::{accept, encoded::Encoded, etag, problem::Problem},
    rest::{Rest, price::why_no_price},
    state::{columns::columns, message::all_points},
};

/// How the points are written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Json,
    Columns,
}

impl Form {
    /// The form that `Accept` prefers.
    fn wanted(headers: &HeaderMap) -> Self {
        match accept::prefers(Form::Columns.content_type(), headers) {
            true => Form::Columns,
            false => Form::Json,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Columns => "application/vnd.satscope.points",
        }
    }
}

/// The query of `/api/v1/points`.
#[derive(Deserialize)]
pub struct Asked {
    format: Option<Form>,
}

/// `/api/v1/points`: all points held, and the sequence that they go with.
pub async fn points(
    State(rest): State<Rest>,
    query: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let form = match query {
        Ok(Query(asked)) => asked.format.unwrap_or_else(|| Form::wanted(&headers)),
        Err(fault) => {
            return Problem::new(StatusCode::BAD_REQUEST, fault.body_text()).into_response();
        }
    };
    let snapshot = rest.state.borrow().clone();
    let Some(sequence) = snapshot.current().sequence else {
        return Problem::later(why_no_price(snapshot.current())).into_response();
    };
    let tag = format!("{}-{form:?}", sequence.get());
    if etag::is_known(&headers, &tag) {
        return etag::unchanged(&tag);
    }
    let write = move || {
        Encoded::fast(match form {
            Form::Json => all_points(sequence, snapshot.points().iter()),
            Form::Columns => columns(sequence, snapshot.points()),
        })
    };
    match spawn_blocking(write).await {
        Ok(body) => etag::fresh(&headers, &tag, form.content_type(), &body),
        Err(fault) => {
            error!("the points could not be written: {fault}");
            Problem::later("the points could not be written").into_response()
        }
    }
}

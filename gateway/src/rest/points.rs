//! All points of the plot, as JSON or in columns.

use std::future::ready;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::{
    Rest,
    price::why_no_price,
    questions::{Question, response},
};
use crate::{
    answer::{
        accept,
        encoded::Encoded,
        etag,
        made_once::{Answer, Wanted},
        problem::Problem,
    },
    state::{Newest, columns::columns, message::all_points, sequence::Sequence},
};

/// The form that the points are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// JSON, with an object for each point.
    Json,
    /// The binary form, in columns.
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

    /// The entity tag of the points as of this sequence.
    fn tag(self, sequence: Sequence) -> String {
        let form = match self {
            Form::Json => "json",
            Form::Columns => "columns",
        };
        format!("{}-{form}", sequence.get())
    }
}

/// The query of `/api/v1/points`.
#[derive(Deserialize)]
pub struct Parameters {
    format: Option<Form>,
}

/// `/api/v1/points`: all points, and the sequence that they are of.
///
/// # Errors
/// With the problem that the client is told.
pub async fn points(
    State(rest): State<Rest>,
    query: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(asked) =
        query.map_err(|fault| Problem::new(StatusCode::BAD_REQUEST, fault.body_text()))?;
    let form = asked.format.unwrap_or_else(|| Form::wanted(&headers));
    let sequence = {
        let snapshot = rest.state.borrow();
        let current = snapshot.current();
        let sequence = current.sequence;
        sequence.ok_or_else(|| Problem::later(why_no_price(current)))?
    };
    let tag = form.tag(sequence);
    if etag::is_known(&headers, &tag) {
        return Ok(etag::unchanged(&tag));
    }
    let wanted = Wanted {
        epoch: sequence.epoch(),
        version: Some(sequence.tick()),
    };
    let state = rest.state.clone();
    let make = move || ready(newest(&state, form));
    let question = Question::Points(form);
    match rest.questions.answer(question, wanted, make).await {
        Ok(given) => Ok(response(&given, form.content_type(), &headers)),
        Err(reason) => Err(Problem::later(format!(
            "the points could not be had: {reason}"
        ))),
    }
}

/// Returns the encoder of the present points.
fn newest(state: &Newest, form: Form) -> Result<impl FnOnce() -> Answer + Send + use<>, String> {
    let snapshot = state.borrow().clone();
    let sequence = snapshot.current().sequence;
    let sequence = sequence.ok_or("no update has come yet")?;
    Ok(move || {
        let written = match form {
            Form::Json => all_points(sequence, snapshot.points().iter()),
            Form::Columns => columns(sequence, snapshot.points()),
        };
        Answer {
            tag: form.tag(sequence),
            version: sequence.tick(),
            body: Encoded::fast(written),
            headers: HeaderMap::new(),
        }
    })
}

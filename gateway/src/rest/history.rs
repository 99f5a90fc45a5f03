//! What the analyzer is asked for on demand: the estimates of the last hours, and the amounts that they are read from.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use satscope_kit::upstream::{Connection, Upstream, unanswered};
use satscope_proto::v1::{GetHistoryRequest, price_service_client::PriceServiceClient};
use serde::Deserialize;

use crate::{
    answer::{
        encoded::Encoded,
        etag::revalidated,
        made_once::{Answer, MadeOnce},
        problem::Problem,
    },
    rest::{
        Rest,
        past::{self, Form, Past},
        price::label,
    },
    state::sequence::Sequence,
};

/// For the analyzer to be reached, and again for it to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest history, and what is answered when no range is given.
const LONGEST_S: u64 = 3 * 3600;
const USUAL_STEP_S: u64 = 10;

/// The analyzer, and its answers of this moment.
#[derive(Clone, Debug)]
pub struct Questions {
    pub(super) analyzer: PriceServiceClient<Connection>,
    pub(super) kept: Arc<MadeOnce>,
}

impl Questions {
    /// Connects when the first question comes.
    pub fn to(analyzer: &Upstream) -> Self {
        Questions {
            analyzer: PriceServiceClient::new(analyzer.when_asked(PATIENCE)),
            kept: Arc::default(),
        }
    }

    async fn history(&self, after_ms: u64, step_s: u64, form: Form) -> Result<Answer, String> {
        let request = GetHistoryRequest {
            after_ms,
            step_ms: step_s * 1000,
        };
        let answer = self.analyzer.clone().get_history(request).await;
        let entries = answer.map_err(|status| unanswered(&status).to_owned())?;
        let estimates: Vec<Past> = entries
            .into_inner()
            .entries
            .iter()
            .filter_map(past::read)
            .collect();
        let newest_ms = estimates.last().map_or(0, |past| past.time_ms);
        let body = match form {
            Form::Json => past::as_json(step_s, &estimates),
            Form::Csv => past::as_csv(&estimates),
        };
        Ok(Answer {
            tag: format!("{}-{newest_ms}-{form:?}", estimates.len()),
            body: Encoded::fast(body),
        })
    }
}

/// The query of `/api/v1/history`.
#[derive(Deserialize)]
pub struct Span {
    range: Option<String>,
    step: Option<String>,
    format: Option<Form>,
}

/// `/api/v1/history?range=3h&step=10s`: the estimates of the last `range`, at most one in each `step`, oldest first; as
/// CSV for who prefers `text/csv`, or asks for `format=csv`.
///
/// # Errors
/// With the problem that the client is told.
pub async fn history(
    State(rest): State<Rest>,
    query: Result<Query<Span>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let Query(span) = query.map_err(|error| bad(error.body_text()))?;
    let range_s = duration("range", span.range.as_deref(), LONGEST_S).map_err(bad)?;
    let step_s = duration("step", span.step.as_deref(), USUAL_STEP_S).map_err(bad)?;
    let current = rest.state.borrow().current().clone();
    let now_ms = current.time_ms.unwrap_or(0);
    let after_ms = now_ms.saturating_sub(range_s * 1000);
    let form = span.format.unwrap_or_else(|| Form::wanted(&headers));
    let questions = &rest.questions;
    // When the analyzer's clock is set, its history begins anew: an answer of before must not be given.
    let epoch = current.sequence.map_or(0, Sequence::epoch);
    let question = format!("history {epoch} {range_s} {step_s} {form:?}");
    let asked = questions
        .kept
        .get(&question, || questions.history(after_ms, step_s, form));
    answered(&rest, asked.await, form.content_type(), &headers)
}

/// Answers with what was asked of the analyzer, labelled with the age of the price.
pub fn answered(
    rest: &Rest,
    answer: Result<Arc<Answer>, String>,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    match answer {
        Ok(answer) => {
            let mut response =
                revalidated(headers, &answer.tag, content_type, &answer.body).into_response();
            if let Some(estimate) = &rest.state.borrow().current().estimate {
                label(response.headers_mut(), estimate);
            }
            Ok(response)
        }
        Err(reason) => Err(Problem::later(format!(
            "the analyzer has no answer: {reason}"
        ))),
    }
}

/// A span such as `90s`, `15m` or `3h`, in seconds: 1 s to 3 h.
fn duration(name: &str, text: Option<&str>, usual: u64) -> Result<u64, String> {
    let Some(text) = text else {
        return Ok(usual);
    };
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = digits.parse::<u64>().ok().zip(unit);
    seconds
        .and_then(|(number, unit)| number.checked_mul(unit))
        .filter(|seconds| (1..=LONGEST_S).contains(seconds))
        .ok_or_else(|| {
            format!("{name}: expected a span of 1s to 3h such as 90s, 15m or 3h; got {text:?}")
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_their_units() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("3h", 10_800), ("7", 7)] {
            assert_eq!(duration("range", Some(text), 1), Ok(seconds));
        }
        assert_eq!(duration("step", None, 10), Ok(10));
        for text in [
            "",
            "s",
            "0s",
            "4h",
            "-1s",
            "1.5h",
            "3 h",
            "3d",
            "99999999999999999h",
            "1é",
        ] {
            let error = duration("step", Some(text), 10).unwrap_err();
            assert!(error.starts_with("step: expected"), "{text}: {error}");
        }
    }
}

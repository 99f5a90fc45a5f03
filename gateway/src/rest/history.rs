//! `/api/v1/history`: the estimates of the last hours, which the analyzer is asked for on demand.

use axum::{extract::State, http::HeaderMap, response::Response};
use satscope_proto::v1::GetHistoryRequest;

use super::{
    Rest, archive,
    past::{self, Form, PastEstimate},
    price::label,
    query::{Query, bad},
    questions::{Question, Questions, response, told},
    span::Span,
};
use crate::answer::{
    encoded::Encoded,
    made_once::{Answer, Failure, Given},
    problem::Problem,
};

/// The parameters of `/api/v1/history`; [`archive::is_asked`] tells which are for the archive alone.
pub const PARAMETERS: [&str; 8] = [
    "range", "step", "from", "to", "source", "height", "model", "format",
];

/// The range, step and form that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    range: Span,
    step: Span,
    form: Form,
}

/// `/api/v1/history?range=3h&step=10s`: the estimates of the last `range`, at most one in each `step`, oldest first. A
/// client that prefers `text/csv`, or asks for `format=csv`, gets CSV. A query with a parameter or value that only the
/// archive has, such as `from` or `range=1y`, is answered by [`archive::history`].
///
/// # Errors
/// With the problem that the client is told.
pub async fn history(
    State(rest): State<Rest>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if archive::is_asked(&query) {
        return archive::history(&rest.archive, &query, &headers).await;
    }
    let asked = Asked::read(&query, &headers).map_err(bad)?;
    let Asked { range, step, form } = asked;
    let now_ms = rest.state.borrow().current().time_ms.unwrap_or(0);
    let after_ms = now_ms.saturating_sub(range.ms());
    let questions = rest.questions.clone();
    let make = move || asked.of(questions.clone(), after_ms);
    let question = Question::History { range, step, form };
    let given = rest.questions.answer(question, rest.of_this_second(), make);
    labelled(&rest, given.await, form.content_type(), &headers)
}

/// The analyzer's answer as HTTP, with headers for the age of the price.
///
/// # Errors
/// With the problem that the client is told.
pub fn labelled(
    rest: &Rest,
    given: Result<Given, Failure>,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let unanswered = |reason| Problem::later(format!("the analyzer has no answer: {reason}"));
    let mut response = response(&given.map_err(unanswered)?, content_type, headers);
    if let Some(estimate) = &rest.state.borrow().current().estimate {
        label(response.headers_mut(), estimate);
    }
    Ok(response)
}

impl Asked {
    /// Reads the query. By default: all estimates, 10 s apart, in the form that `Accept` names.
    fn read(query: &Query, headers: &HeaderMap) -> Result<Self, String> {
        Ok(Asked {
            range: query.read("range", Span::read)?.unwrap_or(Span::DAY),
            step: query.read("step", Span::read)?.unwrap_or(Span::TEN_SECONDS),
            form: query
                .read("format", Form::read)?
                .unwrap_or_else(|| Form::wanted(headers)),
        })
    }

    /// Asks the analyzer for the estimates after `after_ms`, Unix milliseconds, and returns the encoder of its answer.
    async fn of(
        self,
        questions: Questions,
        after_ms: u64,
    ) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
        let request = GetHistoryRequest {
            after_ms,
            step_ms: self.step.ms(),
        };
        let mut analyzer = questions.analyzer();
        let entries = told(analyzer.get_history(request)).await?.entries;
        Ok(move || {
            let estimates: Vec<PastEstimate> = entries.iter().filter_map(past::read).collect();
            self.answer(&estimates)
        })
    }

    fn answer(self, estimates: &[PastEstimate]) -> Answer {
        let Asked { range, step, form } = self;
        let newest_ms = estimates.last().map_or(0, |past| past.time_ms);
        let body = match form {
            Form::Json => past::as_json(range, step, estimates),
            Form::Csv => past::as_csv(estimates),
        };
        Answer {
            tag: format!("{}-{newest_ms}-{form:?}", estimates.len()),
            version: 0,
            body: Encoded::fast(body),
            headers: HeaderMap::new(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<Asked, String> {
        Asked::read(&query.into(), &HeaderMap::new())
    }

    #[test]
    fn what_a_query_leaves_out_is_all_that_is_held_as_json() {
        let all = Asked {
            range: Span::DAY,
            step: Span::TEN_SECONDS,
            form: Form::Json,
        };
        assert_eq!(asked(&[]), Ok(all));
        assert_eq!(asked(&[("step", "7"), ("range", "3h")]), Ok(all));
    }

    #[test]
    fn a_bad_parameter_is_named_with_its_value_and_what_was_expected() {
        let span = "expected a span from 1s to 1d, such as 90s, 15m, 3h or 1d";
        let error = |query: &[(&str, &str)]| asked(query).unwrap_err();
        assert_eq!(
            error(&[("range", "2d")]),
            format!("range: {span}; got \"2d\"")
        );
        assert_eq!(error(&[("step", "")]), format!("step: {span}; got \"\""));
        let expected = "format: expected json or csv; got \"xml\"";
        assert_eq!(error(&[("format", "xml")]), expected);
        let expected = "range: expected one value; got more";
        assert_eq!(error(&[("range", "1h"), ("range", "1h")]), expected);
    }
}

//! The archive: the historian's price of each block and of each minute. The present price does not come from here, and
//! needs no historian.
//!
//! A question is in no log line and in no label of a metric, because it tells which moment a client cares about.

mod block;
mod candles;
mod coverage;
mod day;
mod historian;
mod hours;
mod past_price;
mod read;
mod rows;
mod series;
mod step;

use std::{future::Future, sync::Arc};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use bytes::Bytes;
use satscope_kit::upstream::Upstream;

use super::{
    query::{Query, bad},
    questions::response,
};
use crate::{
    answer::{
        STATE,
        encoded::Encoded,
        made_once::{Answer, MadeOnce, Wanted},
        problem::Problem,
    },
    files::hash_of,
};
use coverage::LastCoverage;
use historian::Historian;

pub use candles::candles;
pub use coverage::coverage;
pub use past_price::historical_price;

/// Most answers that are kept or being made. One of 5,000 prices is 0.7 MB, or 1.1 MB with other currencies, and all together
/// are below 40 MB.
const QUESTIONS: usize = 32;
/// The value of [`STATE`].
const UNVERIFIED: HeaderValue = HeaderValue::from_static("unverified");
/// Accepts any answer of the last second.
const OF_THIS_SECOND: Wanted = Wanted {
    epoch: 0,
    version: None,
};
/// Any of these parameters makes a question to `/api/v1/history` one for the archive.
const PARAMETERS: [&str; 5] = ["from", "to", "source", "height", "model"];

/// A question whose answer is made once for all clients; equal ones have the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    Series(series::Asked),
    Candles(candles::Asked),
    Hours(hours::Asked),
}

/// The historian, and the kept answers. They are apart from those of [`super::Questions`], so that a flood of questions
/// about the past leaves room for the others.
#[derive(Clone, Debug)]
pub struct Archive {
    historian: Historian,
    answers: Arc<MadeOnce<Question>>,
    /// The answer about coverage, kept apart from the others so that a flood of questions cannot make the historian
    /// seem to be away.
    coverage: Arc<MadeOnce<()>>,
    last_coverage: LastCoverage,
}

impl Archive {
    /// The archive of this historian, to which no connection is made before the first question.
    pub fn of(historian: Upstream) -> Self {
        Archive {
            historian: Historian::new(historian),
            answers: Arc::new(MadeOnce::new(QUESTIONS)),
            coverage: Arc::new(MadeOnce::new(1)),
            last_coverage: LastCoverage::default(),
        }
    }

    /// The answer that `make` and its encoder give, made at most once a second for each question. While the historian
    /// does not answer, a client gets an older answer with its age.
    async fn answer<M, F, E>(
        &self,
        question: Question,
        make: M,
        content_type: &'static str,
        headers: &HeaderMap,
    ) -> Result<Response, Problem>
    where
        M: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = Result<E, String>> + Send,
        E: FnOnce() -> Answer + Send + 'static,
    {
        let given = self.answers.get(question, OF_THIS_SECOND, make).await;
        let given = given.map_err(|reason| unanswered(&reason))?;
        Ok(response(&given, content_type, headers))
    }
}

/// Whether a query of `/api/v1/history` is for the archive, and not for the estimates of the last hours.
pub fn is_asked(query: &Query) -> bool {
    let is_range = |range: Option<&str>| range.is_some_and(|range| series::range(range).is_ok());
    PARAMETERS.iter().any(|name| query.has(name)) || query.text("range").is_ok_and(is_range)
}

/// `/api/v1/history?from=&to=`, `?range=1y` or `?height=`: prices of the archive.
///
/// # Errors
/// With the problem that the client is told.
pub async fn history(
    archive: &Archive,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if query.has("height") || query.has("model") {
        let asked = block::Asked::read(query, headers).map_err(bad)?;
        return block::answer(archive, asked, headers).await;
    }
    let asked = series::Asked::read(query, headers).map_err(bad)?;
    series::answer(archive, asked, headers).await
}

/// The problem for a question that the historian does not answer; `reason` calls the historian "it".
fn unanswered(reason: &str) -> Problem {
    Problem::later(no_answer(reason))
}

/// The sentence that the historian does not answer; `reason` calls the historian "it".
fn no_answer(reason: &str) -> String {
    format!("the historian has no answer: {reason}")
}

/// The problem of a price that the historian does not have.
fn not_there(detail: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, detail)
}

/// The headers of an answer in which a price is unverified, or none is.
pub fn state_headers(is_unverified: bool) -> HeaderMap {
    let state = is_unverified.then_some((STATE, UNVERIFIED));
    HeaderMap::from_iter(state)
}

/// An answer with this body. Its tag is the hash of the body and of the state, because some bodies have no word for the state.
fn tagged(body: Bytes, headers: HeaderMap) -> Answer {
    let state = headers.get(STATE);
    Answer {
        tag: hash_of([&*body, state.map_or(&[], HeaderValue::as_bytes)]),
        version: 0,
        body: Encoded::fast(body),
        headers,
    }
}

//! Questions whose answers are made once for all clients: those to the analyzer, and those about the points.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{http::HeaderMap, response::Response};
use headers::HeaderMapExt as _;
use satscope_kit::upstream::{Connection, Upstream, unanswered};
use satscope_proto::v1::price_service_client::PriceServiceClient;
use tokio::time::timeout;
use tonic::Status;

use super::{past, points, span::Span};
use crate::answer::{
    etag::revalidated,
    made_once::{Answer, Failure, Given, MadeOnce, Wanted},
};

/// Time for the analyzer to be reached and to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Number of all possible questions. The answers of history together are below 20 MB, because a longer step leaves
/// fewer of the 10,800 estimates.
const QUESTIONS: usize = 3 + 2 * Span::COUNT * Span::COUNT;

/// A question; equal ones have the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// All points of the plot, in this form.
    Points(points::Form),
    /// The amounts that the price is read from.
    Amounts,
    /// The estimates of the last `range`, at most one in each `step`.
    History {
        /// Time before now that is asked about.
        range: Span,
        /// Least time from one estimate to the next.
        step: Span,
        /// The form that they are written in.
        form: past::Form,
    },
}

/// The analyzer, and the kept answers.
#[derive(Clone, Debug)]
pub struct Questions {
    analyzer: PriceServiceClient<Connection>,
    answers: Arc<MadeOnce<Question>>,
}

impl Questions {
    /// The questions to this analyzer, to which no connection is made before the first.
    pub fn to(analyzer: &Upstream) -> Self {
        Questions {
            analyzer: PriceServiceClient::new(analyzer.when_asked(PATIENCE)),
            answers: Arc::new(MadeOnce::new(QUESTIONS)),
        }
    }

    /// A client of the analyzer, over the one connection of all questions.
    pub fn analyzer(&self) -> PriceServiceClient<Connection> {
        self.analyzer.clone()
    }

    /// The answer to a question, made by `make` and the encoder that it gives: see [`MadeOnce::get`].
    ///
    /// # Errors
    /// With the reason if there is no answer, not even an older one.
    pub async fn answer<M, F, E>(
        &self,
        question: Question,
        wanted: Wanted,
        make: M,
    ) -> Result<Given, Failure>
    where
        M: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = Result<E, String>> + Send,
        E: FnOnce() -> Answer + Send + 'static,
    {
        self.answers.get(question, wanted, make).await
    }
}

/// Awaits the analyzer's answer for at most [`PATIENCE`].
///
/// # Errors
/// With the reason in words for the client.
pub async fn told<T>(
    asked: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, String> {
    match timeout(PATIENCE, asked).await {
        Ok(Ok(told)) => Ok(told.into_inner()),
        Ok(Err(status)) => Err(unanswered(&status).to_owned()),
        Err(_) => Err("it does not answer in time".to_owned()),
    }
}

/// The answer as HTTP, with its own headers; `Age` (RFC 9111, 5.1) is the age of an older answer.
pub fn response(given: &Given, content_type: &'static str, request: &HeaderMap) -> Response {
    let Given { answer, age } = given;
    let mut response = revalidated(request, &answer.tag, content_type, &answer.body);
    response.headers_mut().extend(answer.headers.clone());
    if let Some(age) = age {
        let age = headers::Age::from_secs(age.as_secs());
        response.headers_mut().typed_insert(age);
    }
    response
}

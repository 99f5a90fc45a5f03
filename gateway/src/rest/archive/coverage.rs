//! The extent of the historian's prices, and its progress.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{extract::State, http::HeaderMap, response::Response};
use bytes::Bytes;
use serde::Serialize;

use super::{
    OF_THIS_SECOND,
    historian::Historian,
    no_answer,
    read::{Coverage, Doing},
    tagged,
};
use crate::{
    answer::{etag::revalidated, json::json, made_once::Answer},
    rest::{Rest, past::Form, questions::response},
};

/// The historian's last coverage; `None` before the first.
pub type LastCoverage = Arc<Mutex<Option<Coverage>>>;

/// `/api/v1/history/coverage`: always 200. A silent historian is a state of its own, because a page asks again and
/// again, and browsers log each answer that is an error.
pub async fn coverage(State(rest): State<Rest>, headers: HeaderMap) -> Response {
    let archive = &rest.archive;
    let (historian, last) = (archive.historian.clone(), archive.last_coverage.clone());
    let make = move || asked(historian.clone(), last.clone());
    let content_type = Form::Json.content_type();
    let given = archive.coverage.get((), OF_THIS_SECOND, make).await;
    match given {
        Ok(given) => response(&given, content_type, &headers),
        Err(reason) => {
            let Answer { tag, body, .. } = written(away(&archive.last_coverage, &reason));
            revalidated(&headers, &tag, content_type, &body)
        }
    }
}

/// Asks the historian, and returns the encoder of its coverage, or of the state `away` if it does not answer.
async fn asked(
    historian: Historian,
    last: LastCoverage,
) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
    let body = match historian.coverage().await {
        Ok(coverage) => {
            let body = json(&coverage);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(coverage);
            body
        }
        Err(reason) => away(&last, &reason),
    };
    Ok(move || written(body))
}

/// The body when the historian does not answer: its last coverage, if there is one, in the state `away`.
fn away(last: &LastCoverage, reason: &str) -> Bytes {
    #[derive(Serialize)]
    struct Unknown<'a> {
        state: Doing,
        detail: &'a str,
    }
    let detail = &no_answer(reason);
    let last = last.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some(coverage) => json(&coverage.away(detail)),
        None => json(&Unknown {
            state: Doing::Away,
            detail,
        }),
    }
}

fn written(body: Bytes) -> Answer {
    tagged(body, HeaderMap::new())
}

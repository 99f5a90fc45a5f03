//! What the historian has, and how far it has come.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{Question, historian::Historian, tagged};
use crate::{
    answer::{json::json, made_once::Answer, problem::Problem},
    rest::{Rest, past::Form},
};

/// `/api/v1/history/coverage`
///
/// # Errors
/// With the problem that the client is told.
pub async fn coverage(State(rest): State<Rest>, headers: HeaderMap) -> Result<Response, Problem> {
    let historian = rest.archive.historian.clone();
    let make = move || asked(historian.clone());
    let content_type = Form::Json.content_type();
    rest.archive
        .answer(Question::Coverage, make, content_type, &headers)
        .await
}

/// Asks the historian; gives what writes its answer.
async fn asked(historian: Historian) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
    let coverage = historian.coverage().await?;
    Ok(move || tagged(json(&coverage), HeaderMap::new()))
}

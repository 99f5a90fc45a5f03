//! The amounts that the price is read from.

use axum::{extract::State, http::HeaderMap, response::Response};
use satscope_proto::v1::{Amounts, GetAmountsRequest};
use serde::Serialize;

use super::{
    Rest,
    history::labelled,
    past::Form,
    questions::{Question, Questions, told},
};
use crate::answer::{
    encoded::Encoded,
    json::{json, seconds},
    made_once::Answer,
    problem::Problem,
};

/// `/api/v1/evidence`: the number of amounts in each bin of a logarithmic scale, and the ladder of round sums.
///
/// # Errors
/// With the problem that the client is told.
pub async fn amounts(State(rest): State<Rest>, headers: HeaderMap) -> Result<Response, Problem> {
    let questions = rest.questions.clone();
    let make = move || asked(questions.clone());
    let given = rest
        .questions
        .answer(Question::Amounts, rest.of_this_second(), make);
    labelled(&rest, given.await, Form::Json.content_type(), &headers)
}

/// Asks the analyzer, and returns the encoder of its answer.
async fn asked(questions: Questions) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
    let mut analyzer = questions.analyzer();
    let answer = told(analyzer.get_amounts(GetAmountsRequest {})).await?;
    let amounts = answer.amounts.ok_or("no amounts have been counted yet")?;
    Ok(move || Answer {
        tag: amounts.time_ms.to_string(),
        version: 0,
        body: Encoded::fast(json(&evidence(&amounts))),
        headers: HeaderMap::new(),
    })
}

/// The answer to `/api/v1/evidence`.
#[derive(Serialize)]
struct Evidence<'a> {
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    time_ms: u64,
    first_sats: f64,
    bin_width: f64,
    counts: &'a [u32],
    ladder: Vec<Rung>,
}

#[derive(Serialize)]
struct Rung {
    round_usd: f64,
    strength: f64,
}

fn evidence(amounts: &Amounts) -> Evidence<'_> {
    let rung = |rung: &satscope_proto::v1::Rung| Rung {
        round_usd: rung.round_usd,
        strength: rung.strength,
    };
    Evidence {
        time_ms: amounts.time_ms,
        first_sats: amounts.first_sats,
        bin_width: amounts.bin_width,
        counts: &amounts.counts,
        ladder: amounts.ladder.iter().map(rung).collect(),
    }
}

//! The price of one block.

use axum::{
    http::{HeaderMap, header},
    response::Response,
};
use serde::Serialize;

use super::{
    Archive,
    historian::Historian,
    not_there,
    read::{Block, State},
    rows::{self, Row},
    state_headers, tagged, unanswered,
};
use crate::{
    answer::{
        etag::{IMMUTABLE, revalidated},
        json::json,
        problem::Problem,
    },
    rest::{past::Form, query::Query},
};

/// The blocks of a period; their prices share a lock.
const PERIOD_BLOCKS: u32 = 2016;
/// The first period with prices; no period before it has any.
const FIRST_PERIOD: u32 = 167;

/// The block, model and form that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    height: u32,
    /// `None` for any model.
    model: Option<u32>,
    form: Form,
}

impl Asked {
    /// # Errors
    /// With the wrong parameter and the expected form.
    pub fn read(query: &Query, headers: &HeaderMap) -> Result<Self, String> {
        query.excludes("height", &["from", "to", "range", "step", "source"])?;
        let whole = |name: &'static str| {
            move |text: &str| {
                let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
                let number = is_number.then(|| text.parse().ok()).flatten();
                number.ok_or_else(|| name.to_owned())
            }
        };
        let height = query.read("height", whole("the height of a block, such as 840000"))?;
        Ok(Asked {
            height: height.ok_or("height: expected one beside model; got none")?,
            model: query.read("model", whole("the number of a model, such as 1"))?,
            form: query
                .read("format", Form::read)?
                .unwrap_or_else(|| Form::wanted(headers)),
        })
    }
}

/// The price of a block. If the client names the model and the answer can never change, it is marked as immutable.
///
/// # Errors
/// With the problem that the client is told.
pub async fn answer(
    archive: &Archive,
    asked: Asked,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Asked {
        height,
        model,
        form,
    } = asked;
    let historian = &archive.historian;
    let price = historian.price_of(height).await;
    let price = price.map_err(|reason| unanswered(&reason))?;
    let (price, block) = price.ok_or_else(|| {
        not_there(format!(
            "the historian has no price of block {height}: it has not read the block, or found too few payments"
        ))
    })?;
    if model.is_some_and(|model| model != block.model) {
        return Err(not_there(format!(
            "the price of block {height} is of model {}: expected model={0}, or no model",
            block.model
        )));
    }
    let body = match form {
        Form::Json => json(&Body {
            row: Row::of(&price),
            model: block.model,
            payments: block.payments,
        }),
        Form::Csv => rows::csv(&[price]).into(),
    };
    let answer = tagged(body, state_headers(price.is_unverified()));
    let mut response = revalidated(headers, &answer.tag, form.content_type(), &answer.body);
    response.headers_mut().extend(answer.headers);
    if model.is_some() && is_for_ever(historian, block).await {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, IMMUTABLE);
    }
    Ok(response)
}

#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    row: Row,
    model: u32,
    payments: u64,
}

/// Whether the answer about a final block of Bitcoin's chain can never change. Its confidence depends on whether the locks of the neighbouring
/// periods agree with that of its own, so that these have to be final too, and of the same model.
async fn is_for_ever(historian: &Historian, own: Block) -> bool {
    let is_final = |block: Block| block.state == State::Final && block.model == own.model;
    let is_final_at = async |period: u32| {
        let Some(height) = period.checked_mul(PERIOD_BLOCKS) else {
            return false;
        };
        let told = historian.price_of(height).await.ok().flatten();
        told.is_some_and(|(_, block)| is_final(block))
    };
    let period = own.height / PERIOD_BLOCKS;
    is_final(own)
        && (historian.coverage().await).is_ok_and(|coverage| coverage.is_of_bitcoin())
        && (period <= FIRST_PERIOD || is_final_at(period - 1).await)
        && is_final_at(period + 1).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<Asked, String> {
        Asked::read(&query.into(), &HeaderMap::new())
    }

    #[test]
    fn a_block_is_asked_for_by_its_height_and_perhaps_its_model() {
        let expected = Asked {
            height: 840_000,
            model: Some(2),
            form: Form::Csv,
        };
        let query = [("height", "840000"), ("model", "2"), ("format", "csv")];
        assert_eq!(asked(&query), Ok(expected));
        assert_eq!(asked(&[("height", "0")]).unwrap().model, None);
    }

    #[test]
    fn what_is_no_height_is_refused() {
        for (query, expected) in [
            (
                &[("height", "-1")][..],
                "height: expected the height of a block, such as 840000; got \"-1\"",
            ),
            (
                &[("height", "4294967296")],
                "height: expected the height of a block, such as 840000; got \"4294967296\"",
            ),
            (
                &[("height", "")],
                "height: expected the height of a block, such as 840000; got \"\"",
            ),
            (
                &[("model", "1")],
                "height: expected one beside model; got none",
            ),
            (
                &[("height", "5"), ("model", "x")],
                "model: expected the number of a model, such as 1; got \"x\"",
            ),
            (
                &[("height", "5"), ("from", "6")],
                "height: expected no from beside it; got both",
            ),
        ] {
            assert_eq!(asked(query).unwrap_err(), expected);
        }
    }
}

//! The price as a picture, for other pages and for sites that preview a link: `/price.svg` and `/price.png`.
//!
//! A picture is one list of shapes, from which two writers make SVG and PNG. While there is no price, the picture says
//! so, because a page that shows it has no place for an error.

mod card;
mod chart;
mod drawing;
mod glyphs;
mod look;
mod png;
mod svg;
mod text;
mod words;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use satscope_kit::clock::{Steady, unix_ms};
use satscope_proto::v1::GetHistoryRequest;
use tokio::{task::spawn_blocking, time::Duration};

pub use card::{HEIGHT, WIDTH};

use self::{
    card::{Price, Seen},
    chart::Dot,
};
use super::{
    Rest,
    archive::state_headers,
    past,
    price::label,
    questions::{response, told},
};
use crate::{
    answer::{
        encoded::Encoded,
        made_once::{Answer, MadeOnce, Wanted},
        problem::Problem,
    },
    files::hash_of,
    state::message::Estimate,
};

/// Shortest time from one making of a picture to the next.
const EVERY: Duration = Duration::from_secs(10);
/// Caches may keep a picture for as long as the gateway does, [`EVERY`].
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=10");
/// Time before now for which the analyzer is asked for estimates, milliseconds: as long as it keeps them.
const HOURS_MS: u64 = 3 * 3600 * 1000;
/// Time from one live estimate of the line to the next, milliseconds.
const STEP_MS: u64 = 60_000;
/// Accepts a picture of any epoch of the analyzer, because a picture states when it was drawn.
const OF_ANY_EPOCH: Wanted = Wanted {
    epoch: 0,
    version: None,
};

/// The format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Svg,
    Png,
}

/// The newest picture in each format.
#[derive(Clone, Debug)]
pub struct Pictures(Arc<MadeOnce<Form>>);

impl Pictures {
    /// No pictures yet; each is drawn once a client asks for it.
    pub fn new() -> Self {
        Pictures(Arc::new(MadeOnce::new_every(EVERY, 2)))
    }
}

/// `/price.svg`
///
/// # Errors
/// If the picture cannot be drawn.
pub async fn svg(State(rest): State<Rest>, headers: HeaderMap) -> Result<Response, Problem> {
    answer(&rest, Form::Svg, &headers).await
}

/// `/price.png`
///
/// # Errors
/// If the picture cannot be drawn.
pub async fn png(State(rest): State<Rest>, headers: HeaderMap) -> Result<Response, Problem> {
    answer(&rest, Form::Png, &headers).await
}

/// The picture, made at most once in [`EVERY`] for all clients.
async fn answer(rest: &Rest, form: Form, headers: &HeaderMap) -> Result<Response, Problem> {
    let asked = rest.clone();
    let make = move || made(asked.clone(), form);
    let given = rest.pictures.0.get(form, OF_ANY_EPOCH, make).await;
    let failed = |reason| Problem::later(format!("there is no picture: {reason}"));
    Ok(response(
        &given.map_err(failed)?,
        form.content_type(),
        headers,
    ))
}

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Form::Svg => "image/svg+xml",
            Form::Png => "image/png",
        }
    }

    fn written(self, seen: &Seen) -> Result<Bytes, String> {
        let drawing = card::drawn(seen);
        match self {
            Form::Svg => Ok(svg::written(&drawing).into()),
            Form::Png => png::written(&drawing).map(Bytes::from),
        }
    }
}

/// Draws the picture on a blocking thread, and returns a function that makes the answer of it.
async fn made(rest: Rest, form: Form) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
    let mut headers = HeaderMap::from_iter([
        (header::CACHE_CONTROL, CACHING),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ]);
    let seen = seen(&rest, &mut headers).await;
    let drawing = spawn_blocking(move || form.written(&seen)).await;
    let body = drawing.map_err(|fault| fault.to_string())??;
    Ok(move || Answer {
        tag: hash_of([&*body]),
        version: 0,
        body: Encoded::fast(body),
        headers,
    })
}

/// The content of a picture drawn now. `headers` gets the age of the price, the reason if the price is stale, and the state
/// if a price of the line is unverified.
async fn seen(rest: &Rest, headers: &mut HeaderMap) -> Seen {
    let snapshot = rest.state.borrow().judged_at(Steady::now());
    let current = snapshot.current();
    let price = match &current.estimate {
        Some(estimate) => {
            label(headers, estimate);
            let price = priced(estimate, line(rest, estimate).await);
            headers.extend(state_headers(price.is_line_unverified()));
            Some(price)
        }
        None => None,
    };
    Seen {
        drawn_at: unix_ms() / 1000,
        chain: current.chain.clone(),
        simulated: current.simulated == Some(true),
        price,
    }
}

fn priced(estimate: &Estimate, line: Vec<Dot>) -> Price {
    Price {
        usd: estimate.price,
        low: estimate.interval.low,
        high: estimate.interval.high,
        confidence: estimate.confidence,
        age: estimate.age.ms() / 1000,
        stale: estimate.stale,
        line,
    }
}

/// The prices of the last day up to this estimate, oldest first. They come from the historian if its prices reach
/// further back than the analyzer's 3 hours. Each of the two gets as long to answer as for any other question.
async fn line(rest: &Rest, estimate: &Estimate) -> Vec<Dot> {
    let day = of_day(rest, estimate).await;
    let begin_ms = estimate.as_of_ms.saturating_sub(HOURS_MS);
    let is_more = |dot: &Dot| dot.time < seconds(begin_ms);
    let mut dots = match day.first().is_some_and(is_more) {
        true => day,
        false => Some(of_hours(rest, begin_ms).await)
            .filter(|hours| !hours.is_empty())
            .unwrap_or(day),
    };
    let now = Dot {
        time: seconds(estimate.as_of_ms),
        price: estimate.price,
        low: estimate.interval.low,
        high: estimate.interval.high,
        is_unverified: false,
    };
    dots.retain(|dot| dot.time < now.time);
    dots.push(now);
    dots
}

/// The historian's prices of the day before an estimate; empty if it gives none.
async fn of_day(rest: &Rest, estimate: &Estimate) -> Vec<Dot> {
    let to = estimate.as_of_ms / 1000;
    let day = rest.archive.day_before(to).await.unwrap_or_default();
    let dots = day.into_iter().map(|price| Dot {
        time: seconds(price.time * 1000),
        price: price.price,
        low: price.low,
        high: price.high,
        is_unverified: price.is_unverified,
    });
    dots.collect()
}

/// The analyzer's live estimates after `after_ms`, Unix milliseconds; empty if it gives none.
async fn of_hours(rest: &Rest, after_ms: u64) -> Vec<Dot> {
    let request = GetHistoryRequest {
        after_ms,
        step_ms: STEP_MS,
    };
    let mut analyzer = rest.questions.analyzer();
    let Ok(told) = told(analyzer.get_history(request)).await else {
        return Vec::new();
    };
    let estimates = told.entries.iter().filter_map(past::read);
    let mut dots: Vec<Dot> = estimates
        .map(|past| Dot {
            time: seconds(past.time_ms),
            price: past.price,
            low: past.interval.low,
            high: past.interval.high,
            is_unverified: false,
        })
        .collect();
    dots.sort_by(|one, other| one.time.total_cmp(&other.time));
    dots
}

/// Milliseconds as seconds; a stamp is far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

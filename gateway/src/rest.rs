//! What is asked once: the price, also as a picture, the points, the history, the archive, the evidence, the page, the health,
//! and what the gateway says of itself.

mod archive;
mod description;
mod evidence;
mod health;
mod history;
mod open_graph;
mod page;
mod past;
mod picture;
mod points;
mod price;
mod query;
mod questions;
mod span;

use std::time::Duration;

use axum::{Router, routing::get};
use satscope_kit::health::Readiness;

use crate::{
    answer::made_once::Wanted,
    state::{Newest, sequence::Sequence},
};
pub use archive::Archive;
pub use open_graph::PublicUrl;
pub use page::Index;
pub use picture::Pictures;
pub use questions::Questions;

/// What answers are made of.
#[derive(Clone, Debug)]
pub struct Rest {
    /// What holds now.
    pub state: Newest,
    /// What is asked on demand, and answered once for all.
    pub questions: Questions,
    /// The prices of the past, as the historian has them.
    pub archive: Archive,
    /// The price as a picture.
    pub pictures: Pictures,
    /// The page's document.
    pub index: Index,
    /// For how long a stale price is given without a body that says so.
    pub stale_after: Duration,
    /// Whether this process takes requests, and since when it runs.
    pub readiness: Readiness,
}

impl Rest {
    /// What an answer of the analyzer must be made of. When the analyzer's clock is set, its history begins anew: an answer
    /// of before is no answer any more.
    fn of_this_second(&self) -> Wanted {
        let sequence = self.state.borrow().current().sequence;
        Wanted {
            epoch: sequence.map_or(0, Sequence::epoch),
            version: None,
        }
    }

    /// All of `/api/v1` but the event stream, the health, the pictures, and the page.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/api/v1/price", get(price::price))
            .route("/api/v1/prices", get(price::prices))
            .route("/api/v1/points", get(points::points))
            .route("/api/v1/history", get(history::history))
            .route("/api/v1/history/coverage", get(archive::coverage))
            .route("/api/v1/historical-price", get(archive::historical_price))
            .route("/api/v1/candles", get(archive::candles))
            .route("/api/v1/evidence", get(evidence::amounts))
            .route("/price.svg", get(picture::svg))
            .route("/price.png", get(picture::png))
            .route("/health", get(health::health))
            .route(description::OPENAPI, get(description::openapi))
            .route(description::MESSAGES, get(description::messages))
            .fallback(page::serve)
            .with_state(self.clone())
    }
}

//! The REST answers: the price, also as a picture and in other currencies, the points, the history, the archive, the evidence,
//! the page, the health, and the description of the API.

mod archive;
mod btcpay;
mod cents;
mod description;
mod duration;
mod evidence;
mod exchange_rates;
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
    exchange::NewestRates,
    state::{Newest, sequence::Sequence},
};
pub use archive::Archive;
pub use open_graph::PublicUrl;
pub use page::Index;
pub use picture::Pictures;
use query::only;
pub use questions::Questions;

/// The sources that answers are made from.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The newest snapshot.
    pub state: Newest,
    /// The exchange rates of other currencies.
    pub rates: NewestRates,
    /// The questions to the analyzer, each answered once for all clients.
    pub questions: Questions,
    /// The historian's prices of the past.
    pub archive: Archive,
    /// The pictures of the price.
    pub pictures: Pictures,
    /// The page's HTML document.
    pub index: Index,
    /// Time for which a stale price is still given by answers that have no place to say that it is stale.
    pub stale_after: Duration,
    /// Whether this process takes requests, and the time since it started.
    pub readiness: Readiness,
}

impl Rest {
    /// The requirement on answers of the analyzer: of its present epoch, and at most a second old. Its history begins
    /// anew when its clock is set, so answers of an earlier epoch are wrong.
    fn of_this_second(&self) -> Wanted {
        let sequence = self.state.borrow().current().sequence;
        Wanted {
            epoch: sequence.map_or(0, Sequence::epoch),
            version: None,
        }
    }

    /// All routes of `/api/v1` but the event stream, and the health, the pictures and the page. Addresses in the shape of other
    /// servers, and pictures, pass over parameters that they do not know, because clients add some of their own.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/api/v1/price", only(&[], get(price::price)))
            .route("/api/v1/prices", get(price::prices))
            .route("/api/rates", get(btcpay::rates))
            .route(
                "/api/v1/exchange-rates",
                get(exchange_rates::exchange_rates),
            )
            .route("/api/v1/points", only(&["format"], get(points::points)))
            .route(
                "/api/v1/history",
                only(&history::PARAMETERS, get(history::history)),
            )
            .route(
                "/api/v1/history/coverage",
                only(&[], get(archive::coverage)),
            )
            .route("/api/v1/historical-price", get(archive::historical_price))
            .route(
                "/api/v1/candles",
                only(&["step", "from", "to", "format"], get(archive::candles)),
            )
            .route("/api/v1/evidence", only(&[], get(evidence::amounts)))
            .route("/price.svg", get(picture::svg))
            .route("/price.png", get(picture::png))
            .route("/health", get(health::health))
            .route(description::OPENAPI, get(description::openapi))
            .route(description::MESSAGES, get(description::messages))
            .fallback(page::serve)
            .with_state(self.clone())
    }
}

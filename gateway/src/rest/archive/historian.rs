//! Questions to the historian. The historian may be absent, starting or silent: each question ends within [`PATIENCE`],
//! and nothing else waits for it.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use satscope_kit::{
    logging::LogLimiter,
    upstream::{Connection, Upstream, unanswered},
};
use satscope_proto::v1::{
    GetCandlesRequest, GetCoverageRequest, GetCoverageResponse, GetPriceAtRequest,
    GetPriceAtResponse, GetSeriesRequest, HistorySource, get_price_at_request::At,
    history_service_client::HistoryServiceClient,
};
use tokio::time::timeout;
use tonic::{Code, Response, Status};
use tracing::warn;

use super::read::{self, Block, Candle, Coverage, Origin, Price, Refusal, Series};
use crate::metrics::HISTORIAN_QUESTIONS;

/// Time for the historian to be reached and to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Interval between pings on the connection. If a ping is not answered within [`PATIENCE`], the connection is made
/// anew, because the machine at its other end may have gone without a word.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Longest time for which a coverage is kept for questions about single prices.
const KEPT: Duration = Duration::from_secs(1);

/// A client of the historian, over one connection that is opened when the first question comes.
#[derive(Clone, Debug)]
pub struct Historian {
    client: HistoryServiceClient<Connection>,
    /// The newest coverage, and when it came.
    covered: Arc<Mutex<Option<(Instant, Coverage)>>>,
    complaints: Arc<Mutex<LogLimiter>>,
}

impl Historian {
    /// A client of this historian.
    pub fn new(mut upstream: Upstream) -> Self {
        let endpoint = upstream.endpoint.http2_keep_alive_interval(PING_EVERY);
        let endpoint = endpoint.keep_alive_timeout(PATIENCE);
        upstream.endpoint = endpoint.keep_alive_while_idle(true);
        Historian {
            // Twice `PATIENCE`, so that a slow answer is not taken for a lost connection.
            client: HistoryServiceClient::new(upstream.when_asked(PATIENCE * 2)),
            covered: Arc::default(),
            complaints: Arc::default(),
        }
    }

    /// The newest price at or before `time`, Unix seconds; `None` if there is none.
    ///
    /// # Errors
    /// With the reason for the client if the historian gives no usable answer.
    pub async fn price_at(&self, time: u64) -> Result<Option<Price>, String> {
        let not_after = move |price: &Price| (price.time <= time).then_some(*price);
        self.price(At::Time(time), HistorySource::Unspecified, not_after)
            .await
    }

    /// The price of a block; `None` if there is none.
    ///
    /// # Errors
    /// As [`Self::price_at`].
    pub async fn price_of(&self, height: u32) -> Result<Option<(Price, Block)>, String> {
        let of_block = move |price: &Price| match price.origin {
            Origin::Block(block) if block.height == height => Some((*price, block)),
            _ => None,
        };
        self.price(At::Height(height), HistorySource::Block, of_block)
            .await
    }

    /// The part that `asked_for` takes of the price at `at`; `None` if there is no price.
    async fn price<A>(
        &self,
        at: At,
        source: HistorySource,
        asked_for: impl FnOnce(&Price) -> Option<A>,
    ) -> Result<Option<A>, String> {
        let request = GetPriceAtRequest {
            at: Some(at),
            source: source.into(),
        };
        let mut client = self.client.clone();
        let read = |told: GetPriceAtResponse| {
            let price = read::price(&told.price.ok_or("an answer without a price")?)?;
            asked_for(&price).ok_or("another price than was asked for")
        };
        self.ask(client.get_price_at(request), read).await
    }

    /// The prices at or after `from` and before `to`, Unix seconds: the newest of each `step` seconds, or all of them
    /// if `step` is 0.
    ///
    /// # Errors
    /// As [`Self::price_at`].
    pub async fn series(
        &self,
        from: u64,
        to: u64,
        step: u64,
        source: HistorySource,
    ) -> Result<Series, String> {
        let request = GetSeriesRequest {
            from,
            to,
            step,
            source: source.into(),
        };
        let mut client = self.client.clone();
        let read = |told| read::series(&told, from, to);
        let series = self.ask(client.get_series(request), read).await?;
        series.ok_or_else(cannot)
    }

    /// The candles that begin at or after `from` and before `to`, Unix seconds, `step` seconds each.
    ///
    /// # Errors
    /// As [`Self::price_at`].
    pub async fn candles(&self, from: u64, to: u64, step: u64) -> Result<Vec<Candle>, String> {
        let request = GetCandlesRequest { from, to, step };
        let mut client = self.client.clone();
        let read = |told| read::candles(&told, from, to, step);
        let candles = self.ask(client.get_candles(request), read).await?;
        candles.ok_or_else(cannot)
    }

    /// The coverage that the historian reports.
    ///
    /// # Errors
    /// As [`Self::price_at`].
    pub async fn coverage(&self) -> Result<Coverage, String> {
        let mut client = self.client.clone();
        let read = |told: GetCoverageResponse| {
            read::coverage(told.coverage.ok_or("an answer without a coverage")?)
        };
        let coverage = self
            .ask(client.get_coverage(GetCoverageRequest {}), read)
            .await?;
        let coverage = coverage.ok_or_else(cannot)?;
        *self.covered() = Some((Instant::now(), coverage.clone()));
        Ok(coverage)
    }

    /// The coverage that the historian reported less than [`KEPT`] ago, or else the one that it reports now. So a flood of
    /// questions about single prices makes the historian search for its coverage about once a second. Each question that comes
    /// while no coverage is kept asks for it.
    ///
    /// # Errors
    /// As [`Self::price_at`].
    pub async fn coverage_of_this_second(&self) -> Result<Coverage, String> {
        let kept = self.covered().clone();
        match kept.filter(|(at, _)| at.elapsed() < KEPT) {
            Some((_, coverage)) => Ok(coverage),
            None => self.coverage().await,
        }
    }

    fn covered(&self) -> MutexGuard<'_, Option<(Instant, Coverage)>> {
        self.covered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an answer and reads it, counts the outcome, and logs a failure without the question's content.
    async fn ask<T, A>(
        &self,
        asked: impl Future<Output = Result<Response<T>, Status>>,
        read: impl FnOnce(T) -> Result<A, Refusal>,
    ) -> Result<Option<A>, String> {
        let (outcome, answer) = match timeout(PATIENCE, asked).await {
            Ok(Ok(told)) => match read(told.into_inner()) {
                Ok(answer) => ("answered", Ok(Some(answer))),
                Err(refusal) => {
                    self.complain(refusal);
                    ("rejected", Err("its answer cannot be used".to_owned()))
                }
            },
            Ok(Err(status)) if status.code() == Code::NotFound => ("none", Ok(None)),
            Ok(Err(status)) => ("unanswered", Err(self.silent(unanswered(&status)))),
            Err(_) => ("unanswered", Err(self.silent("it does not answer in time"))),
        };
        HISTORIAN_QUESTIONS.of(&[("outcome", outcome)]).increment(1);
        answer
    }

    fn silent(&self, reason: &'static str) -> String {
        self.complain(reason);
        reason.to_owned()
    }

    fn complain(&self, reason: &'static str) {
        let complaints = self.complaints.lock();
        let mut complaints = complaints.unwrap_or_else(PoisonError::into_inner);
        if let Some(held_back) = complaints.pass(reason, Instant::now()) {
            warn!(
                held_back,
                "a question to the historian has no answer: {reason}"
            );
        }
    }
}

/// The reason for an answer of NOT_FOUND to a question that always has an answer.
fn cannot() -> String {
    "it cannot answer".to_owned()
}

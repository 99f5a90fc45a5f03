//! The gRPC service: prices of the past, and the historian's progress.
//!
//! SQLite is asked on blocking threads, at most as many questions at a time as there are connections. Questions about
//! many rows have connections of their own, so that they never delay a question about one row.

mod wire;

use std::{sync::Arc, time::Instant};

use satscope_proto::v1::{
    GetCandlesRequest, GetCandlesResponse, GetCoverageRequest, GetCoverageResponse,
    GetPriceAtRequest, GetPriceAtResponse, GetSeriesRequest, GetSeriesResponse,
    get_price_at_request::At, history_service_server::HistoryService,
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use tracing::warn;

use crate::{
    archive::{Archive, History},
    progress::Progress,
    report,
    store::{Readers, StoreError},
};

/// The gRPC service of the historian.
#[derive(Debug)]
pub struct Service {
    archive: Archive,
    progress: Progress,
    quick: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

impl Service {
    /// Serves the history that is open in `archive`.
    pub fn new(archive: Archive, progress: Progress) -> Service {
        Service {
            archive,
            progress,
            quick: Arc::new(Semaphore::new(Readers::QUICK)),
            long: Arc::new(Semaphore::new(Readers::LONG)),
        }
    }

    /// The open history.
    ///
    /// # Errors
    /// UNAVAILABLE while none is open.
    fn history(&self) -> Result<History, Status> {
        let history = self.archive.history();
        history.ok_or_else(|| Status::unavailable("the history is not open yet"))
    }
}

/// Asks the file, once one of `places` is free. The question's moment is not logged, because it would tell which
/// moments a user cares about.
async fn ask<T: Send + 'static>(
    question: &'static str,
    places: &Arc<Semaphore>,
    history: History,
    ask: impl FnOnce(&Readers) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Status> {
    let answer = answer(question, places, history, ask).await?;
    answer.map_err(|error| {
        warn!("a question about the past cannot be answered: {error}");
        Status::internal(error.public())
    })
}

/// The file's answer, once one of `places` is free.
async fn answer<T: Send + 'static>(
    question: &'static str,
    places: &Arc<Semaphore>,
    history: History,
    ask: impl FnOnce(&Readers) -> Result<T, StoreError> + Send + 'static,
) -> Result<Result<T, StoreError>, Status> {
    let began = Instant::now();
    let place = places.clone().acquire_owned().await;
    let place = place.map_err(|_| Status::unavailable("the historian ends"))?;
    let asked = tokio::task::spawn_blocking(move || {
        let answer = ask(history.readers());
        drop(place);
        answer
    });
    let answer = asked
        .await
        .map_err(|_| Status::internal("the question was not answered"))?;
    report::answered(question, began.elapsed());
    Ok(answer.inspect_err(report::failed))
}

#[tonic::async_trait]
impl HistoryService for Service {
    async fn get_price_at(
        &self,
        request: Request<GetPriceAtRequest>,
    ) -> Result<Response<GetPriceAtResponse>, Status> {
        let request = request.into_inner();
        let source = wire::source(request.source)?;
        let at = wire::moment(request.at, source)?;
        let found = ask(
            "price_at",
            &self.quick,
            self.history()?,
            move |readers| match at {
                At::Time(time) => readers.price_at(time, source),
                At::Height(height) => readers.price_of_height(height),
            },
        );
        match found.await? {
            Some(price) => Ok(Response::new(GetPriceAtResponse {
                price: Some(wire::price(&price)),
            })),
            None => Err(Status::not_found(match at {
                At::Time(_) => "there is no price at or before this time",
                At::Height(_) => "there is no price of this block",
            })),
        }
    }

    async fn get_series(
        &self,
        request: Request<GetSeriesRequest>,
    ) -> Result<Response<GetSeriesResponse>, Status> {
        let request = request.into_inner();
        let source = wire::source(request.source)?;
        let span = wire::span(request.from, request.to, request.step)?;
        let found = ask("series", &self.long, self.history()?, move |readers| {
            readers.series(span, source)
        });
        let found = found.await?;
        Ok(Response::new(GetSeriesResponse {
            prices: found.prices.iter().map(wire::price).collect(),
            minutes_from: found.minutes_from,
            complete: found.complete,
        }))
    }

    async fn get_candles(
        &self,
        request: Request<GetCandlesRequest>,
    ) -> Result<Response<GetCandlesResponse>, Status> {
        let request = request.into_inner();
        let step = wire::candle_step(request.step)?;
        let span = wire::span(request.from, request.to, step)?;
        let found = ask("candles", &self.long, self.history()?, move |readers| {
            readers.candles(span)
        });
        let found = found.await?;
        Ok(Response::new(GetCandlesResponse {
            candles: found.candles.iter().map(wire::candle).collect(),
            complete: found.complete,
        }))
    }

    async fn get_coverage(
        &self,
        _: Request<GetCoverageRequest>,
    ) -> Result<Response<GetCoverageResponse>, Status> {
        let history = self.archive.history();
        let mut report = self.progress.report();
        let has = match history.clone() {
            Some(history) => {
                let found = answer("coverage", &self.long, history, Readers::coverage).await?;
                // The question is answered even if the file cannot be read. `upkeep` asks the same, and logs the
                // reason.
                let unread = found.as_ref().err().map(StoreError::public);
                report.unusable = report.unusable.or(unread.map(str::to_owned));
                found.ok()
            }
            None => None,
        };
        let identity = history.as_ref().map(|open| open.readers().identity());
        let simulated = self.archive.is_simulated();
        let coverage = wire::coverage(&report, identity, simulated, has.as_ref());
        Ok(Response::new(GetCoverageResponse {
            coverage: Some(coverage),
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

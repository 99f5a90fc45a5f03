//! The gRPC service: the newest state to each subscriber, with what it has missed and never a backlog.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use satscope_proto::v1::{
    GetAmountsRequest, GetAmountsResponse, GetHistoryRequest, GetHistoryResponse, GetPriceRequest,
    GetPriceResponse, PriceUpdate, PriceUpdatesRequest, PriceUpdatesResponse,
    price_service_server::PriceService,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::feed::Feed;

/// Points that GetPrice gives.
const NEWEST: usize = 500;
/// Points in one message: under 1 MB, well below gRPC's limit of 4 MB.
const POINTS: usize = 10_000;

/// The service.
pub struct Service {
    /// What is served.
    pub feed: Arc<Feed>,
    /// Ends the streams when the process stops.
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl PriceService for Service {
    type PriceUpdatesStream =
        Pin<Box<dyn Stream<Item = Result<PriceUpdatesResponse, Status>> + Send>>;

    async fn price_updates(
        &self,
        request: Request<PriceUpdatesRequest>,
    ) -> Result<Response<Self::PriceUpdatesStream>, Status> {
        let after = request.into_inner().after_sequence;
        // One message at most waits: whoever is slow gets the next one with all that it missed in it.
        let (messages, receiver) = mpsc::channel(1);
        let (feed, stop) = (self.feed.clone(), self.stop.clone());
        tokio::spawn(async move {
            metrics::gauge!("satscope_analyzer_subscribers").increment(1.0);
            stop.run_until_cancelled(serve(&feed, after, messages))
                .await;
            metrics::gauge!("satscope_analyzer_subscribers").decrement(1.0);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_price(
        &self,
        _: Request<GetPriceRequest>,
    ) -> Result<Response<GetPriceResponse>, Status> {
        let update = self.feed.since(0).map(|mut update| {
            let older = update.points.len().saturating_sub(NEWEST);
            update.points.drain(..older);
            update
        });
        Ok(Response::new(GetPriceResponse { update }))
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<GetHistoryResponse>, Status> {
        let GetHistoryRequest { after_ms, step_ms } = request.into_inner();
        let entries = self.feed.history(after_ms, step_ms);
        Ok(Response::new(GetHistoryResponse { entries }))
    }

    async fn get_amounts(
        &self,
        _: Request<GetAmountsRequest>,
    ) -> Result<Response<GetAmountsResponse>, Status> {
        let amounts = self.feed.amounts();
        Ok(Response::new(GetAmountsResponse { amounts }))
    }
}

async fn serve(
    feed: &Feed,
    mut after: u64,
    messages: mpsc::Sender<Result<PriceUpdatesResponse, Status>>,
) {
    let mut newest = feed.watch();
    loop {
        newest.mark_unchanged();
        // Room first, then the newest state: what waits for a slow subscriber is never old.
        if messages.reserve().await.is_err() {
            return;
        }
        for update in feed.since(after).map_or_else(Vec::new, in_parts) {
            after = update.sequence;
            let update = Some(update);
            if messages
                .send(Ok(PriceUpdatesResponse { update }))
                .await
                .is_err()
            {
                return;
            }
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}

/// An update in messages of bounded size. The parts before the last have the numbers just below its own: updates are
/// numbered by the millisecond and come further apart than that.
fn in_parts(mut whole: PriceUpdate) -> Vec<PriceUpdate> {
    let points = std::mem::take(&mut whole.points);
    let earlier = points.len().saturating_sub(1) / POINTS;
    let mut parts: Vec<PriceUpdate> = (0..earlier)
        .map(|part| PriceUpdate {
            sequence: whole.sequence - (earlier - part) as u64,
            reset: whole.reset && part == 0,
            points: points[part * POINTS..(part + 1) * POINTS].to_vec(),
            changes: Vec::new(),
            ..whole.clone()
        })
        .collect();
    whole.reset &= parts.is_empty();
    whole.points = points[earlier * POINTS..].to_vec();
    parts.push(whole);
    parts
}

#[cfg(test)]
mod tests {
    use satscope_proto::v1::Point;

    use super::*;

    fn update(points: usize) -> PriceUpdate {
        let point = |number: usize| Point {
            value_sats: number as u64,
            ..Point::default()
        };
        PriceUpdate {
            sequence: 1_700_000_000_000,
            reset: true,
            points: (0..points).map(point).collect(),
            ..PriceUpdate::default()
        }
    }

    #[test]
    fn a_large_update_goes_out_in_parts_and_nothing_is_lost() {
        for points in [0, 1, POINTS, POINTS + 1, 3 * POINTS] {
            let parts = in_parts(update(points));
            assert!(parts.iter().all(|part| part.points.len() <= POINTS));
            let resets: Vec<bool> = parts.iter().map(|part| part.reset).collect();
            assert_eq!(resets.iter().filter(|reset| **reset).count(), 1);
            assert!(resets[0]);
            assert!(parts.is_sorted_by(|one, next| one.sequence < next.sequence));
            assert_eq!(
                parts.last().map(|part| part.sequence),
                Some(1_700_000_000_000)
            );
            let sent = parts.iter().flat_map(|part| &part.points);
            assert!(sent.eq(&update(points).points));
        }
    }
}

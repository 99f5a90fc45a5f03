//! The gRPC service: the newest state to each subscriber, with what it has missed and never a backlog; and the window
//! behind it.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use satscope_kit::clock::Steady;
use satscope_log::{Block, Tracked};
use satscope_proto::v1::{
    GetAmountsRequest, GetAmountsResponse, GetHistoryRequest, GetHistoryResponse, GetPriceRequest,
    GetPriceResponse, ListWindowRequest, ListWindowResponse, PriceUpdate, PriceUpdatesRequest,
    PriceUpdatesResponse, price_service_server::PriceService,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{feed::Feed, follow::Follower, points::News, wire};

/// Points that GetPrice gives.
const NEWEST: usize = 500;
/// Points in one message: under 1 MB, well below gRPC's limit of 4 MB.
const POINTS: usize = 10_000;
/// Transactions in one message: likewise.
const TRANSACTIONS: usize = 10_000;

/// The service.
pub struct Service {
    /// What is served.
    pub feed: Arc<Feed>,
    /// Who holds the window.
    pub follower: Follower,
    /// Ends the streams when the process stops.
    pub stop: CancellationToken,
}

type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PriceService for Service {
    type PriceUpdatesStream = Answer<PriceUpdatesResponse>;
    type ListWindowStream = Answer<ListWindowResponse>;

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
        let update = self.feed.since(0, Steady::now()).map(|(mut update, news)| {
            let older = news.points.len().saturating_sub(NEWEST);
            update.reset = news.reset;
            update.points = news.points[older..].iter().map(wire::point).collect();
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

    async fn list_window(
        &self,
        _: Request<ListWindowRequest>,
    ) -> Result<Response<Self::ListWindowStream>, Status> {
        let still_coming = || Status::unavailable("the window is still being received from ingest");
        let (transactions, blocks) = self.follower.window().ok_or_else(still_coming)?;
        let parts = window_in_parts(transactions, &blocks);
        Ok(Response::new(Box::pin(tokio_stream::iter(parts).map(Ok))))
    }

    async fn get_amounts(
        &self,
        _: Request<GetAmountsRequest>,
    ) -> Result<Response<GetAmountsResponse>, Status> {
        let amounts = self.feed.amounts();
        Ok(Response::new(GetAmountsResponse { amounts }))
    }
}

/// The window in messages of bounded size, each made when it is its turn.
fn window_in_parts(
    transactions: Vec<Tracked>,
    blocks: &[Block],
) -> impl Iterator<Item = ListWindowResponse> + use<> {
    let last = ListWindowResponse {
        transactions: Vec::new(),
        blocks: blocks.iter().map(wire::block_message).collect(),
    };
    let mut left = transactions.into_iter();
    let parts = std::iter::from_fn(move || {
        let part = left.by_ref().take(TRANSACTIONS);
        let transactions: Vec<_> = part.map(|one| wire::window_transaction(&one)).collect();
        (!transactions.is_empty()).then_some(ListWindowResponse {
            transactions,
            blocks: Vec::new(),
        })
    });
    parts.chain([last])
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
        let missed = feed.since(after, Steady::now()).into_iter();
        for update in missed.flat_map(|(update, news)| in_parts(update, news)) {
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

/// An update in messages of bounded size, each made when it is its turn. All have its sequence, and all but the last say that
/// there is more.
fn in_parts(whole: PriceUpdate, news: News) -> impl Iterator<Item = PriceUpdate> {
    let last = news.points.len().saturating_sub(1) / POINTS;
    (0..=last).map(move |part| {
        let points = news.points.iter().skip(part * POINTS).take(POINTS);
        let changes: &[_] = if part == last { &news.changes } else { &[] };
        PriceUpdate {
            reset: news.reset && part == 0,
            more_follows: part < last,
            points: points.map(wire::point).collect(),
            changes: changes.iter().map(wire::point_change).collect(),
            ..whole.clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use satscope_proto::v1::{Point, TransactionState};

    use super::*;
    use crate::points::{Dot, DotId};

    fn news(points: usize) -> News {
        let dot = |number: usize| Dot {
            time_ms: 1,
            value_sats: number as u64,
            round_usd: 20.0,
            state: TransactionState::Mempool,
        };
        let id = |number| DotId::new(&[7; 32], number as u32);
        News {
            reset: true,
            points: (0..points)
                .map(|number| (id(number), dot(number)))
                .collect(),
            changes: vec![(id(0), TransactionState::Confirmed)],
        }
    }

    #[test]
    fn a_large_update_goes_out_in_parts_and_nothing_is_lost() {
        let update = PriceUpdate {
            sequence: 1_700_000_000_000,
            ..PriceUpdate::default()
        };
        for points in [0, 1, POINTS, POINTS + 1, 3 * POINTS] {
            let parts: Vec<_> = in_parts(update.clone(), news(points)).collect();
            assert!(parts.iter().all(|part| part.points.len() <= POINTS));
            let resets: Vec<bool> = parts.iter().map(|part| part.reset).collect();
            assert_eq!(resets.iter().filter(|reset| **reset).count(), 1);
            assert!(resets[0]);
            assert!(parts.iter().all(|part| part.sequence == update.sequence));
            let more = parts.iter().filter(|part| part.more_follows).count();
            assert_eq!(more, parts.len() - 1);
            assert!(!parts[more].more_follows, "the last is the last");
            let last = parts.last().map(|part| (part.sequence, part.changes.len()));
            assert_eq!(last, Some((1_700_000_000_000, 1)));
            let sent: Vec<&Point> = parts.iter().flat_map(|part| &part.points).collect();
            assert_eq!(sent.len(), points);
            let in_order = |(at, point): (usize, &&Point)| point.value_sats == at as u64;
            assert!(sent.iter().enumerate().all(in_order));
        }
    }
}

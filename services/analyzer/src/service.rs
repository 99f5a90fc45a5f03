//! The gRPC service: each subscriber gets the newest update with all that it missed, and never a backlog. `ListWindow`
//! gives the transactions behind it.
//!
//! A subscriber that does not read holds the one message that waits for it, and its share of a copy of all points or of
//! the window. Its connection is cut after the time that [`satscope_kit::grpc`] allows.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use futures_util::Stream;
use satscope_kit::{
    clock::Steady,
    grpc::{Places, WHOLE_WITHIN},
};
use satscope_log::{Block, Tracked};
use satscope_proto::v1::{
    GetAmountsRequest, GetAmountsResponse, GetHistoryRequest, GetHistoryResponse, GetPriceRequest,
    GetPriceResponse, ListWindowRequest, ListWindowResponse, PriceUpdate, PriceUpdatesRequest,
    PriceUpdatesResponse, price_service_server::PriceService,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    feed::{Feed, Told},
    follow::Follower,
    report, wire,
};

/// The newest points that GetPrice gives.
const NEWEST: usize = 500;
/// Points in one message: under 1 MB, well below gRPC's limit of 4 MB.
const POINTS: usize = 10_000;
/// Transactions in one message: some 200 kB.
const TRANSACTIONS: usize = 2000;
/// PriceUpdates calls that may be open at once; each gateway has one.
const MAX_SUBSCRIBERS: usize = 64;
/// ListWindow calls that may be open at once.
const MAX_LISTINGS: usize = 4;
/// Callers of ListWindow share a copy of the window that is at most this old and still being sent.
const SHARED: Duration = Duration::from_secs(1);
/// Subscribers share a copy of all points that is at most this old and still being sent.
const ALL_POINTS_SHARED: Duration = Duration::from_secs(2);

/// The gRPC service of the analyzer.
pub struct Service {
    feed: Arc<Feed>,
    follower: Follower,
    /// The newest copy of the window, while a caller is being sent it.
    listing: Mutex<Weak<Listing>>,
    subscribers: Places,
    listings: Places,
    /// Ends the streams when the process stops.
    stop: CancellationToken,
}

/// A copy of the window.
#[derive(Debug)]
struct Listing {
    made: Instant,
    transactions: Vec<Tracked>,
    blocks: Vec<Block>,
}

impl Service {
    /// Serves `feed`, and the window that `follower` holds, until `stop`.
    pub fn new(feed: Arc<Feed>, follower: Follower, stop: CancellationToken) -> Service {
        Service {
            feed,
            follower,
            listing: Mutex::default(),
            subscribers: Places::new("PriceUpdates", ("MAX_SUBSCRIBERS", MAX_SUBSCRIBERS)),
            listings: Places::new("ListWindow", ("MAX_LISTINGS", MAX_LISTINGS)),
            stop,
        }
    }

    /// The window, copied at most [`SHARED`] ago; `None` while it is being received.
    fn listing(&self) -> Option<Arc<Listing>> {
        let mut newest = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = newest.upgrade();
        if let Some(shared) = shared.filter(|listing| listing.made.elapsed() < SHARED) {
            return Some(shared);
        }
        let (transactions, blocks) = self.follower.window()?;
        let listing = Arc::new(Listing {
            made: Instant::now(),
            transactions,
            blocks,
        });
        *newest = Arc::downgrade(&listing);
        Some(listing)
    }
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
        let place = self.subscribers.enter()?;
        let after = request.into_inner().after_sequence;
        // At most one message waits. A slow subscriber's next message has all that it missed.
        let (messages, receiver) = mpsc::channel(1);
        let (feed, stop) = (self.feed.clone(), self.stop.clone());
        tokio::spawn(async move {
            report::subscribed();
            let serving = serve(&feed, after, &messages);
            if let Some(Err(status)) = stop.run_until_cancelled(serving).await
                && messages.send(Err(status)).await.is_err()
            {
                tracing::debug!("a subscriber left before it was told why its stream ends");
            }
            report::unsubscribed();
            drop(place);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_price(
        &self,
        _: Request<GetPriceRequest>,
    ) -> Result<Response<GetPriceResponse>, Status> {
        let newest = self.feed.since(0, Steady::now());
        let update = newest.map(|(mut update, news)| {
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
        let place = self.listings.enter()?;
        let still_coming = || Status::unavailable("the window is still being received from ingest");
        let listing = self.listing().ok_or_else(still_coming)?;
        let messages = (0..listing.parts()).map(move |part| {
            // Held until the last message has been taken, or the caller has left.
            let _held = &place;
            Ok(listing.message(part))
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn get_amounts(
        &self,
        _: Request<GetAmountsRequest>,
    ) -> Result<Response<GetAmountsResponse>, Status> {
        let amounts = self.feed.amounts();
        Ok(Response::new(GetAmountsResponse { amounts }))
    }
}

impl Listing {
    /// The number of messages that the copy takes: the transactions in pieces, then one with the blocks.
    fn parts(&self) -> usize {
        self.transactions.len().div_ceil(TRANSACTIONS) + 1
    }

    /// Message number `part`, from 0, of the [`Listing::parts`].
    fn message(&self, part: usize) -> ListWindowResponse {
        match self.transactions.chunks(TRANSACTIONS).nth(part) {
            Some(transactions) => ListWindowResponse {
                transactions: transactions.iter().map(wire::window_transaction).collect(),
                blocks: Vec::new(),
            },
            None => ListWindowResponse {
                transactions: Vec::new(),
                blocks: self.blocks.iter().map(Into::into).collect(),
            },
        }
    }
}

type Messages = mpsc::Sender<Result<PriceUpdatesResponse, Status>>;

/// Sends the newest update, with all that the subscriber missed, until it leaves. Each message is made once there is
/// room for it.
///
/// # Errors
/// When the subscriber has not taken all of one update within [`WHOLE_WITHIN`].
async fn serve(feed: &Feed, mut after: u64, messages: &Messages) -> Result<(), Status> {
    let mut newest = feed.watch();
    loop {
        newest.mark_unchanged();
        // Waits for room before it reads the newest state, so that the message of a slow subscriber is never old.
        let Ok(room) = messages.reserve().await else {
            return Ok(());
        };
        let missed = feed.since_within(after, Steady::now(), ALL_POINTS_SHARED);
        drop(room);
        if let Some((update, news)) = missed {
            after = update.sequence;
            let sent = timeout(WHOLE_WITHIN, send(update, news, messages)).await;
            let sent = sent.map_err(|_| {
                Status::out_of_range(format!(
                    "too slow: an update was not taken within {WHOLE_WITHIN:?}; begin again after the last whole one"
                ))
            });
            if sent?.is_none() {
                return Ok(());
            }
            continue;
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() {
                return Ok(());
            },
            () = messages.closed() => return Ok(()),
        }
    }
}

/// Sends all parts of an update; `None` if the subscriber has left.
async fn send(update: PriceUpdate, news: Told, messages: &Messages) -> Option<()> {
    let mut parts = in_parts(update, news);
    loop {
        let room = messages.reserve().await.ok()?;
        let Some(part) = parts.next() else {
            return Some(());
        };
        room.send(Ok(PriceUpdatesResponse { update: Some(part) }));
    }
}

/// An update in messages of bounded size, each made when it is to be sent. All have the update's sequence, and all but
/// the last have `more_follows`.
fn in_parts(whole: PriceUpdate, news: Told) -> impl Iterator<Item = PriceUpdate> {
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
    use satscope_log::State;
    use satscope_proto::v1::Point;

    use super::*;
    use crate::points::{Dot, DotId, News};

    fn news(points: usize) -> News {
        let dot = |number: usize| Dot {
            time_ms: 1,
            value_sats: number as u64,
            round_usd: 20.0,
            state: State::Mempool,
        };
        let id = |number| DotId::new(&[7; 32], number as u32);
        News {
            reset: true,
            points: (0..points)
                .map(|number| (id(number), dot(number)))
                .collect(),
            changes: vec![(id(0), Some(State::Confirmed))],
        }
    }

    #[test]
    fn a_large_update_goes_out_in_parts_and_nothing_is_lost() {
        let update = PriceUpdate {
            sequence: 1_700_000_000_000,
            ..PriceUpdate::default()
        };
        for points in [0, 1, POINTS, POINTS + 1, 3 * POINTS] {
            let parts: Vec<_> = in_parts(update.clone(), Told::Missed(news(points))).collect();
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

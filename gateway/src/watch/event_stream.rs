//! `/api/v1/stream`: the WebSocket's messages as Server-Sent Events (HTML Living Standard, 9.2), for `curl -N` and
//! programs without a WebSocket library.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{Span, debug};

use super::{
    Watch,
    handshake::{Resume, no_room, refuse},
    shared::Shared,
    watchers::Watchers,
};
use crate::{
    answer::problem::Problem,
    door::{client::share_of, origins::LAST_EVENT_ID, permits::RequestPermit},
    metrics::{CLOSED, EVENT_STREAM, MESSAGES, WATCHERS},
    state::sequence::Sequence,
};

/// The range of times after which clients are told to reconnect.
const RETRY_LEAST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// Answers with the present state, and then all that is new, until the client leaves or the gateway stops. A client
/// that returns with `Last-Event-ID`, or `?after=`, gets what it missed. The header counts before the query, because a
/// client that reconnects asks for the same URL again.
///
/// # Errors
/// With the problem that the client is told.
pub async fn open(
    State(watch): State<Watch>,
    query: Result<Query<Resume>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let after = Resume::after(query, EVENT_STREAM)?;
    let after = last_event(request.headers())?.or(after);
    let room = watch.watchers.enter();
    let room = room.map_err(|reason| no_room(EVENT_STREAM, reason))?;
    let mut newest = watch.messages.subscribe();
    newest.mark_changed();
    WATCHERS.of(&[("transport", EVENT_STREAM)]).increment(1);
    debug!(?after, "an event stream begins");
    let permit = request.extensions().get::<RequestPermit>().cloned();
    let client = permit.as_ref().map_or(0, RequestPermit::client);
    let watcher = Watcher {
        newest,
        seen: after,
        watchers: watch.watchers.clone(),
        permit,
        span: Span::current(),
        _room: room,
    };
    let turn = async move { watch.watchers.turn().await };
    let events = stream::unfold(watcher, Watcher::next).flat_map(stream::iter);
    let events = stream::iter([retry(client)])
        .chain(events)
        .map(Ok::<_, std::convert::Infallible>)
        .take_until(Box::pin(turn));
    let mut response = Response::new(Body::from_stream(events));
    let event_stream = HeaderValue::from_static("text/event-stream");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, event_stream);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Without this header nginx holds events back until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The line that tells the client after how many milliseconds to reconnect. The time differs from client to client, so
/// that the clients of a gateway that has stopped do not return all at once.
fn retry(client: u64) -> Bytes {
    let after = RETRY_LEAST + share_of(RETRY_MOST - RETRY_LEAST, client);
    Bytes::from(format!("retry: {}\n", after.as_millis()))
}

/// The sequence of the last event that a returning client has seen. `None` without the header, or if it is empty, as it
/// is after an event without a sequence.
fn last_event(headers: &HeaderMap) -> Result<Option<Sequence>, Problem> {
    let Some(last) = headers.get(LAST_EVENT_ID).filter(|last| !last.is_empty()) else {
        return Ok(None);
    };
    let sequence = last.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    match sequence {
        Some(sequence) => Ok(Some(sequence.into())),
        None => {
            let detail = "Last-Event-ID: expected a sequence number";
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            Err(refuse(EVENT_STREAM, "after", problem))
        }
    }
}

struct Watcher {
    newest: watch::Receiver<Arc<Shared>>,
    /// The newest update that the client has completely.
    seen: Option<Sequence>,
    watchers: Arc<Watchers>,
    permit: Option<RequestPermit>,
    /// The request's span, kept because the request is over when the stream ends.
    span: Span,
    _room: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next events, in pieces; the piece with a message is shared by all clients that get the same one.
    async fn next(mut self) -> Option<(Vec<Bytes>, Self)> {
        self.newest.changed().await.ok()?;
        let shared = self.newest.borrow_and_update().clone();
        let outgoing = shared.message(self.seen);
        MESSAGES.of(&[("kind", outgoing.kind)]).increment(1);
        let mut pieces = Vec::with_capacity(3 * outgoing.messages.len());
        for written in outgoing.messages.iter() {
            self.seen = written.sequence.or(self.seen);
            pieces.push(match self.seen {
                Some(sequence) => Bytes::from(format!("id: {}\ndata: ", sequence.get())),
                None => Bytes::from_static(b"data: "),
            });
            pieces.push(written.text.clone());
            pieces.push(Bytes::from_static(b"\n\n"));
        }
        Some((pieces, self))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let is_stuck = self.permit.as_ref().is_some_and(RequestPermit::is_stuck);
        let reason = match (is_stuck, self.watchers.is_stopping()) {
            (true, _) => "stuck",
            (false, true) => "stopping",
            (false, false) => "left",
        };
        CLOSED
            .of(&[("transport", EVENT_STREAM), ("reason", reason)])
            .increment(1);
        WATCHERS.of(&[("transport", EVENT_STREAM)]).decrement(1);
        debug!(parent: &self.span, reason, "an event stream has ended");
    }
}

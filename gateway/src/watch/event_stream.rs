//! `/api/v1/stream`: the WebSocket's messages as Server-Sent Events (HTML Living Standard, 9.2), for `curl -N` and
//! programs without a WebSocket library.

use std::sync::Arc;

use ::metrics::{counter, gauge};
use axum::{
    body::Body,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    Watch,
    handshake::{Resume, no_room},
    shared::Shared,
};
use crate::{
    answer::problem::Problem,
    door::permits::RequestPermit,
    metrics::{MESSAGES, STREAMS},
    state::sequence::Sequence,
};

/// Answers with what holds now, and then all that is new, until the client leaves or the gateway stops. A client that
/// returns with `Last-Event-ID`, or `?after=`, gets what it missed.
///
/// # Errors
/// With the problem that the client is told.
pub async fn open(
    State(watch): State<Watch>,
    query: Result<Query<Resume>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let after = Resume::after(query)?.or(last_event(request.headers())?);
    let room = watch.watchers.enter().map_err(no_room)?;
    let mut newest = watch.messages.subscribe();
    newest.mark_changed();
    gauge!(STREAMS).increment(1);
    let watcher = Watcher {
        newest,
        seen: after,
        _permit: request.extensions().get::<RequestPermit>().cloned(),
        _room: room,
    };
    let turn = async move { watch.watchers.turn().await };
    let events = stream::unfold(watcher, Watcher::next)
        .flat_map(stream::iter)
        .map(Ok::<_, std::convert::Infallible>)
        .take_until(Box::pin(turn));
    let mut response = Response::new(Body::from_stream(events));
    let event_stream = HeaderValue::from_static("text/event-stream");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, event_stream);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would else hold events back until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn last_event(headers: &HeaderMap) -> Result<Option<Sequence>, Problem> {
    let Some(last) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let sequence = last.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    sequence
        .map(|sequence| Some(sequence.into()))
        .ok_or_else(|| {
            let detail = "Last-Event-ID: expected a sequence number";
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })
}

struct Watcher {
    newest: watch::Receiver<Arc<Shared>>,
    /// The sequence up to which the client has all.
    seen: Option<Sequence>,
    _permit: Option<RequestPermit>,
    _room: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next events, in pieces of which each message is shared with all who get the same.
    async fn next(mut self) -> Option<(Vec<Bytes>, Self)> {
        self.newest.changed().await.ok()?;
        let shared = self.newest.borrow_and_update().clone();
        let outgoing = shared.message(self.seen);
        counter!(MESSAGES, "kind" => outgoing.kind).increment(1);
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
        gauge!(STREAMS).decrement(1);
    }
}

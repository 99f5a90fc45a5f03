//! The handshake of the WebSocket: which clients are let in, and the sequence after which their messages begin.

use axum::{
    body::Body,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::Response,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::{
    self, error::ProtocolError, handshake::server::create_response_with_body,
};
use tracing::{Instrument as _, debug};

use super::{Watch, socket, watchers::NoRoom};
use crate::{
    answer::problem::Problem,
    door::permits::RequestPermit,
    metrics::{REFUSED, WEBSOCKET},
    state::sequence::Sequence,
};

/// The query of `/ws/mempool` and of `/api/v1/stream`.
#[derive(Deserialize)]
pub struct Resume {
    after: Option<u64>,
}

impl Resume {
    /// The last sequence that the client has seen; `None` if it has seen none.
    ///
    /// # Errors
    /// With the problem that the client is told.
    pub fn after(
        query: Result<Query<Resume>, QueryRejection>,
        transport: &'static str,
    ) -> Result<Option<Sequence>, Problem> {
        match query {
            Ok(Query(resume)) => {
                let after = resume.after.filter(|after| *after > 0);
                Ok(after.map(Sequence::from))
            }
            Err(error) => {
                let detail = format!("after: expected a sequence number: {}", error.body_text());
                Err(refuse(
                    transport,
                    "after",
                    Problem::new(StatusCode::BAD_REQUEST, detail),
                ))
            }
        }
    }
}

/// `/ws/mempool`: lets a client in, or answers with the reason why not.
///
/// # Errors
/// With the problem that the client is told.
pub async fn open(
    State(watch): State<Watch>,
    query: Result<Query<Resume>, QueryRejection>,
    mut request: Request,
) -> Result<Response, Problem> {
    let response = create_response_with_body(&request, Body::empty)
        .map_err(|error| refuse(WEBSOCKET, "handshake", no_handshake(&error)))?;
    if !watch
        .door
        .origins
        .may_listen(request.headers(), request.uri())
    {
        let detail = "a page of another origin may not read this socket";
        return Err(refuse(
            WEBSOCKET,
            "origin",
            Problem::new(StatusCode::FORBIDDEN, detail),
        ));
    }
    let after = Resume::after(query, WEBSOCKET)?;
    let room = watch.watchers.enter();
    let room = room.map_err(|reason| no_room(WEBSOCKET, reason))?;
    let permit = request.extensions().get::<RequestPermit>().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    let connections = watch.door.connections.clone();
    let watching = async move {
        let client = permit.as_ref().map_or(0, RequestPermit::client);
        match upgrade.await {
            Ok(upgraded) => socket::serve(TokioIo::new(upgraded), after, &watch, client).await,
            Err(error) => debug!(%error, "a client left in the middle of its handshake"),
        }
        drop((room, permit));
    };
    connections.spawn(watching.in_current_span());
    Ok(response)
}

/// The problem for a watcher that there is no room for.
pub fn no_room(transport: &'static str, reason: NoRoom) -> Problem {
    let (reason, detail) = match reason {
        NoRoom::Full => ("full", "no more watchers are taken now"),
        NoRoom::Stopping => ("stopping", "this gateway stops"),
    };
    refuse(transport, reason, Problem::later(detail))
}

/// Counts and logs the refusal, and returns its problem.
pub fn refuse(transport: &'static str, reason: &'static str, problem: Problem) -> Problem {
    REFUSED
        .of(&[("transport", transport), ("reason", reason)])
        .increment(1);
    debug!(transport, reason, "a watcher is refused");
    problem
}

/// The problem of a request that is no proper handshake (RFC 6455, 4.2.1 and 4.2.2).
fn no_handshake(error: &tungstenite::Error) -> Problem {
    use ProtocolError::{
        MissingConnectionUpgradeHeader, MissingSecWebSocketVersionHeader,
        MissingUpgradeWebSocketHeader, WrongHttpMethod,
    };
    let detail = format!("expected a WebSocket handshake: {error}");
    let upgrade = Problem::new(StatusCode::UPGRADE_REQUIRED, detail.clone());
    match error {
        tungstenite::Error::Protocol(WrongHttpMethod) => Problem::read_only(),
        tungstenite::Error::Protocol(
            MissingConnectionUpgradeHeader | MissingUpgradeWebSocketHeader,
        ) => upgrade.with(header::UPGRADE, "websocket"),
        tungstenite::Error::Protocol(MissingSecWebSocketVersionHeader) => {
            upgrade.with(header::SEC_WEBSOCKET_VERSION, "13")
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, detail),
    }
}

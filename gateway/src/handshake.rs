//! The door of the WebSocket: who may come in, and from where the messages go on.

use ::metrics::counter;
use axum::{
    body::Body,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::{
    self, error::ProtocolError, handshake::server::create_response_with_body,
};
use tracing::debug;

use crate::{Gateway, metrics::REFUSED, problem::Problem, socket};

/// The query of `/ws/mempool`.
#[derive(Deserialize)]
pub struct Resume {
    /// The last sequence that the client has seen; 0 is none.
    after: Option<u64>,
}

/// `/ws/mempool`: lets a client in, or says why not.
///
/// # Errors
/// With the problem that the client is told.
pub async fn open(
    State(gateway): State<Gateway>,
    query: Result<Query<Resume>, QueryRejection>,
    mut request: Request,
) -> Result<Response, Problem> {
    let response = create_response_with_body(&request, Body::empty)
        .map_err(|error| refuse("handshake", no_handshake(&error)))?;
    if !same_origin(request.headers(), request.uri()) {
        let detail = "a page of another origin may not read this socket";
        return Err(refuse(
            "origin",
            Problem::new(StatusCode::FORBIDDEN, detail),
        ));
    }
    let Query(resume) = query.map_err(|error| {
        let detail = format!("after: expected a sequence number: {}", error.body_text());
        refuse("after", Problem::new(StatusCode::BAD_REQUEST, detail))
    })?;
    let permit = gateway.room.clone().try_acquire_owned().map_err(|_| {
        refuse(
            "full",
            Problem::later("no more clients are taken at the moment"),
        )
    })?;
    let upgrade = hyper::upgrade::on(&mut request);
    let connections = gateway.connections.clone();
    connections.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let after = resume.after.filter(|after| *after > 0);
                socket::serve(TokioIo::new(upgraded), after, &gateway).await;
            }
            Err(error) => debug!(%error, "a client left in the middle of its handshake"),
        }
        drop(permit);
    });
    Ok(response)
}

fn refuse(reason: &'static str, problem: Problem) -> Problem {
    counter!(REFUSED, "reason" => reason).increment(1);
    problem
}

/// What a request lacks that should be a handshake (RFC 6455, 4.2.1 and 4.2.2).
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

/// Browsers name the page's origin, and let any page open a socket anywhere: only one that this very host served may
/// read here. Programs name none.
fn same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Some(origin) = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok())
    else {
        return false;
    };
    let Some(default_port) = (match origin.scheme_str() {
        Some("http") => Some(":80"),
        Some("https") => Some(":443"),
        _ => None,
    }) else {
        return false;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(|authority| authority.as_str()));
    let bare = |authority: &str| {
        authority
            .strip_suffix(default_port)
            .unwrap_or(authority)
            .to_ascii_lowercase()
    };
    match (origin.authority(), host) {
        (Some(origin), Some(host)) => bare(origin.as_str()) == bare(host),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn allowed(origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        same_origin(&headers, &Uri::from_static("/ws/mempool"))
    }

    #[test]
    fn an_origin_must_be_this_host() {
        assert!(allowed("http://localhost:8000", "localhost:8000"));
        assert!(allowed("https://price.example", "price.example"));
        assert!(allowed("https://Price.Example", "price.example:443"));
        assert!(allowed("http://[::1]:8000", "[::1]:8000"));
        for (origin, host) in [
            ("http://evil.example", "localhost:8000"),
            ("http://localhost:8001", "localhost:8000"),
            ("http://localhost", "localhost:8000"),
            ("https://price.example", "price.example:80"),
            ("null", "localhost:8000"),
            ("file://", "localhost:8000"),
            ("http://localhost:8000.evil.example", "localhost:8000"),
            ("", "localhost:8000"),
        ] {
            assert!(!allowed(origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn a_program_names_no_origin() {
        assert!(same_origin(&HeaderMap::new(), &Uri::from_static("/")));
    }
}

//! One connection: its limits in time and size, and the words that the client is told when it breaks them.

use std::sync::Arc;

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use satscope_kit::write_timeout::{WriteTimeout, is_stuck};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Duration, sleep_until, timeout},
};
use tower::ServiceExt as _;
use tracing::debug;

use super::{Door, permits::ConnectionPermit};
use crate::{answer::problem::Problem, metrics::CUT_CONNECTIONS};

/// Time for a client that is refused or cut off to send its request and read the reason.
pub const FAREWELL: Duration = Duration::from_secs(2);
/// Time for a WebSocket client to take its close frame and to answer it.
pub const CLOSING: Duration = Duration::from_secs(5);

/// Serves a connection until it ends, or until the gateway stops and no request is being answered.
pub async fn converse(stream: TcpStream, app: Router, permit: Arc<ConnectionPermit>, door: Door) {
    debug!("a client has come");
    let stop = door.stop.clone();
    if let Some(turn) = permit.turn {
        // Requests that come meanwhile wait in the kernel.
        tokio::select! {
            () = sleep_until(turn) => {}
            () = stop.cancelled() => {}
        }
    }
    let is_stuck = permit.is_stuck.clone();
    let service = app.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(permit.clone());
        request.map(Body::new)
    });
    let limits = &door.limits;
    // Longer than a WebSocket client's own limit, so that the client is told why it is closed.
    let stream = WriteTimeout::new(stream, limits.stuck_after() + CLOSING, is_stuck);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout())
        .max_buf_size(limits.gateway_max_head_bytes as usize)
        .keep_alive(!stop.is_cancelled())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let served = tokio::select! {
        served = &mut connection => served,
        () = stop.cancelled(), if !stop.is_cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = served else { return };
    debug!(%error, "a connection ended early");
    let rest = connection.into_parts();
    let has_begun = rest.as_ref().is_some_and(|rest| !rest.read_buf.is_empty());
    if let Some(reason) = cut_for(&error, has_begun) {
        CUT_CONNECTIONS.of(&[("reason", reason)]).increment(1);
    }
    if let Some(rest) = rest.filter(|_| error.is_timeout() && has_begun) {
        tell_of_timeout(rest.io.into_inner()).await;
    }
}

/// Why a connection was cut; `None` if its client has left. `has_begun` is whether part of a request had come.
fn cut_for(error: &hyper::Error, has_begun: bool) -> Option<&'static str> {
    match (error.is_timeout(), has_begun) {
        (true, true) => Some("slow_head"),
        (true, false) => Some("idle"),
        _ if error.is_parse_too_large() => Some("head_too_large"),
        _ if error.is_parse() => Some("not_http"),
        _ if is_stuck(error) => Some("stuck"),
        _ => None,
    }
}

/// Answers 408 on a connection that timed out, because the HTTP library closes it without a word.
async fn tell_of_timeout(mut stream: WriteTimeout<TcpStream>) {
    let body = Problem::slow().body();
    let head = format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let told = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.shutdown().await
    };
    if !matches!(timeout(FAREWELL, told).await, Ok(Ok(()))) {
        debug!("a client that was slow was gone before it was told");
    }
}

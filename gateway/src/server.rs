//! The HTTP server: routes, and connections with their limits.

use axum::{Router, body::Body, middleware, routing::get, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use satscope_kit::{admin, health::Readiness};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::debug;

use crate::{Gateway, handshake, headers, history, page, problem::Problem, rest};

/// For a client to send a request's head, counted from the connection or from the answer before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest request head, and the buffer of a connection.
const LARGEST_HEAD: usize = 16 * 1024;
/// Bytes that the kernel takes for one client ahead of sending them: a slow client's wait is then seen here, and what
/// it gets next is the newest.
const UNSENT: u32 = 64 * 1024;

/// All that is answered.
pub fn routes(gateway: Gateway, readiness: Readiness) -> Router {
    Router::new()
        .route("/ws/mempool", get(handshake::open))
        .route("/api/v1/price", get(rest::price))
        .route("/api/v1/points", get(rest::points))
        .route("/api/v1/history", get(history::history))
        .route("/api/v1/evidence", get(history::amounts))
        .with_state(gateway)
        .merge(admin::health_routes(readiness))
        .fallback(page::serve)
        .method_not_allowed_fallback(async || Problem::read_only())
        .layer(middleware::from_fn(headers::dress_and_count))
}

/// Serves connections until it is time to stop, and then until the last has ended.
///
/// # Errors
/// None: what fails is one connection.
pub async fn serve(mut listener: TcpListener, app: Router, gateway: Gateway) -> anyhow::Result<()> {
    let Gateway {
        connections, stop, ..
    } = gateway;
    while let Some((stream, _)) = stop
        .run_until_cancelled(Listener::accept(&mut listener))
        .await
    {
        set_options(&stream);
        connections.spawn(converse(stream, app.clone(), stop.clone()));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

fn set_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let options = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_notsent_lowat(UNSENT));
    if let Err(error) = options {
        debug!(%error, "a connection's options could not be set");
    }
}

async fn converse(stream: TcpStream, app: Router, stop: CancellationToken) {
    let service = app.map_request(|request: Request<Incoming>| request.map(Body::new));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades()
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection ended early");
    }
}

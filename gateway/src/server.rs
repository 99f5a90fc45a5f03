//! The HTTP server: routes, and connections with their limits.

use std::{convert::Infallible, error::Error as _, future::ready, io, sync::Arc};

use ::metrics::counter;
use axum::{
    Router, body::Body, middleware, response::IntoResponse as _, routing::get, serve::Listener,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use satscope_kit::{admin, health::Readiness};
use socket2::SockRef;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Duration, timeout},
};
use tokio_util::task::TaskTracker;
use tower::{ServiceExt as _, util::option_layer};
use tracing::debug;

use crate::{
    Gateway,
    admission::{Refusal, Visit, admit},
    description, handshake, headers, history,
    metrics::CUT_CONNECTIONS,
    page,
    patient::Patient,
    problem::Problem,
    rest, socket, stream,
};

/// Bytes that the kernel takes for one client ahead of sending them: a slow client's wait is then seen here, and what
/// it gets next is the newest.
const UNSENT: u32 = 64 * 1024;
/// Bytes that the kernel takes for one client in all; left to itself it goes to megabytes for one that acknowledges nothing.
const SEND_BUFFER: usize = 128 * 1024;
/// For who is turned away to say what it wanted and to hear why not; so many at a time are told, and more are not.
const FAREWELL: Duration = Duration::from_secs(2);
const FAREWELLS: usize = 64;

/// All that is answered.
pub fn routes(gateway: Gateway, readiness: Readiness) -> Router {
    let cors = option_layer(gateway.origins.cors());
    let admission = middleware::from_fn_with_state(gateway.clone(), admit);
    Router::new()
        .route("/ws/mempool", get(handshake::open))
        .route("/api/v1/price", get(rest::price))
        .route("/api/v1/prices", get(rest::prices))
        .route("/api/v1/points", get(rest::points))
        .route("/api/v1/history", get(history::history))
        .route("/api/v1/evidence", get(history::amounts))
        .route("/api/v1/stream", get(stream::open))
        .route(description::OPENAPI, get(description::openapi))
        .route(description::MESSAGES, get(description::messages))
        .with_state(gateway)
        .merge(admin::health_routes(readiness, admin::Audience::Public))
        .fallback(page::serve)
        .method_not_allowed_fallback(async || Problem::read_only())
        .layer(admission)
        .layer(cors)
        .layer(middleware::from_fn(headers::dress_and_count))
}

/// Serves connections until it is time to stop and the last watcher has left, and then until the last has ended.
///
/// # Errors
/// None: what fails is one connection.
pub async fn serve(mut listener: TcpListener, app: Router, gateway: Gateway) -> anyhow::Result<()> {
    let mut all_gone = std::pin::pin!(gateway.watchers.all_gone());
    let farewells = Arc::new(Semaphore::new(FAREWELLS));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = all_gone.as_mut() => break,
        };
        match gateway.admission.connection(peer.ip()) {
            Ok(visit) => {
                set_options(&stream);
                let conversation = converse(stream, app.clone(), visit, gateway.clone());
                gateway.connections.spawn(conversation);
            }
            Err(refusal) => turn_away(stream, refusal, &farewells, &gateway.connections),
        }
    }
    drop(listener);
    gateway.connections.close();
    gateway.connections.wait().await;
    Ok(())
}

fn set_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let options = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER))
        .and_then(|()| socket.set_tcp_notsent_lowat(UNSENT));
    if let Err(error) = options {
        debug!(%error, "a connection's options could not be set");
    }
}

/// Tells why, if there are not too many already who are being told.
fn turn_away(
    stream: TcpStream,
    refusal: Refusal,
    farewells: &Arc<Semaphore>,
    connections: &TaskTracker,
) {
    let problem = refusal.problem();
    let Ok(turn) = farewells.clone().try_acquire_owned() else {
        return;
    };
    let answer = service_fn(move |_: Request<Incoming>| {
        let answer = headers::dress(problem.clone().into_response());
        ready(Ok::<_, Infallible>(answer))
    });
    connections.spawn(async move {
        let telling = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), answer);
        if let Ok(Err(error)) = timeout(FAREWELL, telling).await {
            debug!(%error, "a connection that was turned away ended early");
        }
        drop(turn);
    });
}

async fn converse(stream: TcpStream, app: Router, visit: Arc<Visit>, gateway: Gateway) {
    let service = app.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visit.clone());
        request.map(Body::new)
    });
    let stop = gateway.stop.clone();
    let limits = &gateway.limits;
    // Longer than a WebSocket client has by its own rule: it is then told why it is closed.
    let patient = Patient::new(stream, limits.stuck_after() + socket::FAREWELL);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout())
        .max_buf_size(limits.gateway_max_head_bytes as usize)
        .keep_alive(!stop.is_cancelled())
        .serve_connection(TokioIo::new(patient), TowerToHyperService::new(service))
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
        counter!(CUT_CONNECTIONS, "reason" => reason).increment(1);
    }
    if let Some(rest) = rest.filter(|_| error.is_timeout() && has_begun) {
        tell_of_timeout(rest.io.into_inner()).await;
    }
}

/// Why a connection was cut; `None` when its client has left. `has_begun` is whether a part of a request had come.
fn cut_for(error: &hyper::Error, has_begun: bool) -> Option<&'static str> {
    let fault = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    let is_stuck = fault.is_some_and(|fault| fault.kind() == io::ErrorKind::TimedOut);
    match (error.is_timeout(), has_begun) {
        (true, true) => Some("slow_head"),
        (true, false) => Some("idle"),
        _ if error.is_parse_too_large() => Some("head_too_large"),
        _ if error.is_parse() => Some("not_http"),
        _ if is_stuck => Some("stuck"),
        _ => None,
    }
}

/// The HTTP library closes without a word.
async fn tell_of_timeout(mut stream: Patient<TcpStream>) {
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

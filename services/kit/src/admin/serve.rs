//! The connections of the operator's port, and their limits: a client that sends no head, or takes no answer, is cut.

use std::{sync::Arc, time::Duration};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use metrics::{counter, describe_counter};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tracing::debug;

use crate::write_timeout::{WriteTimeout, is_stuck};

const CUT: &str = "satscope_admin_cut_connections_total";

/// The longest wait for the head of a request, counted from the connection or from the answer before. Prometheus keeps its
/// connection between two scrapes, which are 5 s apart in `deploy/prometheus`.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The longest wait for a client to take an answer, counted from the last part that it took.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The most connections at a time; one more is closed at once.
const MAX_CONNECTIONS: usize = 128;

/// Limits that tests set shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortLimits {
    pub head: Duration,
    pub taken: Duration,
    pub connections: usize,
}

impl Default for PortLimits {
    fn default() -> PortLimits {
        PortLimits {
            head: HEAD_WITHIN,
            taken: TAKEN_WITHIN,
            connections: MAX_CONNECTIONS,
        }
    }
}

/// Registers the meaning of the operator's port's metric.
pub fn describe() {
    describe_counter!(
        CUT,
        "Connections of the operator's port that were cut, by reason: no head came, an answer was not taken, or there were too many."
    );
}

/// Serves connections as long as the process lives.
pub(super) async fn serve(mut listener: TcpListener, app: Router, limits: PortLimits) {
    for reason in ["head", "stuck", "too_many"] {
        counter!(CUT, "reason" => reason).increment(0);
    }
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let (stream, _) = Listener::accept(&mut listener).await;
        let Ok(place) = places.clone().try_acquire_owned() else {
            counter!(CUT, "reason" => "too_many").increment(1);
            continue;
        };
        let app = app.clone();
        tokio::spawn(async move {
            converse(stream, app, limits).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, app: Router, limits: PortLimits) {
    let stream = WriteTimeout::new(stream, limits.taken, Arc::default());
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .await;
    let Err(error) = served else { return };
    debug!(%error, "a connection of the operator's port ended early");
    if error.is_timeout() {
        counter!(CUT, "reason" => "head").increment(1);
    } else if is_stuck(&error) {
        counter!(CUT, "reason" => "stuck").increment(1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::{Instant, interval, timeout},
    };

    use super::*;

    const SHORT: PortLimits = PortLimits {
        head: Duration::from_millis(300),
        taken: Duration::from_millis(300),
        connections: 4,
    };
    const PATIENCE: Duration = Duration::from_mins(1);

    /// Connects to a port that answers a few bytes at `/` and 64 MB at `/large`.
    async fn connect() -> (std::net::SocketAddr, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/", get(async || "here"))
            .route("/large", get(async || vec![7; 64 << 20]));
        tokio::spawn(serve(listener, app, SHORT));
        (address, TcpStream::connect(address).await.unwrap())
    }

    /// Reads until the server closes the connection.
    async fn closed(stream: &mut TcpStream) -> Vec<u8> {
        let mut read = Vec::new();
        let reading = timeout(PATIENCE, stream.read_to_end(&mut read));
        match reading.await.unwrap() {
            Ok(_) => read,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                read
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_cut() {
        let (_, mut silent) = connect().await;
        assert_eq!(closed(&mut silent).await, b"");
    }

    #[tokio::test]
    async fn a_client_that_sends_its_head_by_the_byte_is_cut() {
        let (_, stream) = connect().await;
        let (mut reader, mut writer) = stream.into_split();
        let began = Instant::now();
        let dripping = tokio::spawn(async move {
            let mut every = interval(Duration::from_millis(20));
            for byte in b"GET / HTTP/1.1\r\nx: ".iter().chain([b'x'; 10_000].iter()) {
                every.tick().await;
                if writer.write_all(&[*byte]).await.is_err() {
                    return true;
                }
            }
            false
        });
        let mut read = Vec::new();
        drop(
            timeout(PATIENCE, reader.read_to_end(&mut read))
                .await
                .unwrap(),
        );
        assert!(timeout(PATIENCE, dripping).await.unwrap().unwrap());
        assert!(began.elapsed() >= SHORT.head, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut() {
        let (_, mut stuck) = connect().await;
        stuck
            .write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        tokio::time::sleep(2 * SHORT.taken).await;
        let read = closed(&mut stuck).await;
        assert!(read.len() < 64 << 20, "all of it was sent");
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed_and_the_others_are_served() {
        let (address, first) = connect().await;
        let mut held = vec![first];
        for _ in 1..SHORT.connections {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let began = Instant::now();
        let mut one_more = TcpStream::connect(address).await.unwrap();
        closed(&mut one_more).await;
        assert!(began.elapsed() < SHORT.head, "{:?}", began.elapsed());
        let first = &mut held[0];
        first
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let read = closed(first).await;
        assert!(read.ends_with(b"here"), "{:?}", String::from_utf8(read));
    }
}

//! The limits of a gRPC port, on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::Service as _;

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);

async fn connect(address: std::net::SocketAddr) -> HealthClient<Channel> {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(channel.connect().await.unwrap())
}

#[tokio::test]
async fn the_streams_of_a_connection_are_bounded() {
    let context = Context::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let descriptors = tonic_health::pb::FILE_DESCRIPTOR_SET;
    serve(listener, "test", Routes::default(), descriptors, &context)
        .await
        .unwrap();
    let (greedy, mut other) = (connect(address).await, connect(address).await);
    let mut watching = JoinSet::new();
    for _ in 0..=MAX_CALLS {
        let mut greedy = greedy.clone();
        let watch = async move { greedy.watch(HealthCheckRequest::default()).await };
        watching.spawn(watch);
    }
    let mut open = Vec::new();
    for _ in 0..MAX_CALLS {
        let next = tokio::time::timeout(PATIENCE, watching.join_next());
        open.push(next.await.unwrap().unwrap().unwrap().unwrap());
    }
    // Time enough for one more to begin.
    for _ in 0..100 {
        other.check(HealthCheckRequest::default()).await.unwrap();
    }
    assert!(
        watching.try_join_next().is_none(),
        "one more than there may be"
    );
    open.pop();
    let last = tokio::time::timeout(PATIENCE, watching.join_next());
    last.await.unwrap().unwrap().unwrap().unwrap();
}

/// Serves `routes` beside health, with these limits.
async fn serve_short(limits: GrpcLimits, routes: Routes) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let descriptors = tonic_health::pb::FILE_DESCRIPTOR_SET;
    let context = Context::default();
    serve_within(limits, listener, "test", routes, descriptors, &context)
        .await
        .unwrap();
    // The tasks of a dropped context end.
    std::mem::forget(context);
    address
}

const SHORT: GrpcLimits = GrpcLimits {
    begin: Duration::from_millis(300),
    answer: Duration::from_millis(300),
    read: Duration::from_millis(400),
    connections: 3,
};

/// Waits until the server has closed a connection on which it is sent the bytes of `said` one by one, and then nothing.
async fn cut_after(address: std::net::SocketAddr, said: &[u8]) -> Duration {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let began = std::time::Instant::now();
    let said = said.to_vec();
    let saying = tokio::spawn(async move {
        for byte in said {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        writer
    });
    let mut heard = Vec::new();
    let reading = reader.read_to_end(&mut heard);
    drop(tokio::time::timeout(PATIENCE, reading).await.unwrap());
    drop(saying.await.unwrap());
    began.elapsed()
}

#[tokio::test]
async fn a_client_that_does_not_begin_is_cut() {
    let address = serve_short(SHORT, Routes::default()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for said in [&b""[..], &preface[..1], &preface[..20]] {
        let took = cut_after(address, said).await;
        assert!(took >= SHORT.begin, "{took:?} after {said:?}");
    }
    connect(address)
        .await
        .check(HealthCheckRequest::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_that_has_begun_may_stay_silent() {
    let address = serve_short(SHORT, Routes::default()).await;
    let mut client = connect(address).await;
    let mut watching = client.watch(HealthCheckRequest::default()).await.unwrap();
    assert!(watching.get_mut().message().await.unwrap().is_some());
    tokio::time::sleep(4 * SHORT.read.max(SHORT.begin)).await;
    client.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let address = serve_short(SHORT, Routes::default()).await;
    let mut held = Vec::new();
    for _ in 0..SHORT.connections {
        let mut client = connect(address).await;
        client.check(HealthCheckRequest::default()).await.unwrap();
        held.push(client);
    }
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let mut more = HealthClient::new(channel.connect_lazy());
    more.check(HealthCheckRequest::default()).await.unwrap_err();
    held.pop();
    loop {
        if more.check(HealthCheckRequest::default()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Asks for `path`, of which the head of the answer is read, and nothing else.
async fn ask(channel: &mut Channel, path: &str) -> http::Response<tonic::body::Body> {
    let request = http::Request::post(path).body(tonic::body::Body::empty());
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .unwrap();
    channel.call(request.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_an_answer_unread_is_cut_and_one_that_reads_slowly_is_not() {
    const LENGTH: usize = 32 << 20;
    let answers = axum::Router::new().route(
        "/large",
        axum::routing::post(async || axum::body::Body::from(vec![7; LENGTH])),
    );
    let address = serve_short(SHORT, answers.into()).await;
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    // Two windows as small as the protocol has them by itself. Source: RFC 9113, 6.9.2.
    let endpoint = endpoint
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(65_535);
    let mut stuck = endpoint.connect().await.unwrap();
    let unread = ask(&mut stuck, "/large").await;
    tokio::time::sleep(2 * SHORT.read).await;
    let mut unread = std::pin::pin!(unread.into_body());
    let mut came = 0;
    let error = loop {
        match unread.frame().await.expect("all of the answer came") {
            Ok(frame) => came += frame.into_data().map_or(0, |data| data.len()),
            Err(error) => break error,
        }
    };
    assert!(came < 1 << 20, "{came} bytes came before {error}");

    let mut slow = endpoint.connect().await.unwrap();
    let read = ask(&mut slow, "/large").await;
    let mut read = std::pin::pin!(read.into_body());
    let (began, mut came) = (std::time::Instant::now(), 0);
    while began.elapsed() < 3 * SHORT.read {
        let frame = read.frame().await.expect("an answer without end").unwrap();
        came += frame.into_data().map_or(0, |data| data.len());
        tokio::time::sleep(SHORT.read / 20).await;
    }
    assert!(came > 0);
}

#[tokio::test]
async fn a_call_whose_question_does_not_come_is_ended() {
    let address = serve_short(SHORT, Routes::default()).await;
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    let mut channel = endpoint.connect().await.unwrap();
    let never = tonic::body::Body::new(http_body_util::StreamBody::new(
        futures_util::stream::pending::<Result<http_body::Frame<hyper::body::Bytes>, tonic::Status>>(
        ),
    ));
    let request = http::Request::post("/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .body(never);
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .unwrap();
    let answer = tokio::time::timeout(PATIENCE, channel.call(request.unwrap()));
    let answer = answer.await.unwrap().unwrap();
    let code = answer.headers().get("grpc-status").unwrap();
    let code = tonic::Code::from_bytes(code.as_bytes());
    let is_late = matches!(code, tonic::Code::Cancelled | tonic::Code::DeadlineExceeded);
    assert!(is_late, "{code:?}");
}

#[tokio::test]
async fn a_caller_that_asks_for_gzip_gets_it_and_others_do_not() {
    let address = serve_short(SHORT, Routes::default()).await;
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let asks = HealthClient::new(channel.clone())
        .send_compressed(COMPRESSION)
        .accept_compressed(COMPRESSION);
    for (mut client, encoding) in [(asks, Some("gzip")), (HealthClient::new(channel), None)] {
        let answer = client.check(HealthCheckRequest::default()).await.unwrap();
        let told = answer.metadata().get("grpc-encoding");
        assert_eq!(told.map(|told| told.to_str().unwrap()), encoding);
    }
}

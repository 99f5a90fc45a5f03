//! Callers of the gRPC and operator's ports that cost more than they should: that do not read, do not begin, or are too many.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use satscope_proto::v1::{
    GetPriceRequest, ListMempoolRequest, ListMempoolResponse, ListWindowRequest,
    ListWindowResponse, PriceUpdatesRequest, StreamTransactionsRequest, StreamTransactionsResponse,
    event::Kind,
};
use support::{
    chain::{Chain, Served},
    grpc::{ingest, list_mempool, list_window, next, prices, stream_transactions},
    metrics::Scrape,
    part::reserve_address,
    publisher::{Publisher, payment},
    wait::{in_time, until},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Status, Streaming, codec::CompressionEncoding};

/// Payments of the window.
const WINDOW: u32 = 300_000;
/// Callers that do not read.
const STUCK: usize = 20;
/// Calls of a streaming method that a part has open at a time, but for listings.
const MAX_SUBSCRIBERS: usize = 64;
/// A part's memory with callers that do not read, at most, as a multiple of what it was without them.
const MOST_GROWTH: f64 = 1.6;

fn memory(part: &Served) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", part.part.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.trim().parse::<f64>().unwrap() * 1024.0
}

/// The most memory of a part in the next seconds.
async fn most_memory(part: &Served) -> f64 {
    let mut most: f64 = 0.0;
    for _ in 0..50 {
        most = most.max(memory(part));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    most
}

/// An ingest with [`WINDOW`] payments in its window.
async fn full_ingest() -> (Publisher, Served) {
    let mut publisher = Publisher::bind();
    let ingest = Served::ingest(&publisher.endpoint, &["--node-is-standin"]).await;
    publisher.wait_for_subscriber();
    publisher.say_time(1_700_000_000_000);
    for number in 0..WINDOW {
        publisher.enter(&payment(number));
    }
    until("all payments in the count", async || {
        let scrape = Scrape::of(ingest.metrics).await;
        let counted = scrape.sum("satscope_ingest_transactions_total", "");
        (counted >= f64::from(WINDOW)).then_some(())
    })
    .await;
    (publisher, ingest)
}

/// The streams of those that were let in, and how many were told that there is no room, by this limit's name.
fn let_in<T>(
    answers: Vec<Result<Streaming<T>, Status>>,
    limit: &str,
) -> (Vec<Streaming<T>>, usize) {
    let (mut streams, mut refused) = (Vec::new(), 0);
    for answer in answers {
        match answer {
            Ok(stream) => streams.push(stream),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(status.message().contains(limit), "{status}");
                refused += 1;
            }
        }
    }
    (streams, refused)
}

async fn stuck_subscribers(address: SocketAddr) -> Vec<Streaming<StreamTransactionsResponse>> {
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(stream_transactions(address, None).await);
    }
    stuck
}

async fn stuck_listings(address: SocketAddr) -> (Vec<Streaming<ListMempoolResponse>>, usize) {
    let mut answers = Vec::new();
    for _ in 0..STUCK {
        let mut client = ingest(address).await;
        let listing = in_time("ListMempool", client.list_mempool(ListMempoolRequest {})).await;
        answers.push(listing.map(tonic::Response::into_inner));
    }
    let_in(answers, "MAX_LISTINGS")
}

async fn stuck_windows(address: SocketAddr) -> (Vec<Streaming<ListWindowResponse>>, usize) {
    let mut answers = Vec::new();
    for _ in 0..STUCK {
        let mut client = prices(address).await;
        let listing = in_time("ListWindow", client.list_window(ListWindowRequest {})).await;
        answers.push(listing.map(tonic::Response::into_inner));
    }
    let_in(answers, "MAX_LISTINGS")
}

/// Waits until a part has cut as many callers because they did not read.
async fn cut(part: &Served, count: usize) {
    until("the end of those that do not read", async || {
        let scrape = Scrape::of(part.metrics).await;
        let unread = scrape.sum("satscope_grpc_cut_connections_total", "unread");
        (unread >= count as f64).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_do_not_read_cost_little_and_are_let_go() {
    let (_publisher, ingest) = full_ingest().await;
    let analyzer = Served::analyzer(ingest.address).await;
    let mempool = list_mempool(ingest.address).await;
    assert_eq!(mempool.len(), WINDOW as usize);
    let window = until("the analyzer's window", async || {
        list_window(analyzer.address).await
    })
    .await;
    let transactions = window.transactions.len();
    assert!(transactions > WINDOW as usize / 2, "{transactions}");
    let before = (memory(&ingest), memory(&analyzer));

    let subscribers = stuck_subscribers(ingest.address).await;
    let (listings, refused) = stuck_listings(ingest.address).await;
    assert!(refused > 0 && !listings.is_empty(), "{refused} refused");
    let (windows, refused) = stuck_windows(analyzer.address).await;
    assert!(refused > 0 && !windows.is_empty(), "{refused} refused");
    let after = tokio::join!(most_memory(&ingest), most_memory(&analyzer));
    println!(
        "{transactions} in the window; ingest {:.0} then {:.0} MB, analyzer {:.0} then {:.0} MB",
        before.0 / 1e6,
        after.0 / 1e6,
        before.1 / 1e6,
        after.1 / 1e6
    );
    assert!(after.0 < MOST_GROWTH * before.0, "ingest");
    assert!(after.1 < MOST_GROWTH * before.1, "analyzer");

    // One that reads is served meanwhile.
    let mut reader = stream_transactions(ingest.address, None).await;
    let mut received = 0;
    'window: loop {
        for event in next(&mut reader)
            .await
            .expect("a stream without end")
            .events
        {
            match event.kind {
                Some(Kind::Accepted(_)) => received += 1,
                Some(Kind::CaughtUp(_)) => break 'window,
                _ => {}
            }
        }
    }
    assert_eq!(received, transactions);
    drop(reader);

    cut(&ingest, STUCK + listings.len()).await;
    cut(&analyzer, windows.len()).await;
    until("the analyzer as the only subscriber", async || {
        let scrape = Scrape::of(ingest.metrics).await;
        (scrape.sum("satscope_ingest_subscribers", "") == 1.0).then_some(())
    })
    .await;
    assert_eq!(list_mempool(ingest.address).await.len(), mempool.len());
    drop((subscribers, listings, windows));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_subscriber_too_many_is_told_the_limit_until_another_leaves() {
    let ingest_part = Served::ingest(&format!("tcp://{}", reserve_address()), &[]).await;
    let analyzer = Served::analyzer(ingest_part.address).await;
    // The analyzer is one of ingest's.
    until("the analyzer's subscription", async || {
        let scrape = Scrape::of(ingest_part.metrics).await;
        (scrape.sum("satscope_ingest_subscribers", "") == 1.0).then_some(())
    })
    .await;
    let transactions = async || {
        let mut client = ingest(ingest_part.address).await;
        let request = client.stream_transactions(StreamTransactionsRequest::default());
        in_time("StreamTransactions", request)
            .await
            .map(|answer| answer.into_inner())
    };
    let updates = async || {
        let mut client = prices(analyzer.address).await;
        let request = client.price_updates(PriceUpdatesRequest::default());
        in_time("PriceUpdates", request)
            .await
            .map(|answer| answer.into_inner())
    };
    let mut answers = Vec::new();
    for _ in 0..MAX_SUBSCRIBERS {
        answers.push(transactions().await);
    }
    let (mut streams, refused) = let_in(answers, "MAX_SUBSCRIBERS");
    assert_eq!(refused, 1, "of ingest's");
    drop(streams.pop());
    until("a place", async || transactions().await.ok()).await;

    let mut answers = Vec::new();
    for _ in 0..=MAX_SUBSCRIBERS {
        answers.push(updates().await);
    }
    let (mut streams, refused) = let_in(answers, "MAX_SUBSCRIBERS");
    assert_eq!(refused, 1, "of the analyzer's");
    let scrape = Scrape::of(analyzer.metrics).await;
    let counted = scrape.sum("satscope_grpc_refused_total", "PriceUpdates");
    assert_eq!(counted, 1.0);
    drop(streams.pop());
    until("a place", async || updates().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_answers_in_gzip_where_the_caller_asks_for_it() {
    const GZIP: CompressionEncoding = CompressionEncoding::Gzip;
    let chain = Chain::on_simulation(&[]).await;
    let encoding = |metadata: &tonic::metadata::MetadataMap| {
        let told = metadata.get("grpc-encoding")?;
        Some(told.to_str().unwrap().to_owned())
    };
    for asks in [true, false] {
        let expected = asks.then(|| "gzip".to_owned());
        let mut client = ingest(chain.ingest.address).await;
        if asks {
            client = client.send_compressed(GZIP).accept_compressed(GZIP);
        }
        let request = client.stream_transactions(StreamTransactionsRequest::default());
        let answer = in_time("StreamTransactions", request).await.unwrap();
        assert_eq!(encoding(answer.metadata()), expected);
        let first = next(&mut answer.into_inner()).await.unwrap();
        assert!(first.reset && !first.events.is_empty());

        let mut client = prices(chain.analyzer.address).await;
        if asks {
            client = client.send_compressed(GZIP).accept_compressed(GZIP);
        }
        let asked = in_time("GetPrice", client.get_price(GetPriceRequest {})).await;
        let answer = asked.unwrap();
        assert_eq!(encoding(answer.metadata()), expected);
    }
}

/// Connects and sends `said`, of which the last byte comes again and again, until the connection is closed; after how long.
async fn closed_after(address: SocketAddr, said: &[u8], drips: bool) -> Duration {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(said).await.unwrap();
    let began = Instant::now();
    let last = said.last().copied().filter(|_| drips);
    let dripping = tokio::spawn(async move {
        while let Some(byte) = last {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        writer
    });
    let mut heard = Vec::new();
    // Closed, or reset because of what was sent after that.
    drop(in_time("the end of a connection", reader.read_to_end(&mut heard)).await);
    let took = began.elapsed();
    dripping.abort();
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_no_head_is_cut_at_the_operators_and_the_grpc_ports() {
    let ingest = Served::ingest(&format!("tcp://{}", reserve_address()), &[]).await;
    let (operators, grpc) = (ingest.metrics, ingest.address);
    // The preface, SETTINGS, and of a HEADERS frame of 200 bytes no more than its beginning.
    let head: &[u8] =
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\xc8\x01\x04\0\0\0\x01\x82\x82";
    let (silent, dripping, mute, partial, cut_head, dripping_head) = tokio::join!(
        closed_after(operators, b"", false),
        closed_after(operators, b"GET /metrics HTTP/1.1\r\nx: y", true),
        closed_after(grpc, b"", false),
        closed_after(grpc, b"PRI * HTTP/2.0\r\n\r\nS", false),
        closed_after(grpc, head, false),
        closed_after(grpc, head, true),
    );
    println!("{silent:?} {dripping:?} {mute:?} {partial:?} {cut_head:?} {dripping_head:?}");
    // A ping after 10 s, which it cannot answer, and 10 s for that.
    for took in [cut_head, dripping_head] {
        assert!((15.0..45.0).contains(&took.as_secs_f64()), "{took:?}");
    }
    for took in [silent, dripping] {
        assert!((25.0..50.0).contains(&took.as_secs_f64()), "{took:?}");
    }
    for took in [mute, partial] {
        assert!((8.0..25.0).contains(&took.as_secs_f64()), "{took:?}");
    }
    let scrape = Scrape::of(operators).await;
    let cut = |metric, reason| scrape.sum(metric, reason);
    assert_eq!(cut("satscope_admin_cut_connections_total", "head"), 2.0);
    assert_eq!(
        cut("satscope_grpc_cut_connections_total", "no_preface"),
        2.0
    );
}

//! What a price at a time costs over REST: the real gateway, and a historian with a price for each block since 2009, both in
//! this process, and clients that ask for times at random.
//!
//! `cargo bench -p satscope-gateway --bench past` asks 5,000 times a second for a while, and then as fast as it goes.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use clap::Parser as _;
use satscope_gateway::GatewaySettings;
use satscope_kit::Context;
use satscope_proto::v1::{
    BlockState, GetCandlesRequest, GetCandlesResponse, GetCoverageRequest, GetCoverageResponse,
    GetPriceAtRequest, GetPriceAtResponse, GetSeriesRequest, GetSeriesResponse, HistorySource,
    PastPrice,
    get_price_at_request::At,
    history_service_server::{HistoryService, HistoryServiceServer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::sleep_until,
};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// Blocks with a price, ten minutes apart.
const BLOCKS: u64 = 950_000;
/// The time of the first one, Unix seconds.
const FIRST: u64 = 1_231_006_505;
/// Clients, each with one connection, and the questions a second of all of them together.
const CLIENTS: u32 = 64;
const RATE: u32 = 5000;
/// How long the clients ask at that rate, and then as fast as they can.
const WHILE: Duration = Duration::from_secs(20);

/// A historian that has the times of the blocks, and makes their prices up.
struct Times(Vec<u64>);

#[tonic::async_trait]
impl HistoryService for Times {
    async fn get_price_at(
        &self,
        request: Request<GetPriceAtRequest>,
    ) -> Result<Response<GetPriceAtResponse>, Status> {
        let Some(At::Time(time)) = request.into_inner().at else {
            return Err(Status::unimplemented("by time alone"));
        };
        let after = self.0.partition_point(|block| *block <= time) as u64;
        let height = after.checked_sub(1).ok_or_else(|| Status::not_found(""))?;
        let price_cents = 10_000 + height * 13;
        let price = PastPrice {
            time: self.0[usize::try_from(height).unwrap()],
            price_cents,
            low_cents: price_cents - 5,
            high_cents: price_cents + 5,
            confidence_thousandths: 970,
            count: 300,
            source: HistorySource::Block.into(),
            state: BlockState::Final.into(),
            height: u32::try_from(height).ok(),
            model: 1,
        };
        Ok(Response::new(GetPriceAtResponse { price: Some(price) }))
    }

    async fn get_series(
        &self,
        _: Request<GetSeriesRequest>,
    ) -> Result<Response<GetSeriesResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn get_candles(
        &self,
        _: Request<GetCandlesRequest>,
    ) -> Result<Response<GetCandlesResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn get_coverage(
        &self,
        _: Request<GetCoverageRequest>,
    ) -> Result<Response<GetCoverageResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

/// Starts the historian.
async fn historian() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let times = Times((0..BLOCKS).map(|height| FIRST + height * 600).collect());
    let serving = Server::builder()
        .add_service(HistoryServiceServer::new(times))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
    tokio::spawn(async move { serving.await.unwrap() });
    address
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    settings: GatewaySettings,
}

/// Starts the gateway, which runs as long as the context.
async fn gateway(historian: SocketAddr, context: &Context) -> SocketAddr {
    let flags = Flags::parse_from([
        "gateway",
        "--gateway-listen=127.0.0.1:0",
        "--analyzer-url=http://127.0.0.1:9",
        &format!("--historian-url=http://{historian}"),
    ]);
    satscope_gateway::start(flags.settings, context)
        .await
        .unwrap()
}

/// A client with one connection.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
    random: u64,
}

impl Client {
    async fn connect(gateway: SocketAddr, number: u32) -> Self {
        let stream = TcpStream::connect(gateway).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            answer: vec![0; 4096],
            random: 0x9e37_79b9_7f4a_7c15 ^ u64::from(number + 1),
        }
    }

    /// Asks for the price at a time, and reads the answer.
    async fn ask(&mut self) {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let time = FIRST + self.random % (BLOCKS * 600);
        let question = format!(
            "GET /api/v1/historical-price?timestamp={time}&currency=USD HTTP/1.1\r\nhost: gateway\r\n\r\n"
        );
        self.stream.write_all(question.as_bytes()).await.unwrap();
        let mut length = 0;
        while !self.answer[..length].ends_with(b"\"exchangeRates\":{}}") {
            let read = self.stream.read(&mut self.answer[length..]).await.unwrap();
            assert!(read > 0, "closed after {:?}", &self.answer[..length]);
            length += read;
        }
        assert!(self.answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

/// Asks at [`RATE`]; returns the time from the moment when each question was due to the end of its answer.
async fn at_rate(gateway: SocketAddr) -> Vec<Duration> {
    let begin = tokio::time::Instant::now() + Duration::from_millis(200);
    let clients = (0..CLIENTS).map(|number| async move {
        let mut client = Client::connect(gateway, number).await;
        let mut taken = Vec::new();
        let every = Duration::from_secs(CLIENTS.into()) / RATE;
        let mut due = begin + every * number / CLIENTS;
        while due < begin + WHILE {
            sleep_until(due).await;
            client.ask().await;
            taken.push(due.elapsed());
            due += every;
        }
        taken
    });
    let clients: Vec<_> = clients.map(tokio::spawn).collect();
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    all
}

/// Asks as fast as the clients can; returns the answers a second.
async fn as_fast_as_it_goes(gateway: SocketAddr) -> f64 {
    let begin = Instant::now();
    let clients = (0..CLIENTS).map(|number| async move {
        let mut client = Client::connect(gateway, number).await;
        let mut answers = 0_u32;
        while begin.elapsed() < WHILE {
            client.ask().await;
            answers += 1;
        }
        answers
    });
    let clients: Vec<_> = clients.map(tokio::spawn).collect();
    let mut answers = 0;
    for client in clients {
        answers += client.await.unwrap();
    }
    f64::from(answers) / begin.elapsed().as_secs_f64()
}

#[allow(clippy::cast_precision_loss)]
fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let context = Context::default();
        let gateway = gateway(historian().await, &context).await;
        let mut first = Client::connect(gateway, CLIENTS).await;
        for _ in 0..1000 {
            first.ask().await;
        }
        let mut taken = at_rate(gateway).await;
        taken.sort();
        let at = |share: f64| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let place = (share * (taken.len() - 1) as f64) as usize;
            taken[place].as_secs_f64() * 1000.0
        };
        println!(
            "a price at a time, {RATE} a second over {CLIENTS} connections: {} answers, p50 {:.2} ms, p99 {:.2} ms, \
             p99.9 {:.2} ms, most {:.2} ms",
            taken.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        let rate = as_fast_as_it_goes(gateway).await;
        println!("as fast as it goes: {rate:.0} answers a second");
    });
}

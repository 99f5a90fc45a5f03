//! A historian that knows what it is told, on a real gRPC port, and can be made to fail.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use satscope_proto::v1::{
    BlockState, Candle, Coverage, GetCandlesRequest, GetCandlesResponse, GetCoverageRequest,
    GetCoverageResponse, GetPriceAtRequest, GetPriceAtResponse, GetSeriesRequest,
    GetSeriesResponse, HistorianState, HistorySource, PastPrice, Span,
    get_price_at_request::At,
    history_service_server::{HistoryService, HistoryServiceServer},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// The most prices of an answer.
pub const MOST: usize = 5000;
/// 2024-03-01T00:00:00Z, when the first block of [`some_prices`] was found.
pub const MARCH: u64 = 1_709_251_200;

/// What is wrong with a price before it is sent.
type Spoil = fn(&mut PastPrice);

#[derive(Default)]
struct Script {
    prices: Vec<PastPrice>,
    coverage: Coverage,
    /// All questions are answered with this status.
    fails: Option<Code>,
    spoil: Option<Spoil>,
    /// A series in place of the one that was asked for.
    series: Option<Vec<PastPrice>>,
    asked: u64,
    /// From, to and step of each series.
    spans: Vec<(u64, u64, u64)>,
}

#[derive(Clone, Default)]
struct Player {
    script: Arc<Mutex<Script>>,
    is_frozen: Arc<watch::Sender<bool>>,
}

pub struct Historian {
    pub address: SocketAddr,
    player: Player,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Historian {
    /// On a free port, with these prices, oldest first.
    pub async fn start(prices: Vec<PastPrice>) -> Self {
        Historian::start_at("127.0.0.1:0".parse().unwrap(), prices).await
    }

    /// On this port.
    pub async fn start_at(address: SocketAddr, prices: Vec<PastPrice>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (player, stop) = (Player::default(), CancellationToken::new());
        let serving = Server::builder()
            .add_service(HistoryServiceServer::new(player.clone()))
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener),
                stop.clone().cancelled_owned(),
            );
        let server = tokio::spawn(async move { serving.await.unwrap() });
        let historian = Historian {
            address,
            player,
            stop,
            server,
        };
        historian.knows(prices);
        historian
    }

    /// The flag by which a gateway finds it.
    pub fn flag(&self) -> [String; 2] {
        let url = format!("http://{}", self.address);
        ["--historian-url".to_owned(), url]
    }

    /// What it knows from now on, oldest first, with the coverage of a historian that has read all.
    pub fn knows(&self, prices: Vec<PastPrice>) {
        let mut script = self.script();
        script.coverage = coverage_of(&prices);
        script.prices = prices;
    }

    /// Changes what it says of itself.
    pub fn covers(&self, change: impl FnOnce(&mut Coverage)) {
        change(&mut self.script().coverage);
    }

    /// Answers all questions with this status, or as they should be.
    pub fn fails(&self, code: Option<Code>) {
        self.script().fails = code;
    }

    /// Spoils the last price of each answer, or none.
    pub fn spoils(&self, spoil: Option<Spoil>) {
        self.script().spoil = spoil;
    }

    /// Answers each question for a series with these prices, or with those that were asked for.
    pub fn says(&self, series: Option<Vec<PastPrice>>) {
        self.script().series = series;
    }

    /// Leaves questions without an answer, or answers them from now on.
    pub fn freeze(&self, is_frozen: bool) {
        self.player.is_frozen.send_replace(is_frozen);
    }

    /// How often it has been asked.
    pub fn asked(&self) -> u64 {
        self.script().asked
    }

    /// From, to and step of each series that it was asked for.
    pub fn spans(&self) -> Vec<(u64, u64, u64)> {
        self.script().spans.clone()
    }

    /// Frees the port.
    pub async fn stop(self) -> SocketAddr {
        self.stop.cancel();
        self.server.await.unwrap();
        self.address
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.player.script.lock().unwrap()
    }
}

/// A block's price, in cents, with an interval of a dollar on both sides.
pub fn block(height: u32, time: u64, price_cents: u64, state: BlockState) -> PastPrice {
    PastPrice {
        time,
        price_cents,
        low_cents: price_cents - 100,
        high_cents: price_cents + 100,
        confidence_thousandths: 970,
        count: 312,
        source: HistorySource::Block.into(),
        state: state.into(),
        height: Some(height),
        model: 1,
    }
}

/// The price of the minute that begins at `time`.
pub fn minute(time: u64, price_cents: u64) -> PastPrice {
    PastPrice {
        source: HistorySource::Minute.into(),
        state: BlockState::Unspecified.into(),
        height: None,
        model: 0,
        count: 120,
        ..block(0, time, price_cents, BlockState::Unspecified)
    }
}

/// Two days of blocks, ten minutes apart, from 832,608 (the beginning of a period) on and from [`MARCH`] on; then an hour of
/// minutes. The price of the n-th is 60,000 dollars and n dollars and 50 cents.
pub fn some_prices() -> Vec<PastPrice> {
    let blocks = (0..288).map(|nth: u32| {
        let (time, cents) = (
            MARCH + u64::from(nth) * 600,
            6_000_050 + u64::from(nth) * 100,
        );
        block(832_608 + nth, time, cents, BlockState::Settled)
    });
    let minutes = (0..60).map(|nth| minute(MARCH + 288 * 600 + nth * 60, 6_030_000 + nth));
    blocks.chain(minutes).collect()
}

fn coverage_of(prices: &[PastPrice]) -> Coverage {
    let blocks = prices.iter().filter(|price| price.height.is_some());
    let minutes = prices.iter().filter(|price| price.height.is_none());
    let (first, last) = (blocks.clone().next(), blocks.clone().next_back());
    let count = blocks.clone().count() as u64;
    Coverage {
        chain: "main".to_owned(),
        simulated: false,
        model: 1,
        tip_height: last.and_then(|last| last.height),
        first_height: first.and_then(|first| first.height),
        last_height: last.and_then(|last| last.height),
        first_time: first.map(|first| first.time),
        last_time: last.map(|last| last.time),
        since_time: first.map(|first| first.time),
        settled_height: last.and_then(|last| last.height),
        final_height: None,
        blocks: count,
        minutes: minutes.clone().count() as u64,
        read_blocks: count,
        wanted_blocks: count,
        left_seconds: None,
        state: HistorianState::Following.into(),
        detail: "follows the node".to_owned(),
        first_minute: minutes.clone().next().map(|minute| minute.time),
        last_minute: minutes.clone().next_back().map(|minute| minute.time),
        unverified_blocks: blocks
            .filter(|block| block.state() == BlockState::Unverified)
            .count() as u64,
    }
}

impl Player {
    /// Counts a question, waits while it is frozen, and fails if it is to fail.
    async fn hear(&self) -> Result<(), Status> {
        self.script.lock().unwrap().asked += 1;
        let mut is_frozen = self.is_frozen.subscribe();
        is_frozen.wait_for(|is_frozen| !is_frozen).await.unwrap();
        match self.script.lock().unwrap().fails {
            // As a library would word it, with what nobody else should read.
            Some(code) => Err(Status::new(code, "tcp 10.1.2.3:8332 for user satoshi")),
            None => Ok(()),
        }
    }

    fn prices(&self, source: HistorySource) -> Vec<PastPrice> {
        let script = self.script.lock().unwrap();
        let prices = script.prices.iter().copied();
        let wanted =
            |price: &PastPrice| source == HistorySource::Unspecified || price.source() == source;
        prices.filter(wanted).collect()
    }

    fn spoilt(&self, mut price: PastPrice) -> PastPrice {
        if let Some(spoil) = self.script.lock().unwrap().spoil {
            spoil(&mut price);
        }
        price
    }
}

#[tonic::async_trait]
impl HistoryService for Player {
    async fn get_price_at(
        &self,
        request: Request<GetPriceAtRequest>,
    ) -> Result<Response<GetPriceAtResponse>, Status> {
        self.hear().await?;
        let request = request.into_inner();
        let prices = self.prices(request.source());
        let is_there = |price: &&PastPrice| match request.at.unwrap() {
            At::Time(time) => price.time <= time,
            At::Height(height) => price.height == Some(height),
        };
        match prices.iter().rev().find(is_there) {
            None => Err(Status::not_found("there is none")),
            Some(price) => Ok(Response::new(GetPriceAtResponse {
                price: Some(self.spoilt(*price)),
            })),
        }
    }

    async fn get_series(
        &self,
        request: Request<GetSeriesRequest>,
    ) -> Result<Response<GetSeriesResponse>, Status> {
        self.hear().await?;
        let request = request.into_inner();
        let GetSeriesRequest { from, to, step, .. } = request;
        self.script.lock().unwrap().spans.push((from, to, step));
        if let Some(prices) = self.script.lock().unwrap().series.clone() {
            return Ok(Response::new(GetSeriesResponse {
                prices,
                minutes_from: None,
                complete: true,
            }));
        }
        let mut prices: Vec<PastPrice> = Vec::new();
        let within = |price: &PastPrice| (from..to).contains(&price.time);
        for price in self.prices(request.source()).into_iter().filter(within) {
            let is_same = |last: &PastPrice| step > 0 && last.time / step == price.time / step;
            if prices.last().is_some_and(is_same) {
                prices.pop();
            }
            prices.push(price);
        }
        let complete = prices.len() <= MOST;
        prices.truncate(MOST);
        if let Some(last) = prices.pop() {
            prices.push(self.spoilt(last));
        }
        let minutes = prices.iter().find(|price| price.height.is_none());
        Ok(Response::new(GetSeriesResponse {
            minutes_from: minutes.map(|minute| minute.time),
            prices,
            complete,
        }))
    }

    async fn get_candles(
        &self,
        request: Request<GetCandlesRequest>,
    ) -> Result<Response<GetCandlesResponse>, Status> {
        self.hear().await?;
        let GetCandlesRequest { from, to, step } = request.into_inner();
        let prices = self.prices(HistorySource::Block);
        let cells = (0..).map(|nth| from + nth * step);
        let cells = cells.take_while(|time| *time < to);
        let candles = cells.map(|time| candle(time, step, &prices)).collect();
        Ok(Response::new(GetCandlesResponse {
            candles,
            complete: true,
        }))
    }

    async fn get_coverage(
        &self,
        _: Request<GetCoverageRequest>,
    ) -> Result<Response<GetCoverageResponse>, Status> {
        self.hear().await?;
        let coverage = Some(self.script.lock().unwrap().coverage.clone());
        Ok(Response::new(GetCoverageResponse { coverage }))
    }
}

fn candle(time: u64, step: u64, prices: &[PastPrice]) -> Candle {
    let within = |price: &&PastPrice| (time..time + step).contains(&price.time);
    let inside: Vec<&PastPrice> = prices.iter().filter(within).collect();
    let is_unverified = |price: &&PastPrice| price.state() == BlockState::Unverified;
    let cents = inside.iter().map(|price| price.price_cents);
    let span = inside.first().zip(inside.last()).map(|(first, last)| Span {
        open_cents: first.price_cents,
        high_cents: cents.clone().max().unwrap(),
        low_cents: cents.clone().min().unwrap(),
        close_cents: last.price_cents,
    });
    Candle {
        time,
        prices: span,
        blocks: u32::try_from(inside.len()).unwrap(),
        confidence_thousandths: span.map_or(0, |_| 970),
        state: match span {
            Some(_) if inside.iter().any(is_unverified) => BlockState::Unverified.into(),
            Some(_) => BlockState::Settled.into(),
            None => BlockState::Unspecified.into(),
        },
    }
}

//! A scripted ingest on a real gRPC port: its clock is the test's to set.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use satscope_proto::v1::{
    CaughtUp, Counters, Event, Hop, HopState, ListMempoolRequest, ListMempoolResponse, NodeStatus,
    Position, StreamTransactionsRequest, StreamTransactionsResponse, TransactionAccepted,
    TransactionState,
    event::Kind,
    ingest_service_server::{IngestService, IngestServiceServer},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

type Sent = Result<StreamTransactionsResponse, Status>;
type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Payments of the window, ten a second before its end.
const PAYMENTS: u64 = 600;

/// The log, as far as a subscriber needs it.
#[derive(Default)]
struct Script {
    /// New at each beginning of the log.
    epoch: u64,
    sequence: u64,
    /// The clock, Unix milliseconds.
    time_ms: u64,
    /// What it said when the log began.
    began_ms: u64,
    subscribers: Vec<mpsc::UnboundedSender<Sent>>,
}

#[derive(Clone, Default)]
struct Player(Arc<Mutex<Script>>);

/// The ingest; it ends with the test.
pub struct Ingest {
    pub address: SocketAddr,
    player: Player,
    server: JoinHandle<()>,
}

impl Ingest {
    /// On a free port, with a window that ends at this moment of its clock, Unix milliseconds.
    pub async fn start(time_ms: u64) -> Ingest {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let player = Player::default();
        player.0.lock().unwrap().begin(time_ms);
        let serving = Server::builder()
            .add_service(IngestServiceServer::new(player.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Ingest {
            address,
            player,
            server,
        }
    }

    /// Half a second later by its clock: a tick.
    pub fn tick(&self) {
        let mut script = self.player.0.lock().unwrap();
        script.time_ms += 500;
        script.sequence += 1;
        let events = vec![script.event(status())];
        script.send(StreamTransactionsResponse {
            reset: false,
            events,
        });
    }

    /// Sets its clock: the log begins again, as it does after a step of the clock.
    pub fn set_clock(&self, time_ms: u64) {
        let mut script = self.player.0.lock().unwrap();
        script.begin(time_ms);
        for message in script.window() {
            script.send(message);
        }
    }

    /// Its clock, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.player.0.lock().unwrap().time_ms
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Script {
    fn begin(&mut self, time_ms: u64) {
        self.epoch += 1;
        self.sequence = 0;
        self.time_ms = time_ms;
        self.began_ms = time_ms;
    }

    fn send(&mut self, message: StreamTransactionsResponse) {
        let is_there =
            |subscriber: &mpsc::UnboundedSender<Sent>| subscriber.send(Ok(message.clone())).is_ok();
        self.subscribers.retain(is_there);
    }

    fn event(&self, kind: Kind) -> Event {
        Event {
            position: Some(Position {
                epoch: self.epoch,
                sequence: self.sequence,
            }),
            time_ms: self.time_ms,
            kind: Some(kind),
        }
    }

    /// The window, its payments evenly over the minute before the log's beginning.
    fn window(&self) -> Vec<StreamTransactionsResponse> {
        let payments = (0..PAYMENTS).map(|number| {
            let ago_ms = (PAYMENTS - number) * 100;
            Kind::Accepted(payment(number, self.began_ms - ago_ms))
        });
        let kinds = payments.chain([status(), Kind::CaughtUp(CaughtUp {})]);
        vec![StreamTransactionsResponse {
            reset: true,
            events: kinds.map(|kind| self.event(kind)).collect(),
        }]
    }
}

/// A payment of a round sum at $50,000, quoted within 0.2 %, with change of any size.
fn payment(number: u64, first_seen_ms: u64) -> TransactionAccepted {
    let sums = [
        5.0, 10.0, 20.0, 25.0, 30.0, 50.0, 100.0, 100.0, 150.0, 200.0, 500.0, 1000.0,
    ];
    let share = |step: f64| (number as f64 * step).fract();
    let quote = 1.0 + 0.004 * (share(0.618_034) - 0.5);
    let paid = sums[(number % 12) as usize] * 2000.0 * quote;
    let change = 10_f64.powf(3.5 + 4.0 * share(0.414_214));
    let mut txid = vec![7; 24];
    txid.extend(number.to_le_bytes());
    TransactionAccepted {
        txid,
        first_seen_ms,
        values_sats: vec![paid as u64, change as u64],
        input_count: 1,
        state: TransactionState::Mempool.into(),
        met_in_block: false,
    }
}

fn status() -> Kind {
    let hop = |name: &str| Hop {
        name: name.to_owned(),
        state: HopState::Connected.into(),
        detail: String::new(),
    };
    Kind::Status(NodeStatus {
        hops: vec![hop("node"), hop("ingest")],
        counters: Some(Counters::default()),
        chain: "main".to_owned(),
        simulation: None,
    })
}

#[tonic::async_trait]
impl IngestService for Player {
    type StreamTransactionsStream = Answer<StreamTransactionsResponse>;
    type ListMempoolStream = Answer<ListMempoolResponse>;

    async fn stream_transactions(
        &self,
        _: Request<StreamTransactionsRequest>,
    ) -> Result<Response<Self::StreamTransactionsStream>, Status> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut script = self.0.lock().unwrap();
        for message in script.window() {
            sender.send(Ok(message)).unwrap();
        }
        script.subscribers.push(sender);
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            receiver,
        ))))
    }

    async fn list_mempool(
        &self,
        _: Request<ListMempoolRequest>,
    ) -> Result<Response<Self::ListMempoolStream>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }
}

//! An analyzer that plays what it is told, on a real gRPC port.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use satscope_proto::v1::{
    Amounts, GetAmountsRequest, GetAmountsResponse, GetHistoryRequest, GetHistoryResponse,
    GetPriceRequest, GetPriceResponse, HistoryEntry, ListWindowRequest, ListWindowResponse,
    PriceUpdate, PriceUpdatesRequest, PriceUpdatesResponse,
    price_service_server::{PriceService, PriceServiceServer},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

type Sent = Result<PriceUpdatesResponse, Status>;

/// For a subscriber to come back.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Script {
    /// What a new subscription gets first.
    opening: Vec<PriceUpdate>,
    subscribers: Vec<mpsc::UnboundedSender<Sent>>,
    asked_after: Vec<u64>,
    history: Vec<HistoryEntry>,
    amounts: Option<Amounts>,
    /// Questions other than for updates.
    asked: u64,
}

#[derive(Clone, Default)]
pub struct Player {
    script: Arc<Mutex<Script>>,
    /// Whether questions other than for updates wait.
    is_frozen: Arc<watch::Sender<bool>>,
}

impl Player {
    /// What subscriptions begin with from now on.
    pub fn opens_with(&self, opening: Vec<PriceUpdate>) {
        self.script.lock().unwrap().opening = opening;
    }

    /// Sends to all subscribers; says whether there is any.
    pub fn tell(&self, response: &PriceUpdatesResponse) -> bool {
        let mut script = self.script.lock().unwrap();
        let told = |subscriber: &mpsc::UnboundedSender<Sent>| {
            let sent = subscriber.send(Ok(response.clone()));
            sent.is_ok()
        };
        script.subscribers.retain(told);
        !script.subscribers.is_empty()
    }
}

pub struct Analyzer {
    pub address: SocketAddr,
    pub player: Player,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Analyzer {
    /// On a free port; every subscription begins with `opening`.
    pub async fn start(opening: Vec<PriceUpdate>) -> Self {
        Analyzer::start_at("127.0.0.1:0".parse().unwrap(), opening).await
    }

    /// On the port of one that was stopped.
    pub async fn start_at(address: SocketAddr, opening: Vec<PriceUpdate>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let player = Player::default();
        player.opens_with(opening);
        let stop = CancellationToken::new();
        let serving = Server::builder()
            .add_service(PriceServiceServer::new(player.clone()))
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener),
                stop.clone().cancelled_owned(),
            );
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Analyzer {
            address,
            player,
            stop,
            server,
        }
    }

    /// Sends to those who have subscribed.
    pub fn play(&self, update: PriceUpdate) {
        self.play_raw(PriceUpdatesResponse {
            update: Some(update),
        });
    }

    /// Sends what need not be an update.
    pub fn play_raw(&self, response: PriceUpdatesResponse) {
        let began = Instant::now();
        while !self.player.tell(&response) {
            // A gateway that heard nothing for long has gone, and comes back.
            assert!(began.elapsed() < PATIENCE, "nobody has subscribed");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The `after_sequence` of each subscription so far.
    pub fn asked_after(&self) -> Vec<u64> {
        self.player.script.lock().unwrap().asked_after.clone()
    }

    /// What it answers when it is asked for the past and for the amounts.
    pub fn knows(&self, history: Vec<HistoryEntry>, amounts: Option<Amounts>) {
        let mut script = self.player.script.lock().unwrap();
        (script.history, script.amounts) = (history, amounts);
    }

    /// How often it has been asked for these.
    pub fn asked(&self) -> u64 {
        self.player.script.lock().unwrap().asked
    }

    /// Leaves the same questions without an answer, or answers them from now on.
    pub fn freeze(&self, is_frozen: bool) {
        self.player.is_frozen.send_replace(is_frozen);
    }

    /// Ends all subscriptions and frees the port.
    pub async fn stop(self) -> SocketAddr {
        self.stop.cancel();
        self.player.script.lock().unwrap().subscribers.clear();
        self.server.await.unwrap();
        self.address
    }
}

impl Player {
    /// Counts a question, and waits while the analyzer is frozen.
    async fn hear(&self) {
        self.script.lock().unwrap().asked += 1;
        let mut is_frozen = self.is_frozen.subscribe();
        is_frozen.wait_for(|is_frozen| !is_frozen).await.unwrap();
    }
}

#[tonic::async_trait]
impl PriceService for Player {
    type ListWindowStream = Pin<Box<dyn Stream<Item = Result<ListWindowResponse, Status>> + Send>>;

    type PriceUpdatesStream = Pin<Box<dyn Stream<Item = Sent> + Send>>;

    async fn price_updates(
        &self,
        request: Request<PriceUpdatesRequest>,
    ) -> Result<Response<Self::PriceUpdatesStream>, Status> {
        let mut script = self.script.lock().unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        for update in &script.opening {
            let update = Some(update.clone());
            sender.send(Ok(PriceUpdatesResponse { update })).unwrap();
        }
        script.subscribers.push(sender);
        script.asked_after.push(request.into_inner().after_sequence);
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            receiver,
        ))))
    }

    async fn get_price(
        &self,
        _: Request<GetPriceRequest>,
    ) -> Result<Response<GetPriceResponse>, Status> {
        Err(Status::unimplemented("the gateway has no need of it"))
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<GetHistoryResponse>, Status> {
        let GetHistoryRequest { after_ms, step_ms } = request.into_inner();
        self.hear().await;
        let mut due_ms = 0;
        let mut entries = self.script.lock().unwrap().history.clone();
        entries.retain(|entry| {
            let due = entry.time_ms > after_ms && entry.time_ms >= due_ms;
            due_ms = if due { entry.time_ms + step_ms } else { due_ms };
            due
        });
        Ok(Response::new(GetHistoryResponse { entries }))
    }

    async fn get_amounts(
        &self,
        _: Request<GetAmountsRequest>,
    ) -> Result<Response<GetAmountsResponse>, Status> {
        self.hear().await;
        let amounts = self.script.lock().unwrap().amounts.clone();
        Ok(Response::new(GetAmountsResponse { amounts }))
    }

    async fn list_window(
        &self,
        _: Request<ListWindowRequest>,
    ) -> Result<Response<Self::ListWindowStream>, Status> {
        Err(Status::unimplemented("the gateway has no need of it"))
    }
}

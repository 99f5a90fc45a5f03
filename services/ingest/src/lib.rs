//! Bitcoin in, filtered transactions out.
//!
//! A thread receives what the node publishes ([`satscope_bitcoin::subscriber`]); the node's task turns it into
//! events through the tracker, a pure state machine; the store holds them as a log and a window; the service hands
//! them to subscribers, each from where it left off.

mod clock;
mod diagnosis;
mod journal;
mod node;
pub mod path;
mod recording;
mod resync;
mod service;
mod settings;
mod store;
mod tracker;
mod wire;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use satscope_bitcoin::{
    recording::Limits,
    rpc::Rpc,
    subscriber::{self, Subscription, unix_ms},
};
use satscope_kit::{Context, grpc, net};
use satscope_proto::v1::ingest_service_server::{IngestServiceServer, SERVICE_NAME};
use tokio::sync::mpsc;
use tonic::service::Routes;

pub use settings::IngestSettings;

/// Messages that may wait between the ZMQ thread and the node's task; libzmq holds what does not fit.
const QUEUE: usize = 65_536;
/// Messages that are handled, and what they led to published, before the other events get their turn.
const AT_ONCE: usize = 256;
/// ListMempool calls that may wait.
const QUERIES: usize = 16;

/// Says what each metric of ingest means.
pub fn describe_metrics() {
    node::describe_metrics();
    journal::describe();
    satscope_bitcoin::recording::describe_metrics();
}

/// Starts ingest; the address that it serves on.
///
/// # Errors
/// When a port is taken, or a secret or the journal cannot be read. A node that cannot be reached is no error: it is
/// waited for.
pub async fn start(settings: IngestSettings, context: &Context) -> anyhow::Result<SocketAddr> {
    let listener = net::listen("ingest_listen", settings.ingest_listen).await?;
    let address = listener.local_addr().context("the bound address")?;
    let room = usize::try_from(settings.window_bytes).unwrap_or(usize::MAX);
    let store = Arc::new(store::Store::new(unix_ms(), room));
    // Before the first subscriber: what the journal holds is there from the beginning.
    let node = node(&settings, store.clone(), context).await?;
    let (queries, questions) = mpsc::channel(QUERIES);
    let service = service::Service {
        store,
        queries,
        stop: context.tasks.stop(),
    };
    let routes = Routes::new(IngestServiceServer::new(service));
    grpc::serve(
        listener,
        SERVICE_NAME,
        routes,
        satscope_proto::DESCRIPTORS,
        context,
    )
    .await?;
    follow(node, settings.subscriptions(), questions, context).await;
    Ok(address)
}

async fn node(
    settings: &IngestSettings,
    store: Arc<store::Store>,
    context: &Context,
) -> anyhow::Result<node::Node> {
    let rpc = match &settings.rpc_url {
        Some(url) => Some(Rpc::new(url, settings.auth()?).context("rpc_url")?),
        None => None,
    };
    let clock = match settings.node_is_standin {
        true => clock::Clock::of_standin(),
        false => clock::Clock::System,
    };
    let condition = context.readiness.condition("node", "the node's ZMQ");
    let endpoints = settings.subscriptions().len();
    let link = node::Link::new(condition, settings.zmq.zmq_endpoint.clone(), endpoints);
    let ordered = endpoints == 1;
    let recording = recording(settings, clock, context).await?;
    let mut node = node::Node::new(
        store,
        rpc,
        clock,
        link,
        ordered,
        settings.intervals(),
        recording,
    );
    if let Some(folder) = settings.state_dir()? {
        node.keep_journal(&folder, settings.owner())?;
    }
    Ok(node)
}

async fn follow(
    node: node::Node,
    subscriptions: Vec<Subscription>,
    questions: mpsc::Receiver<service::MempoolQuery>,
    context: &Context,
) {
    let (queue, incoming) = mpsc::channel(QUEUE);
    let stop = context.tasks.stop();
    context
        .tasks
        .spawn("ZMQ", async move {
            let receiving = tokio::task::spawn_blocking(move || {
                subscriber::receive(subscriptions, &queue, &stop)
            });
            Ok(receiving.await.context("the ZMQ thread")??)
        })
        .await;
    context
        .tasks
        .spawn("node", async move {
            node.run(incoming, questions).await;
            Ok(())
        })
        .await;
}

/// Where to record, and what the recording tells of the last three hours; the node itself, if it can be asked, knows
/// better.
async fn recording(
    settings: &IngestSettings,
    clock: clock::Clock,
    context: &Context,
) -> anyhow::Result<(recording::Recorder, Option<recording::Past>)> {
    let Some(folder) = &settings.record else {
        return Ok((recording::Recorder::default(), None));
    };
    let limits = Limits::new(
        settings.record_limits.record_file_bytes,
        settings.record_limits.record_max_bytes,
    );
    let recorder = recording::Recorder::start(folder, limits, context).await?;
    let past = match settings.rpc_url {
        Some(_) => None,
        None => Some(recording::past(folder, clock.newest()).context("record")?),
    };
    Ok((recorder, past))
}

//! Bitcoin in, filtered transactions out.
//!
//! A thread receives the node's messages ([`satscope_bitcoin::subscriber`]). The [`mod@task`] turns it into events through the
//! [`tracker`], a pure state machine, and asks the node for the rest ([`resync`]). The publisher writes the events to the
//! journal, the log and the window ([`publish`]); the service hands them to subscribers, each from where it left off.

pub mod check;
mod clock;
mod journal;
mod metrics;
mod node;
pub mod path;
mod publish;
mod resync;
mod settings;
mod source;
mod stamp;
mod task;
mod tracker;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use satscope_bitcoin::{recording::RecordingLimits, rpc::Rpc, subscriber};
use satscope_kit::{Context, clock::unix_ms, config::ConfigError, grpc, net};
use satscope_proto::v1::ingest_service_server::{IngestServiceServer, SERVICE_NAME};
use tokio::sync::mpsc;
use tonic::service::Routes;

pub use settings::IngestSettings;

use crate::{
    clock::StampClock,
    journal::JournalError,
    publish::{service, store::Store},
    resync::Asker,
    source::{
        Source,
        past::{PastMessages, past},
        recorder::Recorder,
    },
    task::Task,
};

/// Most messages that may wait between the ZMQ thread and the task; libzmq queues the rest for a few seconds.
const QUEUE: usize = 65_536;
/// Most messages that are handled and published in one turn, before other events get theirs.
const AT_ONCE: usize = 256;
/// ListMempool calls that may wait.
const QUERIES: usize = 16;

/// Registers the descriptions of ingest's metrics, and of its recording's.
pub fn describe_metrics() {
    metrics::describe();
    satscope_bitcoin::recording::describe_metrics();
}

/// Starts ingest, and returns the address that it serves on.
///
/// # Errors
/// When a port is taken, or a secret or the journal cannot be read. A node that cannot be reached is no error: ingest waits for
/// it.
pub async fn start(settings: IngestSettings, context: &Context) -> anyhow::Result<SocketAddr> {
    let listener = net::listen("ingest_listen", settings.ingest_listen).await?;
    let address = listener.local_addr().context("the bound address")?;
    let room = usize::try_from(settings.window_bytes).unwrap_or(usize::MAX);
    let store = Arc::new(Store::new(unix_ms(), room));
    // The journal is read before the service starts, so that the first subscriber already gets its content.
    let task = task(&settings, store.clone(), context).await?;
    let (queries, questions) = mpsc::channel(QUERIES);
    let service = service::Service::new(store, queries, context.tasks.stop());
    let server = grpc::compressed!(IngestServiceServer::new(service));
    let routes = Routes::new(server);
    grpc::serve(
        listener,
        SERVICE_NAME,
        routes,
        satscope_proto::DESCRIPTORS,
        context,
    )
    .await?;
    follow(task, questions, context).await;
    Ok(address)
}

async fn task(
    settings: &IngestSettings,
    store: Arc<Store>,
    context: &Context,
) -> anyhow::Result<Task> {
    let rpc = node::rpc(settings).map_err(|error| ConfigError::unusable(&error))?;
    let clock = match settings.node.node_is_standin {
        true => StampClock::Awaited(None),
        false => StampClock::of_system(),
    };
    let (recorder, past) = recording(settings, clock, rpc.is_some(), context).await?;
    let condition = context.readiness.condition("node", "the node's ZMQ");
    let endpoints = settings.endpoints(rpc.as_ref().and_then(Rpc::host));
    let mut source = Source::new(clock, endpoints, condition, recorder);
    source.begin();
    let owner = settings.owner(rpc.as_ref());
    let asker = Asker::new(rpc);
    let mut task = Task::new(source, asker, store, settings.intervals());
    let has_journal = match settings.state.folder()? {
        Some(folder) => task.keep_journal(&folder, owner).map_err(unusable)?,
        None => false,
    };
    // A recording knows no more than the journal beside it.
    if let Some(past) = past.filter(|_| !has_journal) {
        task.take_past(past).await;
    }
    Ok(task)
}

/// The error for a journal that cannot be kept. It counts as a bad setting, unless the folder is in use, because a folder in
/// use may be free at the next start.
fn unusable(error: JournalError) -> anyhow::Error {
    match error {
        JournalError::InUse(_) => error.into(),
        JournalError::Io { .. } => ConfigError::Unusable(error.to_string()).into(),
    }
}

async fn follow(task: Task, questions: mpsc::Receiver<service::MempoolQuery>, context: &Context) {
    let (queue, incoming) = mpsc::channel(QUEUE);
    let (subscriptions, stop) = (task.subscriptions(), context.tasks.stop());
    context
        .tasks
        .spawn_blocking("ZMQ", move || {
            subscriber::receive(subscriptions, &queue, &stop)
        })
        .await;
    context
        .tasks
        .spawn("node", async move {
            task.run(incoming, questions).await;
            Ok(())
        })
        .await;
}

/// Opens the recorder; without RPC, also the recording of the last three hours. With RPC, the node itself is asked for them.
async fn recording(
    settings: &IngestSettings,
    clock: StampClock,
    has_rpc: bool,
    context: &Context,
) -> anyhow::Result<(Recorder, Option<PastMessages>)> {
    let Some(folder) = &settings.record else {
        return Ok((Recorder::default(), None));
    };
    let limits = RecordingLimits::new(
        settings.record_limits.record_file_bytes,
        settings.record_limits.record_max_bytes,
    );
    let recorder = Recorder::start(folder, limits, context)
        .await
        .map_err(|error| ConfigError::unusable(&error))?;
    let past = match has_rpc {
        true => None,
        false => Some(past(folder, clock.newest()).context("record")?),
    };
    Ok((recorder, past))
}

//! The price for browsers and programs: WebSocket, REST and the page, all from one upstream subscription.
//!
//! [`upstream`] turns what the analyzer sends into the one [`state::State`], which lives in a `watch` channel;
//! [`socket`], [`stream`] and [`rest`] read it there. [`admission`] says who may come in, and [`watchers`] who may stay.
//! No client's doing reaches another's, nor the analyzer.

mod accept;
mod addresses;
mod admission;
mod allowance;
mod cache;
mod description;
mod encoded;
mod freshness;
mod handshake;
mod headers;
mod history;
mod kept;
mod message;
mod metrics;
mod origins;
mod page;
mod parts;
mod past;
mod patient;
mod points;
mod problem;
mod recent;
mod rest;
mod sequence;
mod server;
mod settings;
mod socket;
mod state;
mod stream;
mod update;
mod upstream;
mod watchers;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use satscope_kit::{Context, net, upstream::Upstream};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    admission::Admission, origins::Origins, settings::ClientSettings, state::State,
    watchers::Watchers,
};

pub use metrics::describe as describe_metrics;
pub use settings::GatewaySettings;

/// Open files beside those of clients: the analyzer's, the operator's, and in one process all that the other parts have.
const OTHER_FILES: u64 = 500;

/// What the request handlers share.
#[derive(Clone, Debug)]
struct Gateway {
    state: watch::Receiver<State>,
    questions: history::Questions,
    admission: Arc<Admission>,
    origins: Origins,
    watchers: Arc<Watchers>,
    limits: Arc<ClientSettings>,
    /// For how long a stale price is given without a body that says so.
    stale_after: Duration,
    /// Connections and WebSocket clients, waited for at the end.
    connections: TaskTracker,
    stop: CancellationToken,
}

/// Starts the gateway; gives the address that it listens on.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(settings: GatewaySettings, context: &Context) -> anyhow::Result<SocketAddr> {
    let listener = net::listen("gateway_listen", settings.gateway_listen).await?;
    let address = listener.local_addr().context("gateway_listen")?;
    metrics::start(settings.admission.gateway_max_clients);
    warn_of_limits(&settings, &listener);
    let limits = Arc::new(settings.client);
    let capacity = usize::try_from(settings.gateway_max_points)?;
    let state = State::new(capacity, limits.gateway_client_bytes as usize);
    let (state, readers) = watch::channel(state);
    let analyzer = Upstream::new(settings.analyzer_url, context.token.as_ref());
    let analyzer = analyzer.context("analyzer_url")?;
    let questions = history::Questions::to(&analyzer);
    upstream::start(analyzer, state, capacity, context).await?;
    let stop = context.tasks.stop();
    // A quarter is left for the last to answer.
    let leave_over = context.tasks.drain() * 3 / 4;
    let most = settings.admission.gateway_max_clients;
    let gateway = Gateway {
        state: readers,
        questions,
        admission: Arc::new(Admission::new(&settings.admission)),
        origins: settings.admission.gateway_allowed_origins,
        watchers: Arc::new(Watchers::new(most, stop.clone(), leave_over)),
        limits,
        stale_after: Duration::from_secs(settings.stale_after_seconds.into()),
        connections: TaskTracker::new(),
        stop,
    };
    let app = server::routes(gateway.clone(), context.readiness.clone());
    context
        .tasks
        .spawn("gateway", server::serve(listener, app, gateway))
        .await;
    Ok(address)
}

/// Says at the start what would else be found out when it is too late.
fn warn_of_limits(settings: &GatewaySettings, listener: &TcpListener) {
    let connections = settings.admission.gateway_max_connections;
    let needed = u64::from(connections) + OTHER_FILES;
    match net::allow_open_files(needed) {
        Ok(None) => {}
        Ok(Some(allowed)) => warn!(
            "gateway_max_connections = {connections} needs {needed} open files, and the system allows {allowed}: see \
             ulimit -n"
        ),
        Err(fault) => warn!("the limit of open files could not be raised: {fault}"),
    }
    if settings.admission.gateway_trusted_proxies.is_empty() {
        let remedy = "what is sent is not encrypted; a TLS proxy in front, named in gateway_trusted_proxies, does that";
        net::warn_if_open("gateway_listen", listener, remedy);
    }
}

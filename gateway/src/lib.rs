//! The price for browsers and programs: WebSocket, REST and the page, all from one upstream subscription.
//!
//! [`upstream`] turns what the analyzer sends into the one [`state::State`], which lives in a `watch` channel;
//! [`socket`] and [`rest`] read it there. No client's doing reaches another's, nor the analyzer.

mod cache;
mod encoded;
mod handshake;
mod headers;
mod history;
mod kept;
mod message;
mod metrics;
mod page;
mod points;
mod problem;
mod recent;
mod rest;
mod server;
mod settings;
mod socket;
mod state;
mod update;
mod upstream;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use satscope_kit::{Context, net};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Endpoint;

use crate::{settings::Patience, state::State};

pub use metrics::describe as describe_metrics;
pub use settings::GatewaySettings;

/// What the request handlers share.
#[derive(Clone, Debug)]
struct Gateway {
    state: watch::Receiver<State>,
    questions: history::Questions,
    /// A permit for each WebSocket client that there is room for.
    room: Arc<Semaphore>,
    /// Connections and WebSocket clients, waited for at the end.
    connections: TaskTracker,
    patience: Patience,
    stop: CancellationToken,
}

/// Starts the gateway; gives the address that it listens on.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(settings: GatewaySettings, context: &Context) -> anyhow::Result<SocketAddr> {
    let listener = net::listen("gateway_listen", settings.gateway_listen).await?;
    let address = listener.local_addr().context("gateway_listen")?;
    metrics::start(settings.gateway_max_clients);
    let state = State::new(usize::try_from(settings.gateway_max_points)?);
    let (state, readers) = watch::channel(state);
    let analyzer = Endpoint::from_shared(settings.analyzer_url.clone()).context("analyzer_url")?;
    upstream::start(&analyzer, state, context).await?;
    let gateway = Gateway {
        state: readers,
        questions: history::Questions::to(analyzer),
        room: Arc::new(Semaphore::new(usize::try_from(
            settings.gateway_max_clients,
        )?)),
        connections: TaskTracker::new(),
        patience: settings.patience(),
        stop: context.tasks.stop(),
    };
    let app = server::routes(gateway.clone(), context.readiness.clone());
    context
        .tasks
        .spawn("gateway", server::serve(listener, app, gateway))
        .await;
    Ok(address)
}

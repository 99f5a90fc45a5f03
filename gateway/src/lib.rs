//! The price for browsers and programs: WebSocket, REST and the page, all from one upstream subscription.
//!
//! Five modules share the work: [`answer`] is the form of every answer, [`door`] the entrance, and [`state`] holds what
//! the analyzer has sent. [`watch`] serves clients that stay, and [`rest`] those that ask once. `watch` and `rest` use
//! the other three, which do not use them. [`files`] has the page's files, whose build's hash `state` and `rest` give.
//! [`exchange`] has the rates of other currencies for `rest`.
//! Nothing that one client does affects another or the analyzer.

mod answer;
mod door;
mod exchange;
mod files;
mod metrics;
mod rest;
mod settings;
mod state;
mod watch;

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use satscope_kit::{Context, admin, net, upstream::Upstream};
use tokio::net::TcpListener;
use tracing::warn;

use crate::{
    door::{Door, listener},
    rest::{Archive, Index, Pictures, Questions, Rest},
    state::upstream,
    watch::Watch,
};

pub use exchange::check as check_fx_file;
pub use metrics::describe as describe_metrics;
pub use settings::GatewaySettings;

/// Open files beside those of clients: connections to the analyzer and operators, and, in one process, those of all
/// other parts.
const OTHER_FILES: u64 = 500;

/// Starts the gateway and returns the address that it listens on.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(settings: GatewaySettings, context: &Context) -> anyhow::Result<SocketAddr> {
    let listener = net::listen("gateway_listen", settings.gateway_listen).await?;
    let address = listener.local_addr().context("gateway_listen")?;
    metrics::start(settings.watch.gateway_max_clients);
    warn_of_limits(&settings, &listener);
    let capacity = usize::try_from(settings.gateway_max_points)?;
    let analyzer = Upstream::new(settings.analyzer_url, context.token.as_ref());
    let analyzer = analyzer.context("analyzer_url")?;
    let historian = Upstream::new(settings.historian_url, context.token.as_ref());
    let archive = Archive::of(historian.context("historian_url")?);
    let questions = Questions::to(&analyzer);
    let largest_message = settings.watch.gateway_client_bytes as usize;
    let newest = upstream::start(analyzer, capacity, largest_message, context).await;
    let rest = Rest {
        state: newest.clone(),
        rates: exchange::start(settings.fx_file, context).await,
        questions,
        archive,
        pictures: Pictures::new(),
        index: Index::at(settings.gateway_public_url.as_ref()),
        stale_after: Duration::from_secs(settings.stale_after_seconds.into()),
        readiness: context.readiness.clone(),
    };
    let stop = context.tasks.stop();
    let door = Door::new(settings.door, stop.clone())?;
    // The last quarter is for the last clients to answer.
    let leave_over = context.tasks.drain() * 3 / 4;
    let watch = Watch::new(settings.watch, door.clone(), stop, leave_over);
    context
        .tasks
        .spawn("messages for clients", watch.write(newest))
        .await;
    let health = admin::health_routes(context.readiness.clone(), admin::Audience::Public);
    let app = door.before(rest.routes().merge(watch.routes()).merge(health));
    let serving = listener::serve(listener, app, door, watch.all_gone());
    context.tasks.spawn("gateway", serving).await;
    Ok(address)
}

/// Warns at the start about limits that would otherwise show only under load.
fn warn_of_limits(settings: &GatewaySettings, listener: &TcpListener) {
    let connections = settings.door.gateway_max_connections;
    let needed = u64::from(connections) + OTHER_FILES;
    match net::allow_open_files(needed) {
        Ok(None) => {}
        Ok(Some(allowed)) => warn!(
            "gateway_max_connections = {connections} needs {needed} open files, and the system allows {allowed}: see \
             ulimit -n"
        ),
        Err(fault) => warn!("the limit of open files could not be raised: {fault}"),
    }
    if settings.door.gateway_trusted_proxies.is_empty() {
        let remedy = "what is sent is not encrypted; a TLS proxy in front, named in gateway_trusted_proxies, does that";
        net::warn_if_open("gateway_listen", listener, remedy);
    }
}

//! Transactions in, price out.
//!
//! The [`state`] is a pure function of ingest's events: a window, the oracle's estimate and the dots. [`follow`] feeds
//! it. [`publish`] decides when an update is published, how old its price is and whether it is stale. [`feed`] numbers
//! the updates and gives each subscriber those it missed; [`last`] keeps the last price on disk.

mod age;
mod course;
mod feed;
mod follow;
mod history;
mod last;
mod link;
mod pace;
mod points;
mod price_log;
mod publish;
mod report;
#[cfg(test)]
mod sample;
mod sequence;
mod service;
mod settings;
mod state;
mod wire;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use satscope_kit::{Context, clock::Steady, grpc, net, upstream::Upstream};
use satscope_proto::v1::price_service_server::{PriceServiceServer, SERVICE_NAME};
use tonic::service::Routes;

pub use report::describe as describe_metrics;
pub use settings::AnalyzerSettings;

/// Starts the analyzer and returns the address that it serves on. The last price is kept in `state_dir`, if given.
///
/// # Errors
/// When a port is taken. An ingest that cannot be reached is no error, because the analyzer waits for it.
pub async fn start(
    settings: AnalyzerSettings,
    state_dir: Option<PathBuf>,
    context: &Context,
) -> anyhow::Result<SocketAddr> {
    report::start();
    let listener = net::listen("analyzer_listen", settings.analyzer_listen).await?;
    let address = listener.local_addr().context("the bound address")?;
    let shelf = state_dir.map(|folder| last::Shelf::new(folder, settings.ingest_url.clone()));
    let ingest =
        Upstream::new(settings.ingest_url, context.token.as_ref()).context("ingest_url")?;
    let feed = Arc::new(feed::Feed::default());
    let condition = context.readiness.condition("ingest", "ingest");
    let publisher = publish::Publisher::new(feed.clone(), shelf.clone(), Steady::now());
    let follower = follow::Follower::new(publisher, condition);
    let service = service::Service::new(feed, follower.clone(), context.tasks.stop());
    grpc::serve(
        listener,
        SERVICE_NAME,
        Routes::new(grpc::compressed!(PriceServiceServer::new(service))),
        satscope_proto::DESCRIPTORS,
        context,
    )
    .await?;
    run(follower, ingest, shelf, context).await;
    Ok(address)
}

async fn run(
    follower: follow::Follower,
    ingest: Upstream,
    shelf: Option<last::Shelf>,
    context: &Context,
) {
    let tasks = &context.tasks;
    let (reader, stop) = (follower.clone(), tasks.stop());
    tasks
        .spawn("ingest's stream", async move {
            reader.read(ingest, stop).await;
            Ok(())
        })
        .await;
    if let Some(shelf) = shelf {
        let (source, stop) = (follower.clone(), tasks.stop());
        let kept = last::keep(shelf, move || source.own_price(), stop);
        tasks.spawn("the last price", kept).await;
    }
    let stop = tasks.stop();
    tasks
        .spawn("price updates", async move {
            follower.beat(stop).await;
            Ok(())
        })
        .await;
}

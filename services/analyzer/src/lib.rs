//! Transactions in, price out.
//!
//! The [`state`] is a pure function of ingest's events: a window, the oracle's estimate and the dots. [`follow`]
//! feeds it and publishes twice a second; [`feed`] numbers the updates and knows what each subscriber has missed.

mod feed;
mod follow;
mod points;
mod report;
mod service;
mod settings;
mod state;
mod wire;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use satscope_kit::{Context, grpc, net, upstream::Upstream};
use satscope_proto::v1::price_service_server::{PriceServiceServer, SERVICE_NAME};
use tonic::service::Routes;

pub use report::describe as describe_metrics;
pub use settings::AnalyzerSettings;

/// Starts the analyzer; the address that it serves on.
///
/// # Errors
/// When a port is taken. An ingest that cannot be reached is no error: it is waited for.
pub async fn start(settings: AnalyzerSettings, context: &Context) -> anyhow::Result<SocketAddr> {
    report::start();
    let listener = net::listen("analyzer_listen", settings.analyzer_listen).await?;
    let address = listener.local_addr().context("the bound address")?;
    let ingest =
        Upstream::new(settings.ingest_url, context.token.as_ref()).context("ingest_url")?;
    let feed = Arc::new(feed::Feed::default());
    let condition = context.readiness.condition("ingest", "ingest");
    let follower = follow::Follower::new(feed.clone(), condition);
    let service = service::Service {
        feed,
        follower: follower.clone(),
        stop: context.tasks.stop(),
    };
    grpc::serve(
        listener,
        SERVICE_NAME,
        Routes::new(PriceServiceServer::new(service)),
        satscope_proto::DESCRIPTORS,
        context,
    )
    .await?;
    let (reader, stop) = (follower.clone(), context.tasks.stop());
    context
        .tasks
        .spawn("ingest's stream", async move {
            reader.read(ingest, stop).await;
            Ok(())
        })
        .await;
    let stop = context.tasks.stop();
    context
        .tasks
        .spawn("price updates", async move {
            follower.publish(stop).await;
            Ok(())
        })
        .await;
    Ok(address)
}

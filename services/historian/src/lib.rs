//! Keeps a price for every block, read from the node's blocks.
//!
//! The [`store`] is the history's file, and the [`archive`] holds the open one. The service answers from it.
//! [`minutes`] writes the analyzer's live estimates to it, and the filler the prices of the node's blocks. The filler
//! tells its [`progress`]. A [`pack`] is a history that travels.

pub mod archive;
mod cpu;
mod dates;
mod disk;
pub mod export;
mod fill;
mod fill_metrics;
mod filler;
mod minutes;
pub mod node;
pub mod pack;
pub mod progress;
mod recent;
mod report;
mod service;
mod settings;
mod sqlite;
pub mod status;
pub mod store;
pub mod text;
mod times;
mod upkeep;

use std::net::SocketAddr;

use anyhow::Context as _;
use satscope_kit::{Context, grpc, net, upstream::Upstream};
use satscope_proto::v1::history_service_server::{HistoryServiceServer, SERVICE_NAME};
use tonic::service::Routes;

pub use disk::{BlockFiles, check as check_block_files};
pub use filler::{Means, means};
pub use satscope_oracle::past::MODEL;
pub use settings::{Around, BlocksDir, HistorianSettings};

use crate::{archive::Archive, progress::Progress};

/// Describes each metric of the historian to the recorder.
pub fn describe_metrics() {
    report::describe();
    fill_metrics::describe();
}

/// Starts the historian and returns the address that it serves on.
///
/// # Errors
/// When a port is taken, or a setting cannot be used. An unreachable node or analyzer, or a file that cannot be opened,
/// is no error, because the historian waits for it.
pub async fn start(
    settings: HistorianSettings,
    around: Around,
    context: &Context,
) -> anyhow::Result<SocketAddr> {
    report::start();
    let listener = net::listen("historian_listen", settings.historian_listen).await?;
    let address = listener.local_addr().context("the bound address")?;
    let archive = Archive::new(around.state_dir.clone(), around.node.node_is_standin)?;
    let progress = Progress::default();
    let service = service::Service::new(archive.clone(), progress.clone());
    grpc::serve(
        listener,
        SERVICE_NAME,
        Routes::new(grpc::compressed!(HistoryServiceServer::new(service))),
        satscope_proto::DESCRIPTORS,
        context,
    )
    .await?;
    keep_minutes(&around, archive.clone(), context).await?;
    keep_up(archive.clone(), progress.clone(), context).await;
    filler::start(&settings, &around, archive, progress, context).await?;
    Ok(address)
}

async fn keep_minutes(around: &Around, archive: Archive, context: &Context) -> anyhow::Result<()> {
    let analyzer = Upstream::new(around.analyzer_url.clone(), context.token.as_ref());
    let analyzer = analyzer.context("analyzer_url")?;
    let condition = context.readiness.condition("analyzer", "the analyzer");
    let follower = minutes::Follower::new(archive, condition);
    let (reader, stop) = (follower.clone(), context.tasks.stop());
    context
        .tasks
        .spawn("the analyzer's stream", async move {
            reader.read(analyzer, stop).await;
            Ok(())
        })
        .await;
    let stop = context.tasks.stop();
    context
        .tasks
        .spawn("minutes", async move { follower.write(stop).await })
        .await;
    Ok(())
}

async fn keep_up(archive: Archive, progress: Progress, context: &Context) {
    let told = upkeep::Told {
        file: context.readiness.condition("history", "the history's file"),
        blocks: context.readiness.condition("blocks", "the node's blocks"),
    };
    let stop = context.tasks.stop();
    context
        .tasks
        .spawn("the history's file", async move {
            upkeep::run(archive, progress, told, stop).await
        })
        .await;
}

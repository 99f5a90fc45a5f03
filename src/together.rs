//! The whole chain in one process, its parts connected over loopback gRPC as they would be apart.

use std::net::SocketAddr;

use anyhow::Context as _;
use satscope_historian::Around;
use satscope_kit::Context;
use satscope_standin::SimulateSettings;
use tracing::info;

use crate::parts::Parts;

/// Runs all parts on a real node.
pub async fn run(mut parts: Parts, context: &Context) -> anyhow::Result<()> {
    // One state folder serves all parts.
    let state_dir = parts.ingest.state.folder()?;
    let node = parts.ingest.node.clone();
    let is_node_set_elsewhere = parts.ingest.zmq.zmq_endpoint.is_some();
    let ingest = satscope_ingest::start(parts.ingest, context).await?;
    parts.analyzer.ingest_url = url(ingest);
    let analyzer = satscope_analyzer::start(parts.analyzer, state_dir.clone(), context).await?;
    parts.gateway.analyzer_url = url(analyzer);
    let around = Around {
        node,
        is_node_set_elsewhere,
        analyzer_url: url(analyzer),
        state_dir,
    };
    let historian = satscope_historian::start(parts.historian, around, context).await?;
    parts.gateway.historian_url = url(historian);
    let gateway = satscope_gateway::start(parts.gateway, context).await?;
    info!("the dashboard is at http://{gateway}");
    Ok(())
}

/// Runs all parts on a simulated node.
pub async fn demo(
    simulate: &SimulateSettings,
    mut parts: Parts,
    context: &Context,
) -> anyhow::Result<()> {
    let node = satscope_standin::start_simulation(simulate, context.tasks.stop()).await?;
    parts.ingest.zmq.zmq_endpoint = Some(node.zmq_endpoint().to_owned());
    parts.ingest.zmq.zmq_sequence_endpoint = None;
    parts.ingest.node.rpc_url = Some(node.rpc_url());
    parts.ingest.node.rpc_cookie_file = node.rpc_cookie_file().map(Into::into);
    parts.ingest.node.node_is_standin = true;
    context
        .tasks
        .spawn("the simulated node", async move {
            node.wait().await.context("the simulated node")
        })
        .await;
    run(parts, context).await
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

//! While the node's ZMQ is away and its RPC is not: reading the node now and then all the same, so that the price goes on,
//! and what comes and is mined meanwhile bears the node's own stamp and not its block's.

use std::time::Instant;

use satscope_bitcoin::{
    rpc::{Rpc, RpcError},
    subscriber::{Incoming, unix_ms},
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tracing::{debug, info};

use super::{Node, catch_up::failure_of};

/// A stand-in's `standinstatus`, as far as it is used.
#[derive(Deserialize)]
struct StandInStatus {
    /// Its clock, Unix seconds.
    time: f64,
}

impl Node {
    /// Makes the picture equal to the node's, while nothing else tells of changes.
    pub(super) async fn poll(&mut self, rpc: &Rpc, incoming: &mut mpsc::Receiver<Incoming>) {
        let began = Instant::now();
        let failure = failure_of(self.read_node(rpc, incoming)).await;
        match &failure {
            None if self.link.is_polled() => {}
            None => info!("the node's ZMQ is away; reading its mempool over RPC meanwhile"),
            Some(failure) => debug!("cannot read the node while its ZMQ is away: {failure}"),
        }
        self.report.polled(failure.is_none());
        self.link.polled(failure.is_none(), began, Instant::now());
        self.beat();
    }

    async fn read_node(
        &mut self,
        rpc: &Rpc,
        incoming: &mut mpsc::Receiver<Incoming>,
    ) -> Result<Option<String>, RpcError> {
        if let Some(time) = self.standin_time(rpc).await? {
            self.clock.go_to(time);
        }
        if let Some(now_ms) = self.clock.stamp(unix_ms()) {
            self.catch_up(rpc, incoming, now_ms).await?;
        }
        Ok(None)
    }

    /// The clock that entry times are of, as it is now, Unix milliseconds.
    pub(super) async fn node_time_ms(&mut self, rpc: &Rpc) -> Result<u64, RpcError> {
        let time = self.standin_time(rpc).await?;
        Ok(time.map_or_else(unix_ms, |time| (time * 1000.0) as u64))
    }

    /// A stand-in's clock, Unix seconds; `None` of a real node, which has the system's.
    async fn standin_time(&mut self, rpc: &Rpc) -> Result<Option<f64>, RpcError> {
        if !self.clock.is_standin() {
            return Ok(None);
        }
        let status: StandInStatus = self.beating(rpc.call("standinstatus", json!([]))).await?;
        Ok(Some(status.time))
    }
}

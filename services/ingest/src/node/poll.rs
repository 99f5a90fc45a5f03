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
        if self.clock.is_standin() {
            let status: StandInStatus = self.beating(rpc.call("standinstatus", json!([]))).await?;
            self.clock.go_to(status.time);
        }
        if let Some(now_ms) = self.clock.stamp(unix_ms()) {
            self.catch_up(rpc, incoming, now_ms).await?;
        }
        Ok(None)
    }
}

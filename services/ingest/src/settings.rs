//! The settings of ingest.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use satscope_bitcoin::{frame::Topic, rpc::Rpc};
use satscope_kit::config::{
    NodeSettings, RecordLimits, StateSettings, ZmqSettings, bytes, seconds, socket_address,
};

use crate::{journal::Owner, resync::compare::Intervals, source::topics::Endpoints};

/// Where the node is, and where ingest serves.
#[derive(Args, Clone, Debug)]
pub struct IngestSettings {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub zmq: ZmqSettings,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeSettings,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub state: StateSettings,

    /// How often the mempool's count is compared with the node's, in seconds
    #[arg(long, env = "SATSCOPE_COMPARE_SECONDS", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub compare_seconds: f64,

    /// How often all of the mempool is compared with the node's, in seconds
    #[arg(long, env = "SATSCOPE_AUDIT_SECONDS", value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub audit_seconds: f64,

    /// The memory that the window may take, in bytes; beyond it the oldest transactions are let go
    #[arg(long, env = "SATSCOPE_WINDOW_BYTES", value_name = "BYTES", default_value = "268435456", value_parser = bytes)]
    pub window_bytes: u64,

    /// A folder to keep what the node sends in; without RPC, the window is filled from it at the start
    #[arg(long, env = "SATSCOPE_RECORD", value_name = "FOLDER")]
    pub record: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub record_limits: RecordLimits,

    /// Where ingest serves gRPC
    #[arg(
        long,
        env = "SATSCOPE_INGEST_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:50051", value_parser = socket_address
    )]
    pub ingest_listen: SocketAddr,
}

impl IngestSettings {
    /// The endpoints at which the node is heard. Without RPC they include `rawblock`, which brings a block's header if the node
    /// publishes it.
    pub(crate) fn endpoints(&self, rpc_host: Option<String>) -> Endpoints {
        let beside = match (self.node.node_is_standin, &rpc_host) {
            (true, _) => Some(Topic::StandIn),
            (false, None) => Some(Topic::RawBlock),
            (false, Some(_)) => None,
        };
        Endpoints {
            rawtx: self.zmq.zmq_endpoint.clone(),
            sequence: self.zmq.zmq_sequence_endpoint.clone(),
            beside,
            rpc_host,
        }
    }

    /// The owner of the journal: the node at the endpoint that is set, else at its RPC.
    pub(crate) fn owner(&self, rpc: Option<&Rpc>) -> Owner {
        let rpc = rpc.map(|rpc| rpc.url().to_owned());
        let zmq_endpoint = self.zmq.zmq_endpoint.clone().or(rpc);
        Owner {
            zmq_endpoint: zmq_endpoint.unwrap_or_else(|| self.zmq.rawtx().to_owned()),
            is_standin: self.node.node_is_standin,
        }
    }

    /// How often the picture is compared with the node's.
    pub(crate) fn intervals(&self) -> Intervals {
        Intervals {
            count: Duration::from_secs_f64(self.compare_seconds),
            txids: Duration::from_secs_f64(self.audit_seconds),
        }
    }
}

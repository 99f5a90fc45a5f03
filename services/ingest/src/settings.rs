//! The settings of ingest.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use satscope_bitcoin::{
    frame::Topic,
    rpc::{Auth, Rpc},
};
use satscope_kit::config::{
    ConfigError, RecordLimits, Secret, StateSettings, ZmqSettings, bytes, node_url, seconds,
    socket_address,
};

use crate::{journal::Owner, resync::compare::Intervals, source::topics::Endpoints};

/// Where the node is, and where ingest serves.
#[derive(Args, Clone, Debug)]
pub struct IngestSettings {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub zmq: ZmqSettings,

    /// The node's data folder, to find its RPC and login; looked for where neither zmq_endpoint nor RPC is set [default: ~/.bitcoin,
    /// else what /etc/bitcoin/bitcoin.conf says]
    #[arg(long, env = "SATSCOPE_BITCOIN_DIR", value_name = "FOLDER")]
    pub bitcoin_dir: Option<PathBuf>,

    /// The node's JSON-RPC [default: as found in bitcoin_dir; http://127.0.0.1:8332 where a login is set]; without RPC, all begins
    /// from an empty window
    #[arg(long, env = "SATSCOPE_RPC_URL", value_name = "URL", value_parser = node_url)]
    pub rpc_url: Option<String>,

    /// The file with the node's RPC cookie (`.cookie` in its data folder)
    #[arg(long, env = "SATSCOPE_RPC_COOKIE_FILE", value_name = "FILE")]
    pub rpc_cookie_file: Option<PathBuf>,

    /// The user for RPC, if there is no cookie; the password comes from a file or SATSCOPE_RPC_PASSWORD
    #[arg(long, env = "SATSCOPE_RPC_USER", value_name = "NAME")]
    pub rpc_user: Option<String>,

    /// The file with that user's password in its first line
    #[arg(long, env = "SATSCOPE_RPC_PASSWORD_FILE", value_name = "FILE")]
    pub rpc_password_file: Option<PathBuf>,

    /// The node is a stand-in: take the time and the labels from its `satscope` topic
    #[arg(long, env = "SATSCOPE_NODE_IS_STANDIN")]
    pub node_is_standin: bool,

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
    /// Whether a login for RPC is set by hand, beside one in `rpc_url`.
    pub(crate) fn has_login(&self) -> bool {
        self.rpc_cookie_file.is_some() || self.rpc_user.is_some()
    }

    /// Whether the node is to be looked for: operators named its folder, or nothing of where it is.
    pub(crate) fn is_node_looked_for(&self) -> bool {
        let is_set = self.zmq.zmq_endpoint.is_some() || self.rpc_url.is_some() || self.has_login();
        !self.node_is_standin && (self.bitcoin_dir.is_some() || !is_set)
    }

    /// Where the node is heard. A node that cannot be asked for a block's header tells it with `rawblock`, if it publishes that.
    pub(crate) fn endpoints(&self, rpc_host: Option<String>) -> Endpoints {
        let beside = match (self.node_is_standin, &rpc_host) {
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

    /// Whose journal it is: the node's at this endpoint, or at this RPC.
    pub(crate) fn owner(&self, rpc: Option<&Rpc>) -> Owner {
        let rpc = rpc.map(|rpc| rpc.url().to_owned());
        let zmq_endpoint = self.zmq.zmq_endpoint.clone().or(rpc);
        Owner {
            zmq_endpoint: zmq_endpoint.unwrap_or_else(|| self.zmq.rawtx().to_owned()),
            is_standin: self.node_is_standin,
        }
    }

    /// How often the picture is compared with the node's.
    pub(crate) fn intervals(&self) -> Intervals {
        Intervals {
            count: Duration::from_secs_f64(self.compare_seconds),
            txids: Duration::from_secs_f64(self.audit_seconds),
        }
    }

    /// How ingest identifies itself to the node: the cookie if one is given, else user and password.
    ///
    /// # Errors
    /// When the password file cannot be read, or there is a user without a password.
    pub(crate) fn auth(&self) -> Result<Auth, ConfigError> {
        if let Some(path) = &self.rpc_cookie_file {
            return Ok(Auth::CookieFile(path.clone()));
        }
        let Some(user) = self.rpc_user.clone() else {
            return Ok(Auth::None);
        };
        let file = self.rpc_password_file.as_deref();
        match Secret::find(file, Secret::RPC_PASSWORD)? {
            Some(password) => Ok(Auth::Password {
                user,
                password: password.expose().to_owned(),
            }),
            None => Err(ConfigError::Unusable(format!(
                "rpc_user = {user:?} has no password: expected rpc_password_file or {}",
                Secret::RPC_PASSWORD
            ))),
        }
    }
}

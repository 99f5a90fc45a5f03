//! Settings that several parts share.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{ConfigError, Secret, bytes, http_url, node_url, zmq_endpoint};

/// The endpoint at which a node publishes over ZMQ unless another is known. Source: the lines for bitcoin.conf in Core's
/// `doc/zmq.md`.
const USUAL_ZMQ: &str = "tcp://127.0.0.1:28332";

/// Where the node publishes over ZMQ.
#[derive(Args, Clone, Debug, Default)]
pub struct ZmqSettings {
    /// Where the node publishes (`-zmqpubrawtx` and `-zmqpubsequence` in bitcoin.conf) [default: where the node says over RPC, else
    /// tcp://127.0.0.1:28332]
    #[arg(long, env = "SATSCOPE_ZMQ_ENDPOINT", value_name = "ENDPOINT", value_parser = zmq_endpoint)]
    pub zmq_endpoint: Option<String>,

    /// Where it publishes `sequence`, if that is elsewhere
    #[arg(long, env = "SATSCOPE_ZMQ_SEQUENCE_ENDPOINT", value_name = "ENDPOINT", value_parser = zmq_endpoint)]
    pub zmq_sequence_endpoint: Option<String>,
}

impl ZmqSettings {
    /// The endpoint of `rawtx`, for a part that has no RPC to ask.
    pub fn rawtx(&self) -> &str {
        self.zmq_endpoint.as_deref().unwrap_or(USUAL_ZMQ)
    }
}

/// Where the node's files and its JSON-RPC are.
#[derive(Args, Clone, Debug, Default)]
pub struct NodeSettings {
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
}

/// A login for the node's RPC, as it is set by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeLogin {
    /// The file with the node's cookie.
    Cookie(PathBuf),
    /// A user and its password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
}

impl NodeSettings {
    /// Whether a login for RPC is set by hand, beside one in `rpc_url`.
    fn has_login(&self) -> bool {
        self.rpc_cookie_file.is_some() || self.rpc_user.is_some()
    }

    /// Whether the node is to be looked for: operators named its folder, or set nothing about its place. `is_set_elsewhere` if
    /// another setting, such as `zmq_endpoint`, names its place.
    pub fn is_looked_for(&self, is_set_elsewhere: bool) -> bool {
        let is_set = is_set_elsewhere || self.rpc_url.is_some() || self.has_login();
        !self.node_is_standin && (self.bitcoin_dir.is_some() || !is_set)
    }

    /// The login that is set by hand: the cookie if one is given, else user and password; `None` if there is neither.
    ///
    /// # Errors
    /// When the password file cannot be read, or there is a user without a password.
    pub fn login(&self) -> Result<Option<NodeLogin>, ConfigError> {
        if let Some(path) = &self.rpc_cookie_file {
            return Ok(Some(NodeLogin::Cookie(path.clone())));
        }
        let Some(user) = self.rpc_user.clone() else {
            return Ok(None);
        };
        let file = self.rpc_password_file.as_deref();
        match Secret::find(file, Secret::RPC_PASSWORD)? {
            Some(password) => Ok(Some(NodeLogin::Password { user, password })),
            None => Err(ConfigError::Unusable(format!(
                "rpc_user = {user:?} has no password: expected rpc_password_file or {}",
                Secret::RPC_PASSWORD
            ))),
        }
    }
}

/// Where the analyzer is, for a part that has no other setting of that name beside it.
#[derive(Args, Clone, Debug)]
pub struct AnalyzerUrl {
    /// The analyzer that the price comes from
    #[arg(
        long,
        env = "SATSCOPE_ANALYZER_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:50052",
        value_parser = http_url
    )]
    pub analyzer_url: String,
}

/// How much of a recording is kept.
#[derive(Args, Clone, Copy, Debug)]
pub struct RecordLimits {
    /// The size at which a recording's file is closed and another begun, in bytes
    #[arg(long, env = "SATSCOPE_RECORD_FILE_BYTES", value_name = "BYTES", default_value = "67108864", value_parser = bytes)]
    pub record_file_bytes: u64,

    /// What all files of a recording may hold together, in bytes; the oldest are deleted
    #[arg(long, env = "SATSCOPE_RECORD_MAX_BYTES", value_name = "BYTES", default_value = "4294967296", value_parser = bytes)]
    pub record_max_bytes: u64,
}

/// The value of `state_dir` that stands for no folder.
const NO_FOLDER: &str = "none";

/// The folder for what outlives a process: ingest's journal, the analyzer's last price, the historian's files.
#[derive(Args, Clone, Debug, Default)]
pub struct StateSettings {
    /// Where ingest keeps its journal, the analyzer its last price and the historian its history; "none" for nowhere [default:
    /// $STATE_DIRECTORY, else $XDG_STATE_HOME/satscope, else ~/.local/state/satscope]
    #[arg(long, env = "SATSCOPE_STATE_DIR", value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
}

impl StateSettings {
    /// The folder; `None` if nothing is to be kept.
    ///
    /// # Errors
    /// When there is neither a setting nor a place that the system names.
    pub fn folder(&self) -> Result<Option<PathBuf>, ConfigError> {
        self.folder_in(|variable| std::env::var_os(variable).map(PathBuf::from))
    }

    fn folder_in(
        &self,
        variable: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let named = |name: &str, below: &str| {
            let folder = variable(name).filter(|folder| !folder.as_os_str().is_empty())?;
            Some(folder.join(below))
        };
        let found = self
            .state_dir
            .clone()
            .or_else(|| named("STATE_DIRECTORY", ""))
            .or_else(|| named("XDG_STATE_HOME", "satscope"))
            .or_else(|| named("HOME", ".local/state/satscope"));
        match found {
            Some(folder) if folder == Path::new(NO_FOLDER) => Ok(None),
            Some(folder) => Ok(Some(folder)),
            None => Err(ConfigError::Unusable(format!(
                "state_dir is not set, and there is no home folder; expected a folder, or {NO_FOLDER}"
            ))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn folder(
        setting: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<PathBuf>, ConfigError> {
        let settings = StateSettings {
            state_dir: setting.map(PathBuf::from),
        };
        settings.folder_in(|name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(PathBuf::from(value))
        })
    }

    fn found(setting: Option<&str>, variables: &[(&str, &str)]) -> PathBuf {
        folder(setting, variables).unwrap().unwrap()
    }

    #[test]
    fn the_state_folder_is_the_setting_else_what_the_system_names() {
        let home = ("HOME", "/home/x");
        let xdg = ("XDG_STATE_HOME", "/s");
        let systemd = ("STATE_DIRECTORY", "/var/lib/x");
        let unset = ("STATE_DIRECTORY", "");
        assert_eq!(found(Some("/here"), &[systemd, home]), Path::new("/here"));
        assert_eq!(found(None, &[systemd, xdg, home]), Path::new("/var/lib/x"));
        assert_eq!(found(None, &[xdg, home]), Path::new("/s/satscope"));
        assert_eq!(
            found(None, &[unset, home]),
            Path::new("/home/x/.local/state/satscope")
        );
        assert_eq!(folder(Some("none"), &[home]).unwrap(), None);
        assert!(folder(None, &[]).is_err());
    }
}

//! Finds a node on this machine by its files, as `bitcoin-cli` does. Nothing is sent over a network.
//!
//! Discovery reads `bitcoin.conf`, the files that it includes, and `settings.json`. Where Core's programs differ, discovery
//! follows `bitcoind`, because `bitcoin-cli` reads neither included files nor `settings.json`. Options on the node's command
//! line are unknown here. Source: Core 30, `doc/bitcoin-conf.md`, `src/common/{args,config,init,settings}.cpp` and
//! `src/bitcoin-cli.cpp`.
//!
//! A login is taken only from files that root, our user or the node's user owns and that not all users can write. It is given
//! out for this machine only. No error and no `Debug` shows a secret, or the value of a key that is unknown here.

use std::{fmt, path::PathBuf};

use crate::login::Auth;

mod address;
mod chain;
mod config;
mod entry;
mod error;
mod places;
mod resolve;
mod settings;
#[cfg(test)]
mod tests;

pub use crate::{
    guard::{Access, FileError, FileFault, Owners},
    login::{Cookie, CookieError, CookieFile, read_cookie},
};
pub use address::RpcAddress;
pub use chain::Chain;
pub use entry::{Spot, ZmqTopic};
pub use error::{DiscoveryError, FolderSource, LineFault, ValueFault};
pub use places::Places;

/// The node whose files lie in the first of the places that has any.
///
/// # Errors
/// [`DiscoveryError::NoNode`] if no place has files of a node; else all of [`DiscoveryError`] but `RemoteHost`.
pub fn discover(places: &Places) -> Result<DiscoveredNode, DiscoveryError> {
    resolve::resolve(&places.start()?)
}

/// A node on this machine, as its files describe it. Whether the node runs is not known.
#[derive(Clone, Debug)]
pub struct DiscoveredNode {
    /// The data folder that all chains share.
    pub data_dir: PathBuf,
    /// The chain that the node follows.
    pub chain: Chain,
    /// The chain's own folder; the data folder itself for the main chain.
    pub chain_dir: PathBuf,
    /// The folder of the files `blk*.dat`.
    pub blocks_dir: PathBuf,
    /// The files that settings were read from, in the order of reading.
    pub config_files: Vec<PathBuf>,
    /// `settings.json` if our user may not read it. Core makes that file readable to its own user only, and `bitcoin-cli` never
    /// reads it.
    pub unread_settings: Option<PathBuf>,
    /// Where the RPC server listens.
    pub rpc: RpcAddress,
    /// How a client identifies itself.
    pub login: Login,
    /// Whether `rpcauth` is set: further users, whose passwords no file holds.
    pub has_rpcauth: bool,
    /// The ZMQ topics that the files tell the node to publish. Once the node answers, its own list counts.
    pub zmq: Vec<ZmqPublisher>,
    /// The blocks that the node keeps.
    pub prune: Prune,
    /// Whether the RPC server is switched on; `None` if no file says so, which means on for `bitcoind` and off for `bitcoin-qt`.
    pub server: Option<bool>,
}

impl DiscoveredNode {
    /// The URL of the RPC server, without a login.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.rpc)
    }

    /// The login for [`crate::rpc::Rpc`].
    ///
    /// # Errors
    /// [`DiscoveryError::RemoteHost`] if the login is withheld.
    pub fn auth(&self) -> Result<Auth, DiscoveryError> {
        match &self.login {
            Login::Cookie(cookie) => Ok(Auth::FoundCookie(cookie.clone())),
            Login::Password(login) => Ok(Auth::Password {
                user: login.user.clone(),
                password: login.password.clone(),
            }),
            Login::Withheld => Err(DiscoveryError::RemoteHost {
                host: self.rpc.host.clone(),
            }),
        }
    }
}

/// The way in which a client identifies itself to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// With the cookie, which the node writes anew at each start.
    Cookie(CookieFile),
    /// With `rpcuser` and `rpcpassword`.
    Password(PasswordLogin),
    /// Without a login: `rpcconnect` names another machine, to which a login is sent only if it is set by hand.
    Withheld,
}

/// `rpcuser` and `rpcpassword`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordLogin {
    /// The user, perhaps empty.
    pub user: String,
    /// The password. It must not be shown.
    pub password: String,
}

/// Neither user nor password is shown, because operators mix them up.
impl fmt::Debug for PasswordLogin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordLogin(masked)")
    }
}

/// A topic that the node is told to publish, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZmqPublisher {
    /// The topic.
    pub topic: ZmqTopic,
    /// The address that the node binds, such as `tcp://127.0.0.1:28332`.
    pub address: String,
}

/// The blocks that the node keeps. Source: Core, `src/node/blockmanager_args.cpp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// All blocks.
    Off,
    /// The blocks that no `pruneblockchain` call has removed.
    Manual,
    /// The newest blocks.
    Automatic {
        /// The size that the block files are kept below, in MiB.
        target_mib: u64,
    },
}

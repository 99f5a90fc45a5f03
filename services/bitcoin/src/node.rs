//! The choice of the node that a part asks: the one that operators set, else the one whose files lie on this machine.

use std::path::PathBuf;

use thiserror::Error;
use tracing::{info, warn};

use crate::{
    discovery::{DiscoveredNode, DiscoveryError, Places, discover},
    host::is_loopback,
    rpc::{self, Auth, Rpc, RpcError},
};

/// The default RPC address of a node on this machine. Source: Core's default `-rpcport`.
const LOCAL_RPC: &str = "http://127.0.0.1:8332";

/// The operators' settings about the node.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whether the node's files are looked for on this machine.
    pub is_looked_for: bool,
    /// The node's data folder; `None` to look in the usual places.
    pub bitcoin_dir: Option<PathBuf>,
    /// The RPC that is set.
    pub url: Option<WantedUrl>,
    /// The login that is set beside the URL; [`Auth::None`] if none is.
    pub auth: Auth,
}

/// The URL of an RPC, as it is used and as it is shown.
#[derive(Clone)]
pub struct WantedUrl {
    /// `http://HOST:PORT`, perhaps with a login, which must not be shown.
    pub target: String,
    /// The same with the login masked.
    pub shown: String,
}

/// Shows the URL without its login.
impl std::fmt::Debug for WantedUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WantedUrl({})", self.shown)
    }
}

impl WantedUrl {
    fn without_login(url: String) -> WantedUrl {
        WantedUrl {
            shown: url.clone(),
            target: url,
        }
    }

    fn has_login(&self) -> bool {
        self.target != self.shown
    }
}

/// The node that is asked, and how it was chosen.
#[derive(Debug)]
pub struct Choice {
    /// Its RPC; `None` if no RPC is set and the node's files are not looked for.
    pub rpc: Option<Rpc>,
    /// Its files.
    pub files: Files,
    /// Where the login comes from, without the login.
    pub login: Login,
}

/// The node's files on this machine.
#[derive(Debug)]
pub enum Files {
    /// Not looked for, because settings say where the node is.
    NotWanted,
    /// No files were found; the text says where they were looked for.
    Missing(String),
    /// Found and used.
    Used(Box<DiscoveredNode>),
    /// Found, and not used, because `rpc_url` and a login for it are set.
    Unused(Box<DiscoveredNode>),
}

/// Where the login comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// `rpc_url`.
    Url,
    /// `rpc_cookie_file`, or `rpc_user` and its password.
    Settings,
    /// The node's files.
    Files,
    /// There is no login.
    None,
}

/// Why no node can be chosen.
#[derive(Debug, Error)]
pub enum ChoiceError {
    /// The node's files are found and cannot be used.
    #[error("looking for the node: {0}")]
    Files(#[from] DiscoveryError),
    /// The login of the node's files would leave this machine.
    #[error(
        "rpc_url is not on this machine, and the login in bitcoin_dir is told to no other: set rpc_cookie_file, or rpc_user and \
         rpc_password_file"
    )]
    LoginIsLocal,
    /// No client can be made for that URL.
    #[error("rpc_url: {0}")]
    Client(RpcError),
}

/// The node that is asked.
///
/// # Errors
/// All of [`ChoiceError`].
pub fn choose(wanted: Wanted) -> Result<Choice, ChoiceError> {
    let (mut files, found) = match wanted.is_looked_for {
        true => find(Places::of_system(wanted.bitcoin_dir))?,
        false => (Files::NotWanted, None),
    };
    let is_login_set = !matches!(wanted.auth, Auth::None);
    let is_url_set = wanted.url.is_some();
    let local = is_login_set.then(|| LOCAL_RPC.to_owned());
    let otherwise = found.as_ref().map(|found| found.url.clone()).or(local);
    let url = wanted
        .url
        .or_else(|| otherwise.map(WantedUrl::without_login));
    let Some(url) = url else {
        let login = Login::None;
        return Ok(Choice {
            rpc: None,
            files,
            login,
        });
    };
    let set = match (is_login_set, url.has_login()) {
        (true, _) => Login::Settings,
        (false, true) => Login::Url,
        (false, false) => Login::None,
    };
    let (auth, login) = match (set, found) {
        (Login::None, Some(found)) => (found.login_for(&url.target)?, Login::Files),
        (_, Some(_)) if is_url_set => {
            warn!("bitcoin_dir is not used, because rpc_url and a login for it are set");
            files = files.unused();
            (wanted.auth, set)
        }
        _ => (wanted.auth, set),
    };
    let rpc = Rpc::new(&url.target, &url.shown, auth).map_err(ChoiceError::Client)?;
    Ok(Choice {
        rpc: Some(rpc),
        files,
        login,
    })
}

impl Files {
    fn unused(self) -> Files {
        match self {
            Files::Used(node) => Files::Unused(node),
            other => other,
        }
    }
}

/// The address and login of the RPC in the node's files.
struct Found {
    url: String,
    auth: Auth,
}

impl Found {
    /// The login, which is given to this machine only.
    fn login_for(self, url: &str) -> Result<Auth, ChoiceError> {
        match rpc::host(url).is_some_and(|host| is_loopback(&host)) {
            true => Ok(self.auth),
            false => Err(ChoiceError::LoginIsLocal),
        }
    }
}

/// The node whose files lie on this machine. If there are none, the login is the cookie of a node that may be started later.
fn find(places: Places) -> Result<(Files, Option<Found>), ChoiceError> {
    match discover(&places) {
        Ok(node) => {
            info!(
                "found the node in {}: chain {}, RPC at {}",
                node.data_dir.display(),
                node.chain.name(),
                node.rpc
            );
            let (url, auth) = (node.rpc_url(), node.auth()?);
            Ok((Files::Used(Box::new(node)), Some(Found { url, auth })))
        }
        Err(error @ DiscoveryError::NoNode { .. }) => {
            warn!("waiting for a node to be started: {error}");
            let awaited = |cookie| Found {
                url: LOCAL_RPC.to_owned(),
                auth: Auth::FoundCookie(cookie),
            };
            let missing = Files::Missing(error.to_string());
            Ok((missing, places.awaited_cookie().map(awaited)))
        }
        Err(error) => Err(error.into()),
    }
}

//! Which node ingest asks: the one that operators set, else the one whose files lie on this machine.

use anyhow::{Context as _, bail};
use satscope_bitcoin::{
    discovery::{DiscoveryError, Node, Places, discover},
    host::is_loopback,
    rpc::{self, Auth, Rpc},
};
use satscope_kit::config::without_login;
use tracing::{info, warn};

use crate::IngestSettings;

/// Where a node on this machine answers RPC unless it is told otherwise. Source: Core's default `-rpcport`.
const LOCAL_RPC: &str = "http://127.0.0.1:8332";

/// The node that ingest asks, and how it was chosen.
#[derive(Debug)]
pub struct Choice {
    /// Its RPC; `None` if none is set, and none is to be looked for.
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
    /// There are none; where they were looked for.
    Missing(String),
    /// Found and used.
    Used(Box<Node>),
    /// Found, and not used, because `rpc_url` and a login for it are set.
    Unused(Box<Node>),
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
    /// There is none.
    None,
}

/// The RPC of the node; `None` if none is set, and none is to be looked for.
///
/// # Errors
/// As [`choose`].
pub fn rpc(settings: &IngestSettings) -> anyhow::Result<Option<Rpc>> {
    Ok(choose(settings)?.rpc)
}

/// The node that ingest asks.
///
/// # Errors
/// When a login cannot be read, or the node's files are found and cannot be used.
pub fn choose(settings: &IngestSettings) -> anyhow::Result<Choice> {
    let (mut files, found) = match settings.is_node_looked_for() {
        true => find(Places::of_system(settings.bitcoin_dir.clone()))?,
        false => (Files::NotWanted, None),
    };
    let local = settings.has_login().then(|| LOCAL_RPC.to_owned());
    let found_url = found.as_ref().map(|found| found.url.clone());
    let Some(url) = settings.rpc_url.clone().or(found_url).or(local) else {
        let login = Login::None;
        return Ok(Choice {
            rpc: None,
            files,
            login,
        });
    };
    let set = match (settings.has_login(), has_login(&url)) {
        (true, _) => Login::Settings,
        (false, true) => Login::Url,
        (false, false) => Login::None,
    };
    let (auth, login) = match (set, found) {
        (Login::None, Some(found)) => (found.login_for(&url)?, Login::Files),
        (_, Some(_)) if settings.rpc_url.is_some() => {
            warn!("bitcoin_dir is not used, because rpc_url and a login for it are set");
            files = files.unused();
            (settings.auth()?, set)
        }
        _ => (settings.auth()?, set),
    };
    let rpc = Rpc::new(&url, &without_login(&url), auth).context("rpc_url")?;
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

fn has_login(url: &str) -> bool {
    without_login(url) != url
}

/// What the node's files tell of its RPC.
struct Found {
    url: String,
    auth: Auth,
}

impl Found {
    /// The login, which is given to this machine only.
    fn login_for(self, url: &str) -> anyhow::Result<Auth> {
        if !rpc::host(url).is_some_and(|host| is_loopback(&host)) {
            bail!(
                "rpc_url is not on this machine, and the login in bitcoin_dir is told to no other: set rpc_cookie_file, or \
                 rpc_user and rpc_password_file"
            );
        }
        Ok(self.auth)
    }
}

/// The node whose files lie on this machine. Where there are none, the node may be started later: its cookie is waited for.
fn find(places: Places) -> anyhow::Result<(Files, Option<Found>)> {
    match discover(&places) {
        Ok(node) => {
            info!(
                "found the node in {}: chain {}, RPC at {}",
                node.data_dir.display(),
                node.chain.name(),
                node.rpc
            );
            let url = node.rpc_url();
            let auth = node.auth().context("looking for the node")?;
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
        Err(error) => Err(error).context("looking for the node"),
    }
}

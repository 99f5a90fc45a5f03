//! Which node ingest asks: the one that operators set, else the one whose files lie on this machine.

use anyhow::{Context as _, bail};
use satscope_bitcoin::{
    discovery::{DiscoveryError, Places, discover},
    rpc::{Auth, Rpc},
};
use satscope_kit::config::without_login;
use tracing::{info, warn};

use crate::IngestSettings;

/// Where a node on this machine answers RPC unless it is told otherwise. Source: Core's default `-rpcport`.
const LOCAL_RPC: &str = "http://127.0.0.1:8332";

/// The RPC of the node; `None` if none is set, and none is to be looked for.
///
/// # Errors
/// When a login cannot be read, or the node's files are found and cannot be used.
pub fn rpc(settings: &IngestSettings) -> anyhow::Result<Option<Rpc>> {
    let found = match settings.is_node_looked_for() {
        true => find(Places::of_system(settings.bitcoin_dir.clone()))?,
        false => None,
    };
    let local = settings.has_login().then(|| LOCAL_RPC.to_owned());
    let found_url = found.as_ref().map(|found| found.url.clone());
    let Some(url) = settings.rpc_url.clone().or(found_url).or(local) else {
        return Ok(None);
    };
    let auth = match (settings.has_login() || has_login(&url), found) {
        (true, Some(_)) if settings.rpc_url.is_some() => {
            warn!("bitcoin_dir is not used, because rpc_url and a login for it are set");
            settings.auth()?
        }
        (true, _) | (false, None) => settings.auth()?,
        (false, Some(found)) => found.login_for(&url)?,
    };
    let rpc = Rpc::new(&url, &without_login(&url), auth).context("rpc_url")?;
    Ok(Some(rpc))
}

fn has_login(url: &str) -> bool {
    without_login(url) != url
}

/// What the node's files tell.
struct Found {
    url: String,
    auth: Auth,
}

impl Found {
    /// The login, which is given to this machine only.
    fn login_for(self, url: &str) -> anyhow::Result<Auth> {
        let rpc = Rpc::new(url, url, Auth::None)?;
        if !rpc.is_loopback() {
            bail!(
                "rpc_url is not on this machine, and the login in bitcoin_dir is told to no other: set rpc_cookie_file, or \
                 rpc_user and rpc_password_file"
            );
        }
        Ok(self.auth)
    }
}

/// The node whose files lie on this machine. Where there are none, the node may be started later: its cookie is waited for.
fn find(places: Places) -> anyhow::Result<Option<Found>> {
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
            Ok(Some(Found { url, auth }))
        }
        Err(error @ DiscoveryError::NoNode { .. }) => {
            warn!("waiting for a node to be started: {error}");
            let awaited = |cookie| Found {
                url: LOCAL_RPC.to_owned(),
                auth: Auth::FoundCookie(cookie),
            };
            Ok(places.awaited_cookie().map(awaited))
        }
        Err(error) => Err(error).context("looking for the node"),
    }
}

//! The choice of the node that ingest asks.

pub use satscope_bitcoin::node::{Choice, Files, Login};
use satscope_bitcoin::{
    node::{self, ChoiceError, Wanted, WantedUrl},
    rpc::{Auth, Rpc},
};
use satscope_kit::config::{NodeLogin, without_login};

use crate::IngestSettings;

/// The RPC of the node; `None` if no RPC is set and the node's files are not looked for.
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
    let set = &settings.node;
    let wanted = Wanted {
        is_looked_for: set.is_looked_for(settings.zmq.zmq_endpoint.is_some()),
        bitcoin_dir: set.bitcoin_dir.clone(),
        url: set.rpc_url.as_ref().map(|url| WantedUrl {
            target: url.clone(),
            shown: without_login(url),
        }),
        auth: auth(settings)?,
    };
    node::choose(wanted).map_err(|error| match error {
        // `satscope check` looks for this error's type.
        ChoiceError::Files(error) => anyhow::Error::from(error).context("looking for the node"),
        other => other.into(),
    })
}

fn auth(settings: &IngestSettings) -> anyhow::Result<Auth> {
    Ok(match settings.node.login()? {
        None => Auth::None,
        Some(NodeLogin::Cookie(file)) => Auth::CookieFile(file),
        Some(NodeLogin::Password { user, password }) => Auth::Password {
            user,
            password: password.expose().to_owned(),
        },
    })
}

//! Findings about the node's files on this machine, and about the login.

use satscope_bitcoin::{
    discovery::{self, DiscoveredNode, DiscoveryError},
    rpc::RpcError,
};
use satscope_kit::fault::Fault;

use super::{ask::Failure, finding::Finding};
use crate::{
    IngestSettings,
    node::{Choice, Files, Login},
};

/// The finding about the node's files.
pub const FILES: &str = "node_files";
/// The finding about the login.
pub const LOGIN: &str = "login";

/// The advice if the node is not there.
pub const START: &str = "start the node, with server=1 in its bitcoin.conf";

/// The finding, [`FILES`] or [`LOGIN`], that an error in choosing the node belongs to.
pub fn culprit(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        None
        | Some(
            DiscoveryError::Cookie(_)
            | DiscoveryError::CookieDisabled { .. }
            | DiscoveryError::RemoteHost { .. },
        ) => LOGIN,
        Some(_) => FILES,
    }
}

/// The finding about the node's files.
pub fn files(choice: &anyhow::Result<Choice>) -> Finding {
    match choice {
        Err(error) if culprit(error) == FILES => {
            unusable(FILES, "the node's files cannot be used", error)
        }
        Err(_) => Finding::unknown(FILES, format!("see {LOGIN}")),
        Ok(choice) => match &choice.files {
            Files::NotWanted => Finding::ok(
                FILES,
                "not looked for, because settings say where the node is",
            ),
            Files::Missing(why) => of_text(FILES, why, "set bitcoin_dir to the node's data folder"),
            Files::Used(node) => Finding::ok(FILES, described(node)),
            Files::Unused(node) => Finding::warning(
                FILES,
                format!(
                    "{} is not used, because rpc_url and a login for it are set",
                    node.data_dir.display()
                ),
                "remove bitcoin_dir, or rpc_url and the login",
            ),
        },
    }
}

fn described(node: &DiscoveredNode) -> String {
    let names = node.config_files.iter().map(|file| {
        let inside = file.strip_prefix(&node.data_dir).unwrap_or(file);
        inside.display().to_string()
    });
    let names: Vec<String> = names.collect();
    let read = match names.is_empty() {
        true => "no bitcoin.conf".to_owned(),
        false => format!("read from {}", names.join(", ")),
    };
    let unread = match &node.unread_settings {
        Some(file) => format!("; {} may not be read", file.display()),
        None => String::new(),
    };
    let folder = node.data_dir.display();
    format!("{folder}, chain {}, {read}{unread}", node.chain)
}

/// Where the login comes from, and whether the node takes it. `failure` is why the first question had no answer.
pub fn login(
    settings: &IngestSettings,
    choice: &anyhow::Result<Choice>,
    failure: Option<&Failure>,
) -> Finding {
    let choice = match choice {
        Err(error) if culprit(error) == LOGIN => {
            return unusable(LOGIN, "the login cannot be used", error);
        }
        Err(_) => return Finding::unknown(LOGIN, format!("see {FILES}")),
        Ok(choice) => choice,
    };
    let Some(rpc) = &choice.rpc else {
        return Finding::ok(LOGIN, "none, and no RPC to log in to");
    };
    let kind = kind(settings, choice);
    match failure.filter(|failure| failure.is_of_login()) {
        None => Finding::ok(LOGIN, kind),
        Some(_) if choice.login == Login::None => Finding::wrong(
            LOGIN,
            format!("none is set, and {} asks for one", rpc.url()),
            "set bitcoin_dir, or rpc_cookie_file, or rpc_user and rpc_password_file",
        ),
        Some(failure) if failure.is_of_stopped_node() => {
            Finding::wrong(LOGIN, failure.fault(rpc.url()).what(), START)
        }
        Some(Failure::Rpc(RpcError::Unauthorized(url))) => Finding::wrong(
            LOGIN,
            format!("{url} refused {kind}"),
            "set rpc_cookie_file to the node's .cookie, or rpc_user and rpc_password_file to what its rpcauth has",
        ),
        Some(failure) => of_fault(
            LOGIN,
            &failure.fault(rpc.url()),
            "set rpc_cookie_file, or rpc_user and rpc_password_file",
        ),
    }
}

/// The kind of login, without any part of it but the name of a user in settings.
fn kind(settings: &IngestSettings, choice: &Choice) -> String {
    let of_node = |node: &DiscoveredNode| match &node.login {
        discovery::Login::Cookie(cookie) => format!("the cookie {}", cookie.path().display()),
        // Operators mix user and password up, so neither is shown.
        discovery::Login::Password(_) => "rpcuser and rpcpassword of the node's files".to_owned(),
        discovery::Login::Withheld => "none".to_owned(),
    };
    let set = (&settings.node.rpc_cookie_file, &settings.node.rpc_user);
    match (choice.login, &choice.files, set) {
        (Login::None, ..) => "none".to_owned(),
        (Login::Url, ..) => "the user in rpc_url".to_owned(),
        (Login::Settings, _, (Some(file), _)) => format!("the cookie {}", file.display()),
        (Login::Settings, _, (None, Some(user))) => format!("the user {user}, as rpc_user says"),
        (Login::Settings, ..) => "as settings say".to_owned(),
        (Login::Files, Files::Used(node) | Files::Unused(node), _) => of_node(node),
        (Login::Files, Files::Missing(_) | Files::NotWanted, _) => {
            "the cookie of a node that has yet to start".to_owned()
        }
    }
}

/// The finding of an error in choosing the node, with what to do if the text says that.
fn unusable(name: &'static str, otherwise: &str, error: &anyhow::Error) -> Finding {
    let innermost = error.downcast_ref::<DiscoveryError>();
    let text = innermost.map_or_else(|| format!("{error:#}"), ToString::to_string);
    match parts(&text) {
        Some((what, remedy)) => Finding::wrong(name, what, remedy),
        None => Finding::wrong(name, otherwise, text),
    }
}

/// The finding of a fault, with what to do: as the fault says, or `otherwise`.
pub fn of_fault(name: &'static str, fault: &Fault, otherwise: &str) -> Finding {
    match fault.remedy() {
        Some(remedy) => Finding::wrong(name, fault.what(), remedy),
        None => of_text(name, &fault.operator, otherwise),
    }
}

fn of_text(name: &'static str, text: &str, otherwise: &str) -> Finding {
    let (what, remedy) = parts(text).unwrap_or((text, otherwise));
    Finding::wrong(name, what, remedy)
}

/// The two parts of one of our own error texts: the fault and the advice; `None` if the text does not have both.
fn parts(text: &str) -> Option<(&str, &str)> {
    let ends = ["; ", ". "].map(|end| text.find(end));
    let end = ends.into_iter().flatten().min()?;
    Some((&text[..end], &text[end + 2..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

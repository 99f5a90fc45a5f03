//! Listening sockets, with an error of one clear line if a port is taken.

use std::{io, net::SocketAddr};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tracing::{info, warn};

/// Listens on `address`; the error names `setting` as the one to change.
///
/// # Errors
/// When the address cannot be bound: most often because another process has the port.
pub async fn listen(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{setting}: cannot listen on {address}"))?;
    let bound = listener
        .local_addr()
        .with_context(|| format!("{setting}: the bound address"))?;
    info!("{setting}: listening on {bound}");
    Ok(listener)
}

/// Warns if other machines can reach a listener that nothing guards; `remedy` is the text about the danger and the cure.
pub fn warn_if_open(setting: &str, listener: &TcpListener, remedy: &str) {
    match listener.local_addr() {
        Ok(address) if address.ip().is_loopback() => {}
        Ok(address) => warn!(%address, "{setting} is open to other machines: {remedy}"),
        Err(fault) => warn!("{setting}: its address cannot be told: {fault}"),
    }
}

/// Lets this process have `needed` open files, or as many as the system allows; returns that number if it is less than
/// `needed`.
///
/// # Errors
/// When the system does not let its limit be raised.
pub fn allow_open_files(needed: u64) -> io::Result<Option<u64>> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(None);
    }
    let allowed = limit.maximum.map_or(needed, |most| most.min(needed));
    let raised = Rlimit {
        current: Some(allowed),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    Ok(Some(allowed).filter(|allowed| *allowed < needed))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_the_setting_and_the_address() {
        let first = listen("gateway_listen", "127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let taken = first.local_addr().unwrap();
        let error = listen("gateway_listen", taken).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("gateway_listen: cannot listen on {taken}")
        );
    }

    #[test]
    fn open_files_are_raised_as_far_as_they_go() {
        let most = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
        assert_eq!(allow_open_files(most).unwrap(), None);
        assert_eq!(allow_open_files(1).unwrap(), None, "never lowered");
        assert_eq!(getrlimit(Resource::Nofile).current, Some(most));
        assert_eq!(allow_open_files(most + 1).unwrap(), Some(most));
    }
}

//! Listening sockets: a taken port is one clear line.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tracing::{info, warn};

/// Listens on `address`; `setting` names, in the error, what to change.
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
    if !address.ip().is_loopback() {
        warn!(%address, "{setting} is open to other machines; it has no encryption and no password of its own");
    }
    Ok(listener)
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
}

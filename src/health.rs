//! Asking a part whether it can serve, so that a container needs no other tool for its health check.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use satscope_kit::config::socket_address;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which part is asked.
#[derive(Args, Debug)]
pub struct HealthSettings {
    /// The operator's port of the part
    #[arg(
        long,
        env = "SATSCOPE_METRICS_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9101", value_parser = socket_address
    )]
    metrics_listen: SocketAddr,
}

/// Asks `/readyz`.
///
/// # Errors
/// When the part is not there, or not ready; the error holds its reasons.
pub fn ask(settings: &HealthSettings) -> anyhow::Result<()> {
    let mut address = settings.metrics_listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let answer = get_readyz(address).with_context(|| format!("no answer from {address}"))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    match status {
        "200" => Ok(()),
        _ => {
            let reasons = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
            bail!("not ready: {reasons}")
        }
    }
}

fn get_readyz(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: satscope\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    Ok(answer)
}

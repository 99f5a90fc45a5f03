//! Whether each port that `satscope run` listens on is free: each is bound for a moment, all of them together.

use std::{io, net::SocketAddr};

use satscope_ingest::check::Finding;
use satscope_kit::net;
use tokio::net::TcpListener;

use crate::{cli::Parts, process::ProcessSettings};

/// The finding about the ports.
const PORTS: &str = "ports";

/// Whether the ports of the parts and of the operator are free.
pub async fn free(process: &ProcessSettings, parts: &Parts) -> Finding {
    let wanted = [
        ("metrics_listen", process.metrics_listen),
        ("ingest_listen", parts.ingest.ingest_listen),
        ("analyzer_listen", parts.analyzer.analyzer_listen),
        ("gateway_listen", parts.gateway.gateway_listen),
    ];
    let mut bound: Vec<(&str, SocketAddr, TcpListener)> = Vec::new();
    let mut faults = Vec::new();
    for (setting, address) in wanted {
        match net::listen(setting, address).await {
            Ok(listener) => bound.push((setting, address, listener)),
            Err(error) => {
                let holder = bound.iter().find(|(_, other, _)| *other == address);
                faults.push((
                    setting,
                    why(address, holder.map(|(other, ..)| *other), &error),
                ));
            }
        }
    }
    let settings: Vec<&str> = faults.iter().map(|(setting, _)| *setting).collect();
    let whys: Vec<&str> = faults.iter().map(|(_, why)| why.as_str()).collect();
    match faults.is_empty() {
        true => Finding::ok(PORTS, format!("free: {}", listed(&wanted))),
        false => Finding::wrong(
            PORTS,
            whys.join(", "),
            format!(
                "stop the program that listens there, if it is not this one, or set {} otherwise",
                settings.join(", ")
            ),
        ),
    }
}

/// Why an address cannot be bound.
fn why(address: SocketAddr, held_by: Option<&str>, error: &anyhow::Error) -> String {
    let kind = error.downcast_ref().map(io::Error::kind);
    match (held_by, kind) {
        (Some(other), _) => format!("{address} is set twice: {other} has it"),
        (None, Some(io::ErrorKind::AddrInUse)) => {
            format!("{address} is taken by a running program")
        }
        (None, Some(io::ErrorKind::PermissionDenied)) => {
            format!("{address} may not be used by this user")
        }
        (None, Some(io::ErrorKind::AddrNotAvailable)) => {
            format!("{address} is no address of this machine")
        }
        (None, _) => format!("{error:#}"),
    }
}

/// The addresses, with one host named once.
fn listed(wanted: &[(&str, SocketAddr)]) -> String {
    let mut last = None;
    let shown = wanted.iter().map(|(_, address)| {
        let is_same = last.replace(address.ip()) == Some(address.ip());
        match is_same {
            true => address.port().to_string(),
            false => address.to_string(),
        }
    });
    shown.collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_once_while_it_stays_the_same() {
        let at = |text: &str| ("x", text.parse().unwrap());
        let wanted = [at("127.0.0.1:1"), at("127.0.0.1:2"), at("[::1]:3")];
        assert_eq!(listed(&wanted), "127.0.0.1:1, 2, [::1]:3");
    }

    #[test]
    fn why_a_port_cannot_be_bound_is_told_by_the_systems_error() {
        let address = "127.0.0.1:80".parse().unwrap();
        let of = |kind: io::ErrorKind| anyhow::Error::from(io::Error::from(kind)).context("x");
        for (kind, word) in [
            (io::ErrorKind::AddrInUse, "taken"),
            (io::ErrorKind::PermissionDenied, "may not"),
            (io::ErrorKind::AddrNotAvailable, "no address of"),
        ] {
            let why = why(address, None, &of(kind));
            assert!(why.contains("127.0.0.1:80") && why.contains(word), "{why}");
        }
        let twice = why(
            address,
            Some("ingest_listen"),
            &of(io::ErrorKind::AddrInUse),
        );
        assert!(twice.contains("ingest_listen"), "{twice}");
    }
}

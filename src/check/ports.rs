//! Whether each port that `satscope run` listens on is free: each is bound for a moment, all of them together.

use std::{io, net::SocketAddr};

use satscope_ingest::check::Finding;
use satscope_kit::net;
use tokio::net::TcpListener;

use crate::{parts::Parts, process::ProcessSettings};

/// The finding about the ports.
const PORTS: &str = "ports";

/// Whether the ports of the parts and of the operator are free.
pub async fn free(process: &ProcessSettings, parts: &Parts) -> Finding {
    let wanted = [
        ("metrics_listen", process.metrics_listen),
        ("ingest_listen", parts.ingest.ingest_listen),
        ("analyzer_listen", parts.analyzer.analyzer_listen),
        ("gateway_listen", parts.gateway.gateway_listen),
        ("historian_listen", parts.historian.historian_listen),
    ];
    let mut bound: Vec<(&str, SocketAddr, TcpListener)> = Vec::new();
    let mut faults = Vec::new();
    for (setting, address) in wanted {
        match net::listen(setting, address).await {
            Ok(listener) => bound.push((setting, address, listener)),
            Err(error) => {
                let holder = bound.iter().find(|(_, other, _)| overlap(*other, address));
                let holder = holder.map(|(other, ..)| *other);
                faults.push((setting, Fault::of(address, holder, &error)));
            }
        }
    }
    if faults.is_empty() {
        return Finding::ok(PORTS, format!("free: {}", listed(&wanted)));
    }
    let settings: Vec<&str> = faults.iter().map(|(setting, _)| *setting).collect();
    let settings = settings.join(", ");
    let whys: Vec<&str> = faults.iter().map(|(_, fault)| fault.why.as_str()).collect();
    let is_taken = faults.iter().any(|(_, fault)| fault.is_taken);
    let what_to_do = match is_taken {
        true => format!(
            "stop the program that listens there, perhaps Satscope itself, or set {settings} to free ports"
        ),
        false => format!("set {settings} to other addresses or ports"),
    };
    Finding::wrong(PORTS, whys.join(", "), what_to_do)
}

/// Whether two addresses cannot be listened on by two listeners.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (one.ip() == other.ip() || is_any)
}

/// Why an address cannot be bound.
#[derive(Debug)]
struct Fault {
    why: String,
    /// Whether another program has it.
    is_taken: bool,
}

impl Fault {
    fn of(address: SocketAddr, held_by: Option<&str>, error: &anyhow::Error) -> Fault {
        let kind = error.downcast_ref().map(io::Error::kind);
        let is_taken = held_by.is_none() && kind == Some(io::ErrorKind::AddrInUse);
        let why = match (held_by, kind) {
            (Some(other), _) => format!("{address} is the port of {other} too"),
            (None, Some(io::ErrorKind::AddrInUse)) => format!("{address} is taken"),
            (None, Some(io::ErrorKind::PermissionDenied)) => {
                format!("{address} may not be used by this user")
            }
            (None, Some(io::ErrorKind::AddrNotAvailable)) => {
                format!("{address} is no address of this machine")
            }
            (None, _) => format!("{error:#}"),
        };
        Fault { why, is_taken }
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
            (io::ErrorKind::AddrInUse, "is taken"),
            (io::ErrorKind::PermissionDenied, "may not"),
            (io::ErrorKind::AddrNotAvailable, "no address of"),
        ] {
            let fault = Fault::of(address, None, &of(kind));
            assert!(fault.why.contains("127.0.0.1:80"), "{fault:?}");
            assert!(fault.why.contains(word), "{fault:?}");
            assert_eq!(fault.is_taken, kind == io::ErrorKind::AddrInUse);
        }
        let in_use = of(io::ErrorKind::AddrInUse);
        let twice = Fault::of(address, Some("ingest_listen"), &in_use);
        assert!(twice.why.contains("ingest_listen"), "{twice:?}");
        assert!(!twice.is_taken, "no other program has it");
    }

    #[test]
    fn an_address_of_all_hosts_overlaps_with_one_of_them() {
        let at = |text: &str| text.parse().unwrap();
        assert!(overlap(at("0.0.0.0:80"), at("127.0.0.1:80")));
        assert!(overlap(at("127.0.0.1:80"), at("127.0.0.1:80")));
        assert!(!overlap(at("127.0.0.2:80"), at("127.0.0.1:80")));
        assert!(!overlap(at("0.0.0.0:80"), at("127.0.0.1:81")));
    }
}

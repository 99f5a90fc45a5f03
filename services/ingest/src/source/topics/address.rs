//! Addresses as a node publishes them: how a subscriber connects to one, and whether two can be the same.

use satscope_bitcoin::host::{ip, is_loopback};

/// An address of a node as a subscriber connects to it: every wildcard means `host`, which is the host of the node's RPC.
/// `None` if only the node's own machine can reach the address, and this is not that machine.
pub fn connectable(host: &str, address: &str) -> Option<String> {
    let is_elsewhere = !is_loopback(host);
    if let Some(path) = path(address) {
        return (!is_elsewhere).then(|| format!("ipc://{path}"));
    }
    let (bound, port) = host_and_port(address)?;
    if is_wildcard(bound) {
        return Some(format!("tcp://{host}:{port}"));
    }
    (!(is_loopback(bound) && is_elsewhere)).then(|| format!("tcp://{bound}:{port}"))
}

/// Whether a subscriber to `endpoint` may hear the messages published at `address`: the same path, or the same port of hosts
/// that may be the same machine.
pub fn may_be_same(address: &str, endpoint: &str) -> bool {
    match (host_and_port(address), host_and_port(endpoint)) {
        (Some((bound, port)), Some((host, at))) => {
            let may_be_host = bound == host
                || is_wildcard(bound)
                || (is_loopback(bound) && is_loopback(host))
                // Only a resolver knows which machine a name stands for.
                || ip(host).is_none();
            port == at && may_be_host
        }
        _ => path(address).is_some() && path(address) == path(endpoint),
    }
}

/// The path of a Unix socket; `unix:` is how Core spells `ipc://`. Source: Core 28, `doc/zmq.md`.
fn path(address: &str) -> Option<&str> {
    address
        .strip_prefix("ipc://")
        .or_else(|| address.strip_prefix("unix:"))
}

/// Host and port of a `tcp://` address; `None` if it is of another kind or its port is no number.
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.strip_prefix("tcp://")?.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

fn is_wildcard(host: &str) -> bool {
    ["0.0.0.0", "[::]", "*"].contains(&host)
}

//! Host and port of the node's RPC server, as `bitcoin-cli` reads them.

use std::fmt;

use crate::host;

/// Host and TCP port of the node's RPC server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcAddress {
    /// A name or an IP address, an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl RpcAddress {
    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        host::is_loopback(&self.host)
    }
}

/// `HOST:PORT`, with an IPv6 address in brackets.
impl fmt::Display for RpcAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RpcAddress { host, port } = self;
        match host.contains(':') {
            true => write!(formatter, "[{host}]:{port}"),
            false => write!(formatter, "{host}:{port}"),
        }
    }
}

/// The host of an `rpcconnect`, and its port if it has one. `None` if the port is no port, or if the host has characters
/// that neither names nor IP addresses have. Source: Core, `src/util/strencodings.cpp`, `SplitHostPort`.
pub(super) fn split(rpcconnect: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match rpcconnect.rsplit_once(':') {
        // An IPv6 address without brackets has no port behind it.
        Some((host, _)) if host.contains(':') && !in_brackets(host) => (rpcconnect, None),
        Some((host, port)) => (host, Some(self::port(port)?)),
        None => (rpcconnect, None),
    };
    let host = match in_brackets(host) {
        true => &host[1..host.len() - 1],
        false => host,
    };
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_of_host)).then_some((host, port))
}

fn in_brackets(host: &str) -> bool {
    host.len() > 1 && host.starts_with('[') && host.ends_with(']')
}

/// A TCP port in decimal digits, 1 to 65535. Source: Core, `src/bitcoin-cli.cpp`, `CallRPC`.
pub(super) fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port != 0);
    port.filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_the_groups_of_an_ipv6_address() {
        let cases = [
            ("127.0.0.1", Some(("127.0.0.1", None))),
            ("127.0.0.1:99", Some(("127.0.0.1", Some(99)))),
            ("node.lan:99", Some(("node.lan", Some(99)))),
            ("::1", Some(("::1", None))),
            ("[::1]", Some(("::1", None))),
            ("[::1]:99", Some(("::1", Some(99)))),
            ("fe80::1%eth0", Some(("fe80::1%eth0", None))),
            ("", None),
            (":99", None),
            ("[]", None),
            ("[", None),
            ("]:1", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:0", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:+99", None),
            ("127.0.0.1:-1", None),
            ("[::1]:x", None),
            ("user:secret@127.0.0.1:99", None),
            ("http://127.0.0.1", None),
        ];
        for (rpcconnect, expected) in cases {
            assert_eq!(split(rpcconnect), expected, "{rpcconnect}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |host: &str| {
            let host = host.to_owned();
            RpcAddress { host, port: 1 }.is_loopback()
        };
        for host in [
            "127.0.0.1",
            "127.255.0.9",
            "::1",
            "0:0:0:0:0:0:0:1",
            "localhost",
            "LocalHost",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "0",
            "0.0.0.0",
            "128.0.0.1",
            "10.0.0.1",
            "::",
            "fe80::1",
            "localhost.example",
            "127.0.0.1.example",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn an_ipv6_address_is_shown_in_brackets() {
        let shown = |host: &str| {
            let host = host.to_owned();
            RpcAddress { host, port: 8332 }.to_string()
        };
        assert_eq!(shown("::1"), "[::1]:8332");
        assert_eq!(shown("127.0.0.1"), "127.0.0.1:8332");
    }
}

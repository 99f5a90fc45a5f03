//! Hosts as they stand in addresses: a name, an IPv4 address, or an IPv6 address with brackets or without.

use std::net::IpAddr;

/// The IP address of a host; `None` for a name.
pub fn ip(host: &str) -> Option<IpAddr> {
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inside.unwrap_or(host).parse().ok()
}

/// Whether the host is this machine: 127.0.0.0/8, `::1` or `localhost`.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ip(host).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_read_with_brackets_and_without() {
        assert_eq!(ip("[::1]"), ip("::1"));
        assert!(is_loopback("[::1]") && is_loopback("::1"));
        assert_eq!((ip("[::1"), ip("node.lan")), (None, None));
        assert!(!is_loopback("[::2]") && !is_loopback("[localhost]"));
    }
}

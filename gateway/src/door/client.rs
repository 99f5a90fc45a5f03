//! A client's name in the logs: a number, the kind of its address, and its user agent; never the address.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::OnceLock,
    time::Duration,
};

use axum::http::{HeaderMap, header};

/// Most characters of a user agent that are logged.
const AGENT_CHARACTERS: usize = 80;

/// The kind of an address, which does not identify it: "loopback", "private" or "public".
pub fn address_class(address: IpAddr) -> &'static str {
    let address = address.to_canonical();
    let is_private = match address {
        IpAddr::V4(v4) => {
            // 100.64.0.0/10: a carrier's own network (RFC 6598).
            let is_carriers = v4.to_bits() >> 22 == (100 << 2) | 1;
            v4.is_private() || v4.is_link_local() || is_carriers
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (address.is_loopback(), is_private) {
        (true, _) => "loopback",
        (_, true) => "private",
        _ => "public",
    }
}

/// A user agent that is safe in a log: at most [`AGENT_CHARACTERS`] printable ASCII characters, `?` for each other byte.
pub fn user_agent(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .map(|agent| agent.as_bytes());
    let agent = agent.unwrap_or_default().iter().take(AGENT_CHARACTERS);
    let printable = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    agent.map(printable).collect()
}

/// A share of `span` that differs from client to client, so that clients that came together do not act together.
pub fn share_of(span: Duration, client: u64) -> Duration {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let hash = KEY.get_or_init(RandomState::new).hash_one(client);
    // The upper 32 bits are a number from 0 to just under 1 in steps of 2^-32.
    let share = f64::from(u32::try_from(hash >> 32).unwrap_or(u32::MAX)) / 2f64.powi(32);
    span.mul_f64(share)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_class_that_does_not_name_it() {
        for (address, class) in [
            ("127.0.0.9", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("192.168.1.1", "private"),
            ("169.254.1.1", "private"),
            ("100.64.0.1", "private"),
            ("100.127.255.255", "private"),
            ("fd00::1", "private"),
            ("fe80::1", "private"),
            ("::ffff:10.0.0.1", "private"),
            ("100.63.255.255", "public"),
            ("100.128.0.1", "public"),
            ("192.0.2.7", "public"),
            ("2001:db8::1", "public"),
        ] {
            assert_eq!(address_class(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn a_user_agent_is_cut_and_cleaned() {
        let agent = |bytes: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, bytes.try_into().unwrap());
            user_agent(&headers)
        };
        assert_eq!(agent(b"curl/8.5.0 (x; y)"), "curl/8.5.0 (x; y)");
        assert_eq!(agent(b"a\tb\xff\xe2\x80\xaec"), "a?b????c");
        assert_eq!(agent(&[b'x'; 5000]), "x".repeat(80));
        assert_eq!(user_agent(&HeaderMap::new()), "");
    }

    #[test]
    fn clients_have_shares_that_spread_evenly() {
        let span = Duration::from_secs(20);
        let mut tenths = [0; 10];
        for client in 0..10_000 {
            let share = share_of(span, client);
            assert_eq!(share, share_of(span, client));
            tenths[usize::try_from(share.as_millis() / 2000).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|count| (850..1150).contains(count)),
            "{tenths:?}"
        );
    }
}

//! The addresses of clients: the proxies that are trusted to name them, and the number of places for each address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

/// The header in which proxies list the addresses that a request has come from; each proxy adds its own client at the
/// end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most entries of such a list that are read, from its end.
const MAX_HOPS: usize = 32;

/// The proxies whose [`FORWARDED_FOR`], or else `Forwarded` (RFC 7239), is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Addresses and networks, separated by commas; an empty text gives none.
    fn from_str(text: &str) -> Result<Self, String> {
        let listed = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let networks = listed.map(|one| {
            let network = one.parse::<IpNet>();
            let network = network.or_else(|_| one.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                format!("expected addresses and networks such as 10.0.0.0/8; {one:?} is neither")
            })
        });
        Ok(TrustedProxies(networks.collect::<Result<_, _>>()?))
    }
}

impl TrustedProxies {
    /// Whether no proxy is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is that of a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client that a trusted proxy speaks for: the last entry of its list that is not a trusted proxy, because the
    /// client may have written everything before it. If each entry is in a trusted network, the client is the first
    /// one, because a proxy would have added the address that it was asked from. `None` if the last entry is no
    /// address.
    pub fn client(&self, request: &HeaderMap) -> Option<IpAddr> {
        let mut client = None;
        for address in forwarded(request).take(MAX_HOPS) {
            let Some(address) = address else { break };
            client = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

/// Whether a header says that a proxy has passed the request on.
pub fn is_forwarded(request: &HeaderMap) -> bool {
    request.contains_key(FORWARDED_FOR) || request.contains_key(header::FORWARDED)
}

/// The addresses that a request has come from, last one first; `None` for an entry that is no address. `Forwarded`
/// counts only without [`FORWARDED_FOR`], because proxies that write the latter pass on the former unchanged.
fn forwarded<'a>(request: &'a HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + use<'a> {
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match request.contains_key(FORWARDED_FOR) {
        true => (FORWARDED_FOR, address),
        false => (header::FORWARDED, forwarded_element),
    };
    let lines = request.get_all(name).into_iter().rev();
    let text = |line: &'a HeaderValue| line.to_str().unwrap_or_default();
    lines.flat_map(move |line| text(line).rsplit(',').map(read))
}

/// The address of one element of `Forwarded` (RFC 7239, 4): `for=192.0.2.60;proto=http`, `For="[2001:db8::1]:4711"`. A
/// comma in quotes is never part of an address, so the pieces around it are read as no address.
fn forwarded_element(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node.trim().trim_matches('"'))
}

/// An address as proxies write it: alone, with a port, or an IPv6 address in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = |text: &str| text.parse::<IpAddr>().ok();
    let bracketed = || bare(text.strip_prefix('[')?.strip_suffix(']')?);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let address = bare(text).or_else(with_port).or_else(bracketed);
    address.map(|address| address.to_canonical())
}

/// The number of places taken by each address.
#[derive(Debug)]
pub struct Addresses {
    most: u32,
    now: Mutex<HashMap<IpAddr, u32>>,
}

/// A place that an address has taken; it is free again when this is dropped.
#[derive(Debug)]
pub struct AddressPermit {
    of: IpAddr,
    addresses: Arc<Addresses>,
}

impl Addresses {
    /// At most `most` places for each address.
    pub fn new(most: u32) -> Self {
        Addresses {
            most,
            now: Mutex::default(),
        }
    }

    /// Takes a place for an address; `None` if the address has taken all it may.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let of = one_household(address);
        let mut now = self.lock();
        let count = now.entry(of).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            of,
            addresses: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut now = self.addresses.lock();
        if let Some(count) = now.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                now.remove(&self.of);
            }
        }
    }
}

/// The address by which a client is counted: of an IPv6 address only the /64 network, because a customer has at least
/// one /64, with as many addresses as wanted (RFC 6177).
pub fn one_household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        IpAddr::V4(address) => address.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client(proxies: &str, headers: &[(HeaderName, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, list) in headers {
            map.append(name, list.parse().unwrap());
        }
        let client = proxies.parse::<TrustedProxies>().unwrap().client(&map);
        client.map(|address| address.to_string())
    }

    const PROXIES: &str = "10.0.0.0/8, 2001:db8::1";

    #[test]
    fn the_last_that_is_no_proxy_is_the_client() {
        for (lists, expected) in [
            (&["192.0.2.7"][..], Some("192.0.2.7")),
            (&["1.1.1.1, 192.0.2.7"], Some("192.0.2.7")),
            (&["192.0.2.7, 10.1.2.3,2001:db8::1"], Some("192.0.2.7")),
            (&["1.1.1.1", "192.0.2.7", "10.0.0.1"], Some("192.0.2.7")),
            (&["2001:db8::2"], Some("2001:db8::2")),
            (&["::ffff:192.0.2.7"], Some("192.0.2.7")),
            (&["192.0.2.7, unknown"], None),
            (&["192.0.2.7, unknown, 10.0.0.1"], Some("10.0.0.1")),
            (&[""], None),
            (&[], None),
        ] {
            let headers: Vec<_> = lists.iter().map(|list| (FORWARDED_FOR, *list)).collect();
            let found = client(PROXIES, &headers);
            assert_eq!(found.as_deref(), expected, "{lists:?}");
        }
    }

    #[test]
    fn a_client_may_have_an_address_of_a_trusted_network() {
        for (list, expected) in [
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3, 10.0.0.1, 2001:db8::1", "10.1.2.3"),
            ("10.1.2.3:4711, 10.0.0.1:80", "10.1.2.3"),
        ] {
            let found = client(PROXIES, &[(FORWARDED_FOR, list)]);
            assert_eq!(found.as_deref(), Some(expected), "{list}");
        }
        let endless = ["10.1.2.3"; 1000].join(",");
        let endless = format!("192.0.2.7,{endless}");
        let found = client(PROXIES, &[(FORWARDED_FOR, &endless)]);
        assert_eq!(found.as_deref(), Some("10.1.2.3"), "no further than so far");
    }

    #[test]
    fn an_address_may_have_a_port_or_brackets() {
        for (text, expected) in [
            ("192.0.2.7:4711", Some("192.0.2.7")),
            ("[2001:db8::2]:4711", Some("2001:db8::2")),
            ("[2001:db8::2]", Some("2001:db8::2")),
            ("[::ffff:192.0.2.7]:1", Some("192.0.2.7")),
            ("192.0.2.7:70000", None),
            ("192.0.2.7:", None),
            ("[192.0.2.7", None),
            ("_hidden", None),
        ] {
            let found = client(PROXIES, &[(FORWARDED_FOR, text)]);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn forwarded_is_read_where_there_is_no_other_list() {
        for (text, expected) in [
            ("for=192.0.2.7", Some("192.0.2.7")),
            (
                "for=1.1.1.1, For=192.0.2.7;proto=https;by=10.0.0.1",
                Some("192.0.2.7"),
            ),
            (
                "proto=http; for=\"[2001:db8::2]:4711\"",
                Some("2001:db8::2"),
            ),
            ("for=192.0.2.7, for=10.0.0.1", Some("192.0.2.7")),
            ("for=\"1.1.1.1, for=192.0.2.7", Some("192.0.2.7")),
            ("for=unknown", None),
            ("for=_hidden", None),
            ("by=192.0.2.7", None),
        ] {
            let found = client(PROXIES, &[(header::FORWARDED, text)]);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let both = [
            (header::FORWARDED, "for=1.1.1.1"),
            (FORWARDED_FOR, "192.0.2.7"),
        ];
        assert_eq!(client(PROXIES, &both).as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let proxies: TrustedProxies = "127.0.0.1,192.168.0.0/16,fd00::/8".parse().unwrap();
        for (address, trusted) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("192.168.7.7", true),
            ("::ffff:192.168.7.7", true),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(
                proxies.contains(address.parse().unwrap()),
                trusted,
                "{address}"
            );
        }
        assert!("".parse::<TrustedProxies>().unwrap().is_empty());
        for text in ["localhost", "10.0.0.0/33", "10.0.0.1;10.0.0.2"] {
            let error = text.parse::<TrustedProxies>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let addresses = Arc::new(Addresses::new(2));
        let enter = |text: &str| addresses.enter(text.parse().unwrap());
        let first = enter("192.0.2.7").unwrap();
        let second = enter("::ffff:192.0.2.7").unwrap();
        assert!(enter("192.0.2.7").is_none());
        assert!(enter("192.0.2.8").is_some());
        drop(first);
        let third = enter("192.0.2.7").unwrap();
        let one = enter("2001:db8::1").unwrap();
        let two = enter("2001:db8::ffff:1").unwrap();
        assert!(enter("2001:db8::2").is_none(), "one household");
        assert!(enter("2001:db8:0:1::2").is_some());
        drop((second, third, one, two));
        assert!(addresses.lock().is_empty());
    }
}

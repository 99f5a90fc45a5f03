//! Where clients come from: the proxies that are believed, and how many may come from one address at a time.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use rustc_hash::FxHashMap;

/// Where proxies list the addresses that a request has come from; each adds its own client at the end.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose [`FORWARDED_FOR`] is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Addresses and networks, with commas between; none when there is nothing.
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
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whom a trusted proxy speaks for: the last in its list that is no such proxy itself, since whatever stands before
    /// that one is its own claim. `None` when the list does not say.
    pub fn client(&self, request: &HeaderMap) -> Option<IpAddr> {
        let lists = request.get_all(FORWARDED_FOR).iter().rev();
        for list in lists {
            for one in list.to_str().ok()?.rsplit(',') {
                let address = one.trim().parse::<IpAddr>().ok()?;
                if !self.contains(address) {
                    return Some(address.to_canonical());
                }
            }
        }
        None
    }
}

/// How many there are from each address now.
#[derive(Debug)]
pub struct Addresses {
    most: u32,
    now: Mutex<FxHashMap<IpAddr, u32>>,
}

/// A place taken; free again when it is dropped.
#[derive(Debug)]
pub struct AddressPermit {
    of: IpAddr,
    addresses: Arc<Addresses>,
}

impl Addresses {
    /// At most so many of one address.
    pub fn new(most: u32) -> Self {
        Addresses {
            most,
            now: Mutex::default(),
        }
    }

    /// A place for one more; `None` when its address has all that it may.
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

    fn lock(&self) -> MutexGuard<'_, FxHashMap<IpAddr, u32>> {
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

/// An IPv6 customer has at least a /64, and as many addresses as wanted in it (RFC 6177).
fn one_household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        address => address,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client(proxies: &str, lists: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(FORWARDED_FOR, list.parse().unwrap());
        }
        let client = proxies.parse::<TrustedProxies>().unwrap().client(&headers);
        client.map(|address| address.to_string())
    }

    #[test]
    fn the_last_that_is_no_proxy_is_the_client() {
        let proxies = "10.0.0.0/8, 2001:db8::1";
        for (lists, expected) in [
            (&["192.0.2.7"][..], Some("192.0.2.7")),
            (&["1.1.1.1, 192.0.2.7"], Some("192.0.2.7")),
            (&["192.0.2.7, 10.1.2.3,2001:db8::1"], Some("192.0.2.7")),
            (&["1.1.1.1", "192.0.2.7", "10.0.0.1"], Some("192.0.2.7")),
            (&["2001:db8::2"], Some("2001:db8::2")),
            (&["::ffff:192.0.2.7"], Some("192.0.2.7")),
            (&["10.0.0.1"], None),
            (&["192.0.2.7, unknown"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(client(proxies, lists).as_deref(), expected, "{lists:?}");
        }
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
        let _second = enter("::ffff:192.0.2.7").unwrap();
        assert!(enter("192.0.2.7").is_none());
        assert!(enter("192.0.2.8").is_some());
        drop(first);
        let _third = enter("192.0.2.7").unwrap();
        let _one = enter("2001:db8::1").unwrap();
        let _two = enter("2001:db8::ffff:1").unwrap();
        assert!(enter("2001:db8::2").is_none(), "one household");
        assert!(enter("2001:db8:0:1::2").is_some());
        drop((_second, _third, _one, _two));
        assert!(addresses.lock().is_empty());
    }
}

//! The permits of connections and requests: a limited number in all, and for each address.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::http::HeaderMap;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::warn;

use super::{
    addresses::{AddressPermit, Addresses, TrustedProxies, is_forwarded},
    pace::Pace,
    settings::DoorSettings,
};
use crate::{
    answer::problem::Problem,
    metrics::{CONNECTIONS, DELAYED_CONNECTIONS, REFUSED_CONNECTIONS},
};

/// The permits that are left, in all and for each address.
#[derive(Debug)]
pub struct Permits {
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    pace: Pace,
    proxies: TrustedProxies,
    has_warned: AtomicBool,
}

/// A permit for one connection, held as long as anything of the connection lasts.
#[derive(Debug)]
pub struct ConnectionPermit {
    client: u64,
    /// The client's address, or its proxy's.
    pub from: IpAddr,
    /// The moment from which the connection is served; `None` for at once.
    pub turn: Option<Instant>,
    /// Whether the connection was given up because its client took nothing for too long.
    pub is_stuck: Arc<AtomicBool>,
    /// `None` for a trusted proxy, because each client that it speaks for takes places of its own.
    _place: Option<AddressPermit>,
    _room: OwnedSemaphorePermit,
}

/// Permits held for one request: the connection's, and a place of the client behind a proxy. The answer's body holds
/// them, and so does a WebSocket that outlasts the answer.
#[derive(Clone, Debug)]
pub struct RequestPermit {
    connection: Arc<ConnectionPermit>,
    _place: Option<Arc<AddressPermit>>,
}

impl RequestPermit {
    /// The number of the request's connection, which names the client in the logs.
    pub fn client(&self) -> u64 {
        self.connection.client
    }

    /// Whether the connection was given up because its client took nothing for too long.
    pub fn is_stuck(&self) -> bool {
        self.connection.is_stuck.load(Ordering::Relaxed)
    }
}

/// Why a connection or request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All connections are taken.
    Full,
    /// Its address has taken all its places.
    Address,
    /// Its address opens connections so fast that its turn would come too late.
    Pace,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Full => "there are as many connections as there may be",
            Refusal::Address => "its address has as many connections as one may have",
            Refusal::Pace => "its address opens connections faster than one may",
        })
    }
}

impl Refusal {
    /// Counts the refusal, and returns the problem that the client is told.
    pub fn problem(self) -> Problem {
        let (reason, problem) = match self {
            Refusal::Full => ("full", Problem::later("no more connections are taken now")),
            Refusal::Address => {
                let detail = "your address has as many connections here as one may have";
                ("address", Problem::too_many(detail))
            }
            Refusal::Pace => {
                let detail = "your address opens connections here faster than one may";
                ("pace", Problem::too_many(detail))
            }
        };
        REFUSED_CONNECTIONS.of(&[("reason", reason)]).increment(1);
        problem
    }
}

impl Permits {
    /// All permits that the settings allow.
    pub fn new(settings: &DoorSettings) -> Self {
        let most = settings.gateway_max_connections_per_address;
        Permits {
            room: Arc::new(Semaphore::new(settings.gateway_max_connections as usize)),
            addresses: Arc::new(Addresses::new(most)),
            pace: Pace::new(settings.gateway_max_new_connections_per_address),
            proxies: settings.gateway_trusted_proxies.clone(),
            has_warned: AtomicBool::new(false),
        }
    }

    /// Lets in connection number `client`. A trusted proxy opens connections for many clients, so its own address is
    /// not limited.
    ///
    /// # Errors
    /// If there is no room, or the address's turn would come too late.
    pub fn connection(&self, client: u64, from: IpAddr) -> Result<Arc<ConnectionPermit>, Refusal> {
        let room = self.room.clone().try_acquire_owned();
        let room = room.map_err(|_| Refusal::Full)?;
        let (place, turn) = match self.is_trusted(from) {
            true => (None, None),
            false => {
                let place = self.addresses.enter(from).ok_or(Refusal::Address)?;
                let turn = self.pace.turn(from).ok_or(Refusal::Pace)?;
                (Some(place), Some(turn))
            }
        };
        let turn = turn.filter(|turn| *turn > Instant::now());
        if turn.is_some() {
            DELAYED_CONNECTIONS.get().increment(1);
        }
        CONNECTIONS.get().increment(1);
        Ok(Arc::new(ConnectionPermit {
            client,
            from,
            turn,
            is_stuck: Arc::default(),
            _place: place,
            _room: room,
        }))
    }

    /// Whether the address is that of a trusted proxy.
    pub fn is_trusted(&self, from: IpAddr) -> bool {
        self.proxies.contains(from)
    }

    /// The address of the client that a trusted proxy speaks for, or the proxy's own if it names none. `None` if the
    /// connection is not from a trusted proxy.
    pub fn behind_proxy(
        &self,
        connection: &ConnectionPermit,
        headers: &HeaderMap,
    ) -> Option<IpAddr> {
        if self.is_trusted(connection.from) {
            return Some(self.proxies.client(headers).unwrap_or(connection.from));
        }
        self.warn_of_a_proxy(headers);
        None
    }

    /// Lets in a request on a connection, of the client `behind_proxy` or, if `None`, of the connection's own.
    ///
    /// # Errors
    /// If the client behind the proxy has as many requests as it may have.
    pub fn request(
        &self,
        connection: Arc<ConnectionPermit>,
        behind_proxy: Option<IpAddr>,
    ) -> Result<RequestPermit, Refusal> {
        let enter = |client| self.addresses.enter(client).ok_or(Refusal::Address);
        Ok(RequestPermit {
            connection,
            _place: behind_proxy.map(enter).transpose()?.map(Arc::new),
        })
    }

    /// Warns once of headers from an untrusted proxy, because all its clients then count as one address.
    fn warn_of_a_proxy(&self, headers: &HeaderMap) {
        if is_forwarded(headers) && !self.has_warned.swap(true, Ordering::Relaxed) {
            warn!(
                "X-Forwarded-For or Forwarded comes from an address that gateway_trusted_proxies does not name: if that is a proxy, all \
                 its clients count as one address"
            );
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        CONNECTIONS.get().decrement(1);
    }
}

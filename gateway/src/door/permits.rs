//! The permits of connections and requests: so many in all, and so many from one address.

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

/// Connections, and the addresses that they come from.
#[derive(Debug)]
pub struct Permits {
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    pace: Pace,
    proxies: TrustedProxies,
    has_warned: AtomicBool,
}

/// A connection that was let in, as long as anything holds it.
#[derive(Debug)]
pub struct ConnectionPermit {
    client: u64,
    /// The client's address, or its proxy's.
    pub from: IpAddr,
    /// The moment from which it is served. `None` if that is at once.
    pub turn: Option<Instant>,
    /// Whether its client took nothing for so long that it was given up.
    pub is_stuck: Arc<AtomicBool>,
    /// None for a trusted proxy: each client that it speaks for has places of its own.
    _place: Option<AddressPermit>,
    _room: OwnedSemaphorePermit,
}

/// A request's claim to its connection, and to its place behind a proxy. The body of its answer holds it, and a WebSocket
/// that goes on after the answer.
#[derive(Clone, Debug)]
pub struct RequestPermit {
    connection: Arc<ConnectionPermit>,
    _place: Option<Arc<AddressPermit>>,
}

impl RequestPermit {
    /// The number of the request's connection: of its client, in the logs.
    pub fn client(&self) -> u64 {
        self.connection.client
    }

    /// Whether the connection was given up because its client took nothing.
    pub fn is_stuck(&self) -> bool {
        self.connection.is_stuck.load(Ordering::Relaxed)
    }
}

/// Why one is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many connections as there may be.
    Full,
    /// There are as many from its address as there may be.
    Address,
    /// Its address opens them so fast that its turn would not come in time.
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
    /// What is told, and counted.
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
    /// As the settings say.
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

    /// Lets a connection in, whose number is `client`. A trusted proxy opens connections for many clients, so it has neither
    /// places nor turns.
    ///
    /// # Errors
    /// When there is no room for it, or no turn.
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

    /// Whether connections from there are those of a trusted proxy.
    pub fn is_trusted(&self, from: IpAddr) -> bool {
        self.proxies.contains(from)
    }

    /// The address of the client that a trusted proxy speaks for, that of the proxy if it names none; `None` if the
    /// connection is no trusted proxy's.
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

    /// Lets a request on a connection in, of a client `behind_proxy` or of the connection's own.
    ///
    /// # Errors
    /// When the client behind the proxy has as many requests as one may have.
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

    /// Once: whoever has put a proxy in front wants to know that all its clients count as one.
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

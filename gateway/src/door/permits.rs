//! Who is let in: so many connections in all, so many from one address, and no request with an endless URL.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ::metrics::{counter, gauge};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument as _, debug, debug_span, warn};

use super::{
    Door,
    addresses::{AddressPermit, Addresses, TrustedProxies, is_forwarded},
    client::{address_class, user_agent},
    held_body,
    settings::DoorSettings,
};
use crate::{
    answer::problem::Problem,
    metrics::{CONNECTIONS, REFUSED_CONNECTIONS},
};

/// Connections, and the addresses that they come from.
#[derive(Debug)]
pub struct Permits {
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    proxies: TrustedProxies,
    has_warned: AtomicBool,
}

/// A connection that was let in, as long as anything holds it.
#[derive(Debug)]
pub struct ConnectionPermit {
    client: u64,
    from: IpAddr,
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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Full => "there are as many connections as there may be",
            Refusal::Address => "its address has as many connections as one may have",
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
        };
        counter!(REFUSED_CONNECTIONS, "reason" => reason).increment(1);
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
            proxies: settings.gateway_trusted_proxies.clone(),
            has_warned: AtomicBool::new(false),
        }
    }

    /// Lets a connection in, whose number is `client`.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn connection(&self, client: u64, from: IpAddr) -> Result<Arc<ConnectionPermit>, Refusal> {
        let room = self.room.clone().try_acquire_owned();
        let room = room.map_err(|_| Refusal::Full)?;
        let place = match self.proxies.contains(from) {
            true => None,
            false => Some(self.addresses.enter(from).ok_or(Refusal::Address)?),
        };
        gauge!(CONNECTIONS).increment(1);
        Ok(Arc::new(ConnectionPermit {
            client,
            from,
            is_stuck: Arc::default(),
            _place: place,
            _room: room,
        }))
    }

    /// The address of the client that a trusted proxy speaks for, that of the proxy if it names none; `None` if the
    /// connection is no trusted proxy's.
    fn behind_proxy(&self, connection: &ConnectionPermit, headers: &HeaderMap) -> Option<IpAddr> {
        if self.proxies.contains(connection.from) {
            return Some(self.proxies.client(headers).unwrap_or(connection.from));
        }
        self.warn_of_a_proxy(headers);
        None
    }

    /// Lets a request on a connection in, of a client `behind_proxy` or of the connection's own.
    fn request(
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
        gauge!(CONNECTIONS).decrement(1);
    }
}

/// Lets a request in, or says why not.
pub async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let longest = door.limits.gateway_max_url_bytes as usize;
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, |query| query.len() + 1) > longest {
        let detail = format!("a path with its query may have {longest} bytes");
        return Problem::new(StatusCode::URI_TOO_LONG, detail).into_response();
    }
    let Some(connection) = request.extensions_mut().remove::<Arc<ConnectionPermit>>() else {
        return next.run(request).await;
    };
    let headers = request.headers();
    let behind_proxy = door.permits.behind_proxy(&connection, headers);
    let address = behind_proxy.unwrap_or(connection.from);
    let span = debug_span!(
        "request",
        address = address_class(address),
        agent = user_agent(headers)
    );
    match door.permits.request(connection, behind_proxy) {
        Ok(permit) => {
            request.extensions_mut().insert(permit.clone());
            held_body::hold(next.run(request).instrument(span).await, permit)
        }
        Err(refusal) => {
            span.in_scope(|| debug!("refused: {refusal}"));
            refusal.problem().into_response()
        }
    }
}

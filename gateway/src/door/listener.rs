//! Accepts connections, and tells the refused ones why.

use std::{convert::Infallible, future::ready, net::IpAddr, sync::Arc};

use axum::{Router, response::IntoResponse as _, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tracing::{Instrument as _, debug, debug_span};

use super::{
    Door,
    addresses::{AddressPermit, Addresses},
    client::{address_class, user_agent},
    connection::{FAREWELL, converse},
    permits::Refusal,
};

/// Unsent bytes that the kernel takes for one client. The limit shows a slow client's wait to the gateway, and keeps
/// the client's next message the newest. The kernel asks for more once half of them are sent, so progress is seen in
/// steps of 32 kB. With 30 s for each step, a client is stuck below 1.1 kB/s.
const UNSENT: u32 = 64 * 1024;
/// Bytes that the kernel takes for one client in all; by itself it would take megabytes for a client that acknowledges
/// nothing.
const SEND_BUFFER: usize = 128 * 1024;
/// Most refused connections that are told the reason at once; the others are just closed.
const FAREWELLS: usize = 64;
/// Most of the [`FAREWELLS`] for one address, because a refusal with a reason costs nearly as much as an answer, and
/// some are kept for other addresses.
const FAREWELLS_PER_ADDRESS: u32 = 8;

/// Serves connections until the gateway stops and the last watcher has left (`all_gone`), and then until the last
/// connection has ended.
///
/// # Errors
/// None, because a failure ends one connection only.
pub async fn serve(
    mut listener: TcpListener,
    app: Router,
    door: Door,
    all_gone: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut all_gone = std::pin::pin!(all_gone);
    let farewells = Farewells::new();
    let mut count = 0;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = all_gone.as_mut() => break,
        };
        count += 1;
        let span = debug_span!("client", id = count, address = address_class(peer.ip()));
        match door.permits.connection(count, peer.ip()) {
            Ok(permit) => {
                set_options(&stream);
                let conversation = converse(stream, app.clone(), permit, door.clone());
                door.connections.spawn(conversation.instrument(span));
            }
            Err(refusal) => {
                let farewell = farewells.begin(peer.ip(), &door);
                span.in_scope(|| turn_away(stream, refusal, farewell, &door));
            }
        }
    }
    drop(listener);
    door.connections.close();
    door.connections.wait().await;
    Ok(())
}

fn set_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let options = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER))
        .and_then(|()| socket.set_tcp_notsent_lowat(UNSENT));
    if let Err(error) = options {
        debug!(%error, "a connection's options could not be set");
    }
}

/// The places for refused connections that are told the reason.
struct Farewells {
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// One of the places.
struct Farewell {
    _room: OwnedSemaphorePermit,
    /// `None` for a trusted proxy, which speaks for many clients.
    _place: Option<AddressPermit>,
}

impl Farewells {
    fn new() -> Self {
        Farewells {
            room: Arc::new(Semaphore::new(FAREWELLS)),
            addresses: Arc::new(Addresses::new(FAREWELLS_PER_ADDRESS)),
        }
    }

    /// A place for a client from this address. `None` if all places are taken, or all of its address.
    fn begin(&self, from: IpAddr, door: &Door) -> Option<Farewell> {
        let place = match door.permits.is_trusted(from) {
            true => None,
            false => Some(self.addresses.enter(from)?),
        };
        Some(Farewell {
            _room: self.room.clone().try_acquire_owned().ok()?,
            _place: place,
        })
    }
}

/// Closes a connection, and tells the reason if there is a place for that.
fn turn_away(stream: TcpStream, refusal: Refusal, farewell: Option<Farewell>, door: &Door) {
    let problem = refusal.problem();
    debug!("turned away: {refusal}");
    let Some(farewell) = farewell else { return };
    let headers = door.headers.clone();
    let answer = service_fn(move |request: Request<Incoming>| {
        debug!(agent = user_agent(request.headers()), "told: {refusal}");
        let answer = headers.dress(problem.clone().into_response());
        ready(Ok::<_, Infallible>(answer))
    });
    let tell = async move {
        let telling = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), answer);
        if let Ok(Err(error)) = timeout(FAREWELL, telling).await {
            debug!(%error, "a connection that was turned away ended early");
        }
        drop(farewell);
    };
    door.connections.spawn(tell.in_current_span());
}

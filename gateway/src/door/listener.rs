//! Takes connections, or says why not.

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

/// Bytes that the kernel takes for one client ahead of sending them: a slow client's wait is then seen here, and what
/// it gets next is the newest. The kernel asks for more once half of them are sent, so that progress is seen in steps of
/// 32 kB: with 30 s to take one, a client is stuck below 1.1 kB/s.
const UNSENT: u32 = 64 * 1024;
/// Bytes that the kernel takes for one client in all; left to itself it goes to megabytes for one that acknowledges nothing.
const SEND_BUFFER: usize = 128 * 1024;
/// Those who are told at a time why they are turned away; more are not told.
const FAREWELLS: usize = 64;
/// The most of [`FAREWELLS`] for one address: telling costs nearly as much as answering, and others want to be told too.
const FAREWELLS_PER_ADDRESS: u32 = 8;

/// Serves connections until it is time to stop and the last watcher has left (`all_gone`), and then until the last has ended.
///
/// # Errors
/// None: what fails is one connection.
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

/// The places for those who are told why they are turned away.
struct Farewells {
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// One of these places.
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

    /// A place for a client from this address. `None` if there are too many already, of all or of its own.
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

/// Closes a connection, and says why where there is a place for that.
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

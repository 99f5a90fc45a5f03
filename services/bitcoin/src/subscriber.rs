//! Subscribing to a node's ZMQ endpoints: one thread, a bounded queue, and a notice when a link goes up or down.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    watch,
};
use tokio_util::sync::CancellationToken;
use zmq::{Context, PAIR, POLLIN, SUB, Socket, SocketEvent};

use crate::frame::{Frame, FrameError, Topic};

/// Messages that libzmq holds for us while we are busy; its default of 1000 is less than one block.
const RECEIVE_QUEUE: i32 = 200_000;
/// The most memory that a single message may take; the largest true one is a block of 4 MB.
const MAX_MESSAGE_BYTES: i64 = 64 << 20;
/// A silent peer is pinged, and a half-open connection noticed after interval and time-out together.
const HEARTBEAT_MS: i32 = 3000;
const HEARTBEAT_TIMEOUT_MS: i32 = 5000;
/// A connection that does not come about within this is given up and tried again, so that a returned node is found.
const CONNECT_TIMEOUT_MS: i32 = 3000;
/// Messages taken from one endpoint before the others get their turn.
const AT_ONCE: i32 = 1000;
/// The longest wait for room in a full queue; shorter than `HEARTBEAT_TIMEOUT_MS`. After it, messages are dropped until there
/// is room, and their counters show the gap. A socket that is not read for longer than its heartbeat takes the node for dead,
/// and once it is connected anew libzmq may abort the process. Source: <https://github.com/zeromq/libzmq/issues/3937>.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 4 });
/// Pause between two tries to put a message into a full queue.
const FULL_PAUSE: Duration = Duration::from_millis(1);
/// The longest time until a stop is noticed, milliseconds.
const POLL_MS: i64 = 100;

/// The topics to subscribe to at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `tcp://HOST:PORT` or `ipc://PATH`.
    pub endpoint: String,
    /// Subscribed to in this order: a stand-in begins to play at `rawtx`.
    pub topics: Vec<Topic>,
}

/// The subscriptions for a node that publishes `sequence` at an endpoint of its own, or all topics at one.
pub fn subscriptions(
    endpoint: &str,
    sequence_endpoint: Option<&str>,
    mut topics: Vec<Topic>,
) -> Vec<Subscription> {
    let mut subscriptions = Vec::new();
    if let Some(elsewhere) = sequence_endpoint.filter(|elsewhere| *elsewhere != endpoint) {
        topics.retain(|topic| *topic != Topic::Sequence);
        subscriptions.push(Subscription {
            endpoint: elsewhere.to_owned(),
            topics: vec![Topic::Sequence],
        });
    }
    subscriptions.push(Subscription {
        endpoint: endpoint.to_owned(),
        topics,
    });
    subscriptions
}

/// Subscriptions that never change, for [`receive`].
pub fn fixed(subscriptions: Vec<Subscription>) -> watch::Receiver<Vec<Subscription>> {
    watch::Sender::new(subscriptions).subscribe()
}

/// A message or notice that the thread passes on.
#[derive(Debug)]
pub enum Incoming {
    /// A message, and when it was taken from the socket.
    Message(Instant, Result<Frame, FrameError>),
    /// The connection to this endpoint stands.
    Up(String),
    /// The connection to this endpoint is gone; libzmq tries again by itself.
    Down(String),
}

/// A failure of libzmq itself; an endpoint that cannot be reached is no failure.
#[derive(Debug, Error)]
#[error("ZMQ, {endpoint}: {source}")]
pub struct SubscribeError {
    endpoint: String,
    source: zmq::Error,
}

/// Receives from the newest `subscriptions` until `stop`, or until the queue's other end is dropped. Blocks: give it a thread of
/// its own. A subscription that stays in the list keeps its connection.
///
/// # Errors
/// When a socket cannot be made or polled.
pub fn receive(
    mut subscriptions: watch::Receiver<Vec<Subscription>>,
    queue: &mpsc::Sender<Incoming>,
    stop: &CancellationToken,
) -> Result<(), SubscribeError> {
    let mut links = Links::default();
    links.connect(subscriptions.borrow_and_update().clone())?;
    while !stop.is_cancelled() {
        // If the sender is gone, the subscriptions no longer change.
        if subscriptions.has_changed().unwrap_or(false) {
            links.connect(subscriptions.borrow_and_update().clone())?;
        }
        if !links.pass_on(queue)? {
            return Ok(());
        }
    }
    // Messages that have come already are not lost.
    for link in &links.open {
        link.pass_on_messages(queue, RECEIVE_QUEUE)?;
    }
    Ok(())
}

/// The open connections.
#[derive(Default)]
struct Links {
    context: Context,
    open: Vec<Reception>,
    /// Connections made so far.
    made: usize,
}

impl Links {
    /// Drops the connections that are not wanted any more, and opens those that are new.
    fn connect(&mut self, mut wanted: Vec<Subscription>) -> Result<(), SubscribeError> {
        self.open.retain(|link| wanted.contains(&link.subscription));
        wanted.retain(|wanted| !self.open.iter().any(|link| link.subscription == *wanted));
        for subscription in wanted {
            self.made += 1;
            self.open
                .push(Reception::open(&self.context, self.made, subscription)?);
        }
        Ok(())
    }

    /// Waits for at most `POLL_MS` and passes on the messages and notices that have come. Returns false if the queue's other
    /// end is gone.
    fn pass_on(&self, queue: &mpsc::Sender<Incoming>) -> Result<bool, SubscribeError> {
        if self.open.is_empty() {
            std::thread::sleep(Duration::from_millis(POLL_MS.unsigned_abs()));
            return Ok(!queue.is_closed());
        }
        let mut items: Vec<_> = self
            .open
            .iter()
            .flat_map(|link| [&link.monitor, &link.socket])
            .map(|socket| socket.as_poll_item(POLLIN))
            .collect();
        match zmq::poll(&mut items, POLL_MS) {
            Ok(_) | Err(zmq::Error::EINTR) => {}
            Err(source) => {
                let endpoint = "poll".to_owned();
                return Err(SubscribeError { endpoint, source });
            }
        }
        let readable: Vec<bool> = items.iter().map(zmq::PollItem::is_readable).collect();
        for (link, readable) in self.open.iter().zip(readable.chunks(2)) {
            if readable[0] && !link.pass_on_events(queue)? {
                return Ok(false);
            }
            if readable[1] && !link.pass_on_messages(queue, AT_ONCE)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

struct Reception {
    subscription: Subscription,
    socket: Socket,
    monitor: Socket,
    /// The moment since which the queue has been full; `None` if it is not full.
    full_since: Cell<Option<Instant>>,
}

impl Reception {
    fn open(
        context: &Context,
        number: usize,
        subscription: Subscription,
    ) -> Result<Reception, SubscribeError> {
        let Subscription { endpoint, topics } = &subscription;
        let open = || {
            let socket = context.socket(SUB)?;
            socket.set_linger(0)?;
            // With IPv6 off, an IPv6 address is accepted and never reached. With it on, IPv4 addresses are reached too.
            socket.set_ipv6(true)?;
            socket.set_rcvhwm(RECEIVE_QUEUE)?;
            socket.set_maxmsgsize(MAX_MESSAGE_BYTES)?;
            socket.set_heartbeat_ivl(HEARTBEAT_MS)?;
            socket.set_heartbeat_timeout(HEARTBEAT_TIMEOUT_MS)?;
            socket.set_connect_timeout(CONNECT_TIMEOUT_MS)?;
            socket.set_handshake_ivl(CONNECT_TIMEOUT_MS)?;
            socket.set_reconnect_ivl(100)?;
            socket.set_reconnect_ivl_max(2000)?;
            let address = format!("inproc://monitor-{number}");
            let events =
                SocketEvent::HANDSHAKE_SUCCEEDED.to_raw() | SocketEvent::DISCONNECTED.to_raw();
            socket.monitor(&address, i32::from(events))?;
            let monitor = context.socket(PAIR)?;
            monitor.connect(&address)?;
            for topic in topics {
                socket.set_subscribe(topic.name().as_bytes())?;
            }
            socket.connect(endpoint)?;
            Ok((socket, monitor))
        };
        match open() {
            Ok((socket, monitor)) => Ok(Reception {
                subscription,
                socket,
                monitor,
                full_since: Cell::default(),
            }),
            Err(source) => Err(SubscribeError {
                endpoint: subscription.endpoint,
                source,
            }),
        }
    }

    fn endpoint(&self) -> String {
        self.subscription.endpoint.clone()
    }

    /// Passes on the notices of the connection. Returns false if the queue's other end is gone.
    fn pass_on_events(&self, queue: &mpsc::Sender<Incoming>) -> Result<bool, SubscribeError> {
        while let Some(parts) = self.take(&self.monitor)? {
            let event = parts
                .first()
                .and_then(|part| part.first_chunk::<2>())
                .map(|raw| SocketEvent::from_raw(u16::from_ne_bytes(*raw)));
            let word = match event {
                Some(SocketEvent::HANDSHAKE_SUCCEEDED) => Incoming::Up(self.endpoint()),
                Some(SocketEvent::DISCONNECTED) => Incoming::Down(self.endpoint()),
                _ => continue,
            };
            if queue.blocking_send(word).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes on at most `most` messages. Returns false if the queue's other end is gone.
    fn pass_on_messages(
        &self,
        queue: &mpsc::Sender<Incoming>,
        most: i32,
    ) -> Result<bool, SubscribeError> {
        for _ in 0..most {
            let Some(parts) = self.take(&self.socket)? else {
                break;
            };
            let message = Incoming::Message(Instant::now(), Frame::from_parts(parts));
            if !self.put(queue, message) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts a message into the queue, or drops it if the queue has been full for `WAIT_FOR_ROOM`. Returns false if the queue's
    /// other end is gone.
    fn put(&self, queue: &mpsc::Sender<Incoming>, mut message: Incoming) -> bool {
        loop {
            match queue.try_send(message) {
                Ok(()) => {
                    self.full_since.set(None);
                    return true;
                }
                Err(TrySendError::Closed(_)) => return false,
                Err(TrySendError::Full(refused)) => message = refused,
            }
            let since = self.full_since.get().unwrap_or_else(Instant::now);
            self.full_since.set(Some(since));
            if since.elapsed() >= WAIT_FOR_ROOM {
                return true;
            }
            std::thread::sleep(FULL_PAUSE);
        }
    }

    fn take(&self, socket: &Socket) -> Result<Option<Vec<Vec<u8>>>, SubscribeError> {
        match socket.recv_multipart(zmq::DONTWAIT) {
            Ok(parts) => Ok(Some(parts)),
            Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => Ok(None),
            Err(source) => Err(SubscribeError {
                endpoint: self.endpoint(),
                source,
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

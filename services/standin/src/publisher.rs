//! The ZMQ side: one XPUB socket on a thread of its own, fed through a bounded queue.

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use satscope_bitcoin::frame::{StandInLabels, Topic};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Messages that wait for the sending thread; when the queue is full, the player waits.
const QUEUE: usize = 4096;
/// The interval between looks at subscriptions while nothing is sent.
const POLL: Duration = Duration::from_millis(20);
/// How long the messages that are still unsent at the end are tried, milliseconds.
const LINGER_MS: i32 = 3000;

/// A message for the subscribers.
struct Message {
    topic: Topic,
    body: Vec<u8>,
    /// The counter; `None` for the publisher's own count.
    counter: Option<u32>,
}

/// The player's end of the queue to the publisher. Dropping it ends the publisher once all is sent.
pub struct Outlet {
    queue: mpsc::Sender<Message>,
    last_time: f64,
}

impl Outlet {
    /// Publishes the time of the stand-in's clock.
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn label(&mut self, labels: StandInLabels) -> anyhow::Result<()> {
        self.last_time = labels.time;
        self.put(Topic::StandIn, labels.encode(), None).await
    }

    /// Publishes a message with the publisher's own counter or the one given, after a label if the clock has moved.
    ///
    /// # Errors
    /// When the publisher has ended.
    pub async fn publish(
        &mut self,
        labels: StandInLabels,
        topic: Topic,
        body: Vec<u8>,
        counter: Option<u32>,
    ) -> anyhow::Result<()> {
        if labels.time.to_bits() != self.last_time.to_bits() {
            self.label(labels).await?;
        }
        self.put(topic, body, counter).await
    }

    async fn put(&self, topic: Topic, body: Vec<u8>, counter: Option<u32>) -> anyhow::Result<()> {
        let message = Message {
            topic,
            body,
            counter,
        };
        let sent = self.queue.send(message).await;
        sent.map_err(|_| anyhow!("the ZMQ publisher has ended"))
    }
}

/// The running publisher.
pub struct Publisher {
    /// The address that it is bound to, with the port that it got.
    pub endpoint: String,
    /// Whether there is a subscriber to `rawtx`.
    pub rawtx_subscribed: watch::Receiver<bool>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Publisher {
    /// Binds a socket at `endpoint` and starts to send. A subscriber that falls `high_water_mark` messages behind loses the
    /// next messages, as with Core; 0 is no limit.
    ///
    /// # Errors
    /// When the endpoint cannot be bound.
    pub fn start(endpoint: &str, high_water_mark: i32) -> anyhow::Result<(Publisher, Outlet)> {
        let socket = bind(endpoint, high_water_mark)?;
        let Ok(endpoint) = socket.get_last_endpoint()? else {
            bail!("standin_zmq_listen: {endpoint} is bound to a name that is no text");
        };
        let (queue, messages) = mpsc::channel(QUEUE);
        let (subscribed, rawtx_subscribed) = watch::channel(false);
        let handle = Handle::current();
        let thread = std::thread::Builder::new()
            .name("standin-zmq".to_owned())
            .spawn(move || run(&socket, &handle, messages, &subscribed))?;
        let publisher = Publisher {
            endpoint,
            rawtx_subscribed,
            thread,
        };
        let outlet = Outlet {
            queue,
            last_time: f64::NAN,
        };
        Ok((publisher, outlet))
    }

    /// Waits until all is sent; call it after the [`Outlet`] is gone.
    ///
    /// # Errors
    /// The fault that ended the thread early.
    pub async fn join(self) -> anyhow::Result<()> {
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await?;
        joined.map_err(|_| anyhow!("the ZMQ publisher's thread panicked"))?
    }
}

fn bind(endpoint: &str, high_water_mark: i32) -> anyhow::Result<zmq::Socket> {
    let socket = zmq::Context::new().socket(zmq::XPUB)?;
    socket.set_sndhwm(high_water_mark)?;
    socket.set_linger(LINGER_MS)?;
    socket.bind(endpoint).map_err(|error| match error {
        zmq::Error::EADDRINUSE => {
            anyhow!("standin_zmq_listen: {endpoint} is in use already; expected a free address")
        }
        error => anyhow!("standin_zmq_listen: {endpoint} cannot be bound: {error}"),
    })?;
    Ok(socket)
}

fn run(
    socket: &zmq::Socket,
    handle: &Handle,
    mut messages: mpsc::Receiver<Message>,
    subscribed: &watch::Sender<bool>,
) -> anyhow::Result<()> {
    let mut counters = [0_u32; Topic::ALL.len()];
    loop {
        take_subscriptions(socket, subscribed)?;
        let next = async { tokio::time::timeout(POLL, messages.recv()).await };
        match handle.block_on(next) {
            Err(_) => {}
            Ok(None) => return Ok(()),
            Ok(Some(message)) => send(socket, message, &mut counters)?,
        }
    }
}

fn send(socket: &zmq::Socket, message: Message, counters: &mut [u32]) -> anyhow::Result<()> {
    let own = Topic::ALL
        .iter()
        .position(|topic| *topic == message.topic)
        .and_then(|at| counters.get_mut(at))
        .context("a topic without a counter")?;
    let counter = message.counter.unwrap_or(*own);
    *own = counter.wrapping_add(1);
    let name = message.topic.name().as_bytes();
    let parts = [name, &message.body, &counter.to_le_bytes()];
    socket
        .send_multipart(parts, 0)
        .context("sending over ZMQ failed")
}

/// Reads the subscriptions that came or ended since the last look. libzmq passes on the first subscription to a topic and the
/// end of the last one.
fn take_subscriptions(
    socket: &zmq::Socket,
    subscribed: &watch::Sender<bool>,
) -> anyhow::Result<()> {
    loop {
        match socket.recv_bytes(zmq::DONTWAIT) {
            Ok(request) => {
                if let Some((begins, topic)) = request.split_first()
                    && Topic::RawTx.name().as_bytes().starts_with(topic)
                {
                    subscribed.send_replace(*begins == 1);
                }
            }
            Err(zmq::Error::EAGAIN) => return Ok(()),
            Err(error) => return Err(error).context("reading ZMQ subscriptions failed"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_bitcoin::frame::Frame;

    use super::*;

    fn labels(time: f64) -> StandInLabels {
        StandInLabels {
            time,
            simulated: false,
            hidden_price_usd: None,
        }
    }

    fn subscriber(endpoint: &str) -> zmq::Socket {
        let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
        socket.set_rcvtimeo(10_000).unwrap();
        socket.connect(endpoint).unwrap();
        for topic in Topic::ALL {
            socket.set_subscribe(topic.name().as_bytes()).unwrap();
        }
        socket
    }

    fn receive(socket: &zmq::Socket) -> Frame {
        Frame::from_parts(socket.recv_multipart(0).unwrap()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn messages_come_with_counters_and_labels_when_the_clock_moves() {
        let (mut publisher, mut outlet) = Publisher::start("tcp://127.0.0.1:*", 0).unwrap();
        let socket = subscriber(&publisher.endpoint);
        let subscribed = publisher.rawtx_subscribed.wait_for(|is| *is);
        assert!(*subscribed.await.unwrap());
        for (time, topic, counter) in [
            (1.0, Topic::RawTx, None),
            (1.0, Topic::Sequence, None),
            (2.0, Topic::RawTx, None),
            (2.0, Topic::RawTx, Some(99)),
        ] {
            outlet
                .publish(labels(time), topic, vec![7], counter)
                .await
                .unwrap();
        }
        drop(outlet);
        let got: Vec<(Topic, u32)> = (0..6)
            .map(|_| receive(&socket))
            .map(|frame| (frame.topic, frame.counter))
            .collect();
        let expected = [
            (Topic::StandIn, 0),
            (Topic::RawTx, 0),
            (Topic::Sequence, 0),
            (Topic::StandIn, 1),
            (Topic::RawTx, 1),
            (Topic::RawTx, 99),
        ];
        assert_eq!(got, expected);
        drop(socket);
        publisher.join().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_taken_port_is_named() {
        let (publisher, _outlet) = Publisher::start("tcp://127.0.0.1:*", 0).unwrap();
        let error = Publisher::start(&publisher.endpoint, 0)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("standin_zmq_listen") && error.contains(&publisher.endpoint),
            "{error}"
        );
    }
}

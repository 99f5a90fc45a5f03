//! One WebSocket client: it is sent the newest state whenever it can take that, and closed if it takes nothing for
//! too long.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Duration, Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};
use tracing::debug;

use super::{Watch, shared::Shared};
use crate::{
    door::{
        CLOSING,
        client::share_of,
        rate_limit::{RateLimit, RateLimited},
    },
    metrics,
    state::sequence::Sequence,
};

/// Bytes read at a time; little is expected, so a client's buffer is no larger than this.
const READ_BUFFER: usize = 1024;
/// Most bytes that a frame adds to its payload (RFC 6455, 5.2).
const FRAME_HEAD: u32 = 14;
/// Bytes of a frame of a message. The socket copies one frame at a time, so its buffer is no larger.
const FRAME: usize = 4 * 1024;

/// Why a client's conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client closed, or its connection broke.
    Left,
    /// The gateway stops.
    Stopping,
    /// It took nothing for too long.
    Stuck,
    /// It sent a message that is too large.
    TooLarge,
    /// It sent too many messages.
    TooMany,
    /// It sent text that is not UTF-8.
    NotText,
    /// It broke the protocol.
    BadFrame,
}

impl End {
    fn reason(self) -> &'static str {
        match self {
            End::Left => "left",
            End::Stopping => "stopping",
            End::Stuck => "stuck",
            End::TooLarge => "too_large",
            End::TooMany => "too_many",
            End::NotText => "not_text",
            End::BadFrame => "bad_frame",
        }
    }

    /// The close code (RFC 6455, 7.4.1; 1013 is in the IANA registry) and the words that the client is told.
    fn farewell(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            End::Left => return None,
            End::Stopping => (CloseCode::Away, "the gateway stops; come back in a moment"),
            End::Stuck => (
                CloseCode::Again,
                "nothing was taken for too long; come back",
            ),
            End::TooLarge => (
                CloseCode::Size,
                "no message may be so large; none is needed",
            ),
            End::TooMany => (
                CloseCode::Policy,
                "so many messages may not come; none is needed",
            ),
            End::NotText => (CloseCode::Invalid, "text must be UTF-8"),
            End::BadFrame => (CloseCode::Protocol, "a frame broke the protocol"),
        };
        Some(CloseFrame {
            code,
            reason: reason.into(),
        })
    }
}

/// Serves a client from its handshake until the conversation ends. The client already has everything up to `after`.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    after: Option<Sequence>,
    watch: &Watch,
    client_id: u64,
) {
    let limits = &watch.limits;
    let (largest, many) = (
        limits.gateway_client_message_bytes,
        limits.gateway_client_messages_per_second,
    );
    let bytes = RateLimit::new((largest + FRAME_HEAD).saturating_mul(many));
    let stream = RateLimited::new(stream, bytes);
    let mut client = Client {
        socket: WebSocketStream::from_raw_socket(stream, Role::Server, Some(config(largest))).await,
        seen: after,
        ping_every: limits.ping_every(),
        first_ping_after: share_of(limits.ping_every(), client_id),
        stuck_after: watch.stuck_after,
        unanswered_since: None,
        messages: RateLimit::new(many),
    };
    debug!(?after, "a WebSocket client watches");
    metrics::WATCHERS
        .of(&[("transport", metrics::WEBSOCKET)])
        .increment(1);
    let end = tokio::select! {
        end = client.converse(watch.messages.subscribe()) => end,
        () = watch.watchers.turn() => End::Stopping,
    };
    metrics::CLOSED
        .of(&[("transport", metrics::WEBSOCKET), ("reason", end.reason())])
        .increment(1);
    metrics::WATCHERS
        .of(&[("transport", metrics::WEBSOCKET)])
        .decrement(1);
    debug!(reason = end.reason(), "a WebSocket client has ended");
    if let Some(farewell) = end.farewell()
        && timeout(CLOSING, client.part(farewell)).await.is_err()
    {
        debug!(?end, "a client did not take its close frame");
    }
}

/// A client may send at most `largest` bytes in one message. Messages to it are written frame by frame, and not
/// gathered first.
fn config(largest: u32) -> WebSocketConfig {
    let largest_message = Some(largest as usize);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * FRAME)
        .max_message_size(largest_message)
        .max_frame_size(largest_message)
}

struct Client<S> {
    socket: WebSocketStream<RateLimited<S>>,
    /// The newest update that the client has completely.
    seen: Option<Sequence>,
    ping_every: Duration,
    /// Time until the first ping. It differs from client to client, because thousands that came together would
    /// otherwise be pinged at the same moment.
    first_ping_after: Duration,
    /// Time for the client to take the next frame, and to answer a ping.
    stuck_after: Duration,
    /// Moment since which a ping has been unanswered, moved on by the time that sending takes, because no answer is
    /// read meanwhile.
    unanswered_since: Option<Instant>,
    /// Limit on the messages that the client may send.
    messages: RateLimit,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Sends the client all that is new until something ends the conversation.
    async fn converse(&mut self, mut newest: watch::Receiver<Arc<Shared>>) -> End {
        newest.mark_changed();
        let first_ping = Instant::now() + self.first_ping_after;
        let mut pings = interval_at(first_ping, self.ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                changed = newest.changed() => match changed {
                    Ok(()) => self.tell_newest(&mut newest).await,
                    Err(_) => Err(End::Stopping),
                },
                heard = self.socket.next() => hear(heard).and_then(|heard| {
                    // The answer to a ping was asked for, so it does not count as a message.
                    let is_answer = heard == Heard::Pong && self.unanswered_since.take().is_some();
                    match is_answer || self.messages.take(1) {
                        true => Ok(()),
                        false => Err(End::TooMany),
                    }
                }),
                _ = pings.tick() => {
                    let since = *self.unanswered_since.get_or_insert_with(Instant::now);
                    match since.elapsed() < self.stuck_after {
                        true => self.send([Message::Ping(Bytes::new())]).await,
                        false => Err(End::Stuck),
                    }
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn tell_newest(&mut self, newest: &mut watch::Receiver<Arc<Shared>>) -> Result<(), End> {
        let shared = newest.borrow_and_update().clone();
        let outgoing = shared.message(self.seen);
        drop(shared);
        for written in outgoing.messages.iter() {
            self.send(frames(&written.text)).await?;
            self.seen = written.sequence.or(self.seen);
        }
        metrics::MESSAGES
            .of(&[("kind", outgoing.kind)])
            .increment(1);
        Ok(())
    }

    /// Hands messages to the connection, frame by frame, as fast as the client takes them. A client is stuck if it
    /// takes no frame for `stuck_after`; all of them together may take longer.
    async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), End> {
        let began = Instant::now();
        for message in messages {
            in_time(self.stuck_after, self.socket.feed(message)).await?;
        }
        in_time(self.stuck_after, self.socket.flush()).await?;
        if let Some(since) = &mut self.unanswered_since {
            *since += began.elapsed();
        }
        Ok(())
    }

    /// Sends a close frame, and waits for the client's.
    async fn part(&mut self, farewell: CloseFrame) {
        if let Err(error) = self.socket.close(Some(farewell)).await {
            debug!(%error, "a client was gone before it could be told why");
            return;
        }
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// Waits for a frame to be taken, at most for `patience`.
async fn in_time(
    patience: Duration,
    taken: impl Future<Output = Result<(), tungstenite::Error>>,
) -> Result<(), End> {
    match timeout(patience, taken).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(end_of(&error)),
        Err(_) => Err(End::Stuck),
    }
}

/// A text message as frames that share its bytes.
fn frames(text: &Bytes) -> impl Iterator<Item = Message> {
    let count = text.len().div_ceil(FRAME);
    (0..count).map(move |at| {
        let opcode = match at {
            0 => OpCode::Data(Data::Text),
            _ => OpCode::Data(Data::Continue),
        };
        let part = text.slice(at * FRAME..text.len().min((at + 1) * FRAME));
        Message::Frame(Frame::message(part, opcode, at + 1 == count))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Pong,
    /// Anything else that a client sends, which is ignored.
    Nothing,
}

fn hear(heard: Option<Result<Message, tungstenite::Error>>) -> Result<Heard, End> {
    match heard {
        Some(Ok(Message::Pong(_))) => Ok(Heard::Pong),
        Some(Ok(_)) => Ok(Heard::Nothing),
        Some(Err(error)) => Err(end_of(&error)),
        None => Err(End::Left),
    }
}

fn end_of(error: &tungstenite::Error) -> End {
    use tungstenite::{Error, error::ProtocolError};
    match error {
        Error::Capacity(_) => End::TooLarge,
        Error::Utf8(_) => End::NotText,
        Error::Io(fault) if fault.kind() == io::ErrorKind::QuotaExceeded => End::TooMany,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Left,
        Error::Protocol(_) => End::BadFrame,
        _ => End::Left,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

    use super::*;

    const STUCK_AFTER: Duration = Duration::from_secs(30);

    /// A client over a line that holds as many bytes as a frame, and the client's end of that line.
    async fn client() -> (Client<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(FRAME);
        let near = RateLimited::new(near, RateLimit::new(1000));
        let client = Client {
            socket: WebSocketStream::from_raw_socket(near, Role::Server, Some(config(1024))).await,
            seen: None,
            ping_every: Duration::from_secs(20),
            first_ping_after: Duration::from_secs(20),
            stuck_after: STUCK_AFTER,
            unanswered_since: None,
            messages: RateLimit::new(1),
        };
        (client, far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_goes_on_taking_is_waited_for() {
        let (mut client, mut far) = client().await;
        client.unanswered_since = Some(Instant::now());
        let text = Bytes::from(vec![b'x'; 256 * 1024]);
        let reading = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 256 * 1024 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                taken += far.read(&mut [0; FRAME]).await.unwrap();
            }
            far
        });
        let began = Instant::now();
        assert_eq!(client.send(frames(&text)).await, Ok(()));
        assert!(began.elapsed() > 2 * STUCK_AFTER, "{:?}", began.elapsed());
        let unanswered = client.unanswered_since.unwrap().elapsed();
        assert!(unanswered < STUCK_AFTER, "{unanswered:?}");
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_no_more_is_stuck() {
        let (mut client, mut far) = client().await;
        let text = Bytes::from(vec![b'x'; 256 * 1024]);
        let reading = tokio::spawn(async move {
            far.read_exact(&mut vec![0; 100_000]).await.unwrap();
            (far, Instant::now())
        });
        assert_eq!(client.send(frames(&text)).await, Err(End::Stuck));
        let (_far, last) = reading.await.unwrap();
        assert_eq!(last.elapsed().as_secs(), STUCK_AFTER.as_secs());
    }

    #[test]
    fn a_message_is_one_text_frame_and_its_continuations() {
        for length in [1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 5] {
            let text = Bytes::from(vec![b'x'; length]);
            let sent: Vec<Frame> = frames(&text)
                .filter_map(|message| match message {
                    Message::Frame(frame) => Some(frame),
                    _ => None,
                })
                .collect();
            let opcodes: Vec<OpCode> = sent.iter().map(|frame| frame.header().opcode).collect();
            assert_eq!(opcodes[0], OpCode::Data(Data::Text));
            assert!(
                opcodes[1..]
                    .iter()
                    .all(|code| *code == OpCode::Data(Data::Continue))
            );
            let finals: Vec<usize> = (0..sent.len())
                .filter(|at| sent[*at].header().is_final)
                .collect();
            assert_eq!(finals, [sent.len() - 1]);
            let bytes: usize = sent.iter().map(|frame| frame.payload().len()).sum();
            assert_eq!(bytes, length);
        }
    }
}

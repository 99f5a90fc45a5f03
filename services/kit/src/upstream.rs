//! Following a gRPC stream for ever: reconnecting with jittered backoff, and noticing one that has gone silent.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status, Streaming,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};
use tracing::{info, warn};

use crate::{config::Secret, fault::Fault, token::Bearer};

/// Silence after which a stream counts as lost: a sender's heartbeat comes at least every 2 s.
pub const SILENCE: Duration = Duration::from_secs(5);
/// The longest wait for a connection and the answer to the request on it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest pause between two tries, so that a returned upstream is heard within 1 s.
const LONGEST_PAUSE: Duration = Duration::from_millis(600);
/// Interval between log lines about a loss that goes on for the same reason.
const REMIND_EVERY: Duration = Duration::from_secs(30);

/// A connection on which each call sends the token.
pub type Connection = InterceptedService<Channel, Bearer>;

/// A part upstream: where it is, and the token that it asks for.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Where it is.
    pub endpoint: Endpoint,
    bearer: Bearer,
}

impl Upstream {
    /// # Errors
    /// When `url` is no URL, or `token` does not fit into a header.
    pub fn new(url: String, token: Option<&Secret>) -> anyhow::Result<Self> {
        Ok(Upstream {
            endpoint: Endpoint::from_shared(url)?,
            bearer: Bearer::new(token)?,
        })
    }

    /// A connection that is made at the first call. `patience` is the longest wait for it, and for each answer.
    pub fn when_asked(&self, patience: Duration) -> Connection {
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.connect_timeout(patience).timeout(patience);
        InterceptedService::new(endpoint.connect_lazy(), self.bearer.clone())
    }
}

/// An event of a followed stream.
#[derive(Debug)]
pub enum UpstreamEvent<T> {
    /// The upstream has accepted the request.
    Connected,
    /// A message.
    Message(T),
    /// The stream has ended or could not be opened, and is tried again. The public text calls the upstream "it".
    Lost(Fault),
}

/// Follows the stream that `open` gives until `stop`, and calls `on` with each event.
///
/// `open` is called again after each loss, so that it can ask for the messages after the last one.
pub async fn follow<T, O, F>(
    name: &'static str,
    upstream: &Upstream,
    stop: CancellationToken,
    mut open: O,
    mut on: impl FnMut(UpstreamEvent<T>),
) where
    O: FnMut(Connection) -> F,
    F: Future<Output = Result<Streaming<T>, Status>>,
{
    let url = upstream.endpoint.uri();
    let mut pauses = backoff();
    let mut complaint = Complaint::default();
    loop {
        let attempt = async {
            let mut messages = connect(upstream, &mut open).await?;
            info!("connected to {name} at {url}");
            complaint = Complaint::default();
            on(UpstreamEvent::Connected);
            loop {
                on(UpstreamEvent::Message(next(&mut messages).await?));
                pauses = backoff();
            }
        };
        let lost: Result<(), Fault> = match stop.run_until_cancelled(attempt).await {
            Some(lost) => lost,
            None => return,
        };
        if let Err(mut fault) = lost {
            if complaint.is_news(&fault.operator, Instant::now()) {
                warn!("{name} at {url}: {}", fault.operator);
            }
            fault.operator = format!("{name} at {url}: {}", fault.operator);
            on(UpstreamEvent::Lost(fault));
        }
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

/// The last loss that was logged; a reason that stays the same is repeated every [`REMIND_EVERY`].
#[derive(Debug, Default)]
struct Complaint(Option<(String, Instant)>);

impl Complaint {
    fn is_news(&mut self, reason: &str, now: Instant) -> bool {
        let is_known = self.0.as_ref().is_some_and(|(said, at)| {
            said == reason && now.saturating_duration_since(*at) < REMIND_EVERY
        });
        if !is_known {
            self.0 = Some((reason.to_owned(), now));
        }
        !is_known
    }
}

fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
        .map(|pause| pause.min(LONGEST_PAUSE))
}

async fn connect<T, O, F>(upstream: &Upstream, open: &mut O) -> Result<Streaming<T>, Fault>
where
    O: FnMut(Connection) -> F,
    F: Future<Output = Result<Streaming<T>, Status>>,
{
    let opened = async {
        let channel = upstream.endpoint.connect().await;
        let channel = channel.map_err(|error| {
            Fault::new(
                "it cannot be reached",
                format!("it cannot be reached: {}", innermost(&error)),
            )
        })?;
        open(InterceptedService::new(channel, upstream.bearer.clone()))
            .await
            .map_err(|status| refused(&status))
    };
    timeout(PATIENCE, opened)
        .await
        .map_err(|_| Fault::plain(format!("it does not answer within {PATIENCE:?}")))?
}

async fn next<T>(messages: &mut Streaming<T>) -> Result<T, Fault> {
    match timeout(SILENCE, messages.next()).await {
        Err(_) => Err(Fault::plain(format!("it has been silent for {SILENCE:?}"))),
        Ok(None) => Err(Fault::plain("it closed the stream")),
        Ok(Some(Err(status))) => Err(refused(&status)),
        Ok(Some(Ok(message))) => Ok(message),
    }
}

/// The innermost cause of an error, such as "Connection refused", because the errors around it only say "transport error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The public text for a call that was not answered; it calls the upstream "it". The status itself is not shown, because
/// libraries and proxies write addresses into it.
pub fn unanswered(status: &Status) -> &'static str {
    let failed_here = std::error::Error::source(status).is_some();
    match status.code() {
        _ if failed_here => "it cannot be reached",
        Code::Unauthenticated | Code::PermissionDenied => "it refuses to answer",
        Code::DeadlineExceeded | Code::Cancelled => "it does not answer in time",
        Code::Unavailable => "it is not ready yet",
        _ => "it cannot answer",
    }
}

/// The fault of a gRPC status.
fn refused(status: &Status) -> Fault {
    let public = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => "it refuses to answer",
        Code::ResourceExhausted => "it has no room for another subscriber",
        _ => "it ended the stream",
    };
    Fault::new(public, format!("{public}: {}", innermost(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_short_and_never_end() {
        let pauses: Vec<Duration> = backoff().take(1000).collect();
        assert!(pauses[0] < Duration::from_millis(300));
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE));
        assert!(pauses[900] >= LONGEST_PAUSE / 2);
    }

    #[test]
    fn a_loss_is_logged_when_it_is_new_and_then_now_and_again() {
        let (mut complaint, start) = (Complaint::default(), Instant::now());
        assert!(complaint.is_news("refused", start));
        assert!(!complaint.is_news("refused", start));
        assert!(complaint.is_news("reset", start));
        assert!(complaint.is_news("refused", start));
        assert!(complaint.is_news("refused", start + REMIND_EVERY));
    }
}

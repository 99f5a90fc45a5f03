//! A limit on what a client may send: an amount each second, of which a few seconds' worth may come at once.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// Seconds' worth of the limit that may come at once.
const AT_ONCE: f64 = 8.0;

/// A limit, and the amount of it that is left.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl RateLimit {
    /// A limit of `per_second`, all of it left.
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        RateLimit {
            per_second,
            left: per_second * AT_ONCE,
            at: Instant::now(),
        }
    }

    /// Uses up `amount`; returns false if less was left.
    pub fn take(&mut self, amount: u32) -> bool {
        let now = Instant::now();
        let more = (now - self.at).as_secs_f64() * self.per_second;
        self.at = now;
        self.left = (self.left + more).min(self.per_second * AT_ONCE) - f64::from(amount);
        let enough = self.left >= 0.0;
        self.left = self.left.max(0.0);
        enough
    }
}

/// A stream with a limit on the bytes read each second, whether or not they make whole messages. Reading more gives
/// [`io::ErrorKind::QuotaExceeded`].
#[derive(Debug)]
pub struct RateLimited<S> {
    stream: S,
    bytes: RateLimit,
}

impl<S> RateLimited<S> {
    /// Limits the bytes read from `stream`.
    pub fn new(stream: S, bytes: RateLimit) -> Self {
        RateLimited { stream, bytes }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RateLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let read = u32::try_from(into.filled().len() - before).unwrap_or(u32::MAX);
        Poll::Ready(match self.bytes.take(read) {
            true => Ok(()),
            false => Err(io::ErrorKind::QuotaExceeded.into()),
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RateLimited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::{Duration, advance},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_few_at_once_and_then_so_many_a_second() {
        let mut allowance = RateLimit::new(1);
        assert!((0..8).all(|_| allowance.take(1)));
        assert!(!allowance.take(1));
        advance(Duration::from_secs(1)).await;
        assert!(allowance.take(1));
        assert!(!allowance.take(1));
        advance(Duration::from_hours(1)).await;
        assert!((0..8).all(|_| allowance.take(1)), "and never more at once");
        assert!(!allowance.take(1));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_counted_whatever_they_are() {
        let (mut far, near) = duplex(1000);
        let mut near = RateLimited::new(near, RateLimit::new(10));
        far.write_all(&[0; 80]).await.unwrap();
        near.read_exact(&mut [0; 80]).await.unwrap();
        far.write_all(&[0; 1]).await.unwrap();
        let error = near.read_exact(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }
}

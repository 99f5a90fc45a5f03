//! A connection that is given up when its client takes nothing of the data sent to it for too long.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Duration, Sleep, sleep},
};

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] after `patience` without progress.
#[derive(Debug)]
pub struct WriteTimeout<S> {
    stream: S,
    patience: Duration,
    /// Set once a write has failed this way.
    is_stuck: Arc<AtomicBool>,
    /// The timer of a write that waits; a client that takes its data at once costs none.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteTimeout<S> {
    /// Gives each write `patience` to make progress; `is_stuck` is set when one makes none.
    pub fn new(stream: S, patience: Duration, is_stuck: Arc<AtomicBool>) -> Self {
        WriteTimeout {
            stream,
            patience,
            is_stuck,
            waiting: None,
        }
    }

    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(waiting.as_mut().poll(context));
        self.is_stuck.store(true, Ordering::Relaxed);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Whether a connection ended because a [`WriteTimeout`] gave it up.
pub fn is_stuck(error: &hyper::Error) -> bool {
    let fault = std::error::Error::source(error);
    let fault = fault.and_then(|fault| fault.downcast_ref::<io::Error>());
    fault.is_some_and(|fault| fault.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::Instant,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_little_now_and_then_is_waited_for() {
        let (near, mut far) = duplex(10);
        let is_stuck = Arc::<AtomicBool>::default();
        let mut near = WriteTimeout::new(near, PATIENCE, is_stuck.clone());
        let reading = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 100 {
                tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
                taken += far.read(&mut [0; 10]).await.unwrap();
            }
        });
        near.write_all(&[7; 100]).await.unwrap();
        reading.await.unwrap();
        assert!(!is_stuck.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up() {
        let (near, _far) = duplex(10);
        let is_stuck = Arc::<AtomicBool>::default();
        let mut near = WriteTimeout::new(near, PATIENCE, is_stuck.clone());
        let began = Instant::now();
        let error = near.write_all(&[7; 11]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
        assert!(is_stuck.load(Ordering::Relaxed));
    }
}

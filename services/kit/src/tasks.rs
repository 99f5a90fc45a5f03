//! The background tasks of a process: the first that fails, or a signal, stops them all, in order and in time.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Mutex,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A task's name and how it ended.
type Ended = (&'static str, anyhow::Result<()>);

/// The system's file about this process, and the beginning of its line with the ignored signals.
const STATUS: &str = "/proc/self/status";
const IGNORED: &str = "SigIgn:";

/// The time that a process has to end, unless another is set.
const DRAIN: Duration = Duration::from_secs(4);

/// The tasks of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct Tasks {
    drain: Duration,
    stop: CancellationToken,
    set: Arc<Mutex<JoinSet<Ended>>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Tasks::with_drain(DRAIN)
    }
}

impl Tasks {
    /// An empty set whose tasks get `drain` to finish after a stop.
    pub fn with_drain(drain: Duration) -> Self {
        Tasks {
            drain,
            stop: CancellationToken::new(),
            set: Arc::default(),
        }
    }

    /// How long a task may take to return after [`Tasks::stop`]; a slower one is cut off.
    pub fn drain(&self) -> Duration {
        self.drain
    }

    /// A token that is cancelled when it is time to stop; a task then finishes what it has begun and returns.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task in the background; to be called before [`Tasks::run`]. Its error, its panic, and its
    /// end before it is told to stop, stop the process. A task whose end is no error cancels [`Tasks::stop`] itself first.
    pub async fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.set
            .lock()
            .await
            .spawn(async move { (name, task.await) });
    }

    /// Runs work that blocks on a thread of its own; otherwise as [`Tasks::spawn`]. The work itself must look at
    /// [`Tasks::stop`].
    pub async fn spawn_blocking<E>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) where
        E: std::error::Error + Send + Sync + 'static,
    {
        let working = async move {
            let worked = tokio::task::spawn_blocking(work).await;
            Ok(worked.with_context(|| format!("the {name} thread"))??)
        };
        self.spawn(name, working).await;
    }

    /// Waits for SIGTERM, SIGINT, SIGHUP or the first task that ends; then stops the others, within [`Tasks::drain`]. A signal
    /// that comes while they are stopping cuts them off at once.
    ///
    /// # Errors
    /// With the first task's error, if that is why the process stops.
    pub async fn run(self) -> anyhow::Result<()> {
        let drain = self.drain;
        let mut signals = Signals::listen()?;
        let mut set = self.set.lock().await;
        let outcome = tokio::select! {
            signal = signals.next() => { info!("{signal}: draining"); Ok(()) }
            Some(ended) = set.join_next() => match ended {
                Ok((_, Err(error))) => Err(error),
                Ok((_, Ok(()))) if self.stop.is_cancelled() => Ok(()),
                Ok((name, Ok(()))) => Err(anyhow!("{name} ended by itself")),
                Err(error) => Err(anyhow!("a task did not finish: {error}")),
            },
        };
        self.stop.cancel();
        let again = tokio::select! {
            finished = tokio::time::timeout(drain, finish(&mut set)) => match finished {
                Ok(()) => return outcome,
                Err(_) => None,
            },
            signal = signals.next() => Some(signal),
        };
        match again {
            Some(signal) => warn!(tasks = set.len(), "{signal} while draining: cut off"),
            None => warn!(tasks = set.len(), "not drained in {drain:?}: cut off"),
        }
        outcome
    }
}

/// The signals that ask a process to end. SIGHUP is one of them, because there is no file to read again: it tells that the
/// terminal is gone.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` if the process was started to outlive its terminal (`nohup`).
    hang_up: Option<Signal>,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let hang_up = (!is_hang_up_ignored()).then(|| signal(SignalKind::hangup()));
        Ok(Signals {
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
            hang_up: hang_up.transpose().context("listening for SIGHUP")?,
        })
    }

    /// Waits for the next signal, and returns its name.
    async fn next(&mut self) -> &'static str {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = hang_up => "SIGHUP",
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Source: proc_pid_status(5); false if there is no such file.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string(STATUS).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(IGNORED));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}

async fn finish(set: &mut JoinSet<Ended>) {
    while let Some(joined) = set.join_next().await {
        match joined {
            Ok((_, Ok(()))) => {}
            Ok((name, Err(error))) => warn!("{name}, while stopping: {error:#}"),
            Err(error) => warn!("a task did not finish: {error}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_task_stops_the_others() {
        let tasks = Tasks::default();
        let stop = tasks.stop();
        tasks
            .spawn("patient", async move {
                stop.cancelled().await;
                Ok(())
            })
            .await;
        tasks
            .spawn("broken", async { Err(anyhow!("no more paper")) })
            .await;
        let error = tasks.run().await.unwrap_err();
        assert_eq!(error.to_string(), "no more paper");
    }

    #[tokio::test]
    async fn a_task_that_has_done_its_work_stops_the_others() {
        let tasks = Tasks::default();
        let (stop, done) = (tasks.stop(), tasks.stop());
        tasks
            .spawn("patient", async move {
                stop.cancelled().await;
                Ok(())
            })
            .await;
        tasks
            .spawn("done", async move {
                done.cancel();
                Ok(())
            })
            .await;
        tasks.run().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_task_is_cut_off() {
        let tasks = Tasks::default();
        tasks.spawn("stuck", std::future::pending()).await;
        tasks.spawn("brief", async { Ok(()) }).await;
        let error = tasks.run().await.unwrap_err();
        assert_eq!(error.to_string(), "brief ended by itself");
    }
}

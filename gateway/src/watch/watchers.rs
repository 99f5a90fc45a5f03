//! The number of watchers, on WebSockets and event streams, and their disconnection one by one when the gateway stops.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Longest time between two disconnections when the gateway stops.
const STEP: Duration = Duration::from_millis(5);

/// All watchers.
#[derive(Debug)]
pub struct Watchers {
    room: Arc<Semaphore>,
    most: u32,
    stop: CancellationToken,
    /// Longest time from the first disconnection at a stop to the last.
    over: Duration,
    leaving: AtomicU32,
    step: OnceLock<Duration>,
}

/// Why a watcher is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// All places are taken.
    Full,
    /// The gateway stops.
    Stopping,
}

impl Watchers {
    /// Places for at most `most` watchers. Once `stop` is cancelled they leave one after the other, the last of them
    /// after `over`.
    pub fn new(most: u32, stop: CancellationToken, over: Duration) -> Self {
        Watchers {
            room: Arc::new(Semaphore::new(most as usize)),
            most,
            stop,
            over,
            leaving: AtomicU32::new(0),
            step: OnceLock::new(),
        }
    }

    /// Takes a place, which is free again when the permit is dropped.
    ///
    /// # Errors
    /// If all places are taken or the gateway stops.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, NoRoom> {
        if self.is_stopping() {
            return Err(NoRoom::Stopping);
        }
        let room = self.room.clone().try_acquire_owned();
        room.map_err(|_| NoRoom::Full)
    }

    /// Whether the gateway stops, so that the watchers leave.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the calling watcher has to leave.
    pub async fn turn(&self) {
        self.stop.cancelled().await;
        let number = self.leaving.fetch_add(1, Ordering::Relaxed);
        let step = *self.step.get_or_init(|| step(self.over, self.present()));
        sleep(step * number).await;
    }

    /// Waits until the gateway stops and the last watcher has left.
    pub async fn all_gone(&self) {
        self.stop.cancelled().await;
        // Fails only if the semaphore is closed, which never happens.
        drop(self.room.acquire_many(self.most).await);
    }

    fn present(&self) -> u32 {
        let free = u32::try_from(self.room.available_permits()).unwrap_or(self.most);
        self.most.saturating_sub(free)
    }
}

fn step(over: Duration, present: u32) -> Duration {
    STEP.min(over / present.max(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::{task::JoinSet, time::Instant};

    use super::*;

    /// When each of them leaves, in milliseconds from the stop.
    async fn leave(count: u32, over: Duration) -> Vec<u128> {
        let stop = CancellationToken::new();
        let watchers = Arc::new(Watchers::new(count, stop.clone(), over));
        let mut leaving = JoinSet::new();
        for _ in 0..count {
            let (watchers, room) = (watchers.clone(), watchers.enter().unwrap());
            leaving.spawn(async move {
                watchers.turn().await;
                drop(room);
                Instant::now()
            });
        }
        assert_eq!(watchers.enter().unwrap_err(), NoRoom::Full);
        let stopped = Instant::now();
        stop.cancel();
        assert_eq!(watchers.enter().unwrap_err(), NoRoom::Stopping);
        watchers.all_gone().await;
        let left = leaving.join_all().await;
        let mut after: Vec<u128> = left
            .into_iter()
            .map(|at| (at - stopped).as_millis())
            .collect();
        after.sort_unstable();
        after
    }

    #[tokio::test(start_paused = true)]
    async fn many_leave_evenly_over_the_time_there_is() {
        let after = leave(10_000, Duration::from_secs(3)).await;
        assert!(*after.last().unwrap() <= 3001);
        for tenth in 0..10_u128 {
            let from = tenth * 300;
            let count = after
                .iter()
                .filter(|at| (from..from + 300).contains(*at))
                .count();
            assert!((950..1050).contains(&count), "{count} from {from} ms on");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_do_not_wait() {
        assert!(*leave(3, Duration::from_secs(3)).await.last().unwrap() <= 15);
        assert_eq!(leave(0, Duration::from_secs(3)).await, Vec::<u128>::new());
    }
}

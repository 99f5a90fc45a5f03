//! Waiting for conditions, each with a deadline that names what did not come.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// For what takes moments on an idle machine; tests run on busy ones.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `probe` gives something.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{what} did not come in {PATIENCE:?}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// The future's outcome, which must come in time.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not come in {PATIENCE:?}"))
}

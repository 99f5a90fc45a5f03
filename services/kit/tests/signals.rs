//! What signals do to a process. One test a process, because each of its tests would get the signals of the others.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use satscope_kit::tasks::Tasks;
use tokio::time::timeout;

/// Longer than anything here takes, and shorter than the drain.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_second_signal_cuts_off_what_still_drains() {
    for (first, second) in [
        (Signal::TERM, Signal::TERM),
        (Signal::INT, Signal::INT),
        (Signal::TERM, Signal::INT),
    ] {
        let tasks = Tasks::with_drain(10 * PATIENCE);
        let stop = tasks.stop();
        tasks.spawn("slow", std::future::pending()).await;
        let running = tokio::spawn(tasks.run());
        // It runs on this thread, and listens once it waits.
        tokio::task::yield_now().await;
        kill_process(getpid(), first).unwrap();
        timeout(PATIENCE, stop.cancelled()).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!running.is_finished(), "after one signal it drains");
        kill_process(getpid(), second).unwrap();
        let ended = timeout(PATIENCE, running).await.unwrap();
        ended.unwrap().unwrap();
    }
}

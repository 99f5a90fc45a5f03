//! Notices to systemd: the process serves, waits for something, is alive, or stops. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::{Context, health::Conditions};

/// The interval between two notices without a watchdog: often enough for the line in `systemctl status`.
const QUIET: Duration = Duration::from_secs(30);

/// Tells systemd that the ports are open, and then of each change until the process stops.
///
/// An upstream that is not there yet does not hold back the start; `systemctl status` names it.
pub async fn notify(context: &Context) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let mut conditions = context.readiness.watch();
    let watchdog = sd_notify::watchdog_enabled();
    let stop = context.tasks.stop();
    tell(&[NotifyState::Ready]);
    context
        .tasks
        .spawn("systemd", async move {
            // Twice in each period, as sd_watchdog_enabled(3) advises.
            let mut beat = interval(watchdog.map_or(QUIET, |period| period / 2));
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let status = status(&conditions.borrow_and_update());
                tell(&[NotifyState::Status(&status)]);
                if watchdog.is_some() {
                    tell(&[NotifyState::Watchdog]);
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = beat.tick() => {}
                    changed = conditions.changed() => if changed.is_err() { break },
                }
            }
            tell(&[NotifyState::Stopping]);
            Ok(())
        })
        .await;
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("systemd cannot be told: {error}");
    }
}

/// One line for `systemctl status`.
fn status(conditions: &Conditions) -> String {
    let waiting: Vec<&str> = conditions.waiting_for().collect();
    match waiting.as_slice() {
        [] => "ready".to_owned(),
        waiting => format!("waiting for {}", waiting.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fault::Fault, health::Readiness};

    #[test]
    fn the_status_names_what_is_waited_for() {
        let readiness = Readiness::default();
        let node = readiness.condition("node", "the node's ZMQ");
        node.unmet(Fault::plain("no RPC at http://127.0.0.1:8332"));
        assert_eq!(
            status(&readiness.watch().borrow()),
            "waiting for the node's ZMQ"
        );
        node.met();
        assert_eq!(status(&readiness.watch().borrow()), "ready");
    }
}

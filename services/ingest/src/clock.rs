//! The one clock of the stream: the system's, or a stand-in node's.

use satscope_bitcoin::{frame::StandInLabels, subscriber::unix_ms};
use satscope_log::Simulation;

/// Where event stamps come from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The node is real.
    System,
    /// The node is a stand-in.
    StandIn {
        /// Its newest labels, once there are any.
        labels: Option<StandInLabels>,
        /// They came over the connection that stands: what they show is now, and not when the last one broke.
        is_current: bool,
    },
}

impl Clock {
    /// A stand-in's, before its first word.
    pub fn of_standin() -> Clock {
        Clock::StandIn {
            labels: None,
            is_current: false,
        }
    }

    /// The stamp of what was received at `received_ms` by the system's clock; `None` before a stand-in's first word over a
    /// new connection.
    pub fn stamp(&self, received_ms: u64) -> Option<u64> {
        match self {
            Clock::System => Some(received_ms),
            Clock::StandIn {
                is_current: false, ..
            } => None,
            Clock::StandIn { .. } => self.newest(),
        }
    }

    /// The newest stamp that is known: this moment's, or that of a stand-in's last word.
    pub fn newest(&self) -> Option<u64> {
        match self {
            Clock::System => Some(unix_ms()),
            Clock::StandIn { labels, .. } => labels.as_ref().map(StandInLabels::time_ms),
        }
    }

    /// Goes on from `last_ms`, Unix milliseconds, which an earlier process has written down last. A stand-in's data count
    /// as simulated until it says otherwise.
    pub fn go_on_from(&mut self, last_ms: u64) {
        if let Clock::StandIn { labels, .. } = self {
            labels.get_or_insert(StandInLabels {
                time: last_ms as f64 / 1000.0,
                simulated: true,
                hidden_price_usd: None,
            });
        }
    }

    /// A connection begins: a stand-in's clock has gone on since its last word.
    pub fn connected(&mut self) {
        if let Clock::StandIn { is_current, .. } = self {
            *is_current = false;
        }
    }

    /// Takes a stand-in's word; a real node's clock is the system's, whatever arrives.
    pub fn hear(&mut self, newest: StandInLabels) {
        if let Clock::StandIn { labels, is_current } = self {
            *labels = Some(newest);
            *is_current = true;
        }
    }

    /// Whether a stand-in sets it.
    pub fn is_standin(&self) -> bool {
        matches!(self, Clock::StandIn { .. })
    }

    /// A stand-in's clock is at `time`, Unix seconds, by another way than its labels.
    pub fn go_to(&mut self, time: f64) {
        if let Clock::StandIn {
            labels: Some(labels),
            ..
        } = self
        {
            labels.time = labels.time.max(time);
        }
    }

    /// The labels to pass on for display.
    pub fn simulation(&self) -> Option<Simulation> {
        match self {
            Clock::StandIn {
                labels: Some(labels),
                ..
            } => Some(Simulation {
                simulated: labels.simulated,
                hidden_price_usd: labels.hidden_price_usd,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_break_a_standin_must_say_the_time_before_anything_is_stamped() {
        let labels = |time| StandInLabels {
            time,
            simulated: true,
            hidden_price_usd: None,
        };
        let mut clock = Clock::of_standin();
        assert_eq!((clock.stamp(1), clock.newest()), (None, None));
        clock.hear(labels(100.0));
        assert_eq!(clock.stamp(1), Some(100_000));
        clock.connected();
        assert_eq!((clock.stamp(1), clock.newest()), (None, Some(100_000)));
        clock.hear(labels(400.0));
        assert_eq!(clock.stamp(1), Some(400_000));
        clock.go_to(500.0);
        assert_eq!(clock.stamp(1), Some(500_000));
        clock.go_to(450.0);
        assert_eq!(clock.stamp(1), Some(500_000), "never back");
    }
}

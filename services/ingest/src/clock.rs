//! The one clock of the stream: the system's, or a stand-in node's.

use std::time::Instant;

use satscope_bitcoin::frame::StandInLabels;
use satscope_kit::clock::UnixClock;
use satscope_log::Simulation;

/// Where event stamps come from.
#[derive(Clone, Copy, Debug)]
pub enum StampClock {
    /// The node is real, and this machine's clock counts.
    System(UnixClock),
    /// The node is a stand-in that has not said the time over this connection; holds the last labels from before, if there were
    /// any.
    Awaited(Option<StandInLabels>),
    /// The node is a stand-in, and these are its newest labels.
    StandIn(StandInLabels),
}

impl StampClock {
    /// The clock for a real node.
    pub fn of_system() -> StampClock {
        StampClock::System(UnixClock::start())
    }

    /// The stamp of a message that was received at `received`, Unix milliseconds; `None` before a stand-in's first word over a
    /// new connection.
    pub fn stamp(&self, received: Instant) -> Option<u64> {
        match self {
            StampClock::System(clock) => Some(clock.at_ms(received)),
            StampClock::Awaited(_) => None,
            StampClock::StandIn(labels) => Some(labels.time_ms()),
        }
    }

    /// The newest stamp that is known, Unix milliseconds: this moment's, or that of a stand-in's last word.
    pub fn newest(&self) -> Option<u64> {
        match self {
            StampClock::System(clock) => Some(clock.now_ms()),
            StampClock::Awaited(last) => last.as_ref().map(StandInLabels::time_ms),
            StampClock::StandIn(labels) => Some(labels.time_ms()),
        }
    }

    /// Lets a stand-in's clock go on from `last_ms`, the newest stamp that an earlier process wrote, Unix milliseconds. Its
    /// data count as simulated until it says otherwise.
    pub fn go_on_from(&mut self, last_ms: u64) {
        if let StampClock::Awaited(last) = self {
            last.get_or_insert(StandInLabels {
                time: last_ms as f64 / 1000.0,
                simulated: true,
                hidden_price_usd: None,
            });
        }
    }

    /// Awaits a stand-in's time anew, because its clock has gone on since its last word over the connection before.
    pub fn connected(&mut self) {
        if let StampClock::StandIn(labels) = self {
            *self = StampClock::Awaited(Some(*labels));
        }
    }

    /// Takes a stand-in's labels; the system's clock ignores them.
    pub fn hear(&mut self, newest: StandInLabels) {
        if self.is_standin() {
            *self = StampClock::StandIn(newest);
        }
    }

    /// Whether a stand-in sets the clock.
    pub fn is_standin(&self) -> bool {
        matches!(self, StampClock::Awaited(_) | StampClock::StandIn(_))
    }

    /// Moves a stand-in's clock on to `time_ms`, Unix milliseconds, as its RPC tells it; never back.
    pub fn go_to(&mut self, time_ms: u64) {
        if let StampClock::StandIn(labels) | StampClock::Awaited(Some(labels)) = self {
            labels.time = labels.time.max(time_ms as f64 / 1000.0);
        }
    }

    /// How far the system clock has been set since the last call, milliseconds, if it has.
    pub fn check_step(&mut self) -> Option<i64> {
        match self {
            StampClock::System(clock) => clock.check(),
            StampClock::Awaited(_) | StampClock::StandIn(_) => None,
        }
    }

    /// The labels to pass on for display.
    pub fn simulation(&self) -> Option<Simulation> {
        match self {
            StampClock::StandIn(labels) | StampClock::Awaited(Some(labels)) => Some(Simulation {
                simulated: labels.simulated,
                hidden_price_usd: labels.hidden_price_usd,
            }),
            StampClock::Awaited(None) | StampClock::System(_) => None,
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
        let now = Instant::now();
        let mut clock = StampClock::Awaited(None);
        assert_eq!((clock.stamp(now), clock.newest()), (None, None));
        clock.hear(labels(100.0));
        assert_eq!(clock.stamp(now), Some(100_000));
        clock.connected();
        assert_eq!((clock.stamp(now), clock.newest()), (None, Some(100_000)));
        clock.hear(labels(400.0));
        assert_eq!(clock.stamp(now), Some(400_000));
        clock.go_to(500_000);
        assert_eq!(clock.stamp(now), Some(500_000));
        clock.go_to(450_000);
        assert_eq!(clock.stamp(now), Some(500_000), "never back");
    }
}

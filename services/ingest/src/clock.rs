//! The one clock of the stream: the system's, or a stand-in node's.

use satscope_bitcoin::{frame::StandInLabels, subscriber::unix_ms};
use satscope_log::Simulation;

/// Where event stamps come from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The node is real.
    System,
    /// The node is a stand-in; its newest labels, once there are any.
    StandIn(Option<StandInLabels>),
}

impl Clock {
    /// The stamp of what was received at `received_ms` by the system's clock; `None` before a stand-in's first word.
    pub fn stamp(&self, received_ms: u64) -> Option<u64> {
        match self {
            Clock::System => Some(received_ms),
            Clock::StandIn(labels) => labels.as_ref().map(StandInLabels::time_ms),
        }
    }

    /// The stamp of this moment.
    pub fn now(&self) -> Option<u64> {
        self.stamp(unix_ms())
    }

    /// Takes a stand-in's word; a real node's clock is the system's, whatever arrives.
    pub fn hear(&mut self, labels: StandInLabels) {
        if let Clock::StandIn(newest) = self {
            *newest = Some(labels);
        }
    }

    /// The labels to pass on for display.
    pub fn simulation(&self) -> Option<Simulation> {
        match self {
            Clock::StandIn(Some(labels)) => Some(Simulation {
                simulated: labels.simulated,
                hidden_price_usd: labels.hidden_price_usd,
            }),
            _ => None,
        }
    }
}

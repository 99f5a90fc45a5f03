//! Conversions between the log's types and the messages of the contract.
//!
//! Messages that can be malformed, for example by a short hash, are not converted here: their reader names the error.

use satscope_log as log;

use crate::v1;

impl From<log::Position> for v1::Position {
    fn from(position: log::Position) -> Self {
        v1::Position {
            epoch: position.epoch,
            sequence: position.sequence,
        }
    }
}

impl From<v1::Position> for log::Position {
    fn from(position: v1::Position) -> Self {
        log::Position {
            epoch: position.epoch,
            sequence: position.sequence,
        }
    }
}

impl From<log::State> for v1::TransactionState {
    fn from(state: log::State) -> Self {
        match state {
            log::State::Mempool => v1::TransactionState::Mempool,
            log::State::Confirmed => v1::TransactionState::Confirmed,
        }
    }
}

impl From<log::RemovalReason> for v1::RemovalReason {
    fn from(reason: log::RemovalReason) -> Self {
        match reason {
            log::RemovalReason::Replaced => v1::RemovalReason::Replaced,
            log::RemovalReason::Conflicted => v1::RemovalReason::Conflicted,
            log::RemovalReason::Evicted => v1::RemovalReason::Evicted,
            log::RemovalReason::Expired => v1::RemovalReason::Expired,
            log::RemovalReason::WindowFull => v1::RemovalReason::WindowFull,
            log::RemovalReason::Unknown => v1::RemovalReason::Unknown,
        }
    }
}

/// A reason that a newer ingest adds is read as unknown.
impl From<v1::RemovalReason> for log::RemovalReason {
    fn from(reason: v1::RemovalReason) -> Self {
        match reason {
            v1::RemovalReason::Replaced => log::RemovalReason::Replaced,
            v1::RemovalReason::Conflicted => log::RemovalReason::Conflicted,
            v1::RemovalReason::Evicted => log::RemovalReason::Evicted,
            v1::RemovalReason::Expired => log::RemovalReason::Expired,
            v1::RemovalReason::WindowFull => log::RemovalReason::WindowFull,
            v1::RemovalReason::Unspecified | v1::RemovalReason::Unknown => {
                log::RemovalReason::Unknown
            }
        }
    }
}

impl From<&log::Block> for v1::Block {
    fn from(block: &log::Block) -> Self {
        v1::Block {
            hash: block.hash.to_vec(),
            height: block.height,
            time_ms: block.time_ms,
        }
    }
}

impl From<&log::NodeStatus> for v1::NodeStatus {
    fn from(status: &log::NodeStatus) -> Self {
        v1::NodeStatus {
            hops: status.hops.iter().map(v1::Hop::from).collect(),
            counters: Some(status.counters.into()),
            chain: status.chain.clone(),
            simulation: status.simulation.map(v1::Simulation::from),
        }
    }
}

/// Counters that are absent are read as zero.
impl From<v1::NodeStatus> for log::NodeStatus {
    fn from(status: v1::NodeStatus) -> Self {
        log::NodeStatus {
            hops: status.hops.into_iter().map(log::Hop::from).collect(),
            counters: status.counters.unwrap_or_default().into(),
            chain: status.chain,
            simulation: status.simulation.map(log::Simulation::from),
        }
    }
}

impl From<log::Counters> for v1::Counters {
    fn from(counters: log::Counters) -> Self {
        v1::Counters {
            received: counters.received,
            filtered: counters.filtered,
            mempool: counters.mempool,
            uptime_ms: counters.uptime_ms,
        }
    }
}

impl From<v1::Counters> for log::Counters {
    fn from(counters: v1::Counters) -> Self {
        log::Counters {
            received: counters.received,
            filtered: counters.filtered,
            mempool: counters.mempool,
            uptime_ms: counters.uptime_ms,
        }
    }
}

impl From<&log::Hop> for v1::Hop {
    fn from(hop: &log::Hop) -> Self {
        v1::Hop {
            name: hop.name.clone(),
            state: v1::HopState::from(hop.state).into(),
            detail: hop.detail.clone(),
        }
    }
}

impl From<v1::Hop> for log::Hop {
    fn from(hop: v1::Hop) -> Self {
        log::Hop {
            state: hop.state().into(),
            name: hop.name,
            detail: hop.detail,
        }
    }
}

impl From<log::HopState> for v1::HopState {
    fn from(state: log::HopState) -> Self {
        match state {
            log::HopState::Connecting => v1::HopState::Connecting,
            log::HopState::Connected => v1::HopState::Connected,
            log::HopState::Resyncing => v1::HopState::Resyncing,
            log::HopState::Degraded => v1::HopState::Degraded,
            log::HopState::Disconnected => v1::HopState::Disconnected,
        }
    }
}

/// A state that a newer ingest adds is read as connecting.
impl From<v1::HopState> for log::HopState {
    fn from(state: v1::HopState) -> Self {
        match state {
            v1::HopState::Connected => log::HopState::Connected,
            v1::HopState::Resyncing => log::HopState::Resyncing,
            v1::HopState::Degraded => log::HopState::Degraded,
            v1::HopState::Disconnected => log::HopState::Disconnected,
            v1::HopState::Unspecified | v1::HopState::Connecting => log::HopState::Connecting,
        }
    }
}

impl From<log::Simulation> for v1::Simulation {
    fn from(simulation: log::Simulation) -> Self {
        v1::Simulation {
            simulated: simulation.simulated,
            hidden_price_usd: simulation.hidden_price_usd,
        }
    }
}

impl From<v1::Simulation> for log::Simulation {
    fn from(simulation: v1::Simulation) -> Self {
        log::Simulation {
            simulated: simulation.simulated,
            hidden_price_usd: simulation.hidden_price_usd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_comes_back_as_it_was() {
        let states = [
            log::HopState::Connecting,
            log::HopState::Connected,
            log::HopState::Resyncing,
            log::HopState::Degraded,
            log::HopState::Disconnected,
        ];
        let hop = |state| log::Hop {
            name: "node".to_owned(),
            state,
            detail: "a word".to_owned(),
        };
        let status = log::NodeStatus {
            hops: states.map(hop).to_vec(),
            counters: log::Counters {
                received: 1,
                filtered: 2,
                mempool: 3,
                uptime_ms: 4,
            },
            chain: "main".to_owned(),
            simulation: Some(log::Simulation {
                simulated: true,
                hidden_price_usd: Some(5.0),
            }),
        };
        assert_eq!(log::NodeStatus::from(v1::NodeStatus::from(&status)), status);
    }

    #[test]
    fn a_reason_comes_back_as_it_was_and_one_of_a_newer_ingest_as_unknown() {
        for reason in log::RemovalReason::ALL {
            let message = v1::RemovalReason::from(reason);
            assert_eq!(log::RemovalReason::from(message), reason);
        }
        let removed = v1::TransactionRemoved {
            txid: vec![1; 32],
            reason: 99,
        };
        let reason = log::RemovalReason::from(removed.reason());
        assert_eq!(reason, log::RemovalReason::Unknown);
    }
}

//! Messages of the contract as the log's events, and the analyzer's own state as messages.

use std::sync::Arc;

use satscope_log as log;
use satscope_proto::v1::{self as proto, event::Kind};
use thiserror::Error;

use crate::{
    points::{Dot, DotId},
    sequence::END_MS,
};

/// A message that ingest would not send.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// A field that is needed is absent.
    #[error("an event without its {0}")]
    Missing(&'static str),
    /// A txid or hash that is not 32 bytes.
    #[error("a hash of {0} bytes; expected 32")]
    Hash(usize),
    /// A stamp that no clock shows.
    #[error("a stamp of {0} ms; expected less than {END_MS}")]
    Stamp(u64),
}

/// What one message of the stream says.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// An entry of the log.
    Event(log::Event),
    /// The window has been sent.
    CaughtUp,
}

/// Reads one event: its position, its stamp, and what it says.
pub fn event(event: proto::Event) -> Result<(log::Position, u64, Said), WireError> {
    let position = event.position.ok_or(WireError::Missing("position"))?;
    let position = log::Position {
        epoch: position.epoch,
        sequence: position.sequence,
    };
    let said = match event.kind.ok_or(WireError::Missing("kind"))? {
        Kind::Accepted(accepted) => Said::Event(accepted_event(accepted)?),
        Kind::Removed(removed) => {
            let reason = removal_reason(removed.reason());
            Said::Event(log::Event::Removed(hash(&removed.txid)?, reason))
        }
        Kind::BlockConnected(connected) => Said::Event(log::Event::BlockConnected(
            Box::new(block(connected.block)?),
            hashes(&connected.txids)?,
        )),
        Kind::BlockDisconnected(disconnected) => Said::Event(log::Event::BlockDisconnected(
            Box::new(block(disconnected.block)?),
            hashes(&disconnected.txids)?,
        )),
        Kind::Status(status) => Said::Event(log::Event::Status(Arc::new(node_status(status)))),
        Kind::CaughtUp(_) => Said::CaughtUp,
    };
    match event.time_ms {
        time_ms @ ..END_MS => Ok((position, time_ms, said)),
        time_ms => Err(WireError::Stamp(time_ms)),
    }
}

fn accepted_event(accepted: proto::TransactionAccepted) -> Result<log::Event, WireError> {
    let state = match accepted.state() {
        proto::TransactionState::Confirmed => log::State::Confirmed,
        _ => log::State::Mempool,
    };
    let accepted = log::Accepted {
        txid: hash(&accepted.txid)?,
        first_seen_ms: accepted.first_seen_ms,
        values_sats: log::Values::from_slice(&accepted.values_sats),
        input_count: accepted.input_count,
        met_in_block: accepted.met_in_block,
    };
    Ok(log::Event::Accepted(Arc::new(accepted), state))
}

fn removal_reason(reason: proto::RemovalReason) -> log::RemovalReason {
    match reason {
        proto::RemovalReason::Replaced => log::RemovalReason::Replaced,
        proto::RemovalReason::Conflicted => log::RemovalReason::Conflicted,
        proto::RemovalReason::Evicted => log::RemovalReason::Evicted,
        proto::RemovalReason::Expired => log::RemovalReason::Expired,
        proto::RemovalReason::WindowFull => log::RemovalReason::WindowFull,
        proto::RemovalReason::Unspecified | proto::RemovalReason::Unknown => {
            log::RemovalReason::Unknown
        }
    }
}

fn block(block: Option<proto::Block>) -> Result<log::Block, WireError> {
    let block = block.ok_or(WireError::Missing("block"))?;
    Ok(log::Block {
        hash: hash(&block.hash)?,
        height: block.height,
        time_ms: block.time_ms,
    })
}

fn node_status(status: proto::NodeStatus) -> log::NodeStatus {
    let counters = status.counters.unwrap_or_default();
    log::NodeStatus {
        hops: status.hops.iter().map(hop_from).collect(),
        counters: log::Counters {
            received: counters.received,
            filtered: counters.filtered,
            mempool: counters.mempool,
            uptime_ms: counters.uptime_ms,
        },
        chain: status.chain,
        simulation: status.simulation.map(|simulation| log::Simulation {
            simulated: simulation.simulated,
            hidden_price_usd: simulation.hidden_price_usd,
        }),
    }
}

fn hop_from(hop: &proto::Hop) -> log::Hop {
    let state = match hop.state() {
        proto::HopState::Connected => log::HopState::Connected,
        proto::HopState::Resyncing => log::HopState::Resyncing,
        proto::HopState::Degraded => log::HopState::Degraded,
        proto::HopState::Disconnected => log::HopState::Disconnected,
        proto::HopState::Unspecified | proto::HopState::Connecting => log::HopState::Connecting,
    };
    log::Hop {
        name: hop.name.clone(),
        state,
        detail: hop.detail.clone(),
    }
}

fn hashes(bytes: &[Vec<u8>]) -> Result<Vec<[u8; 32]>, WireError> {
    bytes.iter().map(|bytes| hash(bytes)).collect()
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], WireError> {
    bytes.try_into().map_err(|_| WireError::Hash(bytes.len()))
}

/// A hop as a message.
pub fn hop(hop: &log::Hop) -> proto::Hop {
    let state = match hop.state {
        log::HopState::Connecting => proto::HopState::Connecting,
        log::HopState::Connected => proto::HopState::Connected,
        log::HopState::Resyncing => proto::HopState::Resyncing,
        log::HopState::Degraded => proto::HopState::Degraded,
        log::HopState::Disconnected => proto::HopState::Disconnected,
    };
    proto::Hop {
        name: hop.name.clone(),
        state: state.into(),
        detail: hop.detail.clone(),
    }
}

/// The counters as a message.
pub fn counters(counters: log::Counters) -> proto::Counters {
    proto::Counters {
        received: counters.received,
        filtered: counters.filtered,
        mempool: counters.mempool,
        uptime_ms: counters.uptime_ms,
    }
}

/// A block as a message.
pub fn block_message(block: &log::Block) -> proto::Block {
    proto::Block {
        hash: block.hash.to_vec(),
        height: block.height,
        time_ms: block.time_ms,
    }
}

/// A dot as a message.
pub fn point((id, dot): &(DotId, Dot)) -> proto::Point {
    proto::Point {
        id: id.to_string(),
        time_ms: dot.time_ms,
        price_usd: dot.price_usd(),
        value_sats: dot.value_sats,
        round_usd: f64::from(dot.round_usd),
        state: transaction_state(dot.state).into(),
    }
}

/// A change of a dot as a message.
pub fn point_change((id, state): &(DotId, Option<log::State>)) -> proto::PointChange {
    let state = state.map_or(proto::TransactionState::Removed, transaction_state);
    proto::PointChange {
        id: id.to_string(),
        state: state.into(),
    }
}

/// A transaction of the window as a message.
pub fn window_transaction(tracked: &log::Tracked) -> proto::WindowTransaction {
    let accepted = &tracked.accepted;
    proto::WindowTransaction {
        txid: accepted.txid.to_vec(),
        first_seen_ms: accepted.first_seen_ms,
        values_sats: accepted.values_sats.to_vec(),
        input_count: accepted.input_count,
        state: transaction_state(tracked.state).into(),
        met_in_block: accepted.met_in_block,
    }
}

/// Where a transaction is, as a message.
pub fn transaction_state(state: log::State) -> proto::TransactionState {
    match state {
        log::State::Mempool => proto::TransactionState::Mempool,
        log::State::Confirmed => proto::TransactionState::Confirmed,
    }
}

/// A stand-in's labels as a message.
pub fn simulation(simulation: log::Simulation) -> proto::Simulation {
    proto::Simulation {
        simulated: simulation.simulated,
        hidden_price_usd: simulation.hidden_price_usd,
    }
}

/// An estimate as a message. `age_ms` is of its newest payment, when the message is made.
pub fn estimate(
    estimate: &satscope_oracle::Estimate,
    as_of_ms: u64,
    age_ms: u64,
    stale: Option<proto::StaleReason>,
) -> proto::Estimate {
    proto::Estimate {
        price_usd: estimate.price_usd,
        low_usd: estimate.low_usd,
        high_usd: estimate.high_usd,
        confidence: estimate.confidence,
        evidence: Some(proto::Evidence {
            payments: estimate.evidence.payments,
            margin: estimate.evidence.margin,
            newest_payment_ms: estimate.evidence.newest_payment_ms,
        }),
        stale: stale.is_some(),
        stale_reason: stale.unwrap_or_default().into(),
        age_ms,
        as_of_ms,
    }
}

/// The histogram as a message, with the round sums that are laid on it.
pub fn amounts(time_ms: u64, amounts: satscope_oracle::Amounts) -> proto::Amounts {
    let rung = |(round_usd, strength)| proto::Rung {
        round_usd,
        strength,
    };
    let rungs = satscope_oracle::Model::trained().rungs;
    proto::Amounts {
        time_ms,
        first_sats: amounts.first_sats,
        bin_width: amounts.bin_width,
        counts: amounts.counts,
        ladder: rungs.into_iter().map(rung).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_ingest_would_not_send_is_named() {
        assert_eq!(
            event(proto::Event::default()),
            Err(WireError::Missing("position"))
        );
        let short = proto::Event {
            position: Some(proto::Position::default()),
            time_ms: 1,
            kind: Some(Kind::Removed(proto::TransactionRemoved {
                txid: vec![1; 31],
                reason: 0,
            })),
        };
        assert_eq!(event(short), Err(WireError::Hash(31)));
        let late = proto::Event {
            position: Some(proto::Position::default()),
            time_ms: u64::MAX,
            kind: Some(Kind::CaughtUp(proto::CaughtUp {})),
        };
        assert_eq!(event(late), Err(WireError::Stamp(u64::MAX)));
    }
}

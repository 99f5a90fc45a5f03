//! The log's events as messages of the contract.

use satscope_log as log;
use satscope_proto::v1::{self as proto, event::Kind};

/// One entry.
pub fn event(entry: log::Entry) -> proto::Event {
    let kind = match entry.event {
        log::Event::Accepted(transaction, state) => Kind::Accepted(accepted(&transaction, state)),
        log::Event::Removed(txid, reason) => Kind::Removed(proto::TransactionRemoved {
            txid: txid.to_vec(),
            reason: removal_reason(reason).into(),
        }),
        log::Event::BlockConnected(connected, txids) => {
            Kind::BlockConnected(proto::BlockConnected {
                block: Some(block(&connected)),
                txids: txids.iter().map(|txid| txid.to_vec()).collect(),
            })
        }
        log::Event::BlockDisconnected(disconnected, txids) => {
            Kind::BlockDisconnected(proto::BlockDisconnected {
                block: Some(block(&disconnected)),
                txids: txids.iter().map(|txid| txid.to_vec()).collect(),
            })
        }
        log::Event::Status(status) => Kind::Status(node_status(&status)),
    };
    stamped(entry.position, entry.time_ms, kind)
}

/// An event at a position.
pub fn stamped(position: log::Position, time_ms: u64, kind: Kind) -> proto::Event {
    proto::Event {
        position: Some(proto::Position {
            epoch: position.epoch,
            sequence: position.sequence,
        }),
        time_ms,
        kind: Some(kind),
    }
}

/// A position that a subscriber gave.
pub fn position(position: &proto::Position) -> log::Position {
    log::Position {
        epoch: position.epoch,
        sequence: position.sequence,
    }
}

/// An accepted transaction.
pub fn accepted(accepted: &log::Accepted, state: log::State) -> proto::TransactionAccepted {
    let state = match state {
        log::State::Mempool => proto::TransactionState::Mempool,
        log::State::Confirmed => proto::TransactionState::Confirmed,
    };
    proto::TransactionAccepted {
        txid: accepted.txid.to_vec(),
        first_seen_ms: accepted.first_seen_ms,
        values_sats: accepted.values_sats.to_vec(),
        input_count: accepted.input_count,
        state: state.into(),
        met_in_block: accepted.met_in_block,
    }
}

/// A block.
pub fn block(block: &log::Block) -> proto::Block {
    proto::Block {
        hash: block.hash.to_vec(),
        height: block.height,
        time_ms: block.time_ms,
    }
}

/// The status of each second.
pub fn node_status(status: &log::NodeStatus) -> proto::NodeStatus {
    proto::NodeStatus {
        hops: status.hops.iter().map(hop).collect(),
        counters: Some(proto::Counters {
            received: status.counters.received,
            filtered: status.counters.filtered,
            mempool: status.counters.mempool,
            uptime_ms: status.counters.uptime_ms,
        }),
        chain: status.chain.clone(),
        simulation: status.simulation.map(|simulation| proto::Simulation {
            simulated: simulation.simulated,
            hidden_price_usd: simulation.hidden_price_usd,
        }),
    }
}

fn hop(hop: &log::Hop) -> proto::Hop {
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

fn removal_reason(reason: log::RemovalReason) -> proto::RemovalReason {
    match reason {
        log::RemovalReason::Replaced => proto::RemovalReason::Replaced,
        log::RemovalReason::Conflicted => proto::RemovalReason::Conflicted,
        log::RemovalReason::Evicted => proto::RemovalReason::Evicted,
        log::RemovalReason::Expired => proto::RemovalReason::Expired,
        log::RemovalReason::WindowFull => proto::RemovalReason::WindowFull,
        log::RemovalReason::Unknown => proto::RemovalReason::Unknown,
    }
}

//! The log's events as messages of the contract.

use satscope_log as log;
use satscope_proto::v1::{self as proto, event::Kind};

/// An entry of the log.
pub fn event(entry: log::Entry) -> proto::Event {
    let kind = match entry.event {
        log::Event::Accepted(transaction, state) => Kind::Accepted(accepted(&transaction, state)),
        log::Event::Removed(txid, reason) => Kind::Removed(proto::TransactionRemoved {
            txid: txid.to_vec(),
            reason: proto::RemovalReason::from(reason).into(),
        }),
        log::Event::BlockConnected(connected, txids) => {
            Kind::BlockConnected(proto::BlockConnected {
                block: Some(proto::Block::from(&*connected)),
                txids: txids.iter().map(|txid| txid.to_vec()).collect(),
            })
        }
        log::Event::BlockDisconnected(disconnected, txids) => {
            Kind::BlockDisconnected(proto::BlockDisconnected {
                block: Some(proto::Block::from(&*disconnected)),
                txids: txids.iter().map(|txid| txid.to_vec()).collect(),
            })
        }
        log::Event::Status(status) => Kind::Status(proto::NodeStatus::from(&*status)),
    };
    stamped(entry.position, entry.time_ms, kind)
}

/// An event at a position.
pub fn stamped(position: log::Position, time_ms: u64, kind: Kind) -> proto::Event {
    proto::Event {
        position: Some(position.into()),
        time_ms,
        kind: Some(kind),
    }
}

/// An accepted transaction.
pub fn accepted(accepted: &log::Accepted, state: log::State) -> proto::TransactionAccepted {
    proto::TransactionAccepted {
        txid: accepted.txid.to_vec(),
        first_seen_ms: accepted.first_seen_ms,
        values_sats: accepted.values_sats.to_vec(),
        input_count: accepted.input_count,
        state: proto::TransactionState::from(state).into(),
        met_in_block: accepted.met_in_block,
    }
}

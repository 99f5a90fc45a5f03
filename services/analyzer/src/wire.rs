//! Reads ingest's messages as the log's events, and writes the analyzer's state as messages.

use std::sync::Arc;

use satscope_log as log;
use satscope_proto::v1::{self as proto, event::Kind};
use thiserror::Error;

use crate::{
    points::{Dot, DotId},
    sequence::END_MS,
};

/// An error in a message, such as ingest never sends.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// A field that is needed is absent.
    #[error("an event without its {0}")]
    Missing(&'static str),
    /// A txid or hash that is not 32 bytes.
    #[error("a hash of {0} bytes; expected 32")]
    Hash(usize),
    /// A stamp at or after `END_MS`, in the year 2106.
    #[error("a stamp of {0} ms; expected less than {END_MS}")]
    Stamp(u64),
}

/// The content of one message of the stream.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// An entry of the log.
    Event(log::Event),
    /// The mark after the window: all of it has been sent.
    CaughtUp,
}

/// Reads one event: its position, its stamp in Unix milliseconds, and its content.
pub fn event(event: proto::Event) -> Result<(log::Position, u64, Said), WireError> {
    let position = event.position.ok_or(WireError::Missing("position"))?;
    let said = match event.kind.ok_or(WireError::Missing("kind"))? {
        Kind::Accepted(accepted) => Said::Event(accepted_event(accepted)?),
        Kind::Removed(removed) => {
            let reason = removed.reason().into();
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
        Kind::Status(status) => Said::Event(log::Event::Status(Arc::new(status.into()))),
        Kind::CaughtUp(_) => Said::CaughtUp,
    };
    match event.time_ms {
        time_ms @ ..END_MS => Ok((position.into(), time_ms, said)),
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

fn block(block: Option<proto::Block>) -> Result<log::Block, WireError> {
    let block = block.ok_or(WireError::Missing("block"))?;
    Ok(log::Block {
        hash: hash(&block.hash)?,
        height: block.height,
        time_ms: block.time_ms,
    })
}

fn hashes(bytes: &[Vec<u8>]) -> Result<Vec<[u8; 32]>, WireError> {
    bytes.iter().map(|bytes| hash(bytes)).collect()
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], WireError> {
    bytes.try_into().map_err(|_| WireError::Hash(bytes.len()))
}

/// A dot as a message.
pub fn point((id, dot): &(DotId, Dot)) -> proto::Point {
    proto::Point {
        id: id.to_string(),
        time_ms: dot.time_ms,
        price_usd: dot.price_usd(),
        value_sats: dot.value_sats,
        round_usd: f64::from(dot.round_usd),
        state: proto::TransactionState::from(dot.state).into(),
    }
}

/// A change of a dot as a message.
pub fn point_change((id, state): &(DotId, Option<log::State>)) -> proto::PointChange {
    let state = state.map_or(
        proto::TransactionState::Removed,
        proto::TransactionState::from,
    );
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
        state: proto::TransactionState::from(tracked.state).into(),
        met_in_block: accepted.met_in_block,
    }
}

/// An estimate as a message. `age_ms` is its newest payment's age when the message is made.
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

/// The histogram of amounts as a message, with the round sums of the oracle's model.
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

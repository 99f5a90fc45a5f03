//! The window in messages, each made when it is its turn.

use satscope_proto::v1::{
    BlockConnected, CaughtUp, NodeStatus, StreamTransactionsResponse, event::Kind,
};

use crate::publish::{store::Snapshot, wire};

/// Events in one message: a few hundred kilobytes, well below gRPC's limit of 4 MB.
pub const BATCH: usize = 1000;

/// How many messages the window takes: its transactions, and in the last one its blocks, the status and `caught_up`.
pub fn parts(snapshot: &Snapshot) -> usize {
    snapshot.transactions.len().div_ceil(BATCH) + 1
}

/// The message number `part` of [`parts`], from 0.
pub fn message(snapshot: &Snapshot, part: usize) -> StreamTransactionsResponse {
    let transactions = snapshot.transactions.chunks(BATCH).nth(part);
    let kinds: Vec<Kind> = match transactions {
        Some(transactions) => transactions
            .iter()
            .map(|(accepted, state)| Kind::Accepted(wire::accepted(accepted, *state)))
            .collect(),
        None => end(snapshot).collect(),
    };
    let stamped = |kind| wire::stamped(snapshot.position, snapshot.time_ms, kind);
    StreamTransactionsResponse {
        reset: part == 0,
        events: kinds.into_iter().map(stamped).collect(),
    }
}

/// The last message's events: the blocks, the status and `caught_up`.
fn end(snapshot: &Snapshot) -> impl Iterator<Item = Kind> {
    let blocks = snapshot.blocks.iter().map(|block| {
        Kind::BlockConnected(BlockConnected {
            block: Some(block.into()),
            txids: Vec::new(),
        })
    });
    let status = snapshot.status.iter();
    let status = status.map(|status| Kind::Status(NodeStatus::from(&**status)));
    blocks.chain(status).chain([Kind::CaughtUp(CaughtUp {})])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use satscope_log::{Accepted, Event, State, Values};
    use satscope_proto::v1 as proto;

    use super::*;
    use crate::publish::{Sink as _, store::Store};

    fn window(transactions: usize) -> Store {
        let store = Store::new(7, usize::MAX);
        let accepted = |number: usize| {
            let mut txid = [0; 32];
            txid[..8].copy_from_slice(&number.to_le_bytes());
            let accepted = Accepted {
                txid,
                first_seen_ms: number as u64 + 1,
                values_sats: Values::from_slice(&[51_234]),
                input_count: 1,
                met_in_block: false,
            };
            (1, Event::Accepted(Arc::new(accepted), State::Mempool))
        };
        store.publish(&mut (0..transactions).map(accepted).collect());
        store
    }

    #[test]
    fn a_window_goes_out_in_messages_and_each_transaction_once_and_caught_up_last() {
        for transactions in [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH] {
            let snapshot = window(transactions).snapshot();
            let messages: Vec<_> = (0..parts(&snapshot))
                .map(|part| message(&snapshot, part))
                .collect();
            assert!(messages.iter().all(|message| message.events.len() <= BATCH));
            let resets: Vec<bool> = messages.iter().map(|message| message.reset).collect();
            assert!(
                resets[0] && resets[1..].iter().all(|reset| !reset),
                "{resets:?}"
            );
            let events: Vec<&proto::Event> = messages
                .iter()
                .flat_map(|message| &message.events)
                .collect();
            let position = events[0].position;
            assert!(events.iter().all(|event| event.position == position));
            let stamps: Vec<u64> = events
                .iter()
                .filter_map(|event| match event.kind.as_ref()? {
                    Kind::Accepted(accepted) => Some(accepted.first_seen_ms),
                    _ => None,
                })
                .collect();
            assert!(stamps.iter().copied().eq(1..=transactions as u64));
            let last = events.last().and_then(|event| event.kind.as_ref());
            assert!(matches!(last, Some(Kind::CaughtUp(_))), "{last:?}");
        }
    }
}

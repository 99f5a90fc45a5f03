//! The dots of the plot: each output of the window that stands for a round sum, and what happened to it.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use satscope_log::{Accepted, State, Txid, Window};
use satscope_oracle::Estimate;
use satscope_proto::v1::{Point, PointChange, TransactionState};

use crate::wire::transaction_state;

/// A new estimate further than this from the one that the dots were made by has locked on elsewhere: ln 1.1.
const ELSEWHERE: f64 = 0.095;

/// Which outputs have a dot, by transaction. The dots themselves are in the feed.
#[derive(Debug, Default)]
pub struct Points {
    by_txid: FxHashMap<Txid, Box<[usize]>>,
    /// The estimate that decides which round sum an output stands for.
    made_by: Option<Estimate>,
}

/// What is new since the last update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// All dots were made anew.
    pub reset: bool,
    /// New dots.
    pub points: Vec<Point>,
    /// Changed ones.
    pub changes: Vec<PointChange>,
}

impl News {
    /// Adds what came after.
    pub fn extend(&mut self, later: News) {
        if later.reset {
            *self = later;
        } else {
            self.points.extend(later.points);
            self.changes.extend(later.changes);
        }
    }
}

impl Points {
    /// Takes a new estimate; all dots are made anew when there were none yet or the price is elsewhere now.
    pub fn follow(&mut self, estimate: &Estimate, window: &Window) -> News {
        let elsewhere = self
            .made_by
            .is_none_or(|before| (estimate.price_usd / before.price_usd).ln().abs() > ELSEWHERE);
        self.made_by = Some(*estimate);
        if !elsewhere {
            return News::default();
        }
        self.by_txid.clear();
        let mut news = News {
            reset: true,
            ..News::default()
        };
        for tracked in window.iter() {
            news.points
                .extend(self.enter(&tracked.accepted, tracked.state));
        }
        news
    }

    /// Makes the dots of a transaction that entered the window.
    pub fn enter(&mut self, accepted: &Arc<Accepted>, state: State) -> Vec<Point> {
        let Some(estimate) = self.made_by else {
            return Vec::new();
        };
        let (numbers, points): (Vec<usize>, Vec<Point>) = accepted
            .values_sats
            .iter()
            .enumerate()
            .filter_map(|(number, value_sats)| {
                let implied = estimate.implied(*value_sats)?;
                let point = Point {
                    id: id(&accepted.txid, number),
                    time_ms: accepted.first_seen_ms,
                    price_usd: implied.price_usd,
                    value_sats: *value_sats,
                    round_usd: implied.round_usd,
                    state: transaction_state(state).into(),
                };
                Some((number, point))
            })
            .unzip();
        if !numbers.is_empty() {
            self.by_txid.insert(accepted.txid, numbers.into());
        }
        points
    }

    /// A transaction moved into or out of a block.
    pub fn move_to(&self, txid: &Txid, state: State) -> Vec<PointChange> {
        let numbers = self.by_txid.get(txid).map_or(&[][..], |numbers| numbers);
        changes(txid, numbers, transaction_state(state))
    }

    /// A transaction left the window.
    pub fn leave(&mut self, txid: &Txid) -> Vec<PointChange> {
        let numbers = self.by_txid.remove(txid).unwrap_or_default();
        changes(txid, &numbers, TransactionState::Removed)
    }
}

fn changes(txid: &Txid, numbers: &[usize], state: TransactionState) -> Vec<PointChange> {
    numbers
        .iter()
        .map(|number| PointChange {
            id: id(txid, *number),
            state: state.into(),
        })
        .collect()
}

/// The first 8 bytes of the txid, which are enough among a window's, and the output's place among those that count.
fn id(txid: &Txid, number: usize) -> String {
    let mut id = String::with_capacity(18);
    for byte in txid.iter().rev().take(8) {
        id.push_str(&format!("{byte:02x}"));
    }
    id.push_str(&format!("-{number}"));
    id
}

//! The dots of the plot: each output of the window that stands for a round sum, with its transaction's state.

use std::{collections::HashMap, fmt, sync::Arc};

use satscope_log::{Accepted, State, Txid, Window};

use crate::course::Course;

/// Satoshi in one bitcoin.
const SATS_PER_BTC: f64 = 1e8;

/// The outputs that have a dot, by the first 8 bytes of their txid. The dots themselves are in the feed.
#[derive(Debug, Default)]
pub struct Points {
    by_txid: HashMap<u64, Box<[u32]>>,
    /// The estimates that decide which round sum an output stands for; `None` before the first.
    made_by: Option<Course>,
}

/// The id of a dot: the first 8 bytes of its txid as displayed, which suffice within a window, and the output's number
/// among the transaction's published values, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DotId {
    txid: u64,
    output: u32,
}

impl DotId {
    /// The id of this output's dot.
    pub fn new(txid: &Txid, output: u32) -> DotId {
        DotId {
            txid: beginning(txid),
            output,
        }
    }
}

/// The first 8 bytes of a txid as it is displayed.
fn beginning(txid: &Txid) -> u64 {
    txid.last_chunk::<8>()
        .copied()
        .map_or(0, u64::from_le_bytes)
}

impl fmt::Display for DotId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{}", self.txid, self.output)
    }
}

/// An output that stands for a round sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// The stamp of its transaction, Unix milliseconds.
    pub time_ms: u64,
    /// The amount, in satoshi.
    pub value_sats: u64,
    /// The round sum, USD.
    pub round_usd: f32,
    /// The state of its transaction.
    pub state: State,
}

impl Dot {
    /// The price at which the amount is worth the round sum, USD for one BTC.
    pub fn price_usd(&self) -> f64 {
        f64::from(self.round_usd) / (self.value_sats as f64 / SATS_PER_BTC)
    }
}

/// The news about the dots since the last update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Whether all dots were made anew.
    pub reset: bool,
    /// New dots.
    pub points: Vec<(DotId, Dot)>,
    /// Changed dots, each with the state of its transaction; `None` if the transaction left the window.
    pub changes: Vec<(DotId, Option<State>)>,
}

impl News {
    /// Adds later news; a later reset replaces everything before it.
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
    /// The course that the dots are made by, to be continued; `None` before the first.
    pub fn course(&mut self) -> Option<&mut Course> {
        self.made_by.as_mut()
    }

    /// Makes all dots anew.
    pub fn begin(&mut self, course: Course, window: &Window) -> News {
        self.made_by = Some(course);
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

    /// Makes the dots of a transaction that entered the window; empty before the first estimate.
    pub fn enter(&mut self, accepted: &Arc<Accepted>, state: State) -> Vec<(DotId, Dot)> {
        let course = self.made_by.as_ref();
        let Some(estimate) = course.and_then(|course| course.at(accepted.first_seen_ms)) else {
            return Vec::new();
        };
        let (numbers, points): (Vec<u32>, Vec<_>) = accepted
            .values_sats
            .iter()
            .zip(0..)
            .filter_map(|(value_sats, number)| {
                let implied = estimate.implied(*value_sats)?;
                let dot = Dot {
                    time_ms: accepted.first_seen_ms,
                    value_sats: *value_sats,
                    round_usd: implied.round_usd as f32,
                    state,
                };
                Some((number, (DotId::new(&accepted.txid, number), dot)))
            })
            .unzip();
        if !numbers.is_empty() {
            self.by_txid
                .insert(beginning(&accepted.txid), numbers.into());
        }
        points
    }

    /// The changes of a transaction's dots when it moves into or out of a block.
    pub fn move_to(&self, txid: &Txid, state: State) -> Vec<(DotId, Option<State>)> {
        let numbers = self
            .by_txid
            .get(&beginning(txid))
            .map_or(&[][..], |numbers| numbers);
        changes(txid, numbers, Some(state))
    }

    /// Forgets a transaction that left the window, and returns the changes of its dots.
    pub fn leave(&mut self, txid: &Txid) -> Vec<(DotId, Option<State>)> {
        let numbers = self.by_txid.remove(&beginning(txid)).unwrap_or_default();
        changes(txid, &numbers, None)
    }
}

fn changes(txid: &Txid, numbers: &[u32], state: Option<State>) -> Vec<(DotId, Option<State>)> {
    numbers
        .iter()
        .map(|number| (DotId::new(txid, *number), state))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_is_known_by_the_beginning_of_its_displayed_txid() {
        let mut txid = [0; 32];
        txid[24..].copy_from_slice(&[0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01]);
        assert_eq!(DotId::new(&txid, 3).to_string(), "0102030405060708-3");
    }
}

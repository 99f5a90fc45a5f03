//! Two windows side by side.

use std::fmt;

use bitcoin::Txid;

use crate::support::grpc::{Window, Windowed};

/// A node gives its entry times in whole seconds.
const NODE_STEP_MS: u64 = 1000;
/// Transactions named of each sort of difference.
const NAMED: usize = 3;

/// When an ingest could not see what came, by the node's clock in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Blind {
    pub from_ms: u64,
    pub to_ms: u64,
}

impl Blind {
    /// Stamps and faults are told of by different messages: a second to both sides.
    fn covers(&self, stamp_ms: u64) -> bool {
        self.from_ms <= stamp_ms + NODE_STEP_MS && stamp_ms <= self.to_ms + NODE_STEP_MS
    }
}

/// What one window has and the other has not, and what both have but not equal.
#[derive(Debug, Default)]
pub struct Difference {
    missing: Vec<Txid>,
    extra: Vec<Txid>,
    /// Other values, inputs or state.
    unlike: Vec<Txid>,
    /// Another stamp than it may have, and by how much.
    stamps: Vec<(Txid, i64)>,
    blocks: bool,
    /// Came while ingest was blind, and has the node's stamp: the same second.
    pub by_node: usize,
    /// Came and was mined while ingest was blind, and has its block's stamp.
    pub by_block: usize,
}

impl Difference {
    /// What sets `window` apart from `reference`. Other stamps are allowed only to what came while ingest was blind.
    pub fn between(reference: &Window, window: &Window, blind: &[Blind]) -> Difference {
        let mut difference = Difference {
            blocks: reference.blocks != window.blocks,
            ..Difference::default()
        };
        for (txid, expected) in &reference.transactions {
            match window.transactions.get(txid) {
                None => difference.missing.push(*txid),
                Some(found) => difference.add(*txid, expected, found, blind),
            }
        }
        let is_extra = |txid: &&Txid| !reference.transactions.contains_key(*txid);
        difference.extra = window
            .transactions
            .keys()
            .filter(is_extra)
            .copied()
            .collect();
        difference
    }

    fn add(&mut self, txid: Txid, expected: &Windowed, found: &Windowed, blind: &[Blind]) {
        let without_stamp = Windowed {
            first_seen_ms: expected.first_seen_ms,
            met_in_block: expected.met_in_block,
            ..found.clone()
        };
        if without_stamp != *expected {
            self.unlike.push(txid);
        }
        let (expected_ms, found_ms) = (expected.first_seen_ms, found.first_seen_ms);
        if expected_ms == found_ms {
            return;
        }
        let unseen = |stamp_ms: u64| blind.iter().find(|blind| blind.covers(stamp_ms));
        match unseen(expected_ms) {
            Some(_) if is_of_node(found_ms, expected_ms) => self.by_node += 1,
            Some(blind) if found_ms > expected_ms && blind.covers(found_ms) => self.by_block += 1,
            _ => self
                .stamps
                .push((txid, found_ms as i64 - expected_ms as i64)),
        }
    }

    /// Whether there is none that matters.
    pub fn is_none(&self) -> bool {
        let sorts = [&self.missing, &self.extra, &self.unlike];
        sorts.iter().all(|sort| sort.is_empty()) && self.stamps.is_empty() && !self.blocks
    }
}

/// Whether a stamp in whole seconds is that of the node. Its clock is told in milliseconds, rounded: up to the next second,
/// at worst.
fn is_of_node(found_ms: u64, expected_ms: u64) -> bool {
    found_ms.is_multiple_of(NODE_STEP_MS)
        && (expected_ms.saturating_sub(NODE_STEP_MS)..=expected_ms).contains(&found_ms)
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, sort) in [
            ("missing", &self.missing),
            ("too many", &self.extra),
            ("unlike", &self.unlike),
        ] {
            let named = &sort[..sort.len().min(NAMED)];
            write!(formatter, "{} {name} {named:?}, ", sort.len())?;
        }
        let named = &self.stamps[..self.stamps.len().min(NAMED)];
        write!(
            formatter,
            "{} stamped otherwise {named:?}, ",
            self.stamps.len()
        )?;
        let blocks = if self.blocks { "other" } else { "the same" };
        write!(
            formatter,
            "{blocks} blocks; {} stamped by the node, {} by their block",
            self.by_node, self.by_block
        )
    }
}

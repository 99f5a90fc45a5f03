//! The plan of the periods to read, and their order: a function of the chain and of the history's contents.

use std::ops::Range;

use satscope_oracle::past::{AFTER, BEFORE, FIRST_PERIOD, PERIOD_BLOCKS, Years};

use crate::store::{PeriodState, StoredPeriod};

/// The name of Bitcoin's main chain in `getblockchaininfo`.
const MAIN: &str = "main";

/// The fixed properties of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first period that is read.
    pub first_period: u32,
    /// Whether a stand-in makes it up. Such a chain begins with the lowest block that the stand-in has.
    pub is_made_up: bool,
    /// Whether it is Bitcoin's main chain, whose payments are read with the model of their years; those of other chains
    /// are read with the present one.
    is_bitcoins: bool,
}

impl Chain {
    /// The chain of this name. Bitcoin's own is read from [`FIRST_PERIOD`] on, because too few people used it before.
    pub fn of(name: &str, is_made_up: bool) -> Chain {
        // A stand-in of the main chain has payments of the years of its heights.
        let is_bitcoins = name == MAIN;
        Chain {
            first_period: if is_bitcoins { FIRST_PERIOD } else { 0 },
            is_made_up,
            is_bitcoins,
        }
    }

    /// The years whose model reads the blocks of a period.
    pub fn years(self, period: u32) -> Years {
        match self.is_bitcoins {
            true => Years::of_height(period.saturating_mul(PERIOD_BLOCKS)),
            false => Years::PRESENT,
        }
    }
}

/// The part of a chain that can be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The chain.
    pub chain: Chain,
    /// The height of its best block.
    pub tip: u32,
    /// The lowest height from which the payments of all blocks are available, from the node or from the recent file.
    pub readable_from: u32,
}

impl Sight {
    /// The height of the chain's first block; for a chain that a stand-in makes up, of its lowest block that can be
    /// read.
    fn begin(&self) -> u32 {
        match self.chain.is_made_up {
            true => self.readable_from,
            false => 0,
        }
    }

    /// The periods that are over: the last block of each has [`AFTER`] blocks on top. A period in which a made-up chain
    /// begins is left out.
    pub fn over(&self) -> Range<u32> {
        let end = (self.tip + 1).saturating_sub(AFTER) / PERIOD_BLOCKS;
        let end = end.max(self.chain.first_period);
        let begun = match self.chain.is_made_up {
            true => self.readable_from.div_ceil(PERIOD_BLOCKS),
            false => 0,
        };
        self.chain.first_period.max(begun).min(end)..end
    }

    /// The first block after the periods that are over.
    pub fn open_from(&self) -> u32 {
        self.over().end * PERIOD_BLOCKS
    }

    /// The lowest block that the price of the block at `height` rests on.
    pub fn rests_from(&self, height: u32) -> u32 {
        height.saturating_sub(BEFORE).max(self.begin())
    }

    /// The lowest of the newest blocks whose price rests on available blocks alone.
    pub fn tail_from(&self) -> u32 {
        let first_whole = match self.readable_from == self.begin() {
            true => self.begin(),
            false => self.readable_from.saturating_add(BEFORE),
        };
        self.open_from().max(first_whole)
    }

    /// The blocks that a period is read from.
    pub fn blocks_of(&self, period: u32) -> Range<u32> {
        let first = period * PERIOD_BLOCKS;
        self.rests_from(first)..first + PERIOD_BLOCKS + AFTER
    }

    /// Whether all blocks that a period is read from are available.
    pub fn is_readable(&self, period: u32) -> bool {
        let first = period * PERIOD_BLOCKS;
        first >= self.readable_from && self.blocks_of(period).start >= self.readable_from
    }
}

/// The periods to read, those that cannot be read, and the number of those that are done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The periods to read, in order: first the missing ones, newest first, then those of another model.
    pub wanted: Vec<u32>,
    /// Periods that are over and not final, and cannot be read because blocks are pruned.
    pub unreadable: Vec<u32>,
    /// Number of final periods of this model.
    pub done: u32,
}

/// The plan for the part of the chain in sight, given the stored periods.
pub fn plan(sight: &Sight, stored: &[StoredPeriod], model: u32) -> Plan {
    let mut plan = Plan::default();
    let mut renewed = Vec::new();
    for period in sight.over().rev() {
        let found = stored
            .iter()
            .rev()
            .find(|stored| stored.row.period == period);
        let closed = found.filter(|found| found.row.state == PeriodState::Final);
        let is_readable = sight.is_readable(period);
        match closed {
            // Unverified rows are read over, as if they were not there.
            Some(closed) if !closed.is_certain() && is_readable => plan.wanted.push(period),
            Some(closed) if !closed.is_certain() => {}
            Some(closed) if closed.row.model == model => plan.done += 1,
            // A final period that cannot be read again stays as it is.
            Some(_) if is_readable => renewed.push(period),
            Some(_) => {}
            None if is_readable => plan.wanted.push(period),
            None => plan.unreadable.push(period),
        }
    }
    plan.wanted.append(&mut renewed);
    plan
}

#[cfg(test)]
mod tests {
    use bitcoin::{BlockHash, hashes::Hash as _};

    use super::*;
    use crate::store::{PeriodRow, Seal, Trust};

    fn stored(period: u32, state: PeriodState, model: u32) -> StoredPeriod {
        StoredPeriod {
            trust: Trust::Own,
            row: PeriodRow {
                period,
                state,
                model,
                lock: Vec::new(),
                disputed: false,
            },
            blocks: PERIOD_BLOCKS,
            priced: 0,
            seal: (state == PeriodState::Final).then_some(Seal {
                digest: [0; 32],
                last_hash: BlockHash::all_zeros(),
            }),
        }
    }

    fn sight(name: &str, tip: u32, readable_from: u32) -> Sight {
        Sight {
            chain: Chain::of(name, false),
            tip,
            readable_from,
        }
    }

    #[test]
    fn a_period_is_over_once_its_last_block_has_eighteen_on_top() {
        assert_eq!(sight("regtest", 2015 + 17, 0).over(), 0..0);
        assert_eq!(sight("regtest", 2015 + 18, 0).over(), 0..1);
        assert_eq!(sight("regtest", 0, 0).over(), 0..0);
        assert_eq!(sight("main", 0, 0).over(), 167..167);
        assert_eq!(sight("main", 336_672 + 2015 + 18, 0).over(), 167..168);
    }

    #[test]
    fn missing_periods_come_newest_first_and_old_models_after_them() {
        let sight = sight("main", 340_703 + 2016 * 3 + 18, 0);
        assert_eq!(sight.over(), 167..172);
        let has = [
            stored(168, PeriodState::Final, 1),
            stored(169, PeriodState::Final, 2),
            stored(170, PeriodState::Open, 2),
        ];
        let plan = plan(&sight, &has, 2);
        assert_eq!(plan.wanted, [171, 170, 167, 168]);
        assert_eq!((plan.unreadable, plan.done), (vec![], 1));
    }

    #[test]
    fn unverified_periods_are_read_where_they_can_be_and_vouched_ones_are_not() {
        let sight = sight("main", 172 * 2016 + 18, 170 * 2016 - 144);
        let imported = |period, trust| StoredPeriod {
            trust,
            ..stored(period, PeriodState::Final, 1)
        };
        let has = [
            imported(167, Trust::Vouched),
            imported(168, Trust::Unverified),
            imported(169, Trust::Unverified),
            imported(170, Trust::Vouched),
            imported(171, Trust::Unverified),
        ];
        let plan = plan(&sight, &has, 1);
        assert_eq!((plan.wanted, plan.done), (vec![171], 2));
        assert!(plan.unreadable.is_empty(), "{:?}", plan.unreadable);
    }

    #[test]
    fn a_period_with_a_pruned_block_is_not_read_and_keeps_its_old_rows() {
        // The 144 blocks before period 170 are there, and one of those before period 169 is not.
        let sight = sight("main", 172 * 2016 + 18, 169 * 2016 - 143);
        let has = [
            stored(167, PeriodState::Final, 1),
            stored(171, PeriodState::Final, 1),
        ];
        let plan = plan(&sight, &has, 2);
        assert_eq!(plan.wanted, [170, 171]);
        assert_eq!(plan.unreadable, [169, 168]);
    }

    #[test]
    fn the_newest_blocks_begin_after_the_last_period_that_is_over_or_where_they_rest_on_all() {
        assert_eq!(sight("regtest", 3000, 0).tail_from(), 2016);
        assert_eq!(sight("regtest", 300, 0).tail_from(), 0);
        assert_eq!(sight("regtest", 3000, 2500).tail_from(), 2644);
        assert_eq!(sight("regtest", 3000, 1800).tail_from(), 2016);
        assert_eq!(sight("main", 100, 0).tail_from(), 167 * 2016);
        assert_eq!(sight("regtest", 3000, 0).rests_from(2016), 2016 - 144);
        assert_eq!(sight("regtest", 3000, 0).rests_from(20), 0);
    }

    #[test]
    fn a_made_up_chain_begins_with_the_first_block_that_it_has() {
        let sight = Sight {
            chain: Chain::of("main", true),
            tip: 900_000 + 5000,
            readable_from: 900_000,
        };
        let first = 900_000u32.div_ceil(2016);
        let plan = plan(&sight, &[], 1);
        assert_eq!(plan.wanted.last(), Some(&first));
        assert!(plan.unreadable.is_empty());
        assert_eq!(
            sight.blocks_of(first).start,
            900_000.max(first * 2016 - 144)
        );
        let young = Sight {
            tip: 900_030,
            ..sight
        };
        assert_eq!(young.tail_from(), 900_000);
    }
}

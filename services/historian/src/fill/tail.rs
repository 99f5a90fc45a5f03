//! The newest blocks, after the last period that is over; their prices can still change.
//!
//! Their lock is that of the period before, carried forward block by block. If that period cannot be read or shows no
//! price, they get a lock of their own. It is made anew each time that the number of blocks has grown by half.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicU32},
};

use anyhow::bail;
use satscope_oracle::past::{AFTER, BlockPrice, Lock};

use super::{
    branch::Branch,
    estimator::Stretch,
    ledger::Ledger,
    period::{Tools, prices, rows},
    plan::Sight,
};
use crate::{
    node::{Header, Node, NodeError},
    store::{BlockRow, PeriodRow, PeriodState, StoredPeriod, Tip},
};

/// Blocks whose prices are made and written in one go.
const AT_ONCE: u32 = 504;

/// The state of the newest blocks between two steps.
#[derive(Debug, Default)]
pub struct Tail {
    /// The lock of the newest blocks.
    lock: Option<Lock>,
    /// Number of blocks from which the newest blocks' own lock was made; `None` if the lock was carried from a period.
    own: Option<u32>,
    /// Whether the lock was looked for in the history.
    is_loaded: bool,
    /// Whether the period before has been read since the last step.
    is_base_new: bool,
}

/// The situation at a step.
#[derive(Debug)]
pub struct Step<'a> {
    /// The part of the chain that can be read.
    pub sight: Sight,
    /// The newest headers, from well below the newest blocks.
    pub branch: &'a Branch,
    /// All periods of the history.
    pub stored: &'a [StoredPeriod],
    /// The lowest height at which the history lacks the node's block.
    pub first_new: u32,
    /// The lowest block whose payments are kept.
    pub keep_from: u32,
}

impl Step<'_> {
    /// The lock of the last period that is over, if it reaches the newest blocks.
    fn base(&self) -> Option<Lock> {
        let open_from = self.sight.open_from();
        if self.sight.rests_from(self.sight.tail_from()) >= open_from.saturating_add(AFTER) {
            return None;
        }
        let number = self.sight.over().end.checked_sub(1)?;
        let found = self
            .stored
            .iter()
            .find(|stored| stored.row.period == number && stored.is_certain());
        Lock::from_bytes(&found?.row.lock)
    }

    fn tip(&self) -> u32 {
        self.sight.tip
    }

    /// The blocks to write next. They go up to the tip if at most [`AFTER`] blocks would be left above them.
    fn at_once(&self, from: u32) -> Range<u32> {
        let (to, end) = (from.saturating_add(AT_ONCE), self.tip() + 1);
        from..if to.saturating_add(AFTER) >= end {
            end
        } else {
            to
        }
    }
}

/// The way in which a step begins.
enum Begin {
    /// The step begins at this block, and carries the present lock on.
    Carried(u32, Lock),
    /// The step begins at the first of the newest blocks, and carries on the lock of the period before.
    Base(Lock),
    /// The step begins at the first of the newest blocks, and makes a lock of their own.
    Own,
    /// The step begins at this block, without a lock.
    Bare(u32),
}

impl Tail {
    /// Records that the period before has been read; its lock may differ from the one that was carried.
    pub fn base_is_new(&mut self) {
        self.is_base_new = true;
    }

    /// Whether there is a lock to carry on, so that the newest blocks need not wait for the period before.
    pub fn has_lock(&mut self, step: &Step<'_>, model: u32) -> bool {
        self.load(step, model);
        self.lock.is_some()
    }

    /// Brings the history up to the tip. After each transaction the history is that of a shorter chain, and consistent.
    ///
    /// # Errors
    /// When the node's chain changes meanwhile, or the history refuses a row.
    pub async fn step<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        step: &Step<'_>,
    ) -> anyhow::Result<()> {
        self.load(step, tools.estimator.model());
        let start = step.sight.tail_from();
        if start > step.tip() {
            // No block has all the blocks that its price rests on.
            return self
                .write(ledger, step, step.tip() + 1, Vec::new(), step.tip())
                .await;
        }
        let next = self.fill_gap(tools, ledger, step, start).await?;
        match self.begin(step, start, next) {
            Some(Begin::Carried(from, lock)) => {
                if self.carry(tools, ledger, step, from, lock).await? {
                    return Ok(());
                }
                // The lock does not reach this far back, as after a deep reorg.
                let base = step.base().map_or(Begin::Own, Begin::Base);
                self.begin_anew(tools, ledger, step, base).await
            }
            Some(Begin::Bare(from)) => self.bare(tools, ledger, step, from).await,
            Some(begin) => self.begin_anew(tools, ledger, step, begin).await,
            None => Ok(()),
        }
    }

    /// Makes the prices of all newest blocks anew.
    async fn begin_anew<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        step: &Step<'_>,
        begin: Begin,
    ) -> anyhow::Result<()> {
        let start = step.sight.tail_from();
        if let Begin::Base(lock) = begin
            && self.carry(tools, ledger, step, start, lock).await?
        {
            return Ok(());
        }
        self.make_own(tools, ledger, step, start).await
    }

    fn load(&mut self, step: &Step<'_>, model: u32) {
        if self.is_loaded {
            return;
        }
        self.is_loaded = true;
        let open = PeriodRow::of_height(step.sight.open_from());
        let found = step.stored.iter().find(|stored| stored.row.period == open);
        let of_model = found.filter(|found| found.row.model == model && found.blocks > 0);
        self.lock = of_model.and_then(|found| Lock::from_bytes(&found.row.lock));
        // The newest blocks' own lock is made anew, because the number of blocks that it was made from is not stored.
        self.own = step.base().is_none().then_some(0);
        self.is_base_new = true;
    }

    /// The first block without a valid row. Blocks that are not available, between the history's blocks of this period
    /// and the first readable one, get rows without a price, because a period's rows may have no gap.
    async fn fill_gap<N: Node>(
        &self,
        tools: &Tools<N>,
        ledger: &Ledger,
        step: &Step<'_>,
        start: u32,
    ) -> anyhow::Result<u32> {
        let open_from = step.sight.open_from();
        let known = ledger
            .read(move |readers| readers.hashes_from(open_from))
            .await?;
        let end = known.last().map_or(open_from, |(height, _)| height + 1);
        let next = step.first_new.min(end);
        let has_some = next > open_from && !known.is_empty();
        if !has_some || next >= start {
            return Ok(next);
        }
        let heights = next..start;
        let none = vec![None; heights.len()];
        let rows = rows(step.branch, None, heights, none, tools.estimator.model());
        self.write(ledger, step, next, rows, start - 1).await?;
        Ok(start)
    }

    /// The way to go on; `None` if there is nothing to do.
    fn begin(&mut self, step: &Step<'_>, start: u32, next: u32) -> Option<Begin> {
        let base = step.base();
        let blocks = step.tip() + 1 - start;
        let is_new = next <= step.tip();
        let carried = |lock: Lock| Begin::Carried(touched(next).max(start), lock);
        if let Some(base) = base {
            let is_other = |lock: &Lock| self.is_base_new && base.disagrees(lock);
            let lock = self.lock.clone().filter(|lock| !is_other(lock));
            self.is_base_new = false;
            self.own = None;
            return match lock {
                Some(lock) => is_new.then(|| carried(lock)),
                None => Some(Begin::Base(base)),
            };
        }
        let made_of = self.own.unwrap_or(0);
        if blocks >= made_of + made_of.div_ceil(2).max(1) {
            return Some(Begin::Own);
        }
        is_new.then(|| match self.lock.clone() {
            Some(lock) => carried(lock),
            None => Begin::Bare(touched(next).max(start)),
        })
    }

    /// Carries the lock on from a block up to the tip. Returns false if the lock does not reach the first block.
    async fn carry<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        step: &Step<'_>,
        mut from: u32,
        mut lock: Lock,
    ) -> anyhow::Result<bool> {
        while from <= step.tip() {
            let heights = step.at_once(from);
            let (stretch, tip) = self.stretch(tools, step, heights.clone()).await?;
            let Some((carried, prices, stretch)) =
                carried(tools, lock, stretch, heights.clone()).await?
            else {
                return Ok(false);
            };
            lock = carried.clone();
            self.lock = Some(carried);
            let model = tools.estimator.model();
            let rows = rows(step.branch, Some(&stretch), heights.clone(), prices, model);
            self.write(ledger, step, from, rows, tip).await?;
            from = heights.end;
        }
        Ok(true)
    }

    /// Writes blocks without prices up to the tip.
    async fn bare<N: Node>(
        &self,
        tools: &Tools<N>,
        ledger: &Ledger,
        step: &Step<'_>,
        from: u32,
    ) -> anyhow::Result<()> {
        let heights = from..step.tip() + 1;
        let (stretch, tip) = self.stretch(tools, step, heights.clone()).await?;
        let none = vec![None; heights.len()];
        let rows = rows(
            step.branch,
            Some(&stretch),
            heights,
            none,
            tools.estimator.model(),
        );
        self.write(ledger, step, from, rows, tip).await
    }

    async fn make_own<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        step: &Step<'_>,
        start: u32,
    ) -> anyhow::Result<()> {
        let heights = start..step.tip() + 1;
        let (stretch, tip) = self.stretch(tools, step, heights.clone()).await?;
        let (estimator, stop) = (tools.estimator.clone(), tools.stop.clone());
        let wanted = heights.clone();
        let work = move || {
            let lock = estimator.lock(&stretch);
            let prices = prices(&*estimator, &stretch, lock.as_ref(), wanted, &stop);
            (lock, prices, stretch)
        };
        let (lock, Some(prices), stretch) = tools.cpu.run(work).await else {
            bail!("the process ends");
        };
        self.lock = lock;
        self.own = Some(u32::try_from(heights.len()).unwrap_or(u32::MAX));
        let rows = rows(
            step.branch,
            Some(&stretch),
            heights,
            prices,
            tools.estimator.model(),
        );
        self.write(ledger, step, start, rows, tip).await
    }

    /// The payments that the prices of these blocks rest on, and the height of the last of them. The payments are also
    /// kept in the file of recent ones.
    async fn stretch<N: Node>(
        &self,
        tools: &Tools<N>,
        step: &Step<'_>,
        heights: Range<u32>,
    ) -> anyhow::Result<(Stretch, u32)> {
        let first = step.sight.rests_from(heights.start);
        let end = heights.end.saturating_add(AFTER).min(step.tip() + 1);
        let headers = step.branch.of(first..end);
        if headers.first().is_none_or(|header| header.height != first) {
            return Err(changed(format!("no header of block {first}")));
        }
        let read = Arc::new(AtomicU32::new(0));
        let blocks = tools.reading.payments(headers, &read).await?;
        tools.reading.keep(step.keep_from, headers, &blocks).await;
        let stretch = Stretch {
            first_height: first,
            years: step.sight.chain.years(PeriodRow::of_height(heights.start)),
            blocks,
        };
        Ok((stretch, end - 1))
    }

    async fn write(
        &self,
        ledger: &Ledger,
        step: &Step<'_>,
        from: u32,
        rows: Vec<BlockRow>,
        tip: u32,
    ) -> anyhow::Result<()> {
        let Some(Header { height, hash, .. }) = step.branch.at(tip).copied() else {
            return Err(changed(format!("no header of block {tip}")));
        };
        let tip = Tip { height, hash };
        let lock = self.lock.as_ref().map(Lock::to_bytes).unwrap_or_default();
        let mut periods: Vec<PeriodRow> = Vec::new();
        for row in &rows {
            let period = PeriodRow::of_height(row.height);
            if periods.last().is_none_or(|last| last.period != period) {
                periods.push(PeriodRow {
                    period,
                    state: PeriodState::Open,
                    model: row.model,
                    lock: lock.clone(),
                    disputed: false,
                });
            }
        }
        match rows.is_empty() {
            true => ledger.write(move |writer| writer.set_tip(tip)).await,
            false => {
                ledger
                    .write(move |writer| writer.put_tail(from, &rows, &periods, tip))
                    .await
            }
        }
    }
}

/// The first block whose price rests on a block at or above `next`.
fn touched(next: u32) -> u32 {
    next.saturating_sub(AFTER)
}

fn changed(what: String) -> anyhow::Error {
    NodeError::Changed(what).into()
}

type Carried = (Lock, Vec<Option<BlockPrice>>, Stretch);

/// The lock carried on over these blocks, and their prices; `None` if the lock does not reach the first block.
async fn carried<N: Node>(
    tools: &Tools<N>,
    lock: Lock,
    stretch: Stretch,
    heights: Range<u32>,
) -> anyhow::Result<Option<Carried>> {
    let (estimator, stop) = (tools.estimator.clone(), tools.stop.clone());
    let work = move || {
        let Some(lock) = estimator.carried(&lock, &stretch) else {
            return Some(None);
        };
        let prices = prices(&*estimator, &stretch, Some(&lock), heights, &stop)?;
        Some(Some((lock, prices, stretch)))
    };
    match tools.cpu.run(work).await {
        Some(carried) => Ok(carried),
        None => bail!("the process ends"),
    }
}

//! Finds where the node's chain leaves the history, and reopens the periods that this touches.

use std::collections::BTreeMap;

use bitcoin::BlockHash;
use satscope_oracle::past::{AFTER, PERIOD_BLOCKS};
use tracing::{info, warn};

use super::{branch::Branch, ledger::Ledger, period::Tools, plan::Chain};
use crate::{
    fill_metrics::REORGS,
    node::{Moment, Node, NodeError},
    store::{PeriodState, StoredPeriod, Tip},
};

/// Blocks below the history's tip that are compared with the node's at the start: two periods.
const COMPARED: u32 = 2 * PERIOD_BLOCKS;

/// The known part of the node's chain, and the history's place in it.
#[derive(Debug, Default)]
pub struct Known {
    /// Whether a stand-in makes the chain up.
    is_made_up: bool,
    branch: Branch,
    /// The lowest height at which the history lacks the node's block; `None` until the history was compared.
    first_new: Option<u32>,
}

impl Known {
    /// The state in which nothing of this chain is known yet.
    pub fn of(chain: Chain) -> Known {
        Known {
            is_made_up: chain.is_made_up,
            ..Known::default()
        }
    }

    /// The newest headers.
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// The lowest height at which the history lacks the node's block; 0 until the history was compared.
    pub fn first_new(&self) -> u32 {
        self.first_new.unwrap_or(0)
    }

    /// Records that the history has all blocks of the branch.
    pub fn all_written(&mut self) {
        if let Some(tip) = self.branch.tip() {
            self.first_new = Some(tip.height + 1);
        }
    }

    /// Follows the node to its best block, with the headers from `from` on. Final periods that rest on blocks which the
    /// node has left are made open. Returns false if the node is behind the history, which then stays as it is.
    ///
    /// # Errors
    /// When the node cannot be asked, or its chain changes meanwhile.
    pub async fn follow<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        moment: &Moment,
        from: u32,
    ) -> anyhow::Result<bool> {
        if let Some(tip) = self.branch.tip() {
            let is_within =
                self.branch.at(moment.height).map(|header| header.hash) == Some(moment.hash);
            if tip.hash == moment.hash && self.first_new.is_some() {
                return Ok(true);
            }
            // The node's chain has become shorter, and may grow again as it was.
            if is_within && moment.height < tip.height {
                return Ok(false);
            }
        }
        if self.first_new.is_none() {
            return self.begin(tools, ledger, moment, from).await;
        }
        if self.extend(tools, moment, from).await? {
            return Ok(true);
        }
        let before: Vec<_> = spots(&self.branch);
        let branch = read(tools, moment, from).await?;
        let mut heights = before.iter().map(|(height, _)| *height);
        let shared = heights.find(|height| branch.at(*height).is_some());
        let leaves = branch.leaves(&before);
        if shared.is_none() || leaves.is_some_and(|fork| Some(fork) <= shared) {
            // No block of the old branch is left to compare with, so the whole history is compared with the node's chain.
            self.first_new = None;
            return self.begin(tools, ledger, moment, from).await;
        }
        if let Some(fork) = leaves {
            leave(ledger, fork).await?;
            self.first_new = Some(self.first_new().min(fork));
        }
        self.branch = branch;
        Ok(true)
    }

    /// Adds the node's new blocks if they follow the branch's best block; returns whether they do.
    async fn extend<N: Node>(
        &mut self,
        tools: &Tools<N>,
        moment: &Moment,
        from: u32,
    ) -> anyhow::Result<bool> {
        let Some(next) = self.branch.tip().map(|tip| tip.height + 1) else {
            return Ok(false);
        };
        let reaches_down = self
            .branch
            .first_height()
            .is_some_and(|first| first <= from);
        if !reaches_down || next > moment.height {
            return Ok(false);
        }
        let Some(headers) = or_gone(tools.headers(next..moment.height + 1).await)? else {
            return Ok(false);
        };
        let is_whole = headers.last().is_some_and(|last| last.hash == moment.hash);
        let follows = is_whole && self.branch.extend(&headers);
        if follows {
            self.branch.forget_below(from);
        }
        Ok(follows)
    }

    /// Compares the history with the node's chain for the first time.
    async fn begin<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        moment: &Moment,
        from: u32,
    ) -> anyhow::Result<bool> {
        let (stored, tip) = ledger
            .read(|readers| Ok((readers.periods()?, readers.tip()?)))
            .await?;
        if self.is_made_up {
            let known = (stored, tip);
            return self.begin_made_up(tools, ledger, moment, from, known).await;
        }
        let Some(tip) = tip else {
            self.branch = read(tools, moment, from).await?;
            // Without a best block, all that the history has was imported.
            let fork = check_final(tools, ledger, &stored, moment.height).await?;
            if let Some(fork) = fork {
                leave(ledger, fork).await?;
            }
            self.first_new = Some(fork.unwrap_or(0));
            return Ok(true);
        };
        if tools.reading.node.hash_at(tip.height).await? == Some(tip.hash) {
            return self.go_on(tools, moment, from, tip).await;
        }
        let lowest = tip.height.saturating_sub(COMPARED);
        let mut known = ledger
            .read(move |readers| readers.hashes_from(lowest))
            .await?;
        let is_behind = known.contains(&(moment.height, moment.hash)) && moment.height < tip.height;
        if is_behind {
            return Ok(false);
        }
        if known.last().is_none_or(|(height, _)| *height < tip.height) {
            known.push((tip.height, tip.hash));
        }
        let fork = match fork(tools, &known, moment).await? {
            Some(fork) if known.first().is_some_and(|(lowest, _)| *lowest < fork) => Some(fork),
            // The fork may lie below these blocks, so final periods are compared by their last blocks' hashes.
            fork => check_final(tools, ledger, &stored, moment.height)
                .await?
                .or(fork),
        };
        let fork = fork.unwrap_or(tip.height);
        if moment.height < fork
            && stored
                .iter()
                .any(|stored| stored.row.first_height() > moment.height)
        {
            warn!("the node is far behind what the history has, which stays as it is");
            return Ok(false);
        }
        self.branch = read(tools, moment, from).await?;
        leave(ledger, fork).await?;
        self.first_new = Some(fork);
        Ok(true)
    }

    /// Goes on after the history's best block, which the node's chain has.
    async fn go_on<N: Node>(
        &mut self,
        tools: &Tools<N>,
        moment: &Moment,
        from: u32,
        tip: Tip,
    ) -> anyhow::Result<bool> {
        self.branch = read(tools, moment, from).await?;
        self.first_new = Some(tip.height + 1);
        Ok(true)
    }

    /// Compares the history with a chain that a stand-in makes up. A stand-in that is started again has other blocks, and knows no
    /// hash of a block below its lowest. So the history is compared from there on, and all its blocks go if the chain has none of
    /// them.
    async fn begin_made_up<N: Node>(
        &mut self,
        tools: &Tools<N>,
        ledger: &Ledger,
        moment: &Moment,
        from: u32,
        (stored, tip): (Vec<StoredPeriod>, Option<Tip>),
    ) -> anyhow::Result<bool> {
        if let Some(tip) = tip
            && let Some(hash) = or_gone(tools.hash_at(tip.height).await)?
            && hash == Some(tip.hash)
        {
            return self.go_on(tools, moment, from, tip).await;
        }
        let hashes = ledger.read(|readers| readers.hashes_from(0)).await?;
        let is_behind = hashes.contains(&(moment.height, moment.hash))
            && tip.is_some_and(|tip| moment.height < tip.height);
        if is_behind {
            return Ok(false);
        }
        let seals = stored
            .iter()
            .filter_map(|stored| Some((stored.row.last_height(), stored.seal?.last_hash)));
        let lowest = moment.lowest.unwrap_or(0);
        let known: BTreeMap<u32, BlockHash> = seals
            .chain(hashes)
            .chain(tip.map(|tip| (tip.height, tip.hash)))
            .filter(|(height, _)| *height >= lowest)
            .collect();
        let known: Vec<(u32, BlockHash)> = known.into_iter().collect();
        let first = known.first().map(|(first, _)| *first);
        let fork = or_gone(fork(tools, &known, moment).await)?.unwrap_or(first);
        self.branch = read(tools, moment, from).await?;
        let shared = known
            .iter()
            .rev()
            .find(|(height, _)| fork.is_none_or(|fork| *height < fork));
        self.first_new = Some(match (shared, fork) {
            (Some(_), None) => tip.map_or(0, |tip| tip.height + 1),
            // Blocks of final periods between the shared block and the fork have no hashes to compare, so they count as above
            // the fork.
            (Some((shared, _)), Some(_)) => {
                leave(ledger, shared + 1).await?;
                shared + 1
            }
            (None, _) if stored.is_empty() => 0,
            (None, _) => {
                REORGS.get().increment(1);
                warn!(
                    "the stand-in has none of the blocks that the history was made of: they go, and its own are read"
                );
                ledger.write(|writer| writer.reopen(0)).await?;
                0
            }
        });
        Ok(true)
    }
}

fn spots(branch: &Branch) -> Vec<(u32, BlockHash)> {
    let headers = branch.of(0..u32::MAX).iter();
    headers.map(|header| (header.height, header.hash)).collect()
}

/// The node's answer about a block; `None` if it does not have the block.
fn or_gone<T>(answer: Result<T, NodeError>) -> Result<Option<T>, NodeError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(NodeError::Gone(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The headers from `from` to the node's best block.
async fn read<N: Node>(tools: &Tools<N>, moment: &Moment, from: u32) -> Result<Branch, NodeError> {
    let headers = tools
        .headers(from.min(moment.height)..moment.height + 1)
        .await?;
    match headers.last().is_some_and(|last| last.hash == moment.hash) {
        true => Ok(Branch::new(headers)),
        false => Err(NodeError::Changed("it has another best block".to_owned())),
    }
}

/// The first of these blocks (ascending) that is not in the node's chain.
async fn fork<N: Node>(
    tools: &Tools<N>,
    known: &[(u32, BlockHash)],
    moment: &Moment,
) -> Result<Option<u32>, NodeError> {
    let (Some((first, _)), Some((last, _))) = (known.first(), known.last()) else {
        return Ok(None);
    };
    if moment.height < *first {
        return Ok(Some(*first));
    }
    let end = moment.height.min(*last) + 1;
    let branch = Branch::new(tools.headers(*first..end).await?);
    Ok(branch.leaves(known))
}

/// Compares the last blocks of the final periods with the node's, newest first. Returns the first block that may
/// differ; `None` if the newest period's last block is the node's. Periods above the node's best block are skipped.
async fn check_final<N: Node>(
    tools: &Tools<N>,
    ledger: &Ledger,
    stored: &[StoredPeriod],
    tip: u32,
) -> anyhow::Result<Option<u32>> {
    let mut fork = None;
    for period in stored.iter().rev() {
        let (Some(seal), PeriodState::Final) = (period.seal, period.row.state) else {
            continue;
        };
        let last = period.row.last_height();
        if last > tip {
            continue;
        }
        if tools.reading.node.hash_at(last).await? == Some(seal.last_hash) {
            if let Some(fork) = fork {
                leave(ledger, fork).await?;
            }
            return Ok(fork);
        }
        fork = Some(period.row.first_height());
    }
    Ok(fork)
}

/// Reopens the final periods that rest on a block at or above `fork`.
async fn leave(ledger: &Ledger, fork: u32) -> anyhow::Result<()> {
    REORGS.get().increment(1);
    info!("the node's chain is another from block {fork} on; what rests on that is read again");
    let touched = fork.saturating_sub(AFTER);
    let stored = ledger.read(|readers| readers.periods()).await?;
    let is_touched = |stored: &StoredPeriod| {
        stored.row.state == PeriodState::Final && stored.row.last_height() >= touched
    };
    if stored.iter().any(is_touched) {
        ledger.write(move |writer| writer.reopen(touched)).await?;
    }
    Ok(())
}

//! Reads one period that is over: its blocks, its lock and its prices.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicU32},
};

use bitcoin::BlockHash;
use satscope_oracle::past::{BlockPayments, BlockPrice, Lock};
use tokio_util::sync::CancellationToken;

use super::{
    branch::Branch,
    estimator::{Estimator, Stretch},
    plan::Sight,
    reading::{Pauses, Reading},
};
use crate::{
    cpu::Cpu,
    node::{Header, Node, NodeError},
    store::{BlockRow, PeriodRow, PeriodState},
};

/// Prices that are made between two checks whether the process ends.
const PRICES_AT_ONCE: u32 = 504;

/// The means to read blocks and to make prices of them. Clones share all.
#[derive(Clone, Debug)]
pub struct Tools<N> {
    /// The source of payments.
    pub reading: Reading<N>,
    /// The threads that make prices.
    pub cpu: Cpu,
    /// The estimator that makes them.
    pub estimator: Arc<dyn Estimator>,
    /// Cancelled when the process ends.
    pub stop: CancellationToken,
}

/// A period that was read.
#[derive(Debug)]
pub struct ReadPeriod {
    /// The period's row, not disputed.
    pub row: PeriodRow,
    /// The rows of its blocks.
    pub rows: Vec<BlockRow>,
    /// Its lock; `None` if its payments show no price.
    pub lock: Option<Lock>,
    /// The header of the last block that its prices rest on.
    pub top: Header,
}

impl<N: Node> Tools<N> {
    /// Reads a period that is over. `read` counts its blocks as they are read.
    ///
    /// # Errors
    /// When the node's chain changes meanwhile, a block is pruned, or the process ends.
    pub async fn read_period(
        &self,
        sight: Sight,
        period: u32,
        read: &Arc<AtomicU32>,
    ) -> Result<ReadPeriod, NodeError> {
        let blocks = sight.blocks_of(period);
        let headers = self.headers(blocks.clone()).await?;
        let payments = self.reading.payments(&headers, read).await?;
        let row = PeriodRow {
            period,
            state: PeriodState::Final,
            model: self.estimator.model(),
            lock: Vec::new(),
            disputed: false,
        };
        let heights = row.first_height()..row.last_height() + 1;
        let top = match headers.last() {
            Some(top) if headers.len() == blocks.len() => *top,
            _ => return Err(NodeError::Changed(format!("period {period} is not whole"))),
        };
        let stretch = Stretch {
            first_height: blocks.start,
            years: sight.chain.years(period),
            blocks: payments,
        };
        let (lock, prices, stretch) = self.prices_of_period(stretch, heights.clone()).await?;
        let rows = rows(
            &Branch::new(headers),
            Some(&stretch),
            heights,
            prices,
            row.model,
        );
        Ok(ReadPeriod {
            row: PeriodRow {
                lock: lock.as_ref().map(Lock::to_bytes).unwrap_or_default(),
                ..row
            },
            rows,
            lock,
            top,
        })
    }

    /// The headers of these blocks. Waits while the node does not answer.
    ///
    /// # Errors
    /// When the node's chain changes meanwhile.
    pub async fn headers(&self, heights: Range<u32>) -> Result<Vec<Header>, NodeError> {
        self.patiently(|| self.reading.node.headers(heights.clone()))
            .await
    }

    /// The hash of the best chain's block at a height; `None` if the chain is shorter. Waits while the node does not
    /// answer.
    ///
    /// # Errors
    /// None are expected.
    pub async fn hash_at(&self, height: u32) -> Result<Option<BlockHash>, NodeError> {
        self.patiently(|| self.reading.node.hash_at(height)).await
    }

    async fn patiently<T, F: Future<Output = Result<T, NodeError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, NodeError> {
        let mut pauses = Pauses::default();
        loop {
            match ask().await {
                Err(error) if error.is_fault() => {
                    self.reading.trouble.met(&error);
                    tokio::time::sleep(pauses.next()).await;
                }
                answer => {
                    self.reading.trouble.over();
                    return answer;
                }
            }
        }
    }

    async fn prices_of_period(
        &self,
        stretch: Stretch,
        heights: Range<u32>,
    ) -> Result<(Option<Lock>, Vec<Option<BlockPrice>>, Stretch), NodeError> {
        let tools = (self.estimator.clone(), self.stop.clone());
        let work = move || {
            let (estimator, stop) = tools;
            let lock = estimator.lock(&stretch);
            let prices = prices(&*estimator, &stretch, lock.as_ref(), heights, &stop);
            (lock, prices, stretch)
        };
        match self.cpu.run(work).await {
            (lock, Some(prices), stretch) => Ok((lock, prices, stretch)),
            (_, None, _) => Err(NodeError::Changed("the process ends".to_owned())),
        }
    }
}

/// The prices of blocks, all of them `None` without a lock. Returns `None` if the process ends meanwhile.
pub fn prices(
    estimator: &dyn Estimator,
    stretch: &Stretch,
    lock: Option<&Lock>,
    heights: Range<u32>,
    stop: &CancellationToken,
) -> Option<Vec<Option<BlockPrice>>> {
    let Some(lock) = lock else {
        return Some(heights.map(|_| None).collect());
    };
    let mut prices = Vec::with_capacity(heights.len());
    let mut from = heights.start;
    while from < heights.end {
        if stop.is_cancelled() {
            return None;
        }
        let to = from.saturating_add(PRICES_AT_ONCE).min(heights.end);
        prices.extend(estimator.prices(stretch, lock, from..to));
        from = to;
    }
    Some(prices)
}

/// The rows of the blocks that `branch` has. A block that `stretch` does not have gets 0 payments.
pub fn rows(
    branch: &Branch,
    stretch: Option<&Stretch>,
    heights: Range<u32>,
    prices: Vec<Option<BlockPrice>>,
    model: u32,
) -> Vec<BlockRow> {
    let times = branch.times(heights.clone());
    let headers = branch.of(heights);
    let blocks = headers.iter().zip(times).zip(prices);
    let payments = |height: u32| {
        let block = stretch.and_then(|stretch| stretch.at(height));
        block.map_or(0, BlockPayments::payments)
    };
    let row = |((header, time), price): ((&Header, u64), Option<BlockPrice>)| BlockRow {
        height: header.height,
        time,
        hash: header.hash,
        price,
        payments: payments(header.height),
        model,
    };
    blocks.map(row).collect()
}

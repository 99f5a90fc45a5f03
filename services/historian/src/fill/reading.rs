//! Reads blocks with patience: a block that was read is kept while the node is away, and not asked for again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bitcoin::BlockHash;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use satscope_oracle::past::BlockPayments;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::{
    fill_metrics::NODE_FAULTS,
    node::{Header, Node, NodeError},
    recent::Recent,
};

/// Blocks in a row, which are read one after the other; [`ROWS_AT_ONCE`] rows are read at a time.
const ROW: usize = 126;
const ROWS_AT_ONCE: usize = 2;
/// The first and the longest pause before a node that does not answer is asked again; each pause is twice the one
/// before it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The pauses before a node that does not answer is asked again.
#[derive(Debug, Default)]
pub struct Pauses(u32);

impl Pauses {
    /// The next pause.
    pub fn next(&mut self) -> Duration {
        let pause = FIRST_PAUSE * 2u32.saturating_pow(self.0);
        self.0 = (self.0 + 1).min(16);
        pause.min(LONGEST_PAUSE)
    }
}

/// Why the node does not answer; `None` while it answers. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<&'static str>>>);

impl Trouble {
    /// The reason in words for the public.
    pub fn public(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the node has answered.
    pub fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Records that the node has not answered, and logs a reason that is new.
    pub fn met(&self, error: &NodeError) {
        NODE_FAULTS.get().increment(1);
        let public = error.public();
        let before = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(public);
        if before != Some(public) {
            warn!("the node does not answer the historian, and is asked again: {error}");
        }
    }
}

/// The reader of payments, from the node and from the file of recent ones.
#[derive(Clone, Debug)]
pub struct Reading<N> {
    /// The node.
    pub node: N,
    /// The file of recent payments.
    pub recent: Arc<Mutex<Recent>>,
    /// Why the node does not answer, if it does not.
    pub trouble: Trouble,
}

impl<N: Node> Reading<N> {
    /// The payments of these blocks, in their order. Waits while the node does not answer. `read` counts the blocks as
    /// they are read.
    ///
    /// # Errors
    /// When a block has left the node's chain, or is pruned.
    pub async fn payments(
        &self,
        blocks: &[Header],
        read: &Arc<AtomicU32>,
    ) -> Result<Vec<BlockPayments>, NodeError> {
        let rows: Vec<Vec<Header>> = blocks.chunks(ROW).map(<[Header]>::to_vec).collect();
        let rows: Vec<Vec<BlockPayments>> = stream::iter(rows)
            .map(|row| self.clone().row(row, read.clone()))
            .buffered(ROWS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(rows.into_iter().flatten().collect())
    }

    async fn row(
        self,
        blocks: Vec<Header>,
        read: Arc<AtomicU32>,
    ) -> Result<Vec<BlockPayments>, NodeError> {
        let kept = self.kept(&blocks).await;
        let mut payments = Vec::with_capacity(blocks.len());
        let mut pauses = Pauses::default();
        while payments.len() < blocks.len() {
            let at = payments.len();
            if let Some(found) = kept.get(at).and_then(Clone::clone) {
                payments.push(found);
                read.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let missing = kept[at..].iter().take_while(|kept| kept.is_none()).count();
            match self.node.payments(&blocks[at..at + missing]).await {
                Ok(more) => {
                    pauses = Pauses::default();
                    self.trouble.over();
                    read.fetch_add(more.len() as u32, Ordering::Relaxed);
                    payments.extend(more);
                }
                Err(error) if error.is_fault() => {
                    self.trouble.met(&error);
                    tokio::time::sleep(pauses.next()).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(payments)
    }

    /// The payments of each block in the file of recent ones; `None` for a block that it does not have.
    async fn kept(&self, blocks: &[Header]) -> Vec<Option<BlockPayments>> {
        let wanted: Vec<(u32, BlockHash)> = spots(blocks);
        self.with_recent(move |recent| {
            let found = wanted
                .iter()
                .map(|(height, hash)| recent.get(*height, *hash));
            found.collect()
        })
        .await
    }

    /// Keeps the payments of blocks in the file of recent ones, which drops blocks below `lowest`.
    pub async fn keep(&self, lowest: u32, blocks: &[Header], payments: &[BlockPayments]) {
        let pairs = spots(blocks).into_iter().zip(payments.iter().cloned());
        let kept: Vec<_> = pairs.filter(|((height, _), _)| *height >= lowest).collect();
        self.with_recent(move |recent| {
            let has = recent.has(&kept.iter().map(|(spot, _)| *spot).collect::<Vec<_>>());
            let new = kept.iter().zip(has).filter(|(_, has)| !has);
            let new: Vec<_> = new
                .map(|(((height, hash), payments), _)| (*height, *hash, payments))
                .collect();
            recent.keep(lowest, &new);
        })
        .await;
    }

    /// The lowest of these blocks from which all are in the file of recent ones; `None` if the last one is not.
    pub async fn kept_from(&self, blocks: &[Header]) -> Option<u32> {
        let wanted = spots(blocks);
        self.with_recent(move |recent| {
            let has = recent.has(&wanted);
            let kept = has.iter().rev().take_while(|has| **has).count();
            let lowest = wanted.iter().rev().take(kept).next_back();
            lowest.map(|(height, _)| *height)
        })
        .await
    }

    /// Works with the file of recent payments on a blocking thread.
    async fn with_recent<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Recent) -> T + Send + 'static,
    ) -> T {
        let recent = self.recent.clone();
        let worked = spawn_blocking(move || {
            work(&mut recent.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match worked.await {
            Ok(worked) => worked,
            Err(error) => {
                warn!("recent blocks are read again: {error}");
                T::default()
            }
        }
    }
}

fn spots(blocks: &[Header]) -> Vec<(u32, BlockHash)> {
    blocks
        .iter()
        .map(|block| (block.height, block.hash))
        .collect()
}

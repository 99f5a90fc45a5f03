//! Reads final periods from the node's blocks once more, by the code that fills the history, to compare them with what is kept.

use std::sync::{Arc, Mutex, atomic::AtomicU32};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    estimator::Estimator,
    period::{ReadPeriod, Tools},
    plan::{Chain, Sight},
    reading::{Reading, Trouble},
};
use crate::{
    cpu::Cpu,
    node::{Moment, Node, NodeError},
    recent::Recent,
};

/// The means to read periods again. Nothing of the history's own is used: no rows, no lock, and no kept payments.
#[derive(Debug)]
pub struct Reread<N> {
    tools: Tools<N>,
    sight: Sight,
    trouble: Trouble,
    /// The folder of an empty file of recent payments.
    _none: TempDir,
}

/// Why the node's blocks do not suffice to read a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The node has pruned a block.
    Pruned,
    /// The node does not have 18 blocks on top of the period.
    Above,
    /// The chain has no prices so early.
    Below,
}

impl<N: Node> Reread<N> {
    /// Reads from `node`, whose state is `moment`.
    ///
    /// # Errors
    /// When the system gives no temporary folder.
    pub fn new(
        node: N,
        moment: &Moment,
        is_simulated: bool,
        cpu: Cpu,
        estimator: Arc<dyn Estimator>,
    ) -> std::io::Result<Reread<N>> {
        let none = TempDir::with_prefix("satscope-verify-")?;
        let trouble = Trouble::default();
        let recent = Recent::open(&none.path().join("none.sqlite"));
        Ok(Reread {
            tools: Tools {
                reading: Reading {
                    node,
                    recent: Arc::new(Mutex::new(recent)),
                    trouble: trouble.clone(),
                },
                cpu,
                estimator,
                stop: CancellationToken::new(),
            },
            sight: Sight {
                chain: Chain::of(&moment.chain, is_simulated),
                tip: moment.height,
                readable_from: moment.lowest.unwrap_or(0),
            },
            trouble,
            _none: none,
        })
    }

    /// Number of the model that reads.
    pub fn model(&self) -> u32 {
        self.tools.estimator.model()
    }

    /// Why a period cannot be read; `None` if it can.
    pub fn missing(&self, period: u32) -> Option<Missing> {
        let over = self.sight.over();
        let is_above = period >= over.end;
        match period {
            _ if is_above => Some(Missing::Above),
            _ if !self.sight.is_readable(period) => Some(Missing::Pruned),
            _ if !over.contains(&period) => Some(Missing::Below),
            _ => None,
        }
    }

    /// The words for the node's silence; `None` while it answers.
    pub fn trouble(&self) -> Option<&'static str> {
        self.trouble.public()
    }

    /// Reads a period. Waits while the node does not answer. `read` counts its blocks as they are read.
    ///
    /// # Errors
    /// When the node's chain changes meanwhile, or a block is pruned.
    pub async fn read(&self, period: u32, read: &Arc<AtomicU32>) -> Result<ReadPeriod, NodeError> {
        self.tools.read_period(self.sight, period, read).await
    }
}

//! The history of one chain while it is filled: the node's chain, the running jobs, and the writes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicU32},
};

use anyhow::Context as _;
use bitcoin::BlockHash;
use satscope_oracle::past::{BEFORE, Lock, PERIOD_BLOCKS};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{debug, info, warn};

use super::{
    Setting,
    ledger::Ledger,
    period::{ReadPeriod, Tools},
    plan::{Chain, Plan, Sight},
    reading::{Reading, Trouble},
    sync::Known,
    tail::{Step, Tail},
};
use crate::{
    fill_metrics::PERIODS,
    node::{Moment, Node, NodeError},
    recent::Recent,
    store::{PeriodState, StoreError, StoredPeriod, is_disputed},
    times::AROUND,
};

/// The history of the node's chain, with the state of filling it.
pub struct File<N> {
    pub(super) chain_name: String,
    pub(super) genesis: BlockHash,
    pub(super) chain: Chain,
    pub(super) tools: Tools<N>,
    pub(super) ledger: Ledger,
    pub(super) known: Known,
    pub(super) tail: Tail,
    /// The tip up to which the newest blocks are written.
    pub(super) written: Option<BlockHash>,
    pub(super) sight: Option<Sight>,
    pub(super) jobs: JoinSet<(u32, Result<ReadPeriod, NodeError>)>,
    /// The periods that are being read, with the blocks read of each.
    pub(super) running: BTreeMap<u32, Arc<AtomicU32>>,
}

impl<N: Node> File<N> {
    /// Opens the history of the chain with this genesis block, and the file of its recent payments.
    pub(super) async fn open(
        setting: &Setting<N>,
        trouble: &Trouble,
        moment: &Moment,
        genesis: BlockHash,
    ) -> anyhow::Result<File<N>> {
        let (archive, chain_name) = (setting.archive.clone(), moment.chain.clone());
        let name = chain_name.clone();
        let opened = spawn_blocking(move || {
            let history = archive.open(&name, genesis)?;
            let file_name = history.readers().path().file_name().unwrap_or_default();
            let beside = Recent::file_name(&file_name.to_string_lossy());
            let recent = Recent::open(&archive.folder().join(beside));
            Ok::<_, StoreError>((history, recent))
        });
        let (history, recent) = opened.await.context("opening the history")??;
        let reading = Reading {
            node: setting.node.clone(),
            recent: Arc::new(Mutex::new(recent)),
            trouble: trouble.clone(),
        };
        let tools = Tools {
            reading,
            cpu: setting.cpu.clone(),
            estimator: setting.estimator.clone(),
            stop: setting.stop.clone(),
        };
        let chain = Chain::of(&chain_name, setting.archive.is_simulated());
        Ok(File {
            chain,
            chain_name,
            genesis,
            tools,
            ledger: Ledger::new(history, setting.progress.clone()),
            known: Known::of(chain),
            tail: Tail::default(),
            written: None,
            sight: None,
            jobs: JoinSet::new(),
            running: BTreeMap::new(),
        })
    }

    /// Follows the node to its best block; `None` if the node is behind the history.
    pub(super) async fn follow(&mut self, moment: &Moment) -> anyhow::Result<Option<Sight>> {
        let lowest = moment.lowest.unwrap_or(0);
        let mut sight = Sight {
            chain: self.chain,
            tip: moment.height,
            readable_from: lowest,
        };
        let from = sight.open_from().saturating_sub(BEFORE + 2 * AROUND);
        let from = match self.chain.is_made_up {
            true => from.max(lowest.min(moment.height)),
            false => from,
        };
        if !self
            .known
            .follow(&self.tools, &self.ledger, moment, from)
            .await?
        {
            return Ok(None);
        }
        let kept = self.known.branch().of(0..lowest);
        if let Some(kept_from) = self.tools.reading.kept_from(kept).await {
            sight.readable_from = kept_from;
        }
        Ok(Some(sight))
    }

    /// Starts jobs for the wanted periods until `workers` jobs run.
    pub(super) fn start_jobs(&mut self, sight: Sight, plan: &Plan, workers: usize) {
        for period in &plan.wanted {
            if self.jobs.len() >= workers {
                return;
            }
            if self.running.contains_key(period) {
                continue;
            }
            let (tools, period) = (self.tools.clone(), *period);
            let read = Arc::new(AtomicU32::new(0));
            self.running.insert(period, read.clone());
            self.jobs
                .spawn(async move { (period, tools.read_period(sight, period, &read).await) });
        }
    }

    /// Writes the prices of the newest blocks up to the tip. Waits while the period before them is wanted and no lock is
    /// known without it.
    pub(super) async fn bring_up(
        &mut self,
        sight: Sight,
        plan: &Plan,
        stored: &[StoredPeriod],
    ) -> anyhow::Result<()> {
        let Some(tip) = self.known.branch().tip().map(|tip| tip.hash) else {
            return Ok(());
        };
        if self.written == Some(tip) {
            return Ok(());
        }
        let last_over = sight.over().end.checked_sub(1);
        let last_over = last_over.filter(|last| plan.wanted.contains(last));
        let step = Step {
            sight,
            branch: self.known.branch(),
            stored,
            first_new: self.known.first_new(),
            keep_from: sight.rests_from(match last_over {
                Some(last) => last * PERIOD_BLOCKS,
                None => sight.open_from(),
            }),
        };
        if last_over.is_some() && !self.tail.has_lock(&step, self.tools.estimator.model()) {
            return Ok(());
        }
        self.tail.step(&self.tools, &self.ledger, &step).await?;
        self.written = Some(tip);
        self.known.all_written();
        Ok(())
    }

    /// Writes a period, if the highest block that it rests on is still in the node's chain.
    pub(super) async fn write(&mut self, read: ReadPeriod) -> anyhow::Result<()> {
        let ReadPeriod {
            row,
            rows,
            lock,
            top,
        } = read;
        let number = row.period;
        if self.tools.hash_at(top.height).await? != Some(top.hash) {
            info!("period {number} is read again: the node has left its last blocks");
            self.sight = None;
            return Ok(());
        }
        let priced = rows.iter().filter(|row| row.price.is_some()).count();
        let (first, last) = (row.first_height(), row.last_height());
        self.ledger
            .write(move |writer| writer.put_period(&row, &rows))
            .await?;
        PERIODS.get().increment(1);
        info!("period {number}, blocks {first} to {last}: {priced} prices");
        if self
            .sight
            .is_some_and(|sight| sight.over().end == number + 1)
        {
            self.tail.base_is_new();
            self.written = None;
        }
        self.settle_disputes(number, lock.as_ref()).await
    }

    /// Marks a period and its neighbours as disputed if their locks disagree, and removes the mark if they agree.
    async fn settle_disputes(&self, number: u32, lock: Option<&Lock>) -> anyhow::Result<()> {
        let stored = self.ledger.read(|readers| readers.periods()).await?;
        if lock.is_none() {
            debug!("period {number} shows no price");
        }
        for period in [number.checked_sub(1), Some(number), number.checked_add(1)] {
            let Some(period) = period else { continue };
            let Some(found) = stored.iter().find(|found| found.row.period == period) else {
                continue;
            };
            let disputed = is_disputed(&stored, period);
            if found.row.disputed != disputed && found.row.state == PeriodState::Final {
                if disputed {
                    warn!("period {period} and a neighbour disagree by over 5 %");
                }
                self.ledger
                    .write(move |writer| writer.set_disputed(period, disputed))
                    .await?;
            }
        }
        Ok(())
    }
}

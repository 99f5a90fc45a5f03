//! Fills the history: reads the past from the node, newest period first, and follows the node's tip.
//!
//! One task looks at the node every few seconds, brings the newest blocks up to date, starts a job for each period that is wanted,
//! and writes what the jobs have read. Nothing but the history and the node says where to go on, so a process that is killed at any
//! moment goes on where the last transaction left off.

mod branch;
mod estimator;
mod ledger;
mod news;
mod pace;
mod period;
mod plan;
mod reading;
mod sync;
mod tail;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicU32},
    time::Duration,
};

use anyhow::Context as _;
use bitcoin::BlockHash;
use metrics::{counter, gauge};
use satscope_oracle::past::{BEFORE, Lock};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    archive::Archive,
    cpu::Cpu,
    fill_metrics::{PERIODS, UNREADABLE_PERIODS},
    node::{Moment, Node, NodeError},
    progress::{Doing, Progress},
    recent::Recent,
    store::{PeriodState, StoreError, StoredPeriod, Tip},
    times::AROUND,
};
use estimator::{Estimator, Oracle};
use ledger::Ledger;
use news::News;
use period::{ReadPeriod, Tools};
use plan::{Chain, Plan, Sight, plan};
use reading::{Pauses, Reading, Trouble};
use sync::Known;
use tail::{Step, Tail};

/// Interval between looks at the node.
const EVERY: Duration = Duration::from_secs(3);
/// The same while it downloads the chain.
const EVERY_DOWNLOADING: Duration = Duration::from_secs(60);

/// What the filler works with.
#[derive(Debug)]
pub struct Setting<N> {
    /// The node.
    pub node: N,
    /// The history's files.
    pub archive: Archive,
    /// Where it says how far it is.
    pub progress: Progress,
    /// The threads that compute.
    pub cpu: Cpu,
    /// What makes prices.
    pub estimator: Arc<dyn Estimator>,
    /// Periods that are read at a time.
    pub workers: usize,
    /// Cancelled when the process ends.
    pub stop: CancellationToken,
    /// Interval between looks at the node.
    pub every: Duration,
}

impl<N: Node> Setting<N> {
    /// The usual setting.
    pub fn new(node: N, archive: Archive, progress: Progress, cpu: Cpu, workers: usize) -> Self {
        Setting {
            node,
            archive,
            progress,
            cpu,
            estimator: Arc::new(Oracle),
            workers: workers.max(1),
            stop: CancellationToken::new(),
            every: EVERY,
        }
    }
}

/// Fills the history until told to stop.
///
/// # Errors
/// When a thread dies, or the history refuses a row.
pub async fn run<N: Node>(setting: Setting<N>) -> anyhow::Result<()> {
    let stop = setting.stop.clone();
    let news = News::new(setting.progress.clone());
    let mut filler = Filler {
        setting,
        news,
        trouble: Trouble::default(),
        pauses: Pauses::default(),
        file: None,
    };
    match stop.run_until_cancelled(filler.fill()).await {
        Some(Err(error)) => Err(error),
        _ => Ok(()),
    }
}

struct Filler<N> {
    setting: Setting<N>,
    news: News,
    trouble: Trouble,
    pauses: Pauses,
    file: Option<File<N>>,
}

/// The history of the node's chain, and what is known of that chain.
struct File<N> {
    chain_name: String,
    genesis: BlockHash,
    chain: Chain,
    tools: Tools<N>,
    ledger: Ledger,
    known: Known,
    tail: Tail,
    /// The tip up to which the newest blocks are written.
    written: Option<BlockHash>,
    sight: Option<Sight>,
    jobs: JoinSet<(u32, Result<ReadPeriod, NodeError>)>,
    /// The periods that are being read, with the blocks read of each.
    running: BTreeMap<u32, Arc<AtomicU32>>,
}

impl<N: Node> Filler<N> {
    async fn fill(&mut self) -> anyhow::Result<()> {
        loop {
            let pause = match self.look().await {
                Ok(pause) => pause,
                Err(error) => self.put_off(error)?,
            };
            let until = tokio::time::Instant::now() + pause;
            while let Some(done) = self.next_job(until).await {
                self.finish(done).await?;
                self.go_on().await?;
            }
        }
    }

    /// The next job that is done; `None` once it is time to look at the node again.
    async fn next_job(
        &mut self,
        until: tokio::time::Instant,
    ) -> Option<(u32, Result<ReadPeriod, NodeError>)> {
        let Some(file) = self.file.as_mut().filter(|file| !file.jobs.is_empty()) else {
            tokio::time::sleep_until(until).await;
            return None;
        };
        let joined = tokio::time::timeout_at(until, file.jobs.join_next());
        match joined.await {
            Ok(Some(Ok(done))) => Some(done),
            Ok(Some(Err(error))) if error.is_panic() => {
                std::panic::resume_unwind(error.into_panic())
            }
            _ => None,
        }
    }

    /// What did not work this time is tried again after a pause, if it may work then.
    fn put_off(&mut self, error: anyhow::Error) -> anyhow::Result<Duration> {
        if let Some(error) = error.downcast_ref::<NodeError>() {
            match error.is_fault() {
                true => self.trouble.met(error),
                false => debug!("{error}; the node is looked at again"),
            }
            self.news.waiting(error.public());
            return Ok(self.pauses.next());
        }
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Rows(_) | StoreError::FinalPeriod(_)) | None => Err(error),
            Some(store) => {
                // Reported by what opens the file.
                warn!("{store}");
                self.news.stuck(store.public());
                Ok(self.pauses.next())
            }
        }
    }

    /// Looks at the node and does what is to be done; the pause until the next look.
    async fn look(&mut self) -> anyhow::Result<Duration> {
        let moment = self.setting.node.moment().await?;
        if let Some(verified) = moment.downloading {
            let percent = (100.0 * verified).clamp(0.0, 100.0);
            self.news.tip(&moment);
            self.news
                .waiting(&format!("the node is {percent:.0} % synchronised"));
            return Ok(EVERY_DOWNLOADING);
        }
        self.open(&moment).await?;
        let Some(file) = &mut self.file else {
            return Ok(self.setting.every);
        };
        self.news.tip(&moment);
        match file.follow(&moment).await? {
            Some(sight) => {
                file.sight = Some(sight);
                self.trouble.over();
                self.pauses = Pauses::default();
                self.go_on().await?;
            }
            None => self.news.waiting("the node is behind what the history has"),
        }
        Ok(self.setting.every)
    }

    /// Opens the history of the node's chain, if it is not open.
    async fn open(&mut self, moment: &Moment) -> anyhow::Result<()> {
        let is_asked = self.trouble.public().is_some() || self.file.is_none();
        let is_other = self
            .file
            .as_ref()
            .is_some_and(|file| file.chain_name != moment.chain);
        if !is_asked && !is_other {
            return Ok(());
        }
        let genesis = self.setting.node.genesis().await?;
        if self
            .file
            .as_ref()
            .is_some_and(|file| !is_other && file.genesis == genesis)
        {
            return Ok(());
        }
        self.file = None;
        self.file = Some(self.open_file(moment, genesis).await?);
        Ok(())
    }

    async fn open_file(&self, moment: &Moment, genesis: BlockHash) -> anyhow::Result<File<N>> {
        let (archive, chain_name) = (self.setting.archive.clone(), moment.chain.clone());
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
            node: self.setting.node.clone(),
            recent: Arc::new(Mutex::new(recent)),
            trouble: self.trouble.clone(),
        };
        let tools = Tools {
            reading,
            cpu: self.setting.cpu.clone(),
            estimator: self.setting.estimator.clone(),
            stop: self.setting.stop.clone(),
        };
        Ok(File {
            chain: Chain::of(&chain_name, self.setting.archive.is_simulated()),
            chain_name,
            genesis,
            tools,
            ledger: Ledger::new(history, self.setting.progress.clone()),
            known: Known::default(),
            tail: Tail::default(),
            written: None,
            sight: None,
            jobs: JoinSet::new(),
            running: BTreeMap::new(),
        })
    }

    /// Starts the jobs that there is room for, and brings the newest blocks up to date.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let Some(sight) = file.sight else {
            return Ok(());
        };
        let stored = file.ledger.read(|readers| readers.periods()).await?;
        let plan = plan(&sight, &stored, file.tools.estimator.model());
        gauge!(UNREADABLE_PERIODS).set(plan.unreadable.len() as f64);
        file.start_jobs(sight, &plan, self.setting.workers);
        self.news
            .filling(&file.ledger, &sight, &plan, &file.running)
            .await?;
        let progress = self.setting.progress.clone();
        telling(
            progress,
            &self.trouble,
            file.bring_up(sight, &plan, &stored),
        )
        .await?;
        self.news
            .filling(&file.ledger, &sight, &plan, &file.running)
            .await
    }

    async fn finish(&mut self, done: (u32, Result<ReadPeriod, NodeError>)) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let (period, read) = done;
        file.running.remove(&period);
        match read {
            Ok(read) => {
                let progress = self.setting.progress.clone();
                telling(progress, &self.trouble, file.write(read)).await
            }
            Err(error) => {
                // The next look at the node says whether it is still wanted.
                info!("period {period} is not read now: {error}");
                file.sight = None;
                Ok(())
            }
        }
    }
}

impl<N: Node> File<N> {
    /// Follows the node to its best block; `None` if the node is behind the history.
    async fn follow(&mut self, moment: &Moment) -> anyhow::Result<Option<Sight>> {
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

    fn start_jobs(&mut self, sight: Sight, plan: &Plan, workers: usize) {
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

    /// Brings the newest blocks up to the tip, unless the period before them is on its way and there is no lock without it.
    async fn bring_up(
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
                Some(last) => last * satscope_oracle::past::PERIOD_BLOCKS,
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

    /// Writes a period, if all that it rests on is still in the node's chain.
    async fn write(&mut self, read: ReadPeriod) -> anyhow::Result<()> {
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
        counter!(PERIODS).increment(1);
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

    /// Says of a period and its neighbours whether their locks disagree.
    async fn settle_disputes(&self, number: u32, lock: Option<&Lock>) -> anyhow::Result<()> {
        let stored = self.ledger.read(|readers| readers.periods()).await?;
        let lock_of = |number: u32| match stored.iter().find(|found| found.row.period == number) {
            Some(found) if found.row.state == PeriodState::Final => {
                Lock::from_bytes(&found.row.lock)
            }
            _ => None,
        };
        let disagree =
            |older: Option<u32>, newer: u32| match (older.and_then(lock_of), lock_of(newer)) {
                (Some(older), Some(newer)) => older.disagrees(&newer),
                _ => false,
            };
        if lock.is_none() {
            debug!("period {number} shows no price");
        }
        for period in [number.checked_sub(1), Some(number), number.checked_add(1)] {
            let Some(period) = period else { continue };
            let Some(found) = stored.iter().find(|found| found.row.period == period) else {
                continue;
            };
            let disputed =
                disagree(period.checked_sub(1), period) || disagree(Some(period), period + 1);
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

/// Does something that waits for the node, and says meanwhile what keeps the node from answering.
async fn telling<T>(progress: Progress, trouble: &Trouble, doing: impl Future<Output = T>) -> T {
    let telling = async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(public) = trouble.public() {
                progress.update(|report| {
                    report.doing = Doing::Waiting;
                    report.detail = public.to_owned();
                });
            }
        }
    };
    tokio::select! {
        done = doing => done,
        never = telling => never,
    }
}

impl News {
    /// The node's best block and chain.
    fn tip(&self, moment: &Moment) {
        let tip = Tip {
            height: moment.height,
            hash: moment.hash,
        };
        self.update(|report| {
            report.chain = Some(moment.chain.clone());
            report.tip = Some(tip);
        });
    }
}

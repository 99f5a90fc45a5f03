//! Fills the history: reads the past from the node, newest period first, and follows the node's tip.
//!
//! One task looks at the node every few seconds and brings the newest blocks up to date. It starts a job for each
//! wanted period, and writes the results of the jobs. The history alone keeps the progress, so a process that is
//! killed at any moment goes on after its last transaction.

mod branch;
mod estimator;
mod file;
mod ledger;
mod news;
mod pace;
mod period;
mod plan;
mod reading;
mod reread;
mod sync;
mod tail;
#[cfg(test)]
pub(crate) mod tests;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::{
    archive::Archive,
    cpu::Cpu,
    fill_metrics::{DISPUTED_PERIODS, UNREADABLE_PERIODS},
    node::{Moment, Node, NodeError},
    progress::{Doing, Progress},
    store::StoreError,
};
pub use estimator::{Estimator, Oracle};
use file::File;
use news::News;
pub use period::ReadPeriod;
use plan::plan;
use reading::{Pauses, Trouble};
pub use reread::{Missing, Reread};

/// Interval between looks at the node.
const EVERY: Duration = Duration::from_secs(3);
/// Interval between looks at a node that downloads the chain.
const EVERY_DOWNLOADING: Duration = Duration::from_mins(1);

/// The parts that the filler works with.
#[derive(Debug)]
pub struct Setting<N> {
    /// The node.
    pub node: N,
    /// The history's files.
    pub archive: Archive,
    /// The report that the filler keeps up to date.
    pub progress: Progress,
    /// The threads that compute.
    pub cpu: Cpu,
    /// The estimator that makes prices.
    pub estimator: Arc<dyn Estimator>,
    /// Number of periods that are read at a time.
    pub workers: usize,
    /// Cancelled when the process ends.
    pub stop: CancellationToken,
    /// Interval between looks at the node.
    pub every: Duration,
}

impl<N: Node> Setting<N> {
    /// The setting of a real run.
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
        complaint: None,
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
    /// Why the open history could not be read at the last look, for the log; `None` if it could.
    complaint: Option<String>,
    file: Option<File<N>>,
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

    /// Waits for the next finished job; `None` once it is time to look at the node again.
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

    /// The pause before an error's cause is tried again; the error itself if trying again would not help.
    fn put_off(&mut self, error: anyhow::Error) -> anyhow::Result<Duration> {
        if let Some(error) = error.downcast_ref::<NodeError>() {
            match error.is_fault() || matches!(error, NodeError::Gone(_)) {
                true => self.trouble.met(error),
                false => debug!("{error}; the node is looked at again"),
            }
            self.news.waiting(error.public());
            return Ok(self.pauses.next());
        }
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Rows(_) | StoreError::FinalPeriod(_)) | None => Err(error),
            Some(store) => {
                // The archive has logged why a file is not opened.
                let words = store.to_string();
                if self.setting.archive.history().is_some() && self.complaint != Some(words) {
                    store.log();
                    self.complaint = Some(store.to_string());
                }
                self.news.stuck(store.public());
                Ok(self.pauses.next())
            }
        }
    }

    /// Looks at the node, does the work that follows, and returns the pause until the next look.
    async fn look(&mut self) -> anyhow::Result<Duration> {
        let moment = self.setting.node.moment().await?;
        if let Some(verified) = moment.downloading {
            let percent = (100.0 * verified).clamp(0.0, 100.0);
            // Even a node that still downloads may be of another chain than the open file.
            self.open(&moment).await?;
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
        let progress = self.setting.progress.clone();
        match telling(progress, &self.trouble, file.follow(&moment)).await? {
            Some(sight) => {
                file.sight = Some(sight);
                self.trouble.over();
                self.pauses = Pauses::default();
                self.go_on().await?;
                self.complaint = None;
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
        self.file = Some(File::open(&self.setting, &self.trouble, moment, genesis).await?);
        Ok(())
    }

    /// Starts wanted jobs as far as there are workers, and brings the newest blocks up to date.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let Some(sight) = file.sight else {
            return Ok(());
        };
        let stored = file.ledger.read(|readers| readers.periods()).await?;
        let plan = plan(&sight, &stored, file.tools.estimator.model());
        UNREADABLE_PERIODS.get().set(plan.unreadable.len() as f64);
        let disputed = stored.iter().filter(|period| period.row.disputed);
        DISPUTED_PERIODS.get().set(disputed.count() as f64);
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
                // The next look at the node decides whether the period is still wanted.
                info!("period {period} is not read now: {error}");
                file.sight = None;
                Ok(())
            }
        }
    }
}

/// Awaits `doing`, which may wait for the node. Meanwhile the progress report says why the node does not answer.
async fn telling<T>(progress: Progress, trouble: &Trouble, doing: impl Future<Output = T>) -> T {
    let telling = async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(public) = trouble.public() {
                progress.update(|report| {
                    report.doing = Doing::Waiting;
                    public.clone_into(&mut report.detail);
                });
            }
        }
    };
    tokio::select! {
        done = doing => done,
        never = telling => never,
    }
}

//! The live estimates of each minute, as they were shown, written to the history.
//!
//! The analyzer's updates are followed, and each estimate that is not stale is a sample of its minute of the event
//! clock. A minute is written when it is over, every few seconds before that, and at the end of the process. A
//! historian that starts in the middle of a minute adds to the row that an earlier process left.
//!
//! Only the newest minute of the file changes. If the clock is set back, estimates of minutes that the file has are
//! left out, so the prices shown first stay. Missing minutes are still written, so no minute is lost when a clock that
//! was ahead is set right.

mod cell;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use satscope_kit::{
    health::Condition,
    upstream::{self, Upstream},
};
use satscope_proto::v1::{
    PriceUpdate, PriceUpdatesRequest, PriceUpdatesResponse,
    price_service_client::PriceServiceClient,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    archive::{Archive, History},
    report,
    store::StoreError,
};
use cell::{Before, Cell, Sample};

/// Interval at which minutes are written.
const EVERY: Duration = Duration::from_secs(10);
/// Minutes that wait while no file is open or the file cannot be written; beyond this number the oldest are dropped.
const WAITING: usize = 1440;

/// The follower of the analyzer. Clones share its minutes.
#[derive(Clone, Debug)]
pub struct Follower {
    archive: Archive,
    condition: Condition,
    minutes: Arc<Mutex<Minutes>>,
}

/// The minutes that are not over or not yet written.
#[derive(Debug, Default)]
struct Minutes {
    /// The minute that is not over; `None` before the first sample.
    lasting: Option<Cell>,
    /// Minutes that are over, oldest first.
    over: VecDeque<Cell>,
    /// Number of minutes begun so far; it numbers the cells.
    begun: u64,
    /// Sequence of the newest update that was read.
    sequence: u64,
    /// Why the last write failed or left something out, for the log; `None` if it succeeded.
    complaint: Option<String>,
}

impl Follower {
    /// A follower that is not connected yet.
    pub fn new(archive: Archive, condition: Condition) -> Follower {
        Follower {
            archive,
            condition,
            minutes: Arc::default(),
        }
    }

    /// Reads the analyzer's stream until `stop`.
    pub async fn read(&self, analyzer: Upstream, stop: CancellationToken) {
        let open = |channel| {
            let after_sequence = self.lock().sequence;
            async move {
                let mut client = PriceServiceClient::new(channel);
                let request = PriceUpdatesRequest { after_sequence };
                Ok(client.price_updates(request).await?.into_inner())
            }
        };
        upstream::follow("the analyzer", &analyzer, stop, open, |event| {
            self.hear(event);
        })
        .await;
    }

    /// Writes minutes every [`EVERY`] until `stop`, and once more at the end.
    ///
    /// # Errors
    /// When the writing thread panics. A file that cannot be written is no error, because the minutes wait.
    pub async fn write(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut every = tokio::time::interval(EVERY);
        loop {
            let goes_on = stop.run_until_cancelled(every.tick()).await.is_some();
            let follower = self.clone();
            let put = tokio::task::spawn_blocking(move || follower.put());
            put.await.context("writing minutes")?;
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn hear(&self, event: upstream::UpstreamEvent<PriceUpdatesResponse>) {
        match event {
            upstream::UpstreamEvent::Connected => self.condition.met(),
            upstream::UpstreamEvent::Message(message) => {
                if let Some(update) = message.update.filter(|update| !update.more_follows) {
                    self.take(&update);
                }
            }
            upstream::UpstreamEvent::Lost(fault) => {
                report::upstream_lost();
                self.condition.unmet(fault);
            }
        }
    }

    fn take(&self, update: &PriceUpdate) {
        let mut minutes = self.lock();
        // The first update of a new connection may be one that was read before.
        if minutes.sequence == update.sequence {
            return;
        }
        minutes.sequence = update.sequence;
        let Some(sample) = Sample::of(update) else {
            return;
        };
        match update.simulation.is_some() == self.archive.is_simulated() {
            true => minutes.add(&sample),
            false => report::left_out("other_node"),
        }
    }

    /// Writes the minutes that are over, and the current one. The lock is not held during a write, so that a slow disk
    /// delays no update.
    fn put(&self) {
        let Some(history) = self.archive.history() else {
            return;
        };
        loop {
            let Some((cell, is_over)) = self.lock().next() else {
                return;
            };
            let outcome = put_cell(&history, &cell);
            let mut minutes = self.lock();
            minutes.complain(outcome.complaint(&history));
            match outcome {
                Outcome::Failed(_) => return,
                Outcome::Written(before) => minutes.wrote(cell.number, before, is_over),
                Outcome::LeftOut(reason) => {
                    report::left_out(reason);
                    minutes.forget(cell.number);
                }
            }
            if !is_over {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Minutes> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of writing a minute.
enum Outcome {
    /// The minute is in the file; with it comes the row that the file had before this process.
    Written(Before),
    /// The minute does not belong in the file, for this reason.
    LeftOut(&'static str),
    /// The file cannot be written.
    Failed(StoreError),
}

impl Outcome {
    fn complaint(&self, history: &History) -> Option<String> {
        match self {
            Outcome::Written(_) | Outcome::LeftOut("older_minute") => None,
            Outcome::LeftOut(_) => Some(format!(
                "minutes are of another chain than the history in {}, and are left out",
                history.readers().path().display()
            )),
            Outcome::Failed(error) => Some(format!("minutes cannot be written: {error}")),
        }
    }
}

fn put_cell(history: &History, cell: &Cell) -> Outcome {
    let readers = history.readers();
    if readers.identity().chain != cell.chain {
        return Outcome::LeftOut("other_node");
    }
    let mut cell = cell.clone();
    if cell.before == Before::Unknown {
        let found = readers
            .has_minute(cell.minute())
            .and_then(|is_there| Ok((is_there, readers.newest_minute()?)));
        cell.before = match found {
            Err(error) => return Outcome::Failed(error),
            Ok((false, _)) => Before::Nothing,
            Ok((true, Some(newest))) if newest.minute == cell.minute() => Before::Row(newest),
            Ok((true, _)) => return Outcome::LeftOut("older_minute"),
        };
    }
    match history.write(|writer| writer.put_minutes(&[cell.row()])) {
        Ok(()) => Outcome::Written(cell.before),
        // The same rows would be refused again and again.
        Err(error @ StoreError::Rows(_)) => {
            warn!("a minute is left out: {error}");
            Outcome::LeftOut("refused")
        }
        Err(error) => Outcome::Failed(error),
    }
}

impl Minutes {
    fn add(&mut self, sample: &Sample) {
        if let Some(cell) = self.lasting.as_mut().filter(|cell| cell.takes(sample)) {
            cell.add(sample);
            return;
        }
        self.begun += 1;
        let cell = Cell::begin(self.begun, sample);
        self.over.extend(self.lasting.replace(cell));
        while self.over.len() > WAITING {
            self.over.pop_front();
            report::left_out("no_history");
        }
    }

    /// The next minute to write, and whether it is over.
    fn next(&self) -> Option<(Cell, bool)> {
        let over = self.over.front().map(|cell| (cell.clone(), true));
        over.or_else(|| self.lasting.clone().map(|cell| (cell, false)))
    }

    /// Takes note that a minute was written. A minute that was not over then is written again later.
    fn wrote(&mut self, number: u64, before: Before, is_over: bool) {
        if is_over {
            self.forget(number);
            return;
        }
        let mut cells = self.over.iter_mut().chain(&mut self.lasting);
        if let Some(cell) = cells.find(|cell| cell.number == number) {
            cell.before = before;
        }
    }

    fn forget(&mut self, number: u64) {
        self.over.retain(|cell| cell.number != number);
        self.lasting.take_if(|cell| cell.number == number);
    }

    /// Logs why minutes are left out or not written, once for each reason, and when they are written again.
    fn complain(&mut self, complaint: Option<String>) {
        match (&complaint, &self.complaint) {
            (Some(new), old) if old.as_ref() != Some(new) => warn!("{new}"),
            (None, Some(_)) => info!("minutes are written again"),
            _ => {}
        }
        self.complaint = complaint;
    }
}

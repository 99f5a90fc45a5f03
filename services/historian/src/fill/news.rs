//! The filler's reports: to the gateway by [`Progress`], and in the log at most once a minute.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use satscope_kit::clock::Steady;
use satscope_oracle::past::PERIOD_BLOCKS;
use tracing::info;

use super::{
    ledger::Ledger,
    pace::Pace,
    plan::{Plan, Sight},
};
use crate::{
    dates::month,
    node::Moment,
    progress::{Doing, Progress, Report},
    store::Tip,
};

/// Least interval between two lines of the log, milliseconds.
const EVERY_MS: u64 = 60_000;
/// Seconds of a day.
const DAY: u64 = 86_400;

/// The reporter of the filler.
#[derive(Debug)]
pub struct News {
    progress: Progress,
    pace: Pace,
    started: Steady,
    logged: Option<(Steady, String)>,
}

impl News {
    /// A reporter that writes to `progress`.
    pub fn new(progress: Progress) -> News {
        News {
            progress,
            pace: Pace::default(),
            started: Steady::now(),
            logged: None,
        }
    }

    /// Changes the report.
    pub fn update(&self, change: impl FnOnce(&mut Report)) {
        self.progress.update(change);
    }

    /// Reports the node's best block and chain.
    pub fn tip(&self, moment: &Moment) {
        let tip = Tip {
            height: moment.height,
            hash: moment.hash,
        };
        self.update(|report| {
            report.chain = Some(moment.chain.clone());
            report.tip = Some(tip);
        });
    }

    /// Reports that the filler waits for the node.
    pub fn waiting(&mut self, why: &str) {
        self.say(Doing::Waiting, why.to_owned());
    }

    /// Reports that the history cannot be written.
    pub fn stuck(&mut self, why: &str) {
        self.say(Doing::Stuck, why.to_owned());
    }

    /// Reports how far the history is filled.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn filling(
        &mut self,
        ledger: &Ledger,
        sight: &Sight,
        plan: &Plan,
        running: &BTreeMap<u32, Arc<AtomicU32>>,
    ) -> anyhow::Result<()> {
        let coverage = ledger.read(|readers| readers.coverage()).await?;
        let newest = u64::from((sight.tip + 1).saturating_sub(sight.tail_from()));
        let of_period = |count: usize| count as u64 * u64::from(PERIOD_BLOCKS);
        let wanted = of_period(plan.wanted.len()) + of_period(plan.done as usize) + newest;
        let under_way: u64 = running
            .values()
            .map(|read| u64::from(read.load(Ordering::Relaxed).min(PERIOD_BLOCKS)))
            .sum();
        let is_done = coverage.tip_height == Some(sight.tip);
        let newest_read = if is_done { newest } else { 0 };
        let read = (of_period(plan.done as usize) + newest_read + under_way).min(wanted);
        self.pace
            .note(Duration::from_millis(self.started.elapsed_ms()), read);
        let left_seconds = self.pace.left_seconds(wanted - read);
        let since = coverage.since.map(|since| since.time);
        let doing = match plan.wanted.is_empty() && is_done {
            true => Doing::Following,
            false => Doing::Filling,
        };
        self.update(|report| {
            report.read_blocks = read;
            report.wanted_blocks = wanted;
            report.left_seconds = left_seconds;
        });
        self.say(doing, words(doing, since, read, wanted, left_seconds));
        Ok(())
    }

    fn say(&mut self, doing: Doing, detail: String) {
        let now = Steady::now();
        let is_due = match &self.logged {
            Some((at, said)) => *said != detail && now.since_ms(*at) >= EVERY_MS,
            None => true,
        };
        if is_due {
            info!("{detail}");
            self.logged = Some((now, detail.clone()));
        }
        self.update(|report| {
            report.doing = doing;
            report.detail = detail;
        });
    }
}

/// The report in words, such as "history since March 2021, 61 % filled, 3 h left".
fn words(doing: Doing, since: Option<u64>, read: u64, wanted: u64, left: Option<u64>) -> String {
    let mut words = match since {
        Some(since) => format!("history since {}", month(since)),
        None => "no history yet".to_owned(),
    };
    if doing == Doing::Filling {
        // 100 % is shown only once the history is filled.
        let percent = (100 * read).checked_div(wanted).unwrap_or(0).min(99);
        words.push_str(&format!(", {percent} % filled"));
        if let Some(left) = left {
            words.push_str(&format!(", {} left", span(left)));
        }
    }
    words
}

/// Seconds in words, rounded up to minutes, hours or days.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds.div_ceil(60)),
        3600..172_800 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} days", seconds.div_ceil(DAY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_since_when_how_far_and_how_long() {
        let march = Some(1_615_000_000);
        let filling = |read, left| words(Doing::Filling, march, read, 1000, left);
        assert_eq!(
            filling(610, Some(10_000)),
            "history since March 2021, 61 % filled, 3 h left"
        );
        assert_eq!(filling(1000, None), "history since March 2021, 99 % filled");
        assert_eq!(
            words(Doing::Following, march, 9, 9, None),
            "history since March 2021"
        );
        assert_eq!(
            words(Doing::Filling, None, 0, 9, Some(59)),
            "no history yet, 0 % filled, 59 s left"
        );
        assert_eq!(
            (span(61), span(200_000)),
            ("2 min".to_owned(), "3 days".to_owned())
        );
    }
}

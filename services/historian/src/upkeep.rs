//! Looks after the history's file every 5 seconds: opens it, searches it once for damage, and reports its figures.

use std::time::Duration;

use anyhow::Context as _;
use satscope_kit::{fault::Fault, health::Condition};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    archive::{Archive, History},
    progress::Progress,
    report,
    store::{Identity, Readers, StoreError},
};

/// Interval between reports, and between tries to open a file.
const EVERY: Duration = Duration::from_secs(5);

/// The file, and the results of looking at it.
struct Upkeep {
    archive: Archive,
    progress: Progress,
    condition: Condition,
    /// The identity of the file that was last found undamaged; `None` before the first.
    looked_through: Option<Identity>,
    /// Why the file could not be used at the last beat, for the log; `None` if it could.
    complaint: Option<String>,
}

/// Opens the folder's file, and reports its figures until `stop`.
///
/// # Errors
/// If the blocking thread panics.
pub async fn run(
    archive: Archive,
    progress: Progress,
    condition: Condition,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut upkeep = Upkeep {
        archive,
        progress,
        condition,
        looked_through: None,
        complaint: None,
    };
    let mut every = tokio::time::interval(EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        let beat = tokio::task::spawn_blocking(move || {
            upkeep.beat();
            upkeep
        });
        upkeep = beat.await.context("looking after the history's file")?;
    }
    Ok(())
}

impl Upkeep {
    fn beat(&mut self) {
        report::progress(&self.progress.report());
        match self.archive.open_again() {
            Ok(Some(history)) => self.look_after(&history),
            Ok(None) => self
                .condition
                .unmet(Fault::plain("the chain of the node is not known yet")),
            // The archive has logged it.
            Err(error) => self.tell(&error),
        }
    }

    fn look_after(&mut self, history: &History) {
        let readers = history.readers();
        let figures = readers
            .coverage()
            .and_then(|coverage| Ok((coverage, readers.file_bytes()?)));
        match figures {
            Ok((coverage, bytes)) => {
                let tip = self.progress.report().tip.map(|tip| tip.height);
                report::file(&coverage, bytes, tip.or(coverage.tip_height));
            }
            Err(error) => {
                report::failed(&error);
                return self.complain(&error);
            }
        }
        match self.look_through(readers) {
            Ok(()) => self.is_well(),
            Err(error) => {
                report::failed(&error);
                self.complain(&error);
            }
        }
    }

    fn is_well(&mut self) {
        self.condition.met();
        if self.complaint.take().is_none() {
            return;
        }
        info!("the history's file can be used again");
        self.progress.update(|report| report.unusable = None);
    }

    /// Searches the file for damage, unless it was searched before.
    fn look_through(&mut self, readers: &Readers) -> Result<(), StoreError> {
        if self.looked_through.as_ref() == Some(readers.identity()) {
            return Ok(());
        }
        readers.check()?;
        info!("the history's file is whole");
        self.looked_through = Some(readers.identity().clone());
        Ok(())
    }

    /// Reports why the file cannot be used; logs each reason once.
    fn complain(&mut self, wrong: &StoreError) {
        if self.complaint != Some(wrong.to_string()) {
            wrong.log();
        }
        self.tell(wrong);
    }

    /// Reports the fault to operators and to the public.
    fn tell(&mut self, wrong: &StoreError) {
        let words = wrong.to_string();
        self.condition
            .unmet(Fault::new(wrong.public(), words.clone()));
        self.progress
            .update(|report| report.unusable = Some(wrong.public().to_owned()));
        self.complaint = Some(words);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{BlockHash, hashes::Hash as _};
    use satscope_kit::health::Readiness;

    use super::*;
    use crate::progress::Doing;

    #[test]
    fn a_file_that_the_node_has_disowned_is_waited_for_by_name_and_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let archive = || Archive::new(Some(folder.path().to_owned()), true).unwrap();
        let (own, other) = (BlockHash::hash(&[1]), BlockHash::hash(&[2]));
        archive().open("regtest", own).unwrap();
        let readiness = Readiness::default();
        let mut upkeep = Upkeep {
            archive: archive(),
            progress: Progress::default(),
            condition: readiness.condition("history", "the history's file"),
            looked_through: None,
            complaint: None,
        };
        let unmet = || {
            let conditions = readiness.watch().borrow().clone();
            let mut unmet = conditions.unmet();
            unmet.next().map(|(name, why)| format!("{name}: {why:?}"))
        };
        upkeep.beat();
        assert_eq!(unmet(), None, "the node has not said anything yet");
        upkeep.archive.open("regtest", other).unwrap_err();
        for _ in 0..2 {
            upkeep.beat();
            let why = unmet().unwrap();
            assert!(
                why.contains("history: ") && why.contains("of another chain"),
                "{why}"
            );
            let report = upkeep.progress.report();
            let expected = (Doing::Stuck, "the history's file is of another chain");
            assert_eq!(report.shown(), expected);
            assert!(upkeep.archive.history().is_none());
        }
        upkeep.archive.open("regtest", own).unwrap();
        upkeep.beat();
        assert_eq!(unmet(), None);
        assert_eq!(upkeep.progress.report().unusable, None);
    }
}

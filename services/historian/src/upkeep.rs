//! Looks after the history's file every 5 seconds: opens it, searches it once for damage, and reports its figures.

use std::time::Duration;

use anyhow::Context as _;
use satscope_kit::{fault::Fault, health::Condition};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    archive::{Archive, History},
    progress::{Doing, Progress, Report},
    report,
    store::{Identity, Readers, StoreError},
};

/// Interval between reports, and between tries to open a file.
const EVERY: Duration = Duration::from_secs(5);

/// The conditions that operators are told by.
#[derive(Debug)]
pub struct Told {
    /// The history's file: impaired while it can be read and not written.
    pub file: Condition,
    /// The node's blocks: impaired while the filler waits for the node, because the prices that are there are served.
    pub blocks: Condition,
}

/// The file, and the results of looking at it.
struct Upkeep {
    archive: Archive,
    progress: Progress,
    told: Told,
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
    told: Told,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut upkeep = Upkeep {
        archive,
        progress,
        told,
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
        let report = self.progress.report();
        report::progress(&report);
        self.tell_of_blocks(&report);
        match self.archive.open_again() {
            Ok(Some(history)) => self.look_after(&history),
            Ok(None) => self
                .told
                .file
                .unmet(Fault::plain("the chain of the node is not known yet")),
            // The archive has logged it.
            Err(error) => self.tell(&error),
        }
    }

    /// Reports whether the filler waits for the node, and for what.
    fn tell_of_blocks(&self, report: &Report) {
        match (report.doing, report.detail.as_str()) {
            (Doing::Waiting, "") => {
                let why = Fault::plain("the node has not answered yet");
                self.told.blocks.impaired(why);
            }
            (Doing::Waiting, why) => self.told.blocks.impaired(Fault::plain(why)),
            _ => self.told.blocks.met(),
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
            Ok(()) => match self.unwritten(history) {
                None => self.is_well(),
                Some(why) => self.tell_unwritten(why),
            },
            Err(error) => {
                report::failed(&error);
                self.complain(&error);
            }
        }
    }

    /// Why the file, which can be read, is not written; `None` if it is. The filler and `minutes` log the reason.
    fn unwritten(&self, history: &History) -> Option<Fault> {
        let report = self.progress.report();
        let is_stuck = report.doing == Doing::Stuck;
        let stuck = || is_stuck.then(|| Fault::plain(report.detail));
        history.unwritten().or_else(stuck)
    }

    /// Reports why the file is not written. What it holds is served meanwhile.
    fn tell_unwritten(&mut self, why: Fault) {
        self.progress
            .update(|report| report.unusable = Some(why.public.clone()));
        self.complaint = Some(why.operator.clone());
        self.told.file.impaired(why);
    }

    fn is_well(&mut self) {
        self.told.file.met();
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
        self.told
            .file
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
    use satscope_oracle::past::BlockPrice;

    use super::*;
    use crate::store::{MinuteRow, Writer};

    fn upkeep(archive: Archive, readiness: &Readiness) -> Upkeep {
        Upkeep {
            archive,
            progress: Progress::default(),
            told: Told {
                file: readiness.condition("history", "the history's file"),
                blocks: readiness.condition("blocks", "the node's blocks"),
            },
            looked_through: None,
            complaint: None,
        }
    }

    /// What operators read of a condition that is impaired; `None` if it is not.
    fn impaired(readiness: &Readiness, name: &str) -> Option<String> {
        let conditions = readiness.watch().borrow().clone();
        let mut impaired = conditions.impaired();
        let found = impaired.find(|(named, _)| *named == name);
        found.map(|(_, why)| why.operator.clone())
    }

    /// Writes 2,000 minutes.
    fn put_minutes(writer: &mut Writer) -> Result<(), StoreError> {
        let close = BlockPrice {
            price_cents: 5_000_000,
            low_cents: 4_990_000,
            high_cents: 5_010_000,
            confidence_thousandths: 500,
        };
        let row = |minute| MinuteRow {
            minute,
            open_cents: 5_000_000,
            high_cents: 5_000_000,
            low_cents: 5_000_000,
            close,
            samples: 1,
        };
        let minutes: Vec<_> = (27_000_000..27_002_000).map(row).collect();
        writer.put_minutes(&minutes)
    }

    #[test]
    fn a_full_disk_is_told_to_operators_and_to_the_public_until_there_is_room() {
        let archive = Archive::new(None, true).unwrap();
        let history = archive.open("regtest", BlockHash::hash(&[1])).unwrap();
        let readiness = Readiness::default();
        let mut upkeep = upkeep(archive, &readiness);
        upkeep.beat();
        assert_eq!(impaired(&readiness, "history"), None);
        let refused = history.write(|writer| {
            writer.limit_pages(20);
            put_minutes(writer)
        });
        assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
        // Refused rows say nothing about the disk.
        let rows = history.write(|_| Err::<(), _>(StoreError::Rows("a letter".to_owned())));
        rows.unwrap_err();
        for _ in 0..2 {
            upkeep.beat();
            let why = impaired(&readiness, "history").unwrap();
            assert!(
                why.contains("history-regtest") && why.contains("the disk is full; make room"),
                "{why}"
            );
            let shown = (Doing::Stuck, "the disk of the history is full");
            assert_eq!(upkeep.progress.report().shown(), shown);
        }
        let written = history.write(|writer| {
            writer.limit_pages(1 << 20);
            put_minutes(writer)
        });
        written.unwrap();
        upkeep.beat();
        assert_eq!(impaired(&readiness, "history"), None);
        assert_eq!(upkeep.progress.report().unusable, None);
    }

    #[test]
    fn a_filler_that_is_stuck_or_waits_is_told_to_operators() {
        let archive = Archive::new(None, true).unwrap();
        archive.open("regtest", BlockHash::hash(&[1])).unwrap();
        let readiness = Readiness::default();
        let mut upkeep = upkeep(archive, &readiness);
        upkeep.beat();
        let unasked = Some("the node has not answered yet".to_owned());
        assert_eq!(impaired(&readiness, "blocks"), unasked);
        let mut says = |doing, detail: &str| {
            upkeep.progress.update(|report| {
                report.doing = doing;
                detail.clone_into(&mut report.detail);
            });
            upkeep.beat();
            (
                impaired(&readiness, "history"),
                impaired(&readiness, "blocks"),
            )
        };
        let words = |text: &str| Some(text.to_owned());
        let stuck = says(Doing::Stuck, "the history cannot be used");
        assert_eq!(stuck, (words("the history cannot be used"), None));
        let waits = says(Doing::Waiting, "the node is 43 % synchronised");
        assert_eq!(waits, (None, words("the node is 43 % synchronised")));
        assert_eq!(says(Doing::Filling, "no history yet"), (None, None));
    }

    #[test]
    fn a_file_that_the_node_has_disowned_is_waited_for_by_name_and_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let archive = || Archive::new(Some(folder.path().to_owned()), true).unwrap();
        let (own, other) = (BlockHash::hash(&[1]), BlockHash::hash(&[2]));
        archive().open("regtest", own).unwrap();
        let readiness = Readiness::default();
        let mut upkeep = upkeep(archive(), &readiness);
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

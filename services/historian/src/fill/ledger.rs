//! The filler's access to the history's file; writes are repeated while the disk is full or permission is missing.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::reading::Pauses;
use crate::{
    archive::History,
    progress::{Doing, Progress},
    store::{Readers, StoreError, Writer},
};

/// The history's file, and the progress that reports a failing write.
#[derive(Clone, Debug)]
pub struct Ledger {
    history: History,
    progress: Progress,
}

impl Ledger {
    /// The ledger of an open history.
    pub fn new(history: History, progress: Progress) -> Ledger {
        Ledger { history, progress }
    }

    /// Writes, and repeats the write until it succeeds.
    ///
    /// # Errors
    /// When the rows are refused or a thread panics; neither is expected.
    pub async fn write(
        &self,
        work: impl Fn(&mut Writer) -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        let work = Arc::new(work);
        let (mut pauses, mut complaint) = (Pauses::default(), String::new());
        loop {
            let (history, work) = (self.history.clone(), work.clone());
            let written = spawn_blocking(move || history.write(|writer| work(writer))).await;
            match written.context("writing the history")? {
                Ok(()) => {
                    if !complaint.is_empty() {
                        info!("the history is written again");
                    }
                    return Ok(());
                }
                Err(refused @ (StoreError::Rows(_) | StoreError::FinalPeriod(_))) => {
                    return Err(refused.into());
                }
                Err(failed) => {
                    self.progress.update(|report| {
                        report.doing = Doing::Stuck;
                        failed.public().clone_into(&mut report.detail);
                    });
                    let words = failed.to_string();
                    if words != complaint {
                        error!("{words}");
                        complaint = words;
                    }
                    tokio::time::sleep(pauses.next()).await;
                }
            }
        }
    }

    /// Reads from the history.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Readers) -> Result<T, StoreError> + Send + 'static,
    ) -> anyhow::Result<T> {
        let readers = self.history.readers().clone();
        let read = spawn_blocking(move || work(&readers)).await;
        Ok(read.context("reading the history")??)
    }
}

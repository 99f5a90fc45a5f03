//! Looks after the operator's file: reads it at the start and after each change, and keeps the last content that could be used.
//!
//! The file's metadata is looked at every [`EVERY`], on a blocking thread, and never for a request. A changed file is read once
//! two looks in a row have found the same metadata, because a file that still changes is being written.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use satscope_kit::{
    Context,
    clock::unix_ms,
    regular::{self, ReadError},
};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{NewestRates, Rates, read::read};
use crate::metrics::{FX_CURRENCIES, FX_FILE_AGE, FX_FILE_USED, FX_READS};

/// Interval between two looks at the file's metadata.
const EVERY: Duration = Duration::from_secs(2);
/// The longest file that is read, in bytes.
const MOST_BYTES: u64 = 1_000_000;

/// Starts to look after the file, if there is one. A file that cannot be used is no reason not to start, because dollars need no
/// rate.
pub async fn start(path: Option<PathBuf>, context: &Context) -> NewestRates {
    let (sender, newest) = watch::channel(Arc::new(Rates::written_at(0)));
    if let Some(path) = path {
        for outcome in ["used", "refused"] {
            FX_READS.of(&[("outcome", outcome)]).increment(0);
        }
        let following = follow(path, sender, context.tasks.stop());
        context.tasks.spawn("exchange rates", following).await;
    }
    newest
}

/// The number of currencies that the file has rates of now, as a gateway would read it.
///
/// # Errors
/// With the reason if the file cannot be used.
pub fn check(path: &Path) -> Result<usize, String> {
    match RatesFile::new(path.to_owned()).look() {
        Look::Used(content) => Ok(content.rates.all_live(unix_ms() / 1000).count()),
        Look::Refused(fault) => Err(fault),
        Look::NothingNew => Err("it changes while it is read".to_owned()),
    }
}

async fn follow(
    path: PathBuf,
    rates: watch::Sender<Arc<Rates>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut file = RatesFile::new(path.clone());
    let mut written = None;
    loop {
        let looking = spawn_blocking(move || {
            let found = file.look();
            (file, found)
        });
        let found;
        (file, found) = looking.await.context("looking at fx_file")?;
        match found {
            Look::NothingNew => {}
            Look::Used(content) => {
                written = Some(content.written);
                told_used(&path, &content.rates);
                rates.send_replace(Arc::new(content.rates));
            }
            Look::Refused(fault) => told_refused(&path, &fault, written.is_some()),
        }
        measure(&rates.borrow(), written);
        if stop.run_until_cancelled(sleep(EVERY)).await.is_none() {
            return Ok(());
        }
    }
}

fn told_used(path: &Path, rates: &Rates) {
    FX_READS.of(&[("outcome", "used")]).increment(1);
    FX_FILE_USED.get().set(1);
    let currencies = rates.currencies().count();
    info!(currencies, "fx_file {} is in use", path.display());
}

fn told_refused(path: &Path, fault: &str, has_earlier: bool) {
    FX_READS.of(&[("outcome", "refused")]).increment(1);
    FX_FILE_USED.get().set(0);
    let instead = match has_earlier {
        true => "its last good content stays in use",
        false => "prices are in dollars alone",
    };
    let path = path.display();
    warn!("fx_file {path} cannot be used, and {instead}: {fault}");
}

/// Sets the gauges that change with time. `written` is the moment of the last change of the content in use, Unix seconds.
fn measure(rates: &Rates, written: Option<u64>) {
    let now = unix_ms() / 1000;
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let (any, live) = (rates.currencies().count(), rates.all_live(now).count());
    FX_CURRENCIES.of(&[("rate", "any")]).set(count(any));
    FX_CURRENCIES.of(&[("rate", "live")]).set(count(live));
    if let Some(written) = written {
        let age = Duration::from_secs(now.saturating_sub(written));
        FX_FILE_AGE.get().set(age.as_secs_f64());
    }
}

/// The outcome of a look at the file.
#[derive(Debug, PartialEq)]
enum Look {
    /// The file is as it was, or still changes.
    NothingNew,
    Used(UsableRates),
    /// The file cannot be used, for this reason.
    Refused(String),
}

#[derive(Debug, PartialEq)]
struct UsableRates {
    rates: Rates,
    /// The moment of the file's last change, Unix seconds.
    written: u64,
}

/// The metadata by which a changed file is noticed. The time of the last change of its metadata is a part of it, so that a changed
/// permission is noticed too.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    /// The file's metadata now; `None` if it cannot be had, as of a file that is not there.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Mark {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// What a look at the file's metadata found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Sight {
    /// There was no look yet.
    #[default]
    None,
    Absent,
    There(Mark),
}

impl Sight {
    fn of(path: &Path) -> Self {
        Mark::of(path).map_or(Sight::Absent, Sight::There)
    }

    /// The moment of the file's last change, Unix seconds; 0 if there is no file.
    fn written(self) -> u64 {
        match self {
            Sight::There(mark) => u64::try_from(mark.modified.0).unwrap_or(0),
            Sight::None | Sight::Absent => 0,
        }
    }
}

/// The file, and the metadata that it had at earlier looks.
#[derive(Debug)]
struct RatesFile {
    path: PathBuf,
    /// Of the last look.
    seen: Sight,
    /// Of the last reading that was decisive.
    judged: Sight,
    /// The system's words for the failure of the last reading; `None` if it did not fail.
    failure: Option<String>,
}

impl RatesFile {
    fn new(path: PathBuf) -> Self {
        RatesFile {
            path,
            seen: Sight::None,
            judged: Sight::None,
            failure: None,
        }
    }

    /// Looks at the metadata, and reads the file if it has changed since the last reading and not since the last look. The first
    /// look reads it in any case.
    fn look(&mut self) -> Look {
        let sight = Sight::of(&self.path);
        let before = std::mem::replace(&mut self.seen, sight);
        let is_settled = before == Sight::None || before == sight;
        if !is_settled || self.judged == sight {
            return Look::NothingNew;
        }
        let content = regular::read(&self.path, MOST_BYTES);
        if Sight::of(&self.path) != sight {
            return Look::NothingNew;
        }
        match content {
            Ok(content) => {
                self.judge(sight);
                let written = sight.written();
                match read(&content, written) {
                    Ok(rates) => Look::Used(UsableRates { rates, written }),
                    Err(fault) => Look::Refused(fault),
                }
            }
            Err(ReadError::Io(fault)) => self.fail(&fault),
            Err(fault) => {
                self.judge(sight);
                Look::Refused(fault.to_string())
            }
        }
    }

    fn judge(&mut self, sight: Sight) {
        self.judged = sight;
        self.failure = None;
    }

    /// The outcome of a failed reading, which is told once and tried again at each look, because a disk or a permission may come
    /// back without any change of the metadata.
    fn fail(&mut self, fault: &io::Error) -> Look {
        self.judged = Sight::None;
        let words = Some(fault.to_string());
        match self.failure == words {
            true => Look::NothingNew,
            false => {
                self.failure = words;
                Look::Refused(fault.to_string())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

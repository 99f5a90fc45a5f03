//! The contents of a folder's files, shown to operators: `satscope history status`.

mod beside;

use std::path::Path;

use satscope_oracle::past::MODEL;
use serde::Serialize;

pub use beside::Beside;

use crate::{
    dates::utc,
    store::{Coverage, OverAll, PeriodState, Readers, Store, StoreError, StoredPeriod, Trust},
    text::hex,
};

/// The files of a folder.
#[derive(Debug, Default)]
pub struct Told {
    /// The histories: first those of nodes, then those of stand-ins.
    pub histories: Vec<Status>,
    /// The files beside the histories.
    pub beside: Vec<Beside>,
    /// Why each other file cannot be used, with the file's name and what to do.
    pub faults: Vec<String>,
}

/// The contents of one file. Times are Unix seconds.
#[derive(Debug, Serialize)]
pub struct Status {
    file: String,
    chain: String,
    genesis: String,
    simulated: bool,
    bytes: u64,
    tip_height: Option<u32>,
    read_blocks: u64,
    blocks: u64,
    first_height: Option<u32>,
    first_time: Option<u64>,
    last_height: Option<u32>,
    last_time: Option<u64>,
    /// The height from which every block up to the last has been read.
    since_height: Option<u32>,
    since_time: Option<u64>,
    settled_height: Option<u32>,
    final_height: Option<u32>,
    minutes: u64,
    first_minute: Option<u64>,
    last_minute: Option<u64>,
    /// Number of final periods, and of blocks with a price, from a pack that was not vouched for.
    unverified_periods: usize,
    unverified_blocks: u64,
    /// The hash over all final periods of this model, without those that are unverified.
    hash: Option<String>,
    periods: Vec<Period>,
}

/// A period of 2,016 blocks.
#[derive(Debug, Serialize)]
struct Period {
    period: u32,
    first_height: u32,
    state: &'static str,
    model: u32,
    disputed: bool,
    read_blocks: u32,
    blocks: u32,
    /// `own`, `vouched` or `unverified`.
    origin: &'static str,
    digest: Option<String>,
    /// The hash over all such periods up to this one.
    hash: Option<String>,
}

/// The contents of each file in a folder. A file that cannot be read, or is damaged anywhere, keeps no other from being told.
///
/// # Errors
/// When the folder cannot be read.
pub fn of_folder(folder: &Path) -> Result<Told, StoreError> {
    let mut files = Store::files(folder, false)?;
    files.extend(Store::files(folder, true)?);
    let mut told = Told::default();
    for file in &files {
        match of_file(file) {
            Ok(status) => told.histories.push(status),
            Err(error) => told.faults.push(error.to_string()),
        }
    }
    for file in beside::of_folder(folder)? {
        match file {
            Ok(beside) => told.beside.push(beside),
            Err(fault) => told.faults.push(fault),
        }
    }
    Ok(told)
}

fn of_file(file: &Path) -> Result<Status, StoreError> {
    let readers = Store::read(file)?;
    readers.check()?;
    let minutes = readers.count_minutes()?;
    let coverage = Coverage {
        minutes,
        ..readers.coverage()?
    };
    let periods = readers.periods()?;
    Ok(status(&readers, readers.file_bytes()?, &coverage, &periods))
}

fn status(readers: &Readers, bytes: u64, has: &Coverage, periods: &[StoredPeriod]) -> Status {
    let identity = readers.identity();
    let told = told(periods);
    Status {
        file: readers.path().display().to_string(),
        chain: identity.chain.clone(),
        genesis: identity.genesis.to_string(),
        simulated: identity.simulated,
        bytes,
        tip_height: has.tip_height,
        read_blocks: has.read,
        blocks: has.blocks,
        first_height: has.first.map(|first| first.height),
        first_time: has.first.map(|first| first.time),
        last_height: has.last.map(|last| last.height),
        last_time: has.last.map(|last| last.time),
        since_height: has.since.map(|since| since.height),
        since_time: has.since.map(|since| since.time),
        settled_height: has.settled_height,
        final_height: has.final_height,
        minutes: has.minutes,
        first_minute: has.first_minute,
        last_minute: has.last_minute,
        unverified_periods: periods
            .iter()
            .filter(|stored| stored.trust == Trust::Unverified)
            .count(),
        unverified_blocks: has.unverified,
        hash: told.iter().rev().find_map(|period| period.hash.clone()),
        periods: told,
    }
}

/// All periods, each with the hash over those that a pack of them would have.
fn told(periods: &[StoredPeriod]) -> Vec<Period> {
    let mut over_all = OverAll::default();
    let hashed = periods.iter().map(|stored| {
        let seal = stored
            .seal
            .filter(|_| stored.is_certain() && stored.row.model == MODEL);
        let hash = seal.map(|seal| {
            over_all.add(&seal.digest, &stored.row.lock);
            hex(&over_all.hash())
        });
        period(stored, hash)
    });
    hashed.collect()
}

fn period(stored: &StoredPeriod, hash: Option<String>) -> Period {
    Period {
        period: stored.row.period,
        first_height: stored.row.first_height(),
        state: match (stored.trust, stored.row.state) {
            (Trust::Unverified, _) => "unverified",
            (_, PeriodState::Open) => "open",
            (_, PeriodState::Final) => "final",
        },
        model: stored.row.model,
        disputed: stored.row.disputed,
        read_blocks: stored.blocks,
        blocks: stored.priced,
        origin: match stored.trust {
            Trust::Own => "own",
            Trust::Vouched => "vouched",
            Trust::Unverified => "unverified",
        },
        digest: stored.seal.map(|seal| hex(&seal.digest)),
        hash,
    }
}

impl Status {
    /// The status as a few lines of text.
    pub fn text(&self) -> String {
        let kind = match self.simulated {
            true => " of a stand-in",
            false => "",
        };
        let megabytes = self.bytes as f64 / 1e6;
        let mut lines = vec![
            self.file.clone(),
            format!("  chain     {}{kind}, {megabytes:.1} MB", self.chain),
            format!("  blocks    {}", self.blocks_text()),
        ];
        if let Some(since) = self.since_height.zip(self.since_time) {
            lines.push(format!(
                "  complete  since block {}, {}",
                since.0,
                utc(since.1)
            ));
        }
        lines.push(format!("  settled   {}", height(self.settled_height)));
        lines.push(format!("  final     {}", height(self.final_height)));
        let mut sealed = self.periods.iter().rev();
        let last = sealed.find_map(|period| Some((period, period.digest.as_ref()?)));
        if let Some((period, digest)) = last {
            let (number, model) = (period.period, period.model);
            lines.push(format!(
                "  digest    of period {number}, model {model}: {digest}"
            ));
        }
        if let Some(hash) = &self.hash {
            let hashed = self.periods.iter().filter(|period| period.hash.is_some());
            let count = hashed.count();
            lines.push(format!(
                "  hash      over all {count} final periods: {hash}"
            ));
        }
        if self.unverified_periods > 0 {
            lines.push(format!(
                "  unverified  {} periods with {} prices, of a pack that was imported without the expected hash",
                self.unverified_periods, self.unverified_blocks
            ));
        }
        let minutes = match self.first_minute.zip(self.last_minute) {
            Some((first, last)) => {
                format!("{}, from {} to {}", self.minutes, utc(first), utc(last))
            }
            None => "none".to_owned(),
        };
        lines.push(format!("  minutes   {minutes}"));
        lines.join("\n") + "\n"
    }

    fn blocks_text(&self) -> String {
        let ends = self.first_height.zip(self.last_height);
        let times = self.first_time.zip(self.last_time);
        match ends.zip(times) {
            Some(((first, last), (from, to))) => format!(
                "{} with a price of {} read: {first} to {last}, from {} to {}",
                self.blocks,
                self.read_blocks,
                utc(from),
                utc(to)
            ),
            None => format!("none with a price, {} read", self.read_blocks),
        }
    }
}

fn height(height: Option<u32>) -> String {
    match height {
        Some(height) => format!("up to block {height}"),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{BlockHash, hashes::Hash as _};
    use satscope_oracle::past::PERIOD_BLOCKS;

    use super::*;
    use crate::store::{BlockRow, Identity, PeriodRow};

    #[test]
    fn a_folder_is_told_file_by_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(of_folder(folder.path()).unwrap().histories.is_empty());
        let hash = BlockHash::hash(&[1]);
        let identity = Identity {
            chain: "main".to_owned(),
            genesis: hash,
            simulated: false,
        };
        let path = folder.path().join(Store::file_name("main", false));
        let (mut writer, _readers) = Store::open(&path, &identity).unwrap();
        let period = PeriodRow {
            period: 167,
            state: PeriodState::Final,
            model: 1,
            lock: Vec::new(),
            disputed: false,
        };
        let row = |height| BlockRow {
            height,
            time: 1_420_000_000,
            hash,
            price: None,
            payments: 1,
            model: 1,
        };
        let first = period.first_height();
        let rows: Vec<_> = (first..first + PERIOD_BLOCKS).map(row).collect();
        writer.put_period(&period, &rows).unwrap();
        let told = of_folder(folder.path()).unwrap().histories;
        let text = told[0].text();
        assert!(text.contains("none with a price, 2016 read"), "{text}");
        assert!(text.contains("final     up to block 338687"), "{text}");
        let digest = told[0].periods[0].digest.clone().unwrap();
        assert!(text.contains(&digest), "{text}");
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!(json[0]["periods"][0]["first_height"], 336_672);
    }

    #[test]
    fn each_file_is_told_whatever_is_wrong_with_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for chain in ["main", "regtest"] {
            let identity = Identity {
                chain: chain.to_owned(),
                genesis: BlockHash::hash(&[1]),
                simulated: false,
            };
            let file = path(&Store::file_name(chain, false));
            drop(Store::open(&file, &identity).unwrap());
        }
        // A page that is not needed to tell what the file holds.
        let mut bytes = std::fs::read(path("history-main.sqlite")).unwrap();
        let last = bytes.len() - 4096;
        bytes[last..].fill(7);
        std::fs::write(path("history-main.sqlite"), bytes).unwrap();
        std::fs::write(path("history-test.sqlite"), "x".repeat(5000)).unwrap();
        for name in ["recent-main.sqlite", "recent-test.sqlite"] {
            drop(crate::recent::Recent::open(&path(name)));
        }
        std::fs::write(path("recent-test.sqlite"), "x".repeat(5000)).unwrap();
        drop(rusqlite::Connection::open(path("blocks-test.sqlite")).unwrap());
        let theirs = rusqlite::Connection::open(path("blocks-main.sqlite")).unwrap();
        theirs.execute_batch("CREATE TABLE theirs (a)").unwrap();
        let told = of_folder(folder.path()).unwrap();
        let chains: Vec<_> = told.histories.iter().map(|told| &told.chain).collect();
        assert_eq!(chains, ["regtest"]);
        let beside: Vec<_> = told.beside.iter().map(Beside::text).collect();
        assert!(
            beside[0].ends_with("blocks-test.sqlite\n  index of the node's block files, 0.0 MB\n")
        );
        assert!(beside[1].ends_with("recent-main.sqlite\n  payments of recent blocks, 0.0 MB\n"));
        let expected = [
            ("history-main.sqlite: ", "the file is damaged"),
            (
                "history-test.sqlite: ",
                "the file is no history of Satscope",
            ),
            ("blocks-main.sqlite: ", "the file is of another program"),
            ("recent-test.sqlite: ", "the file is damaged"),
        ];
        assert_eq!(told.faults.len(), expected.len(), "{:?}", told.faults);
        for (fault, (file, words)) in told.faults.iter().zip(expected) {
            assert!(fault.contains(file) && fault.contains(words), "{fault}");
        }
    }
}

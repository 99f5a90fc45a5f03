//! The last price on disk, so that it outlives the analyzer's process.
//!
//! Each chain has a file of its own, and so has each kind of stand-in on it, so that a simulated price never serves a
//! real node.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use satscope_kit::clock::Moment;
use satscope_log::{NodeStatus, Simulation};
use satscope_oracle::{Estimate, Evidence};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::report;

/// Interval between writes.
const EVERY: Duration = Duration::from_mins(1);
/// Interval between looks for a price to write, until the first has been written.
const FIRST: Duration = Duration::from_secs(1);
/// A file larger than this, bytes, was not written by Satscope.
const LARGEST: u64 = 16 * 1024;
/// At most this many files of the folder are read.
const FILES: usize = 64;
const PREFIX: &str = "last-price-";
/// Ending of a file's name until the file is whole.
const UNFINISHED: &str = ".new";

/// The node that a price was read from: its chain, and whether it is a stand-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The chain's name as `getblockchaininfo` gives it; empty while it is not known.
    pub chain: String,
    /// `None` for a real node; for a stand-in, true if its payments are made up, false if it replays real ones.
    pub simulated: Option<bool>,
}

impl Labels {
    /// The labels of the node with this status.
    pub fn of(status: &NodeStatus) -> Labels {
        Labels {
            chain: status.chain.clone(),
            simulated: status.simulation.map(|simulation| simulation.simulated),
        }
    }

    /// Whether both labels may be of one node: an unknown chain agrees with any.
    pub fn agree_with(&self, other: &Labels) -> bool {
        let chains = [&self.chain, &other.chain];
        let one_is_unknown = chains.iter().any(|chain| chain.is_empty());
        self.simulated == other.simulated && (one_is_unknown || self.chain == other.chain)
    }

    /// The stand-in's label, without its hidden price.
    pub fn simulation(&self) -> Option<Simulation> {
        self.simulated.map(|simulated| Simulation {
            simulated,
            hidden_price_usd: None,
        })
    }

    fn file_name(&self) -> String {
        let letters = self.chain.chars().filter(char::is_ascii_alphanumeric);
        let chain: String = letters.take(32).collect();
        let standin = match self.simulated {
            None => "",
            Some(false) => "-replayed",
            Some(true) => "-simulated",
        };
        let chain = if chain.is_empty() { "unknown" } else { &chain };
        format!("{PREFIX}{chain}{standin}.json")
    }
}

/// A price as the file holds it, with the node that it was read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastPrice {
    /// The labels of that node.
    #[serde(flatten)]
    pub labels: Labels,
    /// The URL of the ingest that the payments came from.
    ingest_url: String,
    /// The event clock when the estimate was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// The moment at which this was written.
    written: Moment,
    /// Age of the newest payment when this was written, milliseconds.
    age_ms: u64,
    price_usd: f64,
    low_usd: f64,
    high_usd: f64,
    confidence: f64,
    payments: u64,
    margin: f64,
    newest_payment_ms: u64,
}

impl LastPrice {
    /// The estimate.
    pub fn estimate(&self) -> Estimate {
        Estimate {
            price_usd: self.price_usd,
            low_usd: self.low_usd,
            high_usd: self.high_usd,
            confidence: self.confidence,
            evidence: Evidence {
                payments: self.payments,
                margin: self.margin,
                newest_payment_ms: self.newest_payment_ms,
            },
        }
    }

    /// Age of the newest payment at `now`, milliseconds; never less than it was when written.
    pub fn age_ms(&self, now: &Moment) -> u64 {
        self.age_ms.saturating_add(now.since_ms(&self.written))
    }

    fn is_usable(&self) -> bool {
        let prices = [self.low_usd, self.price_usd, self.high_usd];
        let are_prices = prices.iter().all(|usd| usd.is_finite() && *usd > 0.0);
        are_prices
            && prices.is_sorted()
            && (0.0..=1.0).contains(&self.confidence)
            && self.margin.is_finite()
            && (1..crate::sequence::END_MS).contains(&self.as_of_ms)
    }
}

/// A price to be written to the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// The labels of the node.
    pub labels: Labels,
    /// The estimate.
    pub estimate: Estimate,
    /// The event clock when the estimate was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// Age of the newest payment now, milliseconds.
    pub age_ms: u64,
}

/// The folder of last prices, read and written for one ingest.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
    ingest_url: String,
}

impl Shelf {
    /// The shelf in `folder` for the ingest at `ingest_url`. The folder may not exist yet; the first write makes it.
    pub fn new(folder: PathBuf, ingest_url: String) -> Shelf {
        Shelf { folder, ingest_url }
    }

    /// The price that was written last, whatever its node; `None` if no file can be used.
    pub fn newest(&self) -> Option<LastPrice> {
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(
                    "the last price in {} cannot be read: {error}",
                    self.folder.display()
                );
                return None;
            }
        };
        let is_ours = |name: &str| name.starts_with(PREFIX) && name.ends_with(".json");
        listed
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| is_ours(name))
            .take(FILES)
            .filter_map(|name| self.read(&self.folder.join(name)))
            .max_by_key(|last| last.written.unix_ms)
    }

    /// The price of the node with these labels; `None` if there is no usable file of it.
    pub fn of(&self, labels: &Labels) -> Option<LastPrice> {
        self.read(&self.folder.join(labels.file_name()))
            .filter(|last| last.labels == *labels)
    }

    fn read(&self, path: &Path) -> Option<LastPrice> {
        let last = match read_file(path) {
            Ok(last) => last,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(
                    "the last price in {} cannot be read: {error}",
                    path.display()
                );
                return None;
            }
        };
        (last.is_usable() && last.ingest_url == self.ingest_url).then_some(last)
    }

    /// Writes a price. A crash leaves either the old file or the new one whole.
    fn put(&self, priced: &Priced, now: Moment) -> io::Result<()> {
        let Estimate {
            price_usd,
            low_usd,
            high_usd,
            confidence,
            evidence,
        } = priced.estimate;
        let last = LastPrice {
            labels: priced.labels.clone(),
            ingest_url: self.ingest_url.clone(),
            as_of_ms: priced.as_of_ms,
            written: now,
            age_ms: priced.age_ms,
            price_usd,
            low_usd,
            high_usd,
            confidence,
            payments: evidence.payments,
            margin: evidence.margin,
            newest_payment_ms: evidence.newest_payment_ms,
        };
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(priced.labels.file_name());
        let unfinished = path.with_extension(format!("json{UNFINISHED}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(&last)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(&self.folder)?.sync_all()
    }
}

fn read_file(path: &Path) -> io::Result<LastPrice> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Writes the prices that `newest` gives: the first within a second or so, then one each minute, and one more at
/// `stop`.
pub async fn keep(
    shelf: Shelf,
    newest: impl Fn() -> Option<Priced>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut tried = None;
    let mut is_failing = false;
    loop {
        let pause = if tried.is_none() { FIRST } else { EVERY };
        let is_last = stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none();
        if let Some(priced) = newest().filter(|priced| is_failing || tried != Some(priced.as_of_ms))
        {
            tried = Some(priced.as_of_ms);
            let shelf = shelf.clone();
            let put = move || shelf.put(&priced, Moment::now());
            let written = tokio::task::spawn_blocking(put).await?;
            tell(&written, &mut is_failing);
        }
        if is_last {
            return Ok(());
        }
    }
}

fn tell(written: &io::Result<()>, is_failing: &mut bool) {
    match written {
        Ok(()) if *is_failing => {
            *is_failing = false;
            info!("the last price is written again");
        }
        Ok(()) => {}
        Err(error) => {
            report::last_price_failed();
            if !*is_failing {
                *is_failing = true;
                warn!(
                    "the last price cannot be written: {error}; going on without it, and trying again"
                );
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! The last price on disk, so that it outlives the analyzer.
//!
//! A file for each chain, and for each sort of stand-in on it: a simulated price never serves a real node.

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
const EVERY: Duration = Duration::from_secs(60);
/// Interval between looks for the first price.
const FIRST: Duration = Duration::from_secs(1);
/// A larger file, in bytes, is none of ours.
const LARGEST: u64 = 16 * 1024;
/// Files looked at in the folder.
const FILES: usize = 64;
const PREFIX: &str = "last-price-";
/// What a file being written is called, until it is whole.
const UNFINISHED: &str = ".new";

/// Which node's payments a price was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// By getblockchaininfo's name; empty while it is not known.
    pub chain: String,
    /// Present for a stand-in: true for made-up payments, false for a replay of real ones.
    pub simulated: Option<bool>,
}

impl Labels {
    /// Those of a node.
    pub fn of(status: &NodeStatus) -> Labels {
        Labels {
            chain: status.chain.clone(),
            simulated: status.simulation.map(|simulation| simulation.simulated),
        }
    }

    /// Whether both may be the same node's: a chain that is not known may be any.
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

/// A price, and what it was read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastPrice {
    /// The node.
    #[serde(flatten)]
    pub labels: Labels,
    /// The ingest that it came by.
    ingest_url: String,
    /// The event clock when the estimate was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// When this was written.
    written: Moment,
    /// Age of the newest payment then, milliseconds.
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

    /// Age of the newest payment at `now`, milliseconds; never less than when it was written.
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

/// A price that is to be written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// The node.
    pub labels: Labels,
    /// The estimate.
    pub estimate: Estimate,
    /// The event clock when it was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// Age of the newest payment now, milliseconds.
    pub age_ms: u64,
}

/// The folder with the files of one analyzer's ingest.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
    ingest_url: String,
}

impl Shelf {
    /// Those in `folder`, which need not be there yet, that came by the ingest at `ingest_url`.
    pub fn new(folder: PathBuf, ingest_url: String) -> Shelf {
        Shelf { folder, ingest_url }
    }

    /// The price that was written last, of any node.
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

    /// The price of this node.
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

    /// Writes a price, now. A crash leaves the file of before, or the new one.
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

/// Writes the price that `newest` gives: the first soon after it is there, then each minute, and once more at `stop`.
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
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn at(unix_ms: u64) -> Moment {
        Moment {
            unix_ms,
            steady_ms: 0,
            boot: String::new(),
        }
    }

    fn labels(chain: &str, simulated: Option<bool>) -> Labels {
        Labels {
            chain: chain.to_owned(),
            simulated,
        }
    }

    fn priced(labels: Labels, price_usd: f64) -> Priced {
        let evidence = Evidence {
            payments: 300,
            margin: 2.5,
            newest_payment_ms: NOW_MS - 400,
        };
        let estimate = Estimate {
            price_usd,
            low_usd: price_usd - 100.0,
            high_usd: price_usd + 100.0,
            confidence: 0.9,
            evidence,
        };
        Priced {
            labels,
            estimate,
            as_of_ms: NOW_MS,
            age_ms: 400,
        }
    }

    fn shelf(folder: &tempfile::TempDir) -> Shelf {
        Shelf::new(
            folder.path().join("state"),
            "http://ingest:50051".to_owned(),
        )
    }

    #[test]
    fn what_was_written_is_read_with_its_true_age() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder);
        assert_eq!(shelf.newest(), None);
        let priced = priced(labels("main", None), 50_000.0);
        shelf.put(&priced, at(NOW_MS)).unwrap();
        let last = shelf.newest().unwrap();
        assert_eq!((last.estimate(), last.as_of_ms), (priced.estimate, NOW_MS));
        assert_eq!(last.age_ms(&at(NOW_MS + 60_000)), 60_400);
        assert_eq!(
            last.age_ms(&at(NOW_MS - 60_000)),
            400,
            "a clock that was set back"
        );
        let names = fs::read_dir(folder.path().join("state")).unwrap();
        assert_eq!(names.count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn a_simulated_price_never_serves_a_real_node() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder);
        let simulated = labels("regtest", Some(true));
        shelf
            .put(&priced(labels("main", None), 90_000.0), at(NOW_MS))
            .unwrap();
        shelf
            .put(&priced(simulated.clone(), 50_000.0), at(NOW_MS + 1))
            .unwrap();
        let newest = shelf.newest().unwrap();
        assert_eq!(newest.labels, simulated);
        let real = labels("main", None);
        assert!(!newest.labels.agree_with(&real));
        assert!(!newest.labels.agree_with(&labels("regtest", None)));
        assert_eq!(shelf.of(&real).unwrap().price_usd, 90_000.0);
        assert_eq!(shelf.of(&labels("test", None)), None);
        assert!(labels("", None).agree_with(&real), "not known yet");
    }

    #[test]
    fn what_another_ingest_gave_or_nobody_can_use_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder);
        shelf
            .put(&priced(labels("main", None), 50_000.0), at(NOW_MS))
            .unwrap();
        let other = Shelf::new(shelf.folder.clone(), "http://other:50051".to_owned());
        assert_eq!(other.newest(), None);
        let path = shelf.folder.join(labels("main", None).file_name());
        let text = fs::read_to_string(&path).unwrap();
        for spoilt in [
            text.replace("50000.0", "-1.0"),
            text.replace("\"as_of_ms\":1700000000000", "\"as_of_ms\":0"),
            text[..text.len() / 2].to_owned(),
            String::new(),
        ] {
            assert_ne!(spoilt, text);
            fs::write(&path, spoilt).unwrap();
            assert_eq!(shelf.newest(), None);
        }
    }

    #[tokio::test]
    async fn the_price_is_written_when_the_process_stops_and_a_bad_disk_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder);
        let stop = CancellationToken::new();
        stop.cancel();
        let newest = || Some(priced(labels("main", None), 50_000.0));
        keep(shelf.clone(), newest, stop.clone()).await.unwrap();
        assert!(shelf.newest().is_some());
        // A file where the folder should be.
        let bad = Shelf::new(folder.path().join("file/state"), String::new());
        fs::write(folder.path().join("file"), "").unwrap();
        keep(bad, newest, stop).await.unwrap();
    }
}

//! The checks after each situation. Each asks again until it holds or [`PATIENCE`] ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use bitcoin::Txid;
use satscope_proto::v1::{Estimate, TransactionState};

use crate::{
    bitcoind::Bitcoind,
    ledger::Expected,
    support::{
        grpc::{Window, list_mempool, list_window},
        metrics::Scrape,
    },
    watcher::Watcher,
};

/// Time for the parts to settle.
const PATIENCE: Duration = Duration::from_secs(25);
const PAUSE: Duration = Duration::from_millis(200);
/// Farthest from the price that is paid by, as a share: an estimate from few payments is rough.
const NEAR: f64 = 0.03;
/// Least confidence of an estimate of the past that must be near.
const SURE: f64 = 0.5;
/// Payments that leave no doubt about the factor.
const ENOUGH: u64 = 500;
/// Transactions named in a failure.
const NAMED: usize = 3;

/// `Ok`, or the difference that was left.
pub type Outcome = Result<(), String>;

/// The price that a watcher must give.
#[derive(Clone, Copy, Debug)]
pub enum Price {
    /// Too few payments to say anything; there may be a price or not.
    Open,
    /// There is none, and there has been none.
    Absent,
    /// The one that is paid by now; all sure estimates of the past are near it too.
    Near(f64),
}

/// Asks until it holds; the last difference otherwise.
pub async fn settled(mut probe: impl AsyncFnMut() -> Outcome) -> Outcome {
    let began = Instant::now();
    loop {
        let outcome = probe().await;
        if outcome.is_ok() || began.elapsed() > PATIENCE {
            return outcome;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// `ListMempool` is `getrawmempool`.
pub async fn mempool(watcher: &Watcher, node: &Bitcoind) -> Outcome {
    let ingest = watcher.ingest().ok_or("no ingest")?;
    settled(async || {
        let theirs = node.mempool().await;
        let ours = list_mempool(ingest.address).await;
        same("the mempool", &theirs, &ours)
    })
    .await
}

fn same(what: &str, expected: &BTreeSet<Txid>, found: &BTreeSet<Txid>) -> Outcome {
    let missing: Vec<_> = expected.difference(found).collect();
    let surplus: Vec<_> = found.difference(expected).collect();
    if missing.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{what} of {}: {} missing {:?}, {} too many {:?}",
        expected.len(),
        missing.len(),
        &missing[..missing.len().min(NAMED)],
        surplus.len(),
        &surplus[..surplus.len().min(NAMED)],
    ))
}

/// A transaction that `ListWindow` must have.
pub struct InWindow {
    pub expected: Expected,
    pub state: TransactionState,
}

/// `ListWindow` has these transactions and no others, each with its state and its stamp. Stamps are not waited for,
/// because they never change.
pub async fn window(watcher: &Watcher, expected: &BTreeMap<Txid, InWindow>) -> Outcome {
    let mut last = Window::default();
    settled(async || {
        let window = list_window(watcher.analyzer.address).await;
        last = window.ok_or("the window is still being received")?;
        members(expected, &last)
    })
    .await?;
    stamps(expected, &last)
}

fn members(expected: &BTreeMap<Txid, InWindow>, window: &Window) -> Outcome {
    let found = window.transactions.keys().copied().collect();
    same("the window", &expected.keys().copied().collect(), &found)?;
    differing(expected, |txid, expected| {
        let found = window.transactions[txid].state;
        (found != expected.state).then(|| format!("{found:?}, expected {:?}", expected.state))
    })
}

fn stamps(expected: &BTreeMap<Txid, InWindow>, window: &Window) -> Outcome {
    differing(expected, |txid, expected| {
        let (found, expected) = (&window.transactions[txid], &expected.expected);
        let is_right = expected.stamp_ms.contains(&found.first_seen_ms)
            && expected.met_in_block == found.met_in_block;
        let flag = |flag| if flag { " in a block" } else { "" };
        (!is_right).then(|| {
            format!(
                "{}{}, expected {:?}{}",
                found.first_seen_ms,
                flag(found.met_in_block),
                expected.stamp_ms,
                flag(expected.met_in_block),
            )
        })
    })
}

/// The number of differences, and the first of them.
fn differing(
    expected: &BTreeMap<Txid, InWindow>,
    difference: impl Fn(&Txid, &InWindow) -> Option<String>,
) -> Outcome {
    let differences = expected
        .iter()
        .filter_map(|(txid, expected)| Some(format!("{txid} {}", difference(txid, expected)?)));
    let differences: Vec<String> = differences.collect();
    if differences.is_empty() {
        return Ok(());
    }
    let named = differences[..differences.len().min(NAMED)].join("; ");
    Err(format!(
        "{} of {}: {named}",
        differences.len(),
        expected.len()
    ))
}

/// Ingest has counted each transaction once, `passed_over` of which were older than the window when they were met.
pub async fn received(watcher: &Watcher, passed_over: usize) -> Outcome {
    let ingest = watcher.ingest().ok_or("no ingest")?;
    let expected = watcher.ledger.len() + passed_over;
    settled(async || {
        let scrape = Scrape::of(ingest.metrics).await;
        let counted = scrape.sum("satscope_ingest_transactions_total", "");
        if counted == expected as f64 {
            Ok(())
        } else {
            Err(format!("{counted} counted, {expected} sent"))
        }
    })
    .await
}

/// The price is as it must be, and has been since the watcher's start.
pub async fn price(watcher: &Watcher, price: Price) -> Outcome {
    match price {
        Price::Open => Ok(()),
        Price::Absent => {
            let update = watcher.update().await.ok_or("no update")?;
            update
                .estimate
                .as_ref()
                .map_or(Ok(()), |estimate| Err(off(estimate, "no price")))?;
            past(watcher, |_| false).await
        }
        Price::Near(usd) => {
            let is_near = |estimate: &Estimate| (estimate.price_usd / usd - 1.0).abs() < NEAR;
            settled(async || {
                let update = watcher.update().await.ok_or("no update")?;
                let estimate = update.estimate.ok_or("no price yet")?;
                if is_near(&estimate) {
                    Ok(())
                } else {
                    Err(off(&estimate, &format!("${usd}")))
                }
            })
            .await?;
            // The first few payments make a guess that says how poor it is; of a few hundred, it may be a whole factor off.
            past(watcher, |estimate| {
                let payments = estimate.evidence.map_or(0, |evidence| evidence.payments);
                is_near(estimate) || estimate.confidence < SURE || payments < ENOUGH
            })
            .await
        }
    }
}

async fn past(watcher: &Watcher, is_right: impl Fn(&Estimate) -> bool) -> Outcome {
    let history = watcher.history().await;
    let estimates = history.iter().filter_map(|entry| entry.estimate.as_ref());
    match estimates.filter(|estimate| !is_right(estimate)).last() {
        Some(wrong) => Err(off(wrong, "no such estimate in the past")),
        None => Ok(()),
    }
}

fn off(estimate: &Estimate, expected: &str) -> String {
    format!(
        "${:.0} (confidence {:.2}, stale {}), expected {expected}",
        estimate.price_usd, estimate.confidence, estimate.stale
    )
}

//! Reads periods of a history or of a pack from the node's blocks again, and compares them to the byte.

mod difference;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use rand::seq::index;

use super::{error::PackError, format::PackReader};
use crate::{
    fill::{Missing, ReadPeriod, Reread},
    filler::Means,
    node::{Node, NodeError},
    store::{BlockRow, Identity, PeriodState, Readers, SealedPeriod, StoredPeriod, Trust, digest},
};
pub use difference::Difference;

/// Time after which a node that does not answer is given up.
const PATIENCE: Duration = Duration::from_mins(2);

/// The rows that are verified.
#[derive(Clone, Debug)]
pub enum Claims {
    /// The final periods of a history's file.
    History(Readers),
    /// A pack.
    Pack(PathBuf),
}

/// The number of periods that are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Periods {
    /// This many, which the system's randomness chooses.
    Some(usize),
    /// All.
    All,
}

/// The outcome of reading one period again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The period.
    pub period: u32,
    /// The first difference; `None` if all is the same.
    pub difference: Option<Difference>,
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Number of periods that the rows are of.
    pub claimed: usize,
    /// Periods that were read again.
    pub read: usize,
    /// Periods that differ.
    pub differing: Vec<u32>,
    /// Periods that were wanted, and cannot be read again, with the reason.
    pub missing: Vec<(u32, Missing)>,
    /// Periods that another model made.
    pub other_model: usize,
    /// Periods that are unverified in the history; none if the rows are those of a pack.
    pub unverified: Vec<u32>,
}

/// The numbers of the periods that rows are of.
#[derive(Debug, Default)]
struct Numbers {
    /// Those that can be verified, lowest first.
    claimed: Vec<u32>,
    unverified: Vec<u32>,
    /// Number of final periods of another model.
    other_model: usize,
}

/// A period as it is claimed to be.
#[derive(Debug)]
struct Claim {
    period: u32,
    digest: [u8; 32],
    lock: Vec<u8>,
    /// The rows of a pack; `None` for a history, whose rows have no hashes.
    rows: Option<Vec<BlockRow>>,
}

/// Verifies by a node's blocks.
#[derive(Debug)]
pub struct Verifier<N> {
    reread: Reread<N>,
    claims: Claims,
    identity: Identity,
    workers: usize,
}

impl<N: Node> Verifier<N> {
    /// Verifies `claims` by the node's blocks. The node must be of the same chain.
    ///
    /// # Errors
    /// When the node does not answer, or is of another chain, or the pack's head cannot be read.
    pub async fn new(means: Means<N>, claims: Claims) -> Result<Verifier<N>, PackError> {
        let Means {
            node,
            cpu,
            estimator,
            workers,
        } = means;
        let identity = match &claims {
            Claims::History(readers) => readers.identity().clone(),
            Claims::Pack(path) => {
                let head = PackReader::open(path)?.head().clone();
                if head.model != estimator.model() {
                    return Err(PackError::OtherModel {
                        has: head.model,
                        wanted: estimator.model(),
                    });
                }
                head.identity
            }
        };
        let moment = node.moment().await?;
        let wanted = Identity {
            chain: moment.chain.clone(),
            genesis: node.genesis().await?,
            simulated: identity.simulated,
        };
        if wanted != identity {
            return Err(PackError::OtherChain {
                has: identity.to_string(),
                wanted: wanted.to_string(),
                by: "the node".to_owned(),
            });
        }
        let reread = Reread::new(node, &moment, identity.simulated, cpu, estimator);
        Ok(Verifier {
            reread: reread.map_err(|error| PackError::Machine(error.to_string()))?,
            claims,
            identity,
            workers: workers.max(1),
        })
    }

    /// Reads the wanted periods again. `tell` hears of each as it is done.
    ///
    /// # Errors
    /// When a file cannot be read, or the node stops answering.
    pub async fn run(
        &self,
        wanted: Periods,
        mut tell: impl FnMut(&Finding),
    ) -> Result<Verdict, PackError> {
        let Numbers {
            claimed,
            unverified,
            other_model,
        } = self.numbers()?;
        let (readable, unreadable): (Vec<u32>, Vec<u32>) = claimed
            .iter()
            .partition(|period| self.reread.missing(**period).is_none());
        let chosen = choose(&readable, wanted);
        let is_short = match wanted {
            Periods::All => true,
            Periods::Some(count) => chosen.len() < count,
        };
        let mut verdict = Verdict {
            claimed: claimed.len(),
            other_model,
            unverified,
            ..Verdict::default()
        };
        if is_short {
            let missing = unreadable.into_iter();
            verdict.missing = missing
                .filter_map(|period| Some((period, self.reread.missing(period)?)))
                .collect();
        }
        let claims = self.claims(chosen)?;
        let findings = stream::iter(claims).map(|claim| async { self.compare(claim?).await });
        let mut findings = std::pin::pin!(findings.buffer_unordered(self.workers));
        while let Some(finding) = findings.next().await {
            let finding = finding?;
            verdict.read += 1;
            if finding.difference.is_some() {
                verdict.differing.push(finding.period);
            }
            tell(&finding);
        }
        verdict.differing.sort_unstable();
        Ok(verdict)
    }

    /// The periods that are claimed. A pack is read whole, so that damage anywhere in it is an error.
    fn numbers(&self) -> Result<Numbers, PackError> {
        match &self.claims {
            Claims::Pack(path) => {
                let numbers = PackReader::open(path)?.map(|sealed| Ok(sealed?.row.period));
                Ok(Numbers {
                    claimed: numbers.collect::<Result<_, PackError>>()?,
                    ..Numbers::default()
                })
            }
            Claims::History(readers) => {
                let stored = readers.periods()?;
                let is_final = |state: PeriodState| state == PeriodState::Final;
                let last = stored.iter().filter(|stored| is_final(stored.row.state));
                let (own, other): (Vec<_>, Vec<_>) =
                    last.partition(|stored| stored.row.model == self.reread.model());
                let is_unverified = |stored: &&&StoredPeriod| stored.trust == Trust::Unverified;
                let unverified = own.iter().filter(is_unverified);
                Ok(Numbers {
                    claimed: own.iter().map(|stored| stored.row.period).collect(),
                    unverified: unverified.map(|stored| stored.row.period).collect(),
                    other_model: other.len(),
                })
            }
        }
    }

    /// What is claimed of the chosen periods, lowest first, one after the other.
    fn claims(
        &self,
        chosen: BTreeSet<u32>,
    ) -> Result<Box<dyn Iterator<Item = Result<Claim, PackError>> + Send>, PackError> {
        Ok(match &self.claims {
            Claims::Pack(path) => {
                let is_chosen = move |sealed: &Result<SealedPeriod, PackError>| {
                    let number = sealed.as_ref().map(|sealed| sealed.row.period);
                    number.is_ok_and(|number| chosen.contains(&number)) || sealed.is_err()
                };
                let sealed = PackReader::open(path)?.filter(is_chosen);
                Box::new(sealed.map(|sealed| {
                    let sealed = sealed?;
                    Ok(Claim {
                        period: sealed.row.period,
                        digest: sealed.digest,
                        lock: sealed.row.lock,
                        rows: Some(sealed.rows),
                    })
                }))
            }
            Claims::History(readers) => {
                let readers = readers.clone();
                Box::new(chosen.into_iter().filter_map(move |number| {
                    let stored = match readers.period(number) {
                        Ok(stored) => stored?,
                        Err(error) => return Some(Err(error.into())),
                    };
                    Some(Ok(Claim {
                        period: number,
                        digest: stored.seal?.digest,
                        lock: stored.row.lock,
                        rows: None,
                    }))
                }))
            }
        })
    }

    async fn compare(&self, claim: Claim) -> Result<Finding, PackError> {
        let period = claim.period;
        let found = self.read(period).await?;
        let first = found.row.first_height();
        let rows = match (claim.rows, &self.claims) {
            (Some(rows), _) => rows,
            (None, Claims::History(readers)) => {
                let hashes: Vec<_> = found.rows.iter().map(|row| row.hash).collect();
                readers.rows(first, &hashes)?
            }
            (None, Claims::Pack(_)) => Vec::new(),
        };
        let again = digest(self.identity.genesis, found.row.model, first, &found.rows);
        let difference = Difference::of_rows(&rows, &found.rows)
            .or_else(|| Difference::of_digests(period, &claim.digest, &again))
            .or_else(|| Difference::of_locks(period, &claim.lock, &found.row.lock));
        Ok(Finding { period, difference })
    }

    /// Reads a period, and gives up a node that has been silent for [`PATIENCE`].
    async fn read(&self, period: u32) -> Result<ReadPeriod, PackError> {
        let read = Arc::new(AtomicU32::new(0));
        let mut reading = std::pin::pin!(self.reread.read(period, &read));
        let mut before = u32::MAX;
        loop {
            match tokio::time::timeout(PATIENCE, reading.as_mut()).await {
                Ok(found) => return Ok(found?),
                Err(_) => {
                    let now = read.load(Ordering::Relaxed);
                    if let Some(trouble) = self.reread.trouble().filter(|_| now == before) {
                        return Err(NodeError::Changed(trouble.to_owned()).into());
                    }
                    before = now;
                }
            }
        }
    }
}

/// The periods that are read again: all, or some that the system's randomness chooses.
fn choose(readable: &[u32], wanted: Periods) -> BTreeSet<u32> {
    match wanted {
        Periods::Some(count) if count < readable.len() => {
            let chosen = index::sample(&mut rand::rng(), readable.len(), count);
            chosen.into_iter().map(|at| readable[at]).collect()
        }
        _ => readable.iter().copied().collect(),
    }
}

impl Verdict {
    /// Whether all that was wanted could be read again, and something was.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.read > 0
    }

    /// The chance in percent that one forged period among all would have been found.
    pub fn chance_percent(&self) -> f64 {
        match self.claimed {
            0 => 0.0,
            claimed => 100.0 * self.read as f64 / claimed as f64,
        }
    }
}

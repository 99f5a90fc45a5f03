//! Takes a pack into a history.
//!
//! The pack is read twice: once to judge it, and once to write it, in one transaction. A pack that is refused changes nothing, and
//! makes no file.

use std::{fs::File, io::BufReader, path::Path, time::Duration};

use bitcoin::Network;
use tokio::time::timeout;

use super::{
    error::PackError,
    format::{Head, PackReader},
    times,
};
use crate::{
    node::{Node, NodeError},
    store::{BlockRow, Identity, Imported, SealedPeriod, Store, Trust, Writer},
    text::hex,
};

/// Time in which a node must answer the first two questions. An import goes on without a node that does not.
const PATIENCE: Duration = Duration::from_secs(10);

/// A pack that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whose history it is.
    pub head: Head,
    /// Number of its periods.
    pub periods: u32,
    /// The hash over all its periods.
    pub hash: [u8; 32],
    /// How far its rows are trusted.
    pub trust: Trust,
    /// What became of its periods.
    pub imported: Imported,
    /// What the node said of its blocks' hashes.
    pub headers: Headers,
}

/// The comparison of a pack's block hashes with a node's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Headers {
    /// All hashes are the node's.
    Same,
    /// The node's best block is below the pack's last one; the hashes up to this height are the node's.
    UpTo(u32),
    /// The node's best block, of this height, is below the pack's first one, so that none could be compared.
    Above(u32),
    /// They were not compared, for this reason.
    Unknown(String),
    /// The hashes up to this height are the node's; then it gave no more, for this reason.
    Until(u32, String),
}

/// Takes the pack in `file` into the history of its chain in `folder`. Its rows are trusted if the hash over all periods is
/// `expected`. Without an expected hash they are marked as unverified. `node` is asked for the hashes of the blocks, unless it
/// gives a reason why it cannot be asked. `now` is the time of the system's clock, Unix seconds.
///
/// # Errors
/// When the pack is of no use, is of another chain or model, contradicts the history or the node, or another process writes the
/// history. The history is then as it was.
pub async fn import<N: Node>(
    file: &Path,
    folder: &Path,
    expected: Option<[u8; 32]>,
    node: Result<N, String>,
    model: u32,
    now: u64,
) -> Result<Taken, PackError> {
    let mut pack = PackReader::open(file)?;
    let head = pack.head().clone();
    check_head(&head, folder, model)?;
    let headers = compare(&mut pack, &head, node, now).await?;
    let found = pack.over_all().hash();
    if let Some(expected) = expected
        && found != expected
    {
        return Err(PackError::OtherHash {
            expected: hex(&expected),
            found: hex(&found),
        });
    }
    let trust = match expected {
        Some(_) => Trust::Vouched,
        None => Trust::Unverified,
    };
    let identity = &head.identity;
    let path = folder.join(Store::file_name(&identity.chain, identity.simulated));
    let again = Again {
        pack: PackReader::open(file)?,
        expected: found,
    };
    let (writer, readers) = Store::open(&path, identity)?;
    drop(readers);
    let imported = put(writer, again, trust)?;
    Ok(Taken {
        periods: pack.over_all().periods(),
        hash: found,
        head,
        trust,
        imported,
        headers,
    })
}

/// Writes the periods. If that fails, a history that the writer made is removed again.
///
/// # Errors
/// As [`Writer::import`].
pub(super) fn put(
    mut writer: Writer,
    periods: impl Iterator<Item = Result<SealedPeriod, PackError>>,
    trust: Trust,
) -> Result<Imported, PackError> {
    let imported = writer.import(periods, trust);
    if imported.is_err() {
        writer.give_up();
    }
    imported
}

/// Checks that a pack is of a chain that the folder may have a history of, and of this program's model.
fn check_head(head: &Head, folder: &Path, model: u32) -> Result<(), PackError> {
    let Head { identity, .. } = head;
    if head.model != model {
        return Err(PackError::OtherModel {
            has: head.model,
            wanted: model,
        });
    }
    let other = |wanted: &Identity, by: String| PackError::OtherChain {
        has: identity.to_string(),
        wanted: wanted.to_string(),
        by,
    };
    let network = Network::from_core_arg(&identity.chain).ok();
    if let Some(network) = network.filter(|_| !identity.simulated) {
        let genesis = bitcoin::constants::genesis_block(network).block_hash();
        if genesis != identity.genesis {
            let wanted = Identity {
                genesis,
                ..identity.clone()
            };
            return Err(other(&wanted, "Bitcoin".to_owned()));
        }
    }
    let files = Store::files(folder, identity.simulated)?;
    let own = folder.join(Store::file_name(&identity.chain, identity.simulated));
    // A file of another chain beside it would keep the historian from opening either before the node has answered.
    match files.iter().find(|file| **file == own).or(files.first()) {
        None => Ok(()),
        Some(file) => match Store::identity(file)? {
            has if has == *identity => Ok(()),
            has => Err(other(&has, format!("the history {}", file.display()))),
        },
    }
}

/// Reads the whole pack, checks the times of its blocks, and compares their hashes with the node's.
async fn compare<N: Node>(
    pack: &mut PackReader<BufReader<File>>,
    head: &Head,
    node: Result<N, String>,
    now: u64,
) -> Result<Headers, PackError> {
    let (mut asked, mut headers) = match node {
        Ok(node) => reachable(node, head).await?,
        Err(reason) => (None, Headers::Unknown(reason)),
    };
    let mut compared = None;
    for sealed in pack.by_ref() {
        let sealed = sealed?;
        times::check(&head.identity, &sealed, now)?;
        if let Some((node, tip)) = &asked {
            match compare_period(node, *tip, &sealed.rows).await? {
                Headers::Same => compared = sealed.rows.last().map(|row| row.height),
                less => {
                    headers = match (less, compared) {
                        (Headers::Above(tip), Some(_)) => Headers::UpTo(tip),
                        (Headers::Unknown(why), Some(height)) => Headers::Until(height, why),
                        (less, _) => less,
                    };
                    asked = None;
                }
            }
        }
    }
    Ok(headers)
}

/// The node with the height of its best block, if it answers. It must be of the pack's chain.
async fn reachable<N: Node>(
    node: N,
    head: &Head,
) -> Result<(Option<(N, u32)>, Headers), PackError> {
    let questions = async { Ok::<_, NodeError>((node.moment().await?, node.genesis().await?)) };
    let unknown = |why: String| Ok((None, Headers::Unknown(why)));
    let (moment, genesis) = match timeout(PATIENCE, questions).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => return unknown(error.to_string()),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            return unknown(format!("it did not answer within {seconds} s"));
        }
    };
    let wanted = Identity {
        chain: moment.chain,
        genesis,
        simulated: head.identity.simulated,
    };
    match wanted == head.identity {
        true => Ok((Some((node, moment.height)), Headers::Same)),
        false => Err(PackError::OtherChain {
            has: head.identity.to_string(),
            wanted: wanted.to_string(),
            by: "the node".to_owned(),
        }),
    }
}

async fn compare_period<N: Node>(
    node: &N,
    tip: u32,
    rows: &[BlockRow],
) -> Result<Headers, PackError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(Headers::Same);
    };
    let end = last.height.min(tip).saturating_add(1);
    if first.height >= end {
        return Ok(Headers::Above(tip));
    }
    let headers = match node.headers(first.height..end).await {
        Ok(headers) => headers,
        Err(error) => return Ok(Headers::Unknown(error.to_string())),
    };
    let mut pairs = rows.iter().zip(&headers);
    if let Some((row, header)) = pairs.find(|(row, header)| row.hash != header.hash) {
        return Err(PackError::OtherBlock {
            height: row.height,
            what: "pack",
            has: row.hash,
            node: header.hash,
        });
    }
    times::compare(rows, &headers)?;
    match last.height <= tip {
        true => Ok(Headers::Same),
        false => Ok(Headers::UpTo(tip)),
    }
}

/// The periods of a pack that was judged. They must be the same as then, so that a file which changes meanwhile is refused.
struct Again {
    pack: PackReader<BufReader<File>>,
    expected: [u8; 32],
}

impl Iterator for Again {
    type Item = Result<SealedPeriod, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        let was_over = self.pack.is_over();
        let next = self.pack.next();
        let found = self.pack.over_all().hash();
        match next {
            None if !was_over && found != self.expected => Some(Err(PackError::OtherHash {
                expected: hex(&self.expected),
                found: hex(&found),
            })),
            next => next,
        }
    }
}

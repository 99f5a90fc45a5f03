//! Makes a pack of all final periods of a history.

use std::{
    io::{BufWriter, Write as _},
    path::Path,
};

use bitcoin::BlockHash;

use super::{
    error::PackError,
    format::{Head, PackWriter},
    target::{Target, folder_of},
};
use crate::{
    node::{Node, NodeError},
    store::{OverAll, PeriodState, Readers, SealedPeriod, StoredPeriod, Trust, digest},
};

/// A pack that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Whose history it is.
    pub head: Head,
    /// The oldest period's first block.
    pub first_height: u32,
    /// The newest period's last block.
    pub last_height: u32,
    /// Number of its periods.
    pub periods: u32,
    /// The hash over all periods.
    pub hash: [u8; 32],
    /// The hash over all but the newest, for comparison with a history that does not have the newest yet; `None` if there is one
    /// period only.
    pub hash_before: Option<[u8; 32]>,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// Final periods that are not in it.
    pub left_out: LeftOut,
}

/// Numbers of final periods that a pack leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// They come from a pack that was not vouched for.
    pub unverified: usize,
    /// They were read by another model than this program's.
    pub other_model: usize,
}

/// Writes all final periods of this model into a file, which takes the place of a pack of that name once it is whole.
///
/// The hashes of the blocks come from the node, which has them even if it is pruned. Each period must then have its digest.
///
/// # Errors
/// When the history has no final period, contradicts the node or its own digests, a file of that name is no pack, or a file cannot
/// be read or written.
pub async fn make<N: Node>(
    readers: &Readers,
    node: &N,
    model: u32,
    file: &Path,
) -> Result<Packed, PackError> {
    let target = Target::new(file, folder_of(readers.path()))?;
    let (chosen, left_out) = choose(readers.periods()?, model);
    let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
        return Err(PackError::NothingFinal(model));
    };
    let head = Head {
        identity: readers.identity().clone(),
        model,
    };
    let mut packed = Packed {
        head: head.clone(),
        first_height: first.row.first_height(),
        last_height: last.row.last_height(),
        periods: 0,
        hash: [0; 32],
        hash_before: None,
        bytes: 0,
        left_out,
    };
    let beside = target.beside()?;
    target.tidy(&beside)?;
    let out = BufWriter::new(beside);
    let mut writer = PackWriter::new(out, &head).map_err(PackError::file(file))?;
    let mut over_all = OverAll::default();
    for stored in &chosen {
        let sealed = sealed(readers, node, stored).await?;
        packed.hash_before = (over_all.periods() > 0).then(|| over_all.hash());
        over_all.add(&sealed.digest, &sealed.row.lock);
        writer.add(&sealed).map_err(PackError::file(file))?;
    }
    let mut out = writer.finish().map_err(PackError::file(file))?;
    out.flush().map_err(PackError::file(file))?;
    let beside = out.into_inner().map_err(|error| error.into_error());
    let beside = beside.map_err(PackError::file(file))?;
    beside.as_file().sync_all().map_err(PackError::file(file))?;
    let written = target.put(beside)?;
    packed.bytes = written.metadata().map_err(PackError::file(file))?.len();
    packed.periods = over_all.periods();
    packed.hash = over_all.hash();
    Ok(packed)
}

/// The periods that a pack has, and the numbers of those that it leaves out.
fn choose(stored: Vec<StoredPeriod>, model: u32) -> (Vec<StoredPeriod>, LeftOut) {
    let is_final = |stored: &StoredPeriod| stored.row.state == PeriodState::Final;
    let (of_model, others): (Vec<_>, Vec<_>) = stored
        .into_iter()
        .filter(is_final)
        .partition(|stored| stored.row.model == model);
    let (unverified, chosen): (Vec<_>, Vec<_>) = of_model
        .into_iter()
        .partition(|stored| stored.trust == Trust::Unverified);
    let left_out = LeftOut {
        unverified: unverified.len(),
        other_model: others.len(),
    };
    (chosen, left_out)
}

/// A final period of the history with the hashes of its blocks, which must give its digest.
async fn sealed<N: Node>(
    readers: &Readers,
    node: &N,
    stored: &StoredPeriod,
) -> Result<SealedPeriod, PackError> {
    let row = &stored.row;
    let (first, last) = (row.first_height(), row.last_height());
    let seal = stored.seal.ok_or(PackError::NotItsDigest(row.period))?;
    let headers = match node.hash_at(last).await? {
        Some(found) if found != seal.last_hash => {
            return Err(PackError::OtherBlock {
                height: last,
                what: "history",
                has: seal.last_hash,
                node: found,
            });
        }
        Some(_) => node.headers(first..last + 1).await?,
        None => {
            let what = format!("block {last} of the history is above its best block");
            return Err(NodeError::Changed(what).into());
        }
    };
    let hashes: Vec<BlockHash> = headers.iter().map(|header| header.hash).collect();
    let rows = readers.rows(first, &hashes)?;
    let genesis = readers.identity().genesis;
    match digest(genesis, row.model, first, &rows) == seal.digest {
        true => Ok(SealedPeriod {
            row: row.clone(),
            rows,
            digest: seal.digest,
        }),
        false => Err(PackError::NotItsDigest(row.period)),
    }
}

//! The periods that a history and a pack have in common, compared by their digests. No node is needed for that.

use std::{collections::BTreeMap, path::Path};

use super::{error::PackError, format::PackReader};
use crate::store::{Readers, StoredPeriod};

/// A comparison of a history with a pack, in periods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// Number of periods that both have, with the same rows.
    pub same: u32,
    /// Periods that both have, and whose rows differ.
    pub differing: Vec<u32>,
    /// Periods that only the pack has.
    pub only_pack: Vec<u32>,
    /// Periods that only the history has.
    pub only_history: Vec<u32>,
    /// The hash over all periods of the pack.
    pub hash: [u8; 32],
}

/// Compares the pack in `file` with the history's final periods of the same model, apart from those that are unverified.
///
/// # Errors
/// When the pack is of no use or of another chain, or a file cannot be read.
pub fn common(readers: &Readers, file: &Path) -> Result<Common, PackError> {
    let mut pack = PackReader::open(file)?;
    let head = pack.head().clone();
    if head.identity != *readers.identity() {
        return Err(PackError::OtherChain {
            has: head.identity.to_string(),
            wanted: readers.identity().to_string(),
            by: format!("the history {}", readers.path().display()),
        });
    }
    let stored = readers.periods()?;
    let is_of_model =
        |period: &&StoredPeriod| period.is_certain() && period.row.model == head.model;
    let mut own: BTreeMap<u32, [u8; 32]> = stored
        .iter()
        .filter(is_of_model)
        .filter_map(|stored| Some((stored.row.period, stored.seal?.digest)))
        .collect();
    let mut common = Common::default();
    for sealed in pack.by_ref() {
        let sealed = sealed?;
        let number = sealed.row.period;
        match own.remove(&number) {
            None => common.only_pack.push(number),
            Some(digest) if digest == sealed.digest => common.same += 1,
            Some(_) => common.differing.push(number),
        }
    }
    common.only_history = own.into_keys().collect();
    common.hash = pack.over_all().hash();
    Ok(common)
}

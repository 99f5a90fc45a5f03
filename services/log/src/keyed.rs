//! Hashes of txids for tables that each transaction goes through. A stranger can make txids that are alike, so each table has
//! a key of its own.
//!
//! Every other table of the workspace is one of the standard library, whose key the system draws. No crate may depend on a
//! hasher without a key: `tests/architecture.rs`.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

use crate::event::Txid;

/// The key of one table.
#[derive(Clone, Debug, Default)]
pub struct TxidKey(DefaultHashBuilder);

impl TxidKey {
    /// The hash of a txid by this key; half of a txid is enough.
    #[inline]
    pub fn hash(&self, txid: &Txid) -> u64 {
        let (half, _) = txid.as_chunks::<16>();
        self.0.hash_one(u128::from_le_bytes(half[0]))
    }
}

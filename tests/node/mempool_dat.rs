//! A mempool.dat with entry times of our choice. Source: Bitcoin Core, `src/node/mempool_persist.cpp`, version 1.

use std::path::Path;

use bitcoin::{Transaction, consensus::serialize};

/// The version without an obfuscation key; Core 30 reads it too.
const VERSION: u64 = 1;

/// Writes these transactions with their entry times, Unix seconds.
pub fn write(path: &Path, entries: &[(Transaction, u64)]) {
    let mut bytes = VERSION.to_le_bytes().to_vec();
    bytes.extend((entries.len() as u64).to_le_bytes());
    for (transaction, time) in entries {
        bytes.extend(serialize(transaction));
        bytes.extend(time.to_le_bytes());
        // No change of its fee.
        bytes.extend(0u64.to_le_bytes());
    }
    // No changed fees of absent transactions, and none that await their first relay: two empty lists.
    bytes.extend([0, 0]);
    std::fs::write(path, bytes).unwrap();
}

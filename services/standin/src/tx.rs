//! A transaction as the stand-in keeps it: its bytes, and the figures that the mempool and the RPC need.

use std::sync::Arc;

use bitcoin::consensus::encode::{self, deserialize, serialize};
use bitcoin::hashes::{Hash as _, HashEngine as _, sha256d};
use bitcoin::{OutPoint, Transaction, Txid, Wtxid};

/// A serialized transaction, with the figures that are often asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Tx {
    pub txid: Txid,
    pub wtxid: Wtxid,
    pub raw: Vec<u8>,
    pub weight: u64,
    /// The outputs that it spends.
    pub spends: Box<[OutPoint]>,
    /// How many outputs it has.
    pub outputs: u32,
    /// The fee in satoshi; `None` for replayed transactions, whose bytes do not have their inputs'
    /// values.
    pub fee_sats: Option<u64>,
    /// Whether it signals that it may be replaced (BIP 125).
    pub replaceable: bool,
}

impl Tx {
    pub fn new(transaction: &Transaction, fee_sats: Option<u64>) -> Arc<Tx> {
        Tx::with_bytes(transaction, serialize(transaction), fee_sats)
    }

    pub fn decode(raw: Vec<u8>) -> Result<Arc<Tx>, encode::Error> {
        let transaction: Transaction = deserialize(&raw)?;
        Ok(Tx::with_bytes(&transaction, raw, None))
    }

    fn with_bytes(transaction: &Transaction, raw: Vec<u8>, fee_sats: Option<u64>) -> Arc<Tx> {
        let inputs = transaction.input.iter();
        let base = transaction.base_size();
        let (txid, wtxid) = ids(&raw, base);
        Arc::new(Tx {
            txid,
            wtxid,
            weight: (3 * base + raw.len()) as u64,
            spends: inputs.map(|input| input.previous_output).collect(),
            outputs: u32::try_from(transaction.output.len()).unwrap_or(u32::MAX),
            replaceable: transaction.is_explicitly_rbf(),
            raw,
            fee_sats,
        })
    }

    /// Virtual size in bytes.
    pub fn vsize(&self) -> u64 {
        self.weight.div_ceil(4)
    }

    /// The fee in satoshi; if it is unknown, 1 sat/vB, the least that Core relays.
    pub fn fee_or_least(&self) -> u64 {
        self.fee_sats.unwrap_or_else(|| self.vsize())
    }

    /// Satoshi for each virtual byte.
    pub fn fee_rate(&self) -> f64 {
        self.fee_or_least() as f64 / self.vsize() as f64
    }
}

/// Txid and wtxid of a serialized transaction that has `base` bytes without witnesses (BIP 144).
fn ids(raw: &[u8], base: usize) -> (Txid, Wtxid) {
    let whole = sha256d::Hash::hash(raw);
    if raw.len() == base {
        return (Txid::from_raw_hash(whole), Wtxid::from_raw_hash(whole));
    }
    // Version, marker and flag, inputs and outputs, witnesses, lock time.
    let mut stripped = sha256d::Hash::engine();
    stripped.input(&raw[..4]);
    stripped.input(&raw[6..base - 2]);
    stripped.input(&raw[raw.len() - 4..]);
    let stripped = sha256d::Hash::from_engine(stripped);
    (Txid::from_raw_hash(stripped), Wtxid::from_raw_hash(whole))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::hex::FromHex;

    use super::*;

    #[test]
    fn ids_and_weight_are_the_librarys_own() {
        // BIP 143's P2WPKH example, signed, and the coinbase of the first block.
        for hex in [
            "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000",
            "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0104ffffffff0100f2052a0100000043410496b538e853519c726a2c91e61ec11600ae1390813a627c66fb8be7947be63c52da7589379515d4e0a604f8141781e62294721166bf621e73a82cbf2342c858eeac00000000",
        ] {
            let transaction: Transaction = deserialize(&Vec::from_hex(hex).unwrap()).unwrap();
            let tx = Tx::new(&transaction, None);
            assert_eq!(tx.txid, transaction.compute_txid());
            assert_eq!(tx.wtxid, transaction.compute_wtxid());
            assert_eq!(tx.weight, transaction.weight().to_wu());
        }
    }
}

//! A transaction as the stand-in keeps it: its bytes, and what the mempool and the RPC need to know of it.

use std::sync::Arc;

use bitcoin::consensus::encode::{self, deserialize, serialize};
use bitcoin::{OutPoint, Transaction, Txid, Wtxid};

/// A serialized transaction with what is asked of it often.
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
    /// In satoshi; unknown for replayed transactions, whose inputs' values are not in their bytes.
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
        Arc::new(Tx {
            txid: transaction.compute_txid(),
            wtxid: transaction.compute_wtxid(),
            weight: transaction.weight().to_wu(),
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

    /// The fee in satoshi; where it is unknown, the least that Core relays: 1 sat/vB.
    pub fn fee_or_least(&self) -> u64 {
        self.fee_sats.unwrap_or_else(|| self.vsize())
    }

    /// Satoshi for each virtual byte.
    pub fn fee_rate(&self) -> f64 {
        self.fee_or_least() as f64 / self.vsize() as f64
    }
}

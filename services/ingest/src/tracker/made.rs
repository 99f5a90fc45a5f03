//! Transactions that tests make up.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, absolute::LockTime,
    script::Builder, transaction::Version,
};

/// Spends an output, and pays two.
pub fn spending(spent: OutPoint, values_sats: [u64; 2]) -> Transaction {
    let output = |value_sats| TxOut {
        value: Amount::from_sat(value_sats),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: spent,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        }],
        output: values_sats.map(output).to_vec(),
    }
}

/// The script of a coinbase of that height. Source: BIP 34.
pub fn height_script(height: i64) -> ScriptBuf {
    Builder::new().push_int(height).into_script()
}

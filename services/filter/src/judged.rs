//! A view of a transaction for the filter, which hides how the transaction was read.

use bitcoin::{Script, Transaction, hashes::Hash as _};

/// An output of another transaction. The txid is borrowed from where it stands, because most callers look at a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent<'a> {
    /// The other transaction's id, in the order in which a hash is computed.
    pub txid: &'a [u8; 32],
    /// The number of the output.
    pub vout: u32,
}

/// The parts of a transaction that the filter looks at.
pub trait Judged {
    /// Whether it creates new coins.
    fn is_coinbase(&self) -> bool;
    /// The number of its inputs.
    fn input_count(&self) -> usize;
    /// The number of its outputs.
    fn output_count(&self) -> usize;
    /// The outputs that it spends.
    fn spends(&self) -> impl Iterator<Item = Spent<'_>>;
    /// Its outputs: the value in satoshi, and the script.
    fn pays(&self) -> impl Iterator<Item = (u64, &Script)>;
    /// Whether one of its outputs is an OP_RETURN: it carries data.
    fn carries_data(&self) -> bool {
        self.pays().any(|(_, script)| script.is_op_return())
    }
    /// The size of the largest witness of an input, in bytes; 0 if there is none.
    fn largest_witness(&self) -> usize;
}

impl Judged for Transaction {
    fn is_coinbase(&self) -> bool {
        Transaction::is_coinbase(self)
    }

    fn input_count(&self) -> usize {
        self.input.len()
    }

    fn output_count(&self) -> usize {
        self.output.len()
    }

    fn spends(&self) -> impl Iterator<Item = Spent<'_>> {
        self.input.iter().map(|input| Spent {
            txid: input.previous_output.txid.as_byte_array(),
            vout: input.previous_output.vout,
        })
    }

    fn pays(&self) -> impl Iterator<Item = (u64, &Script)> {
        let outputs = self.output.iter();
        outputs.map(|output| (output.value.to_sat(), output.script_pubkey.as_script()))
    }

    fn largest_witness(&self) -> usize {
        let with_witness = self.input.iter().filter(|input| !input.witness.is_empty());
        let sizes = with_witness.map(|input| input.witness.size());
        sizes.max().unwrap_or(0)
    }
}

//! Tells which transactions are payments that could be a round dollar sum, and why the others are not.
//!
//! A payer of $50 sends one output worth $50 and takes the rest back as change; an exchange pays a hundred customers at once.
//! [`Filter`] keeps transactions that look like either and names the reason for every other one.
//!
//! The default set is wide. Narrower rules (at most 5 inputs, exactly 2 outputs, no input from a recent transaction) leave
//! cleaner payments. Yet fewer blocks are read right with them, because half of the round sums are lost too: `docs/ACCURACY.md`
//! has the figures.

mod judged;
mod raw;

use std::ops::RangeInclusive;

use bitcoin::{Txid, hashes::Hash as _};

pub use judged::{Judged, Spent};
pub use raw::{RawError, RawTransaction, each_transaction, read_block};
pub use satscope_log::Values;

/// Satoshi in one bitcoin.
const SATS_PER_BTC: u64 = 100_000_000;

/// The rules that tell payments from the rest of the traffic; [`Filter::default`] is the set in use, the one that
/// measured best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Most inputs that a payment has; a transaction with more consolidates coins.
    pub max_inputs: usize,
    /// How many outputs a payment has: one, with change two, and a payout up to some hundreds. Still more is spam.
    pub outputs: RangeInclusive<usize>,
    /// Largest serialised witness of one input, in bytes; more carries data (inscriptions).
    pub max_witness_bytes: usize,
    /// Whether a transaction that spends one seen in the last three hours is left out, because it moves money on and is no
    /// payment.
    pub reject_recent_inputs: bool,
    /// Output values that count, in satoshi.
    pub value_sats: RangeInclusive<u64>,
    /// Values with this many significant decimal digits or fewer are round sums of bitcoin, not of dollars.
    pub max_round_digits: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            max_inputs: usize::MAX,
            outputs: 1..=250,
            max_witness_bytes: 500,
            reject_recent_inputs: false,
            value_sats: SATS_PER_BTC / 100_000..=SATS_PER_BTC * 100_000,
            max_round_digits: 3,
        }
    }
}

/// Why a transaction is not a payment that could be a round dollar sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    /// It creates new coins.
    Coinbase,
    /// It has more inputs than [`Filter::max_inputs`].
    Inputs,
    /// Its number of outputs is outside [`Filter::outputs`].
    Outputs,
    /// One of its outputs is an OP_RETURN: it carries data.
    OpReturn,
    /// The witness of an input is larger than [`Filter::max_witness_bytes`].
    Witness,
    /// It spends a transaction seen in the last three hours.
    RecentInput,
    /// None of its output values counts.
    Amount,
}

impl Rejection {
    /// Every reason, in the order in which the rules are tried.
    pub const ALL: [Self; 7] = [
        Self::Coinbase,
        Self::Inputs,
        Self::Outputs,
        Self::OpReturn,
        Self::Witness,
        Self::RecentInput,
        Self::Amount,
    ];

    /// The reason as a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Inputs => "inputs",
            Self::Outputs => "outputs",
            Self::OpReturn => "op_return",
            Self::Witness => "witness",
            Self::RecentInput => "recent_input",
            Self::Amount => "amount",
        }
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Filter {
    /// The output values, in satoshi, that could be round dollar sums.
    ///
    /// `recently_seen` tells whether a transaction was first seen in the last three hours, whether it passed the filter
    /// or not. The values come in the transaction's order and are never empty.
    ///
    /// # Errors
    /// The first rule that the transaction breaks, in the order of [`Rejection::ALL`].
    pub fn judge(
        &self,
        transaction: &impl Judged,
        recently_seen: impl Fn(&Txid) -> bool,
    ) -> Result<Values, Rejection> {
        let mut values = Values::new();
        self.judge_into(transaction, recently_seen, |value_sats| {
            values.push(value_sats);
        })?;
        Ok(values)
    }

    /// As [`Self::judge`], but gives the values to `take` one by one, so that nothing is allocated.
    ///
    /// # Errors
    /// As [`Self::judge`]; `take` is not called then.
    #[inline]
    pub fn judge_into(
        &self,
        transaction: &impl Judged,
        recently_seen: impl Fn(&Txid) -> bool,
        mut take: impl FnMut(u64),
    ) -> Result<(), Rejection> {
        self.check_shape(transaction)?;
        let is_recent = |spent: Spent<'_>| recently_seen(&Txid::from_byte_array(*spent.txid));
        if self.reject_recent_inputs && transaction.spends().any(is_recent) {
            return Err(Rejection::RecentInput);
        }
        let mut is_any = false;
        for (value_sats, _) in transaction.pays() {
            if self.counts(value_sats) {
                is_any = true;
                take(value_sats);
            }
        }
        match is_any {
            true => Ok(()),
            false => Err(Rejection::Amount),
        }
    }

    /// Whether an output of this value, in satoshi, could be a round dollar sum.
    #[must_use]
    #[inline]
    pub fn counts(&self, value_sats: u64) -> bool {
        let least = 10u64.checked_pow(self.max_round_digits);
        self.value_sats.contains(&value_sats)
            && least.is_some_and(|least| without_trailing_zeros(value_sats) >= least)
    }

    fn check_shape(&self, transaction: &impl Judged) -> Result<(), Rejection> {
        if transaction.is_coinbase() {
            return Err(Rejection::Coinbase);
        }
        if transaction.input_count() > self.max_inputs {
            return Err(Rejection::Inputs);
        }
        if !self.outputs.contains(&transaction.output_count()) {
            return Err(Rejection::Outputs);
        }
        if transaction.carries_data() {
            return Err(Rejection::OpReturn);
        }
        if transaction.largest_witness() > self.max_witness_bytes {
            return Err(Rejection::Witness);
        }
        Ok(())
    }
}

/// A value's significant digits: 15 for 1,500,000.
fn without_trailing_zeros(mut value: u64) -> u64 {
    while value != 0 && value.is_multiple_of(10) {
        value /= 10;
    }
    value
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

    use super::*;

    /// A payment of 51,234 satoshi with its change, that spends transaction number 7.
    fn payment() -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![input(7)],
            output: vec![output(51_234), output(9_876_543)],
        }
    }

    fn txid(number: u8) -> Txid {
        Txid::from_byte_array([number; 32])
    }

    fn input(spent: u8) -> TxIn {
        TxIn {
            previous_output: OutPoint::new(txid(spent), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[1u8; 72]]),
        }
    }

    fn output(value_sats: u64) -> TxOut {
        TxOut {
            value: Amount::from_sat(value_sats),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }
    }

    fn judge(transaction: &Transaction) -> Result<Values, Rejection> {
        Filter::default().judge(transaction, |_| false)
    }

    #[test]
    fn a_payment_passes_with_both_values() {
        assert_eq!(
            judge(&payment()),
            Ok(Values::from_slice(&[51_234, 9_876_543]))
        );
    }

    #[test]
    fn a_coinbase_is_left_out() {
        let mut transaction = payment();
        transaction.input[0].previous_output = OutPoint::null();
        assert_eq!(judge(&transaction), Err(Rejection::Coinbase));
    }

    #[test]
    fn inputs_are_counted() {
        let filter = Filter {
            max_inputs: 5,
            ..Filter::default()
        };
        let mut transaction = payment();
        transaction.input = (0..5).map(input).collect();
        assert!(filter.judge(&transaction, |_| false).is_ok());
        transaction.input.push(input(9));
        assert_eq!(
            filter.judge(&transaction, |_| false),
            Err(Rejection::Inputs)
        );
        assert!(judge(&transaction).is_ok());
    }

    #[test]
    fn outputs_are_counted() {
        let mut transaction = payment();
        transaction.output = (0..250).map(|number| output(1_234_501 + number)).collect();
        assert_eq!(judge(&transaction).map(|values| values.len()), Ok(250));
        transaction.output.push(output(51_234));
        assert_eq!(judge(&transaction), Err(Rejection::Outputs));
        transaction.output.clear();
        assert_eq!(judge(&transaction), Err(Rejection::Outputs));
    }

    #[test]
    fn data_is_left_out() {
        let mut transaction = payment();
        transaction.output[1].script_pubkey = ScriptBuf::new_op_return([]);
        assert_eq!(judge(&transaction), Err(Rejection::OpReturn));
        let mut transaction = payment();
        transaction.input[0].witness = Witness::from_slice(&[[0u8; 501]]);
        assert_eq!(judge(&transaction), Err(Rejection::Witness));
    }

    #[test]
    fn the_caller_says_what_is_recent() {
        let filter = Filter {
            reject_recent_inputs: true,
            ..Filter::default()
        };
        assert_eq!(
            filter.judge(&payment(), |id| *id == txid(7)),
            Err(Rejection::RecentInput)
        );
        assert!(filter.judge(&payment(), |id| *id == txid(8)).is_ok());
        assert!(
            Filter::default()
                .judge(&payment(), |id| *id == txid(7))
                .is_ok()
        );
    }

    #[test]
    fn a_value_that_does_not_count_is_left_out_alone() {
        for value_sats in [0, 1, 999, 1_000, 51_200, 100_000_000, 2_100_000_000_000_000] {
            let mut transaction = payment();
            transaction.output[1] = output(value_sats);
            assert_eq!(
                judge(&transaction),
                Ok(Values::from_slice(&[51_234])),
                "{value_sats}"
            );
        }
    }

    #[test]
    fn without_a_value_that_counts_nothing_is_left() {
        let mut transaction = payment();
        transaction.output = vec![output(100_000), output(546)];
        assert_eq!(judge(&transaction), Err(Rejection::Amount));
    }

    #[test]
    fn trailing_zeros_are_not_significant() {
        for (value, digits) in [
            (0, 0),
            (1, 1),
            (10, 1),
            (1_500_000, 15),
            (100_000_001, 100_000_001),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(without_trailing_zeros(value), digits, "{value}");
        }
    }

    #[test]
    fn a_value_counts_from_one_significant_digit_more_than_is_round() {
        let filter = Filter::default();
        for (value, counts) in [
            (1000, false),
            (1001, true),
            (999_000, false),
            (100_100, true),
            (12_340_000, true),
        ] {
            assert_eq!(filter.counts(value), counts, "{value}");
        }
        let none = Filter {
            max_round_digits: 20,
            ..filter
        };
        assert!(!none.counts(1_234_567));
    }

    #[test]
    fn labels_are_distinct() {
        let labels: std::collections::BTreeSet<_> = Rejection::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        assert_eq!(labels.len(), Rejection::ALL.len());
    }
}

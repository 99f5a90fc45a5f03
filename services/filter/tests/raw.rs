//! What is read in place is what the `bitcoin` crate reads, and what that refuses is refused.
#![allow(clippy::unwrap_used)]

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime,
    consensus::{deserialize, serialize},
    hashes::Hash as _,
    transaction::Version,
};
use proptest::{collection::vec, prelude::*};
use satscope_filter::{Filter, Judged, RawError, RawTransaction, read_block};

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn input() -> impl Strategy<Value = TxIn> {
    let spent = prop_oneof![
        1 => Just(OutPoint::null()),
        4 => (any::<[u8; 32]>(), any::<u32>())
            .prop_map(|(txid, vout)| OutPoint::new(Txid::from_byte_array(txid), vout)),
    ];
    let witness = vec(bytes(300), 0..4);
    (spent, bytes(300), any::<u32>(), witness).prop_map(|(spent, script, sequence, witness)| TxIn {
        previous_output: spent,
        script_sig: ScriptBuf::from_bytes(script),
        sequence: Sequence(sequence),
        witness: Witness::from_slice(&witness),
    })
}

fn output() -> impl Strategy<Value = TxOut> {
    let script =
        prop_oneof![1 => bytes(8).prop_map(|data| [vec![0x6a], data].concat()), 4 => bytes(300)];
    (any::<u64>(), script).prop_map(|(value, script)| TxOut {
        value: Amount::from_sat(value),
        script_pubkey: ScriptBuf::from_bytes(script),
    })
}

fn transaction(inputs: usize) -> impl Strategy<Value = Transaction> {
    let parts = (
        any::<i32>(),
        vec(input(), inputs..5),
        vec(output(), 0..300),
        any::<u32>(),
    );
    parts.prop_map(|(version, input, output, lock_time)| Transaction {
        version: Version(version),
        lock_time: LockTime::from_consensus(lock_time),
        input,
        output,
    })
}

/// Both read the same, or both refuse.
fn assert_same(body: &[u8]) {
    let (raw, whole) = (RawTransaction::read(body), deserialize::<Transaction>(body));
    let (raw, whole) = match (raw, whole) {
        (Ok(raw), Ok(whole)) => (raw, whole),
        (raw, whole) => return assert_eq!(raw.is_err(), whole.is_err(), "{raw:?} {whole:?}"),
    };
    assert_eq!(raw.txid(), whole.compute_txid());
    assert_eq!(raw.is_coinbase(), whole.is_coinbase());
    assert_eq!(Judged::input_count(&raw), Judged::input_count(&whole));
    assert_eq!(Judged::output_count(&raw), Judged::output_count(&whole));
    assert!(raw.spends().eq(whole.spends()));
    assert!(raw.pays().eq(whole.pays()));
    assert!(
        raw.inputs()
            .map(|(_, script)| script)
            .eq(whole.input.iter().map(|input| input.script_sig.as_script()))
    );
    assert_eq!(
        Judged::largest_witness(&raw),
        Judged::largest_witness(&whole)
    );
    let filter = Filter::default();
    assert_eq!(
        filter.judge(&raw, |_| false),
        filter.judge(&whole, |_| false)
    );
}

proptest! {
    #[test]
    fn any_transaction_is_the_same(transaction in transaction(0)) {
        assert_same(&serialize(&transaction));
    }

    #[test]
    fn a_changed_cut_or_longer_one_is_the_same_or_refused_by_both(
        transaction in transaction(0),
        at: prop::sample::Index,
        byte: u8,
        more in bytes(3),
    ) {
        let body = serialize(&transaction);
        let at = at.index(body.len());
        let mut changed = body.clone();
        changed[at] = byte;
        assert_same(&changed);
        assert_same(&body[..at]);
        assert_same(&[&body[..], &more].concat());
    }

    #[test]
    fn one_after_the_other_are_read_as_a_block_has_them(transactions in vec(transaction(1), 1..4)) {
        let mut block = vec![0; 80];
        block.push(transactions.len() as u8);
        block.extend(transactions.iter().flat_map(serialize));
        let read = read_block(&block).unwrap();
        let txids = read.iter().map(RawTransaction::txid);
        prop_assert!(txids.eq(transactions.iter().map(Transaction::compute_txid)));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |body: &[u8]| RawTransaction::read(body).unwrap_err();
    let body = [&[2, 0, 0, 0, 0, 1][..], &[0, 0], &[0, 0, 0, 0]].concat();
    assert!(
        RawTransaction::read(&body).is_ok(),
        "without inputs, with a witness flag"
    );
    assert_eq!(refused(&body[..body.len() - 1]), RawError::Short);
    assert_eq!(refused(&[&body[..], &[7]].concat()), RawError::Long(1));
    assert_eq!(refused(&[2, 0, 0, 0, 0, 2]), RawError::Flag(2));
    assert_eq!(refused(&[2, 0, 0, 0, 0xfd, 0xfc, 0]), RawError::Number);
    let input = [&[7; 36][..], &[0], &[0; 4]].concat();
    let empty = [&[2, 0, 0, 0, 0, 1, 1][..], &input, &[0, 0], &[0; 4]].concat();
    assert_eq!(refused(&empty), RawError::NoWitness);
}

//! Bitcoin Core's own vectors of transactions that consensus accepts and refuses: each is read or refused, none panics.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use bitcoin::{
    Block, Transaction,
    consensus::{deserialize, serialize},
    hex::FromHex as _,
};
use satscope_filter::{Filter, Judged as _, RawTransaction, read_block};
use serde_json::Value;
use support::data::{data, fixture};

/// The raw transactions of a file: the second field of each vector; lines of one field are comments.
fn vectors(name: &str) -> Option<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(data(name)?).unwrap();
    let lines: Vec<Vec<Value>> = serde_json::from_str(&text).unwrap();
    let raw = lines.iter().filter(|line| line.len() > 1).map(|line| {
        let hex = line[1].as_str().expect("a transaction in hex");
        Vec::from_hex(hex).unwrap()
    });
    Some(raw.collect())
}

/// How many were read, and how many refused; what is read is judged and has the same bytes again.
fn read(name: &str) -> Option<(usize, usize)> {
    let (mut parsed, mut refused) = (0, 0);
    for raw in vectors(name)? {
        match deserialize::<Transaction>(&raw) {
            Ok(transaction) => {
                assert_eq!(
                    serialize(&transaction),
                    raw,
                    "{}",
                    transaction.compute_txid()
                );
                let in_place = RawTransaction::read(&raw).unwrap();
                assert_eq!(in_place.txid(), transaction.compute_txid());
                let filter = Filter::default();
                assert_eq!(
                    filter.judge(&in_place, |_| false),
                    filter.judge(&transaction, |_| false)
                );
                parsed += 1;
            }
            Err(error) => {
                println!("{name}: refused: {error}");
                assert!(RawTransaction::read(&raw).is_err());
                refused += 1;
            }
        }
    }
    println!("{name}: {parsed} parsed, {refused} refused");
    Some((parsed, refused))
}

/// Every block of the public data, read in place and by the `bitcoin` crate.
#[test]
fn real_blocks_are_read_alike_in_both_ways() {
    let Some(folder) = data("blocks") else {
        return;
    };
    let mut blocks = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "blk") {
            continue;
        }
        let raw = std::fs::read(&path).unwrap();
        let (whole, in_place) = (
            deserialize::<Block>(&raw).unwrap(),
            read_block(&raw).unwrap(),
        );
        assert_eq!(in_place.len(), whole.txdata.len(), "{}", path.display());
        let filter = Filter::default();
        for (in_place, whole) in in_place.iter().zip(&whole.txdata) {
            let txid = whole.compute_txid();
            assert_eq!(in_place.txid(), txid);
            assert!(in_place.spends().eq(whole.spends()), "{txid}");
            assert!(in_place.pays().eq(whole.pays()), "{txid}");
            assert_eq!(
                filter.judge(in_place, |_| false),
                filter.judge(whole, |_| false),
                "{txid}"
            );
        }
        blocks += 1;
    }
    assert!(blocks > 50, "{blocks} blocks");
}

#[test]
fn every_transaction_that_consensus_accepts_is_read() {
    if let Some((parsed, refused)) = read("tx/tx_valid.json") {
        assert!(parsed > 100, "{parsed} parsed");
        assert_eq!(refused, 0);
    }
}

#[test]
fn every_transaction_that_consensus_refuses_is_read_or_refused() {
    if let Some((parsed, refused)) = read("tx/tx_invalid.json") {
        assert!(parsed + refused > 80, "{parsed} parsed, {refused} refused");
    }
}

/// What becomes of each kind of transaction, and that both readers agree on it.
#[test]
fn a_transaction_of_each_kind_is_kept_or_left_out_as_its_kind_says() {
    let text = std::fs::read_to_string(fixture("transactions.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(rows.len() > 15, "{} kinds", rows.len());
    for row in rows {
        let told = |field: &str| row[field].as_str().unwrap();
        let raw = Vec::from_hex(told("raw")).unwrap();
        let whole: Transaction = deserialize(&raw).unwrap();
        let in_place = RawTransaction::read(&raw).unwrap();
        assert_eq!(in_place.txid().to_string(), told("txid"));
        let filter = Filter::default();
        let judged = filter.judge(&in_place, |_| false);
        assert_eq!(judged, filter.judge(&whole, |_| false));
        let verdict = judged.map_or_else(|rejection| rejection.as_str(), |_| "payment");
        assert_eq!(verdict, told("verdict"), "{}", told("kind"));
    }
}

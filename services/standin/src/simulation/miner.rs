//! Blocks for the simulated chain: the choice of transactions, the coinbase, and the proof of work at the easiest target.

use std::collections::HashSet;
use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::script::Builder;
use bitcoin::transaction;
use bitcoin::{
    Amount, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Txid, Witness, merkle_tree,
};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::scripts::{Address, Mix};
use crate::chain::{Block, Chain};
use crate::mempool::Mempool;
use crate::tx::Tx;

/// Weight units for a block's transactions; the rest of the 4,000,000 is left to header and coinbase, as in Core.
const MAX_WEIGHT: u64 = 3_992_000;
/// No transaction that can be mined is lighter: one input without a signature, one output without a script.
const LEAST_WEIGHT: u64 = 240;
/// Easiest target that there is (regtest's): every second hash meets it.
const EASIEST_BITS: u32 = 0x207f_ffff;
const HALVING_BLOCKS: u32 = 210_000;
const FIRST_SUBSIDY_SATS: u64 = 5_000_000_000;

/// The mempool's best paying transactions that fit into a block, parents before children.
pub fn select(mempool: &Mempool) -> Vec<Arc<Tx>> {
    let mut by_fee: Vec<&Arc<Tx>> = mempool.entries().map(|entry| &entry.tx).collect();
    by_fee.sort_by(|a, b| {
        let (left, right) = (a.fee_or_least() * b.vsize(), b.fee_or_least() * a.vsize());
        right.cmp(&left).then(a.txid.cmp(&b.txid))
    });
    let (mut chosen, mut inside, mut weight) = (Vec::new(), HashSet::new(), 0);
    for tx in by_fee {
        if weight + LEAST_WEIGHT > MAX_WEIGHT {
            break;
        }
        let family = mempool.with_ancestors(tx.txid);
        let new: Vec<Arc<Tx>> = family
            .into_iter()
            .rev()
            .filter(|txid| !inside.contains(txid))
            .filter_map(|txid| mempool.get(&txid).map(|entry| Arc::clone(&entry.tx)))
            .collect();
        let more: u64 = new.iter().map(|tx| tx.weight).sum();
        if weight + more <= MAX_WEIGHT {
            weight += more;
            inside.extend(new.iter().map(|tx| tx.txid));
            chosen.extend(new);
        }
    }
    parents_first(chosen)
}

/// Orders transactions so that none comes before one that it spends.
fn parents_first(txs: Vec<Arc<Tx>>) -> Vec<Arc<Tx>> {
    let mut waiting: HashSet<Txid> = txs.iter().map(|tx| tx.txid).collect();
    let mut ordered = Vec::with_capacity(txs.len());
    let mut left = txs;
    while !left.is_empty() {
        let (ready, later): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|tx| !tx.spends.iter().any(|spent| waiting.contains(&spent.txid)));
        if ready.is_empty() {
            break;
        }
        for tx in &ready {
            waiting.remove(&tx.txid);
        }
        ordered.extend(ready);
        left = later;
    }
    ordered
}

/// Mines a block on the chain's tip; `time` in Unix seconds.
pub fn mine(chain: &Chain, txs: Vec<Arc<Tx>>, time: f64, rng: &mut ChaCha8Rng) -> Block {
    let tip = chain.tip();
    mine_on(tip.hash, tip.height + 1, txs, time, rng)
}

/// Mines a block of that height on any block.
pub fn mine_on(
    previous: BlockHash,
    height: u32,
    txs: Vec<Arc<Tx>>,
    time: f64,
    rng: &mut ChaCha8Rng,
) -> Block {
    let (txs, root) = fill(height, txs, rng);
    Block::new(seal(previous, root, time as u32), height, txs)
}

/// A block's transactions with the coinbase before them, and the root of their Merkle tree.
pub fn fill(
    height: u32,
    mut txs: Vec<Arc<Tx>>,
    rng: &mut ChaCha8Rng,
) -> (Vec<Arc<Tx>>, TxMerkleNode) {
    let coinbase = coinbase(height, &txs, rng);
    txs.insert(0, Tx::new(&coinbase, None));
    let hashes = txs.iter().map(|tx| tx.txid.to_raw_hash());
    let root = merkle_tree::calculate_root(hashes)
        .map_or(TxMerkleNode::all_zeros(), TxMerkleNode::from_raw_hash);
    (txs, root)
}

/// The header of a block with that Merkle root, with the lowest nonce that meets the easiest target; `time` in Unix seconds.
pub fn seal(previous: BlockHash, merkle_root: TxMerkleNode, time: u32) -> Header {
    let mut header = Header {
        version: Version::from_consensus(0x2000_0000),
        prev_blockhash: previous,
        merkle_root,
        time,
        bits: CompactTarget::from_consensus(EASIEST_BITS),
        nonce: 0,
    };
    let target = header.target();
    while !target.is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    header
}

/// The coinbase, which pays subsidy and fees, and commits to height (BIP 34) and witnesses (BIP 141).
fn coinbase(height: u32, txs: &[Arc<Tx>], rng: &mut ChaCha8Rng) -> Transaction {
    let fees: u64 = txs.iter().map(|tx| tx.fee_or_least()).sum();
    let subsidy = FIRST_SUBSIDY_SATS >> (height / HALVING_BLOCKS).min(63);
    let script = Builder::new()
        .push_int(i64::from(height))
        .push_slice(rng.next_u64().to_le_bytes());
    let reserved = [0; 32];
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: script.into_script(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[reserved]),
        }],
        output: vec![
            TxOut {
                value: Amount::from_sat(subsidy + fees),
                script_pubkey: Address::P2wpkh.script(rng),
            },
            TxOut {
                value: Amount::ZERO,
                script_pubkey: witness_commitment(txs, &reserved),
            },
        ],
    }
}

fn witness_commitment(txs: &[Arc<Tx>], reserved: &[u8]) -> ScriptBuf {
    let coinbase = bitcoin::Wtxid::all_zeros().to_raw_hash();
    let hashes = std::iter::once(coinbase).chain(txs.iter().map(|tx| tx.wtxid.to_raw_hash()));
    let root = merkle_tree::calculate_root(hashes)
        .map_or(bitcoin::WitnessMerkleNode::all_zeros(), |root| {
            bitcoin::WitnessMerkleNode::from_raw_hash(root)
        });
    let commitment = bitcoin::Block::compute_witness_commitment(&root, reserved);
    let mut bytes = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    bytes.extend(commitment.to_byte_array());
    ScriptBuf::from_bytes(bytes)
}

/// Splits a block's transactions, without the coinbase, into a share that a rival miner may have known, and the rest. A
/// descendant of a transaction in the rest is in the rest too.
pub fn split(block: &Block, share: f64, rng: &mut ChaCha8Rng) -> (Vec<Arc<Tx>>, Vec<Arc<Tx>>) {
    let mut out: HashSet<Txid> = HashSet::new();
    let txs = block.txs.iter().flatten().skip(1).cloned();
    txs.partition(|tx| {
        let known =
            rng.random::<f64>() < share && !tx.spends.iter().any(|spent| out.contains(&spent.txid));
        if !known {
            out.insert(tx.txid);
        }
        known
    })
}

/// The same payment with another script in its first output, so that it rivals `tx` for its inputs. `None` if `tx` has no
/// output or cannot be read.
pub fn rival(tx: &Tx, rng: &mut ChaCha8Rng) -> Option<Arc<Tx>> {
    let mut transaction: Transaction = deserialize(&tx.raw).ok()?;
    let output = transaction.output.first_mut()?;
    output.script_pubkey = Mix::NOW.draw(rng).script(rng);
    Some(Tx::new(&transaction, tx.fee_sats))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::Network;
    use rand::SeedableRng;

    use super::*;

    fn tx(parent: Txid, number: u32, fee: u64) -> Arc<Tx> {
        let transaction = Transaction {
            version: transaction::Version::TWO,
            lock_time: LockTime::from_consensus(number),
            input: vec![TxIn {
                previous_output: OutPoint::new(parent, 0),
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: Amount::from_sat(1000),
                script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
            }],
        };
        Tx::new(&transaction, Some(fee))
    }

    fn chain_of_two() -> (Chain, Arc<Tx>, Arc<Tx>, Arc<Tx>) {
        let mut chain = Chain::new(
            Network::Bitcoin,
            Block::unseen(BlockHash::all_zeros(), 899_999, 0),
        );
        let poor_parent = tx(Txid::from_byte_array([1; 32]), 1, 100);
        let rich_child = tx(poor_parent.txid, 2, 9000);
        let other = tx(Txid::from_byte_array([2; 32]), 3, 500);
        for tx in [&poor_parent, &rich_child, &other] {
            chain.accept(Arc::clone(tx), 1.0);
        }
        (chain, poor_parent, rich_child, other)
    }

    #[test]
    fn a_child_that_pays_brings_its_parent() {
        let (chain, parent, child, other) = chain_of_two();
        let chosen: Vec<Txid> = select(&chain.mempool).iter().map(|tx| tx.txid).collect();
        assert_eq!(chosen.len(), 3);
        let at = |tx: &Arc<Tx>| chosen.iter().position(|txid| *txid == tx.txid).unwrap();
        assert!(at(&parent) < at(&child));
        assert!(chosen.contains(&other.txid));
    }

    #[test]
    fn a_block_is_valid_in_form() {
        let (chain, ..) = chain_of_two();
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let block = mine(&chain, select(&chain.mempool), 1_700_000_000.0, rng);
        let whole: bitcoin::Block = deserialize(&block.bytes().unwrap()).unwrap();
        assert!(whole.check_merkle_root());
        assert!(whole.check_witness_commitment());
        assert_eq!(whole.bip34_block_height().unwrap(), 900_000);
        assert!(whole.header.validate_pow(whole.header.target()).is_ok());
        assert_eq!(whole.txdata.len(), 4);
        assert_eq!(
            whole.txdata[0].output[0].value.to_sat(),
            312_500_000 + 100 + 9000 + 500
        );
    }

    #[test]
    fn a_split_tears_no_family() {
        let (chain, parent, child, _) = chain_of_two();
        for seed in 0..50 {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let block = mine(&chain, select(&chain.mempool), 1_700_000_000.0, rng);
            let (known, left) = split(&block, 0.5, rng);
            assert_eq!(known.len() + left.len(), 3);
            assert!(!known.contains(&child) || known.contains(&parent));
        }
    }

    #[test]
    fn a_rival_spends_the_same() {
        let (chain, parent, ..) = chain_of_two();
        let rival = rival(&parent, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        assert_ne!(rival.txid, parent.txid);
        assert!(chain.mempool.conflicts(&rival).contains(&parent.txid));
    }
}

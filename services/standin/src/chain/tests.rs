//! What the stand-in publishes for each change of its mempool and its blocks, and in which order.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{OutPoint, Transaction, TxIn};

use super::*;

fn chain() -> Chain {
    Chain::new(Network::Regtest, unseen(100))
}

fn unseen(height: u32) -> Block {
    let hash = BlockHash::from_byte_array([height as u8; 32]);
    Block::unseen(hash, height, 1000 + height)
}

/// Spends output `vout` of `parent`; `number` makes it differ from its rivals.
fn tx(parent: Txid, vout: u32, number: u32) -> Arc<Tx> {
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(number),
        input: vec![TxIn {
            previous_output: OutPoint::new(parent, vout),
            ..TxIn::default()
        }],
        output: vec![bitcoin::TxOut::NULL; 2],
    };
    Tx::new(&transaction, None)
}

fn old() -> Txid {
    Txid::from_byte_array([7; 32])
}

/// The messages in short: T for rawtx, the letters of sequence with their numbers, H and B for the block.
fn short(frames: &Frames) -> String {
    let mut text = String::new();
    for (topic, body) in frames {
        match topic {
            Topic::RawTx => text.push('T'),
            Topic::HashBlock => text.push('H'),
            Topic::RawBlock => text.push('B'),
            _ => match SequenceEvent::decode(body).unwrap() {
                SequenceEvent::Added(_, number) => text.push_str(&format!("A{number}")),
                SequenceEvent::Removed(_, number) => text.push_str(&format!("R{number}")),
                SequenceEvent::BlockConnected(_) => text.push('C'),
                SequenceEvent::BlockDisconnected(_) => text.push('D'),
            },
        }
    }
    text
}

#[test]
fn a_replacement_takes_its_descendants_with_it() {
    let mut chain = chain();
    let first = tx(old(), 0, 1);
    assert_eq!(short(&chain.accept(Arc::clone(&first), 1.0)), "TA1");
    assert_eq!(short(&chain.accept(Arc::clone(&first), 2.0)), "");
    chain.accept(tx(first.txid, 0, 2), 3.0);
    assert_eq!(short(&chain.accept(tx(old(), 0, 3), 4.0)), "R3R4TA5");
    assert_eq!((chain.mempool.len(), chain.mempool_sequence), (1, 6));
}

#[test]
fn mined_transactions_take_numbers_and_conflicts_are_told() {
    let mut chain = chain();
    let (mined, beaten) = (tx(old(), 0, 1), tx(old(), 1, 2));
    chain.accept(Arc::clone(&mined), 1.0);
    chain.accept(beaten, 1.0);
    let block = Block {
        txs: Some(vec![tx(Txid::all_zeros(), 9, 9), mined, tx(old(), 1, 3)]),
        ..unseen(101)
    };
    // The mined one takes number 3 without a word.
    assert_eq!(short(&chain.connect(block.clone())), "R4");
    assert_eq!(short(&block.connected_frames(true)), "TTTCH");
    assert_eq!(short(&block.connected_frames(false)), "TTTC");
    assert_eq!((chain.mempool.len(), chain.mempool_sequence), (0, 5));
    let (_, frames) = chain.disconnect().unwrap();
    assert_eq!(short(&frames), "TTTD");
    assert_eq!(chain.tip().height, 100);
    assert!(chain.block(&block.hash).is_some_and(|(_, active)| !active));
    assert!(chain.disconnect().is_none(), "nothing below to stand on");
}

#[test]
fn old_blocks_lose_their_transactions() {
    let mut chain = chain();
    for height in 101..101 + 2 * KNOWN_BLOCKS as u32 {
        chain.connect(Block {
            txs: Some(vec![tx(old(), 0, height)]),
            ..unseen(height)
        });
    }
    let full = chain.active.iter().filter(|block| block.txs.is_some());
    assert_eq!(full.count(), FULL_BLOCKS);
    assert_eq!(chain.active.len(), KNOWN_BLOCKS);
}

#[test]
fn the_median_time_is_that_of_eleven_blocks() {
    let mut chain = chain();
    for height in 101..=120 {
        chain.connect(unseen(height));
    }
    assert_eq!(chain.median_time(chain.tip()), Some(1115));
}

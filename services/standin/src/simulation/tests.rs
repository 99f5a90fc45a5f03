//! What a simulation promises: repeatable, with every kind of event, and as Core orders its messages.

use std::collections::HashSet;

use satscope_bitcoin::frame::{SequenceEvent, Topic};

use super::*;
use crate::tx::Tx;

fn parameters() -> Parameters {
    Parameters {
        seed: 7,
        rate: 7.0,
        price_usd: 97_350.0,
        volatility: 0.5,
        block_interval: 200.0,
        replace_share: 0.02,
        conflict_share: 0.3,
        reorg_share: 0.2,
        backlog: 0,
    }
}

/// Runs that many events and gives each one's messages to `see`, with the chain after it.
fn run(parameters: Parameters, events: usize, mut see: impl FnMut(&Chain, Frames)) -> Simulation {
    let (mut simulation, mut chain) = Simulation::new(parameters, 1_750_000_000.0);
    for _ in 0..events {
        let frames = simulation.step(&mut chain);
        see(&chain, frames);
    }
    simulation
}

fn rawtx(parameters: Parameters, events: usize) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    run(parameters, events, |_, frames| {
        let raw = frames
            .into_iter()
            .filter(|(topic, _)| *topic == Topic::RawTx);
        bodies.extend(raw.map(|(_, body)| body));
    });
    bodies
}

#[test]
fn a_seed_repeats_its_transactions() {
    let first = rawtx(parameters(), 20_000);
    assert!(first.len() > 20_000);
    assert_eq!(first, rawtx(parameters(), 20_000));
    let other = Parameters {
        seed: 8,
        ..parameters()
    };
    assert_ne!(first[..100], rawtx(other, 100)[..]);
}

#[test]
fn the_start_changes_no_payment() {
    let txids = |start| {
        let (mut simulation, mut chain) = Simulation::new(parameters(), start);
        for _ in 0..3000 {
            simulation.step(&mut chain);
        }
        let mut txids: Vec<Txid> = chain.mempool.entries().map(|entry| entry.tx.txid).collect();
        txids.sort();
        txids
    };
    assert_eq!(txids(1_700_000_000.0), txids(1_750_000_000.5));
}

/// Follows the messages alone and holds them against the chain: numbers without a gap but for mined transactions, a
/// mempool that is the sum of A, R and the blocks' runs, C after its run with the coinbase first.
#[test]
fn messages_tell_the_mempool() {
    let mut mempool: HashSet<Txid> = HashSet::new();
    let mut next_number = 1;
    let mut counts = [0; 4];
    let mut run_of: Vec<std::sync::Arc<Tx>> = Vec::new();
    run(parameters(), 40_000, |chain, frames| {
        let mut silent = 0;
        for (topic, body) in frames {
            match topic {
                Topic::RawTx => run_of.push(Tx::decode(body).unwrap()),
                Topic::Sequence => match SequenceEvent::decode(&body).unwrap() {
                    SequenceEvent::Added(txid, number) => {
                        assert_eq!(run_of.pop().unwrap().txid, txid);
                        assert!(run_of.is_empty() && number >= next_number);
                        silent += number - next_number;
                        next_number = number + 1;
                        assert!(mempool.insert(txid));
                        counts[0] += 1;
                    }
                    SequenceEvent::Removed(txid, number) => {
                        assert!(run_of.is_empty() && number >= next_number);
                        silent += number - next_number;
                        next_number = number + 1;
                        assert!(mempool.remove(&txid));
                        counts[1] += 1;
                    }
                    SequenceEvent::BlockConnected(_) => {
                        assert!(run_of[0].spends[0].is_null());
                        for tx in run_of.drain(..) {
                            mempool.remove(&tx.txid);
                        }
                        counts[2] += 1;
                    }
                    SequenceEvent::BlockDisconnected(_) => {
                        run_of.clear();
                        counts[3] += 1;
                    }
                },
                _ => assert!(run_of.is_empty()),
            }
        }
        silent += chain.mempool_sequence - next_number;
        next_number = chain.mempool_sequence;
        assert_eq!(mempool.len(), chain.mempool.len(), "silent {silent}");
        if silent > 0 || counts[0] % 100 == 0 {
            assert!(mempool.iter().all(|txid| chain.mempool.contains(txid)));
        }
    });
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn every_input_is_spent_once_in_the_mempool() {
    let mut checked = 0;
    run(parameters(), 30_000, |chain, _| {
        checked += 1;
        if checked % 3000 == 0 {
            let mut spent = HashSet::new();
            for entry in chain.mempool.entries() {
                assert!(
                    entry
                        .tx
                        .spends
                        .iter()
                        .all(|outpoint| spent.insert(*outpoint))
                );
            }
        }
    });
}

#[test]
fn the_mempool_stays_bounded() {
    let crowded = Parameters {
        block_interval: 1e9,
        ..parameters()
    };
    let mut most = 0;
    let mut removed = 0;
    run(crowded, 50_000, |chain, frames| {
        most = most.max(chain.mempool.vbytes());
        removed += frames
            .iter()
            .filter(|(topic, body)| *topic == Topic::Sequence && body[32] == b'R')
            .count();
    });
    assert!(
        most <= MAX_MEMPOOL_VBYTES && removed > 1000,
        "{most} {removed}"
    );
}

#[test]
fn a_backlog_is_older_than_the_window_and_stays_while_others_are_mined() {
    // As much comes between two blocks as a block holds.
    let parameters = Parameters {
        backlog: 30_000,
        block_interval: 900.0,
        ..parameters()
    };
    let (mut simulation, mut chain) = Simulation::new(parameters, 1_750_000_000.0);
    assert_eq!(chain.mempool.len(), 30_000);
    let newest = chain
        .mempool
        .entries()
        .map(|entry| entry.time)
        .fold(0.0, f64::max);
    assert!(newest < 1_750_000_000.0 - 3.0 * 3600.0);
    let (first, height) = (chain.mempool.vbytes(), chain.tip().height);
    while chain.tip().height < height + 20 {
        simulation.step(&mut chain);
        assert!(chain.mempool.vbytes() < first + MAX_MEMPOOL_VBYTES + 100_000);
    }
    assert!(chain.mempool.len() > 20_000, "{}", chain.mempool.len());
}

//! What a past promises: the same bytes again, blocks that are valid in form, and payments at the hidden price.

use std::collections::HashSet;
use std::time::Instant;

use bitcoin::Transaction;
use bitcoin::consensus::deserialize;

use super::*;
use crate::chain::{Block, PastChain};
use crate::simulation::Simulation;

const START: u32 = 1_750_000_000;

fn parameters(days: u32) -> PastParameters {
    PastParameters {
        seed: 7,
        price_usd: 97_350.0,
        days,
        payments: 40,
    }
}

fn past(parameters: PastParameters) -> (Arc<Maker>, PastChain) {
    let maker = Maker::new(parameters);
    let roots = maker.roots(|| false).unwrap();
    let headers = maker.headers(&roots, START);
    let maker = Arc::new(maker);
    let content: Arc<dyn Content> = Arc::<Maker>::clone(&maker);
    let past = PastChain::new(maker.first_height(), headers, content, 0);
    (maker, past)
}

fn whole(past: &PastChain, height: u32) -> Block {
    let txs = past.content(height).unwrap().txs(height);
    Block {
        txs: Some(txs),
        ..past.at_height(height).unwrap()
    }
}

#[test]
fn blocks_are_valid_in_form_and_stand_on_each_other() {
    let (maker, past) = past(parameters(3));
    assert_eq!(maker.first_height(), START_HEIGHT - 432);
    let mut previous = past.at_height(maker.first_height()).unwrap().previous;
    let mut txids = HashSet::new();
    for height in maker.first_height()..START_HEIGHT {
        let block = whole(&past, height);
        let read: bitcoin::Block = deserialize(&block.bytes().unwrap()).unwrap();
        assert_eq!((block.previous, read.block_hash()), (previous, block.hash));
        assert!(read.check_merkle_root() && read.check_witness_commitment());
        assert!(read.header.validate_pow(read.header.target()).is_ok());
        assert_eq!(read.bip34_block_height().unwrap(), u64::from(height));
        assert_eq!(read.txdata.len(), maker.count(height));
        assert!((21..=61).contains(&read.txdata.len()));
        assert!(read.txdata.iter().all(|tx| txids.insert(tx.compute_txid())));
        let locked = read.txdata.iter().map(|tx| tx.lock_time);
        let max = locked
            .map(bitcoin::absolute::LockTime::to_consensus_u32)
            .max()
            .unwrap();
        assert!(max < height && max + 20 > height, "{max} {height}");
        assert_eq!(past.height_of(&block.hash), Some(height));
        previous = block.hash;
    }
    assert_eq!(past.tip_hash(), previous);
    assert!(
        past.at_height(START_HEIGHT).is_none() && past.height_of(&BlockHash::all_zeros()).is_none()
    );
}

#[test]
fn a_seed_repeats_its_blocks_and_more_days_change_no_transaction() {
    let (height, bytes) = (START_HEIGHT - 100, |past: &PastChain, height| {
        whole(past, height).bytes().unwrap()
    });
    let (short, again, long) = (
        past(parameters(2)).1,
        past(parameters(2)).1,
        past(parameters(4)).1,
    );
    assert_eq!(bytes(&short, height), bytes(&again, height));
    // The header names another block before it.
    assert_eq!(bytes(&short, height)[80..], bytes(&long, height)[80..]);
    let other = past(PastParameters {
        seed: 8,
        ..parameters(2)
    });
    assert_ne!(bytes(&short, height)[81..], bytes(&other.1, height)[81..]);
}

#[test]
fn the_newest_block_lies_just_before_the_start_and_its_price_just_beside_the_starts() {
    let (maker, past) = past(parameters(2));
    let newest = past.at_height(START_HEIGHT - 1).unwrap();
    assert!(newest.time < START && newest.time + 7200 > START);
    let prices: Vec<(u32, f64)> = maker.prices().collect();
    assert_eq!(prices.len(), 288);
    let (height, price) = prices[287];
    assert!(height == START_HEIGHT - 1 && (price / 97_350.0 - 1.0).abs() < 0.005);
}

/// Of the outputs of 144 blocks that the filter keeps, the share within 0.3 % of $10, $20, $50 or $100 at `times` the hidden price.
fn share_near_round_sums(maker: &Maker, first: u32, times: f64) -> f64 {
    let (mut near, mut all) = (0_u32, 0_u32);
    let heights = first..first + 144;
    for (height, price) in maker
        .prices()
        .filter(|(height, _)| heights.contains(height))
    {
        for tx in &maker.txs(height)[1..] {
            let transaction: Transaction = deserialize(&tx.raw).unwrap();
            for sats in counting_values(&transaction) {
                let dollars = sats as f64 / 1e8 * price * times;
                let is_near = |sum: &f64| (dollars / sum - 1.0).abs() < 0.003;
                near += u32::from([10.0, 20.0, 50.0, 100.0].iter().any(is_near));
                all += 1;
            }
        }
    }
    f64::from(near) / f64::from(all)
}

/// The values that the filter's default rules keep.
fn counting_values(transaction: &Transaction) -> Vec<u64> {
    let outputs = &transaction.output;
    let mut inputs = transaction.input.iter();
    if outputs
        .iter()
        .any(|output| output.script_pubkey.is_op_return())
        || inputs.any(|input| input.witness.size() > 500)
        || outputs.len() > 250
    {
        return Vec::new();
    }
    let values = outputs.iter().map(|output| output.value.to_sat());
    values
        .filter(|sats| *sats >= 1000 && sats.to_string().trim_end_matches('0').len() > 3)
        .collect()
}

/// By year of the real blocks at the height: what `share_near_round_sums` is of them at the price of an exchange. Those of 2015 are
/// held against the price of a day.
const REAL_SHARES: [(u32, f64); 6] = [
    (360_000, 0.010),
    (520_000, 0.009),
    (600_000, 0.0125),
    (740_000, 0.030),
    (800_000, 0.026),
    (900_000, 0.028),
];

#[test]
fn payments_are_of_round_sums_at_the_hidden_price_as_often_as_in_their_year() {
    let maker = Maker::new(PastParameters {
        payments: 200,
        ..parameters(4000)
    });
    let mut apart = Vec::new();
    for (first, real) in REAL_SHARES {
        let at = share_near_round_sums(&maker, first, 1.0);
        let off = share_near_round_sums(&maker, first, 1.07);
        println!("{first}: {at:.4} at the price, {off:.4} beside it; real {real:.4}");
        if !(0.67..1.5).contains(&(at / real)) || at < 2.0 * off {
            apart.push(first);
        }
    }
    assert!(apart.is_empty(), "{apart:?}");
}

#[test]
fn the_blocks_of_2015_have_no_witnesses() {
    let maker = Maker::new(parameters(4000));
    let first = maker.first_height();
    assert_eq!(first, 354_000);
    let txs = maker.txs(first);
    let mut bare = txs[1..].iter();
    assert!(bare.all(|tx| tx.weight == 4 * tx.raw.len() as u64));
}

#[test]
fn the_largest_blocks_have_room() {
    let maker = Maker::new(PastParameters {
        payments: 1500,
        ..parameters(1)
    });
    for height in maker.first_height()..START_HEIGHT {
        let weight: u64 = maker.txs(height).iter().map(|tx| tx.weight).sum();
        assert!(weight < 3_990_000, "{weight}");
    }
}

#[test]
fn it_stops_when_told_to() {
    let began = Instant::now();
    assert!(Maker::new(parameters(4000)).roots(|| true).is_none());
    println!("stopped after {:?}", began.elapsed());
}

#[test]
fn the_live_part_pays_the_same_upon_a_past() {
    let parameters = crate::simulation::Parameters {
        seed: 7,
        rate: 7.0,
        price_usd: 97_350.0,
        volatility: 0.5,
        block_interval: 200.0,
        replace_share: 0.02,
        conflict_share: 0.3,
        reorg_share: 0.2,
        backlog: 0,
    };
    let blocks = |past| {
        let start = f64::from(START);
        let (mut simulation, mut chain) = Simulation::upon(past, parameters, start);
        let mut blocks = vec![Arc::clone(chain.tip())];
        for _ in 0..20_000 {
            simulation.step(&mut chain);
            if chain.tip().hash != blocks[blocks.len() - 1].hash {
                blocks.push(Arc::clone(chain.tip()));
            }
        }
        blocks
    };
    let (maker, past) = past(super::tests::parameters(2));
    let newest = past.tip_hash();
    let (upon, alone) = (blocks(Some(past)), blocks(None));
    assert_eq!(upon[0].previous, newest);
    assert!(upon.len() == alone.len() && upon.len() > 10);
    for (upon, alone) in upon.iter().zip(&alone) {
        assert_eq!((upon.height, upon.time), (alone.height, alone.time));
        assert_eq!(upon.txs, alone.txs);
    }
    assert_eq!(upon[0].height, maker.first_height() + 288);
}

/// `cargo test --release -p satscope-standin --lib how_long -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn how_long_a_past_takes() {
    let days = std::env::var("DAYS").unwrap_or_default();
    for days in days.split_whitespace().map(|days| days.parse().unwrap()) {
        let began = Instant::now();
        let maker = Maker::new(PastParameters {
            payments: 100,
            ..parameters(days)
        });
        let roots = maker.roots(|| false).unwrap();
        let made = began.elapsed();
        let headers = maker.headers(&roots, START);
        let count = headers.len();
        let past = PastChain::new(maker.first_height(), headers, Arc::new(maker), 0);
        println!(
            "{days} days: {count} roots {made:?}, all {:?}",
            began.elapsed()
        );
        let began = Instant::now();
        let bytes: usize = (START_HEIGHT - 1000..START_HEIGHT)
            .map(|height| whole(&past, height).bytes().unwrap().len())
            .sum();
        println!(
            "1000 blocks of {} bytes again {:?}",
            bytes / 1000,
            began.elapsed()
        );
    }
}

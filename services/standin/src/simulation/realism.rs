//! Compares the simulation with real blocks, because its price should be no easier to read than the real one.
//!
//! Measured on the blocks of 2023 and later and on as many simulated ones: of the outputs that pass the filter, the
//! share near a round dollar sum at the known price; of all outputs, the share whose exact value repeats; and the
//! shape of the transactions around them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use bitcoin::{Block, Transaction, consensus::deserialize};
use satscope_bitcoin::blockfile::read_block;

use super::*;

const SINCE: u32 = 1_672_531_200;
/// The round sums of the ladder that the method looks for, in dollars.
const LADDER: [f64; 37] = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0,
    60.0, 70.0, 80.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0, 500.0, 600.0, 700.0, 800.0,
    1000.0, 1500.0, 2000.0, 3000.0, 5000.0, 10_000.0,
];

/// The measures of a block, each with the largest factor by which the simulation's median may differ from that of
/// real blocks.
const MEASURES: [(&str, f64); 7] = [
    ("outputs within 0.5 % of a round dollar sum", 1.15),
    ("outputs within 0.25 % of a round dollar sum", 1.3),
    ("outputs within 0.1 % of a round dollar sum", 1.7),
    ("outputs within 2 % of a round dollar sum", 1.15),
    ("outputs whose value occurs 10 times or more", 1.2),
    ("transactions that pass the filter", 1.2),
    ("outputs for each transaction", 1.15),
];

type Measured = [f64; MEASURES.len()];

fn measure(block: &Block, price_usd: f64) -> Measured {
    let transactions = &block.txdata[1..];
    let mut repeats: HashMap<u64, u32> = HashMap::new();
    for output in transactions.iter().flat_map(|tx| &tx.output) {
        *repeats.entry(output.value.to_sat()).or_default() += 1;
    }
    let outputs: u32 = repeats.values().sum();
    let repeated: u32 = repeats.values().filter(|count| **count >= 10).sum();
    let mut seen = HashSet::new();
    let mut passed = 0_usize;
    let mut usd: Vec<f64> = Vec::new();
    for tx in transactions {
        let values = counting_values(tx, &seen);
        seen.insert(tx.compute_txid());
        passed += usize::from(!values.is_empty());
        usd.extend(values.iter().map(|sats| *sats as f64 / 1e8 * price_usd));
    }
    let near = |tolerance: f64| {
        let is_near = |usd: &&f64| {
            LADDER
                .iter()
                .any(|sum| (**usd / sum - 1.0).abs() <= tolerance)
        };
        usd.iter().filter(is_near).count() as f64 / usd.len().max(1) as f64
    };
    [
        near(0.005),
        near(0.0025),
        near(0.001),
        near(0.02),
        f64::from(repeated) / f64::from(outputs),
        passed as f64 / transactions.len() as f64,
        f64::from(outputs) / transactions.len() as f64,
    ]
}

/// The values that the filter's default rules keep, where all that is known of the past is the block itself.
fn counting_values(tx: &Transaction, seen: &HashSet<Txid>) -> Vec<u64> {
    let payment = tx.input.len() <= 5
        && tx.output.len() == 2
        && !tx
            .output
            .iter()
            .any(|output| output.script_pubkey.is_op_return())
        && tx.input.iter().all(|input| {
            input.witness.size() <= 500 && !seen.contains(&input.previous_output.txid)
        });
    let values = tx.output.iter().map(|output| output.value.to_sat());
    values
        .filter(|sats| payment && (1000..=10_u64.pow(13)).contains(sats))
        .filter(|sats| sats.to_string().trim_end_matches('0').len() > 3)
        .collect()
}

fn real_blocks(folder: &Path) -> Vec<Measured> {
    let index = std::fs::read_to_string(folder.join("blocks.csv")).unwrap();
    let mut rows = index.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let column = |name| head.iter().position(|field| *field == name).unwrap();
    let (file, time, price) = (
        column("file"),
        column("time"),
        column("reference_price_usd"),
    );
    rows.filter(|row| row[time].parse::<u32>().unwrap() >= SINCE)
        .map(|row| {
            let block = read_block(&folder.join(row[file])).unwrap();
            measure(&block, row[price].parse().unwrap())
        })
        .collect()
}

fn simulated_blocks(count: usize) -> Vec<Measured> {
    let parameters = Parameters {
        seed: 5,
        rate: 7.0,
        price_usd: 97_350.0,
        volatility: 0.5,
        block_interval: 600.0,
        replace_share: 0.02,
        conflict_share: 0.05,
        reorg_share: 0.0,
        backlog: 0,
    };
    let (mut simulation, mut chain) = Simulation::new(parameters, 1_750_000_000.0);
    let mut measured = Vec::new();
    while measured.len() < count {
        let height = chain.tip().height;
        simulation.step(&mut chain);
        let tip = chain.tip();
        if tip.height > height && tip.txs.as_ref().is_some_and(|txs| txs.len() > 500) {
            let block: Block = deserialize(&tip.bytes().unwrap()).unwrap();
            measured.push(measure(&block, simulation.price_usd()));
        }
    }
    measured
}

/// Quartiles of one measure.
fn quartiles(blocks: &[Measured], measure: usize) -> [f64; 3] {
    let mut values: Vec<f64> = blocks.iter().map(|block| block[measure]).collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

#[test]
fn the_simulation_is_no_easier_than_life() {
    let folder = std::env::var_os("SATSCOPE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = folder.join("blocks");
    if !folder.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{} is missing",
            folder.display()
        );
        eprintln!("SKIPPED: there is no {}", folder.display());
        return;
    }
    let real = real_blocks(&folder);
    let simulated = simulated_blocks(real.len());
    println!(
        "{} real blocks, {} simulated; quartiles",
        real.len(),
        simulated.len()
    );
    let mut apart = Vec::new();
    for (measure, (name, tolerance)) in MEASURES.iter().enumerate() {
        let [low, median, high] = quartiles(&real, measure);
        let [own_low, own_median, own_high] = quartiles(&simulated, measure);
        println!(
            "{name:45} real {low:.3} {median:.3} {high:.3}  simulated {own_low:.3} {own_median:.3} {own_high:.3}"
        );
        let factor = own_median / median;
        if !(1.0 / tolerance..=*tolerance).contains(&factor) {
            apart.push(format!("{name}: {factor:.2} times the real one"));
        }
    }
    assert!(apart.is_empty(), "{apart:?}");
}

//! What a transaction costs from its bytes to the log, beside hashing its txid alone and beside other readers: over the
//! distinct transactions of real blocks, cold each time.
//!
//! `cargo bench --bench transactions [-- FOLDER_OF_BLOCKS]`

#![allow(clippy::expect_used)]

use std::hint::black_box;
use std::path::Path as File;
use std::time::{Duration, Instant};

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::{Hash as _, HashEngine as _, sha256d};
use bitcoin::{Block, Transaction};
use bitcoin_slices::{Parse as _, bsl};
use satscope_filter::{Filter, RawTransaction};
use satscope_ingest::path::Path;
use sha2::{Digest as _, Sha256};

/// With `--features jemalloc`, as the image has it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const BLOCKS: &str = "../shared/data/blocks";
/// Rounds of the measurement. Each measures every way once; the median counts.
const ROUNDS: usize = 7;
const NOW_MS: u64 = 1_700_000_000_000;
/// Transactions that come in one millisecond.
const PER_MS: u64 = 10;

/// A transaction as a node sends it, and the bytes whose hash is the txid.
struct Sent {
    body: Vec<u8>,
    txid: [u8; 32],
    hashed: Vec<u8>,
}

/// A way to do the work, and its name.
type Way<'a> = (&'static str, &'a mut dyn FnMut(&[Sent]) -> Duration);

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with("--"));
    let sent = transactions(File::new(folder.as_deref().unwrap_or(BLOCKS)));
    let bytes: usize = sent.iter().map(|sent| sent.body.len()).sum();
    println!(
        "{} transactions, {} bytes each",
        sent.len(),
        bytes / sent.len()
    );
    let mut to_log = Running::new(Path::to_log());
    let mut to_window = Running::new(Path::to_window());
    let mut ways: [Way; 11] = [
        ("hashing the txid alone", &mut hash),
        ("… out of what is sent", &mut hash_in_place),
        ("… as the bitcoin crate does", &mut hash_of_the_crate),
        ("the bitcoin crate: read, txid", &mut crate_alone),
        ("bitcoin_slices: read", &mut slices),
        ("bitcoin_slices: read, txid", &mut slices_with_txid),
        ("read in place", &mut in_place),
        ("… and its txid", &mut in_place_with_txid),
        ("… and the filter", &mut filtered),
        ("… and its `A`: in the log", &mut |sent| to_log.take(sent)),
        ("… and in the window", &mut |sent| to_window.take(sent)),
    ];
    let mut took = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), took) in ways.iter_mut().zip(&mut took) {
            took.push(way(&sent));
        }
    }
    let medians = took.iter_mut().map(|took| {
        took.sort_unstable();
        took[ROUNDS / 2].as_secs_f64() / sent.len() as f64
    });
    let medians: Vec<f64> = medians.collect();
    for ((name, _), each) in ways.iter().zip(&medians) {
        println!(
            "{name:<32} {:>6.0} ns  {:>10.0} a second  {:>4.0} % of hashing alone",
            each * 1e9,
            1.0 / each,
            100.0 * medians[0] / each
        );
    }
}

/// All transactions of the blocks but the coinbases, each once.
fn transactions(folder: &File) -> Vec<Sent> {
    let mut seen = std::collections::HashSet::new();
    let files = std::fs::read_dir(folder).expect("a folder of raw blocks");
    let blocks = files.filter_map(|file| {
        let path = file.expect("a file").path();
        let is_block = path.extension().is_some_and(|ending| ending == "blk");
        is_block.then(|| std::fs::read(path).expect("a block"))
    });
    let mut sent = Vec::new();
    for block in blocks {
        let block: Block = deserialize(&block).expect("one raw block");
        for transaction in block.txdata.iter().skip(1) {
            let txid = transaction.compute_txid().to_byte_array();
            if seen.insert(txid) {
                sent.push(Sent {
                    body: serialize(transaction),
                    txid,
                    hashed: without_witness(transaction),
                });
            }
        }
    }
    sent
}

fn without_witness(transaction: &Transaction) -> Vec<u8> {
    let mut bare = transaction.clone();
    bare.input
        .iter_mut()
        .for_each(|input| input.witness.clear());
    serialize(&bare)
}

fn timed(sent: &[Sent], mut each: impl FnMut(&Sent)) -> Duration {
    let began = Instant::now();
    sent.iter().for_each(&mut each);
    began.elapsed()
}

fn hash(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        black_box(Sha256::digest(Sha256::digest(&sent.hashed)));
    })
}

/// Hashes the same bytes where they lie in what the node sends, between bytes that are not hashed.
fn hash_in_place(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        let is_segwit = sent.body.len() > sent.hashed.len();
        let from = if is_segwit { 6 } else { 4 };
        let once = Sha256::new()
            .chain_update(&sent.body[..4])
            .chain_update(&sent.body[from..from + sent.hashed.len() - 8])
            .chain_update(&sent.body[sent.body.len() - 4..])
            .finalize();
        black_box(Sha256::digest(once));
    })
}

fn hash_of_the_crate(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        let mut engine = sha256d::Hash::engine();
        engine.input(&sent.hashed);
        black_box(sha256d::Hash::from_engine(engine));
    })
}

fn crate_alone(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        let transaction: Transaction = deserialize(&sent.body).expect("a transaction");
        black_box(transaction.compute_txid());
    })
}

fn slices(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        let transaction = bsl::Transaction::parse(&sent.body).expect("a transaction");
        black_box(transaction.parsed());
    })
}

fn slices_with_txid(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        let transaction = bsl::Transaction::parse(&sent.body).expect("a transaction");
        black_box(transaction.parsed().txid());
    })
}

fn in_place(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        black_box(RawTransaction::read(&sent.body)).expect("a transaction");
    })
}

fn in_place_with_txid(sent: &[Sent]) -> Duration {
    timed(sent, |sent| {
        let transaction = RawTransaction::read(&sent.body).expect("a transaction");
        black_box(transaction.txid());
    })
}

fn filtered(sent: &[Sent]) -> Duration {
    let filter = Filter::default();
    timed(sent, |sent| {
        let transaction = RawTransaction::read(&sent.body).expect("a transaction");
        black_box(transaction.txid());
        black_box(filter.judge(&transaction, |_| false)).ok();
    })
}

/// A process that runs on from round to round, and forgets the transactions of each round after it.
struct Running {
    path: Path,
    now_ms: u64,
}

impl Running {
    fn new(path: Path) -> Running {
        Running {
            path,
            now_ms: NOW_MS,
        }
    }

    fn take(&mut self, sent: &[Sent]) -> Duration {
        let (path, began_ms, mut count) = (&mut self.path, self.now_ms, 0);
        let entries = path.entries();
        let took = timed(sent, |sent| {
            let now_ms = began_ms + count / PER_MS;
            path.transaction(&sent.body, now_ms).expect("a transaction");
            path.added(sent.txid, now_ms);
            count += 1;
        });
        assert!(path.entries() > entries);
        path.forget(sent.iter().map(|sent| sent.txid), began_ms + count);
        self.now_ms += 24 * 60 * 60 * 1000;
        took
    }
}

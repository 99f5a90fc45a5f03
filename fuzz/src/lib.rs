//! The fuzz targets. Each reads its input as the parts do, and asserts what must hold for everything that is read.
//!
//! A panic is a finding. `fuzz_targets/` gives these functions to libFuzzer; `tests/fuzz_corpus.rs` gives them the
//! corpus, without a fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Cursor;
use std::path::Path;

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hex::FromHex as _;
use bitcoin::{Block, Transaction};
use satscope_bitcoin::blk::{
    BlkFormat, Magic, StoredHeader, TreeBlock, XorKey, best_chain, block_at, header_at, scan,
};
use satscope_bitcoin::frame::{Frame, SequenceEvent, StandInLabels};
use satscope_bitcoin::recording::{Ending, LineContent, Reader, frame_line, inspect};
use satscope_bitcoin::rpc::{
    Answer, BlockHeader, BlockchainInfo, Call, MempoolEntry, MempoolListing, RpcError,
};
use satscope_filter::{Filter, Judged, RawTransaction, each_transaction};
use serde_json::{Value, json};

pub mod pack;
pub mod websocket;
pub use pack::pack;
pub use websocket::websocket;

/// A target's name and body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets; each has its folder of this name in the corpus.
pub const TARGETS: [Target; 7] = [
    ("zmq_frame", zmq_frame),
    ("transaction", transaction),
    ("recording", recording),
    ("rpc_answer", rpc_answer),
    ("block_file", block_file),
    ("pack", pack),
    ("websocket", websocket),
];

/// Errors after which a recording is given up here.
const MOST_ERRORS: usize = 100;

/// A multipart message: a length of two bytes before each part.
pub fn zmq_frame(input: &[u8]) {
    let Ok(frame) = Frame::from_parts(parts(input)) else {
        return;
    };
    let again = Frame::from_parts(frame.clone().into_parts().to_vec());
    assert_eq!(again.as_ref(), Ok(&frame));
    if let Ok(event) = SequenceEvent::decode(&frame.body) {
        assert_eq!(event.encode(), frame.body);
    }
    if let Ok(labels) = StandInLabels::decode(&frame.body) {
        assert!(StandInLabels::decode(&labels.encode()).is_ok());
        assert_in_range(labels.time_ms());
    }
    transaction(&frame.body);
}

fn parts(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = input.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        parts.push(part.to_vec());
        input = rest;
    }
    parts
}

/// The bytes of a transaction or of a block. The reader in place and the `bitcoin` crate must read the same.
pub fn transaction(input: &[u8]) {
    let in_place = RawTransaction::read(input);
    match deserialize::<Transaction>(input) {
        Ok(transaction) => {
            assert_eq!(serialize(&transaction), input);
            same(&in_place.expect("what the crate reads"), &transaction);
            judge(&transaction);
        }
        Err(error) => assert!(in_place.is_err(), "{error}"),
    }
    if let Ok(block) = deserialize::<Block>(input) {
        assert_eq!(serialize(&block), input);
        block.check_merkle_root();
        block.bip34_block_height().ok();
        block.txdata.iter().for_each(judge);
    }
}

fn same(in_place: &RawTransaction<'_>, transaction: &Transaction) {
    assert_eq!(in_place.txid(), transaction.compute_txid());
    assert_eq!(in_place.is_coinbase(), transaction.is_coinbase());
    assert!(in_place.spends().eq(transaction.spends()));
    assert!(in_place.pays().eq(transaction.pays()));
    assert_eq!(
        in_place.largest_witness(),
        Judged::largest_witness(transaction)
    );
}

fn judge(transaction: &Transaction) {
    let strict = Filter {
        max_inputs: 5,
        outputs: 2..=2,
        reject_recent_inputs: true,
        ..Filter::default()
    };
    for filter in [Filter::default(), strict] {
        for is_recent in [false, true] {
            if let Ok(values) = filter.judge(transaction, |_| is_recent) {
                assert!(!values.is_empty() && !transaction.is_coinbase());
                assert!(values.iter().all(|value| filter.counts(*value)));
            }
        }
    }
    transaction.compute_txid();
    transaction.weight();
}

/// A recording's file, plain or gzip.
pub fn recording(input: &[u8]) {
    let path = Path::new("input");
    let Ok(mut reader) = Reader::over(Cursor::new(input.to_vec()), path) else {
        return;
    };
    let mut errors = 0;
    while errors < MOST_ERRORS {
        match reader.next_record() {
            Ok(None) => break,
            Ok(Some(record)) => {
                assert!(record.t.is_finite() && record.t >= 0.0);
                if let LineContent::Frame(frame) = record.event {
                    assert_frame_survives(record.t, frame);
                }
            }
            Err(_) => errors += 1,
        }
    }
    match inspect(input) {
        Ok(Ending::Torn { good_bytes, lines }) => {
            let good = &input[..usize::try_from(good_bytes).unwrap()];
            assert_eq!(inspect(good).unwrap(), Ending::Whole);
            assert!(lines.is_empty() || lines.ends_with(b"\n"));
        }
        Ok(Ending::Damaged(at)) => assert!(at < input.len() as u64),
        Ok(Ending::Whole) => {}
        Err(error) => panic!("bytes in memory can be read: {error}"),
    }
}

fn assert_frame_survives(t: f64, frame: Frame) {
    let line = Cursor::new(frame_line(t, &frame).into_bytes());
    let again = Reader::over(line, Path::new("line")).unwrap().next_record();
    let again = again.expect("our own line").expect("one record");
    assert_eq!(again.event, LineContent::Frame(frame));
}

/// A block file of regtest behind the eight bytes of its key. What is found can be read where it was found.
pub fn block_file(input: &[u8]) {
    let Some((key, file)) = input.split_first_chunk::<8>() else {
        return;
    };
    let format = BlkFormat {
        magic: Magic::of_chain("regtest").unwrap(),
        key: XorKey::new(*key),
    };
    let scanned = scan(file, file.len() as u64, format).unwrap();
    let mut buffer = Vec::new();
    for found in &scanned.blocks {
        let offset = found.offset.into();
        let header = header_at(file, offset, format).unwrap().unwrap();
        let header: bitcoin::block::Header = deserialize(&header).unwrap();
        assert_eq!(header.block_hash(), found.hash);
        assert_eq!(
            (header.prev_blockhash, header.bits),
            (found.previous, found.bits)
        );
        let block = block_at(file, offset, format, &mut buffer)
            .unwrap()
            .unwrap();
        assert!(file.len() as u64 >= offset + 8 + block.len() as u64);
        let (mut read, mut first) = (0, None);
        let is_whole = each_transaction(block, |transaction| {
            read += 1;
            first.get_or_insert(transaction.txid());
        });
        if let Ok(parsed) = deserialize::<Block>(block) {
            assert!(is_whole.is_ok() && read == parsed.txdata.len());
            assert_eq!(first, parsed.txdata.first().map(Transaction::compute_txid));
        }
    }
    chain_of(&scanned.blocks);
}

/// The chain of most work among these blocks is a chain.
fn chain_of(blocks: &[StoredHeader]) {
    let beginning = |hash: bitcoin::BlockHash| {
        u64::from_le_bytes(*AsRef::<[u8; 32]>::as_ref(&hash).first_chunk().unwrap())
    };
    let block = |block: &StoredHeader| TreeBlock {
        hash: beginning(block.hash),
        previous: beginning(block.previous),
        bits: block.bits.to_consensus(),
    };
    let mut tree: Vec<TreeBlock> = blocks.iter().map(block).collect();
    tree.sort_by_key(|block| block.hash);
    let Some(first) = blocks.first().map(|block| beginning(block.hash)) else {
        return;
    };
    let best = best_chain(&tree, first);
    assert_eq!(best.first(), Some(&first));
    let is_child = |pair: &[u64]| {
        let mut all = tree.iter();
        all.any(|block| block.previous == pair[0] && block.hash == pair[1])
    };
    assert!(best.windows(2).all(is_child));
}

/// An HTTP answer. The first byte chooses the type that it is read as, the second the number of calls; the rest is
/// the body.
pub fn rpc_answer(input: &[u8]) {
    let [kind, calls, body @ ..] = input else {
        return;
    };
    let answer = Answer {
        status: 200,
        body: body.to_vec(),
    };
    let calls: Vec<Call> = (0..calls % 5).map(|_| ("method", json!([]))).collect();
    match kind % 6 {
        0 => drop(answer.single::<BlockchainInfo>("getblockchaininfo")),
        1 => drop(answer.single::<MempoolListing>("getrawmempool")),
        2 => {
            if let Ok(header) = answer.single::<BlockHeader>("getblockheader") {
                assert_in_range(header.time.checked_mul(1000).expect("milliseconds"));
            }
        }
        3 => {
            for entry in batch::<MempoolEntry>(&answer, &calls) {
                assert_in_range(entry.time.checked_mul(1000).expect("milliseconds"));
            }
        }
        4 => {
            for hex in batch::<String>(&answer, &calls) {
                if let Ok(bytes) = Vec::<u8>::from_hex(&hex) {
                    transaction(&bytes);
                }
            }
        }
        _ => drop(answer.single::<Value>("getzmqnotifications")),
    }
}

fn batch<T: serde::de::DeserializeOwned>(answer: &Answer, calls: &[Call]) -> Vec<T> {
    let results: Result<Vec<Result<T, RpcError>>, RpcError> = answer.batch(calls);
    let results = results.unwrap_or_default();
    assert!(results.is_empty() || results.len() == calls.len());
    results.into_iter().filter_map(Result::ok).collect()
}

/// A time that the window can be added to.
fn assert_in_range(time_ms: u64) {
    assert!(time_ms < u64::MAX / 2, "{time_ms} ms");
}

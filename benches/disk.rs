//! How fast the historian reads a node's block files, from the page cache to prices, beside `cat` of the same files. The historian is
//! the real one; the node is a stand-in that names the chain and gives no block.
//!
//! `cargo bench --bench disk [-- FOLDER_OF_BLOCKS [SHARE [BLOCKS]]]` makes a chain of BLOCKS on regtest in masked
//! files. Each block has the transactions of a real one, or the first SHARE of them, with other amounts each time.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use bitcoin::{Amount, Block, BlockHash, Network, consensus::serialize, constants::genesis_block};
use clap::Parser as _;
use satscope_bitcoin::{
    blk::{BlkFormat, Magic, XorKey, block_at, open, scan},
    blockfile::{block_files, read_block},
};
use satscope_filter::{Filter, each_transaction};
use satscope_historian::{Around, HistorianSettings};
use satscope_kit::{Context, config::NodeSettings};
use satscope_oracle::past::{BlockPayments, Blocks, Lock, Years, prices};
use satscope_proto::v1::{
    Coverage, GetCoverageRequest, HistorianState, history_service_client::HistoryServiceClient,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const BLOCKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/blocks");
const KEY: [u8; 8] = [0x5a, 0x11, 0xc3, 0x07, 0x99, 0xfe, 0x20, 0xb4];
/// Two periods, and the blocks after them that their prices rest on.
const COUNT: usize = 2 * 2016 + 18;
/// Bytes of a block file: Core's `MAX_BLOCKFILE_SIZE`.
const FILE_BYTES: usize = 128 << 20;

/// The headers of the chain, by height.
type Headers = Arc<Vec<bitcoin::block::Header>>;

/// Writes the block files, and returns the headers.
fn write(folder: &Path, sources: &[Block], count: usize) -> Headers {
    let first = genesis_block(Network::Regtest);
    let (mut headers, mut file, mut number) = (vec![first.header], framed(&first), 0);
    for at in 0..count {
        let mut block = sources[at % sources.len()].clone();
        let factor = 1.0 + 0.0005 * (at / sources.len()) as f64;
        let outputs = block
            .txdata
            .iter_mut()
            .flat_map(|transaction| &mut transaction.output);
        outputs.for_each(|output| {
            output.value = Amount::from_sat((output.value.to_sat() as f64 * factor) as u64);
        });
        block.header.prev_blockhash = headers[at].block_hash();
        block.header.time = headers[at].time + 600;
        block.header.bits = first.header.bits;
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        while !block.header.target().is_met_by(block.block_hash()) {
            block.header.nonce = block.header.nonce.wrapping_add(1);
        }
        headers.push(block.header);
        let bytes = framed(&block);
        if file.len() + bytes.len() > FILE_BYTES {
            keep(folder, number, &mut file);
            number += 1;
        }
        file.extend(bytes);
    }
    keep(folder, number, &mut file);
    fs::write(folder.join("xor.dat"), KEY).unwrap();
    Arc::new(headers)
}

fn framed(block: &Block) -> Vec<u8> {
    let bytes = serialize(block);
    let length = (bytes.len() as u32).to_le_bytes();
    [&Network::Regtest.magic().to_bytes()[..], &length, &bytes].concat()
}

fn keep(folder: &Path, number: u32, file: &mut Vec<u8>) {
    XorKey::new(KEY).apply(0, file);
    let path = folder.join(format!("blk{number:05}.dat"));
    fs::File::create(path).unwrap().write_all(file).unwrap();
    file.clear();
}

/// A node that answers what names its chain, and gives no block.
async fn node(headers: Headers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, headers.clone()));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, headers: Headers) {
    let mut read = Vec::new();
    loop {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        while read.len() < end + 4 + length {
            stream.read_buf(&mut read).await.unwrap();
        }
        let rest = read.split_off(end + 4 + length);
        let (status, body) = match serde_json::from_slice::<Value>(&read[end + 4..]) {
            Ok(Value::Array(calls)) => {
                let answers = calls.iter().map(|call| answer(call, &headers));
                (200, Value::Array(answers.collect()).to_string())
            }
            Ok(call) => (200, answer(&call, &headers).to_string()),
            Err(_) => (404, String::new()),
        };
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        read = rest;
    }
}

fn answer(call: &Value, headers: &Headers) -> Value {
    let first = &call["params"][0];
    let result = match call["method"].as_str().unwrap() {
        "getblockchaininfo" => {
            let best = headers.last().unwrap().block_hash();
            json!({"chain": "regtest", "blocks": headers.len() - 1, "bestblockhash": best})
        }
        "getblockhash" => json!(headers[first.as_u64().unwrap() as usize].block_hash()),
        "getblockheader" => {
            let wanted: BlockHash = first.as_str().unwrap().parse().unwrap();
            let found = headers.iter().find(|header| header.block_hash() == wanted);
            json!(bitcoin::consensus::encode::serialize_hex(found.unwrap()))
        }
        other => panic!("{other} was asked: the files have all blocks"),
    };
    json!({"result": result, "error": null, "id": call["id"]})
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    historian: HistorianSettings,
    #[command(flatten)]
    node: NodeSettings,
}

/// Starts the historian with an empty history, waits until it has read all blocks, and returns its coverage.
async fn fill(folder: &Path, node: SocketAddr, state: &Path) -> (Coverage, Duration) {
    let flags = Flags::parse_from([
        "disk".to_owned(),
        "--historian-listen=127.0.0.1:0".to_owned(),
        "--historian-workers=2".to_owned(),
        format!("--blocks-dir={}", folder.display()),
        format!("--rpc-url=http://{node}"),
    ]);
    let around = Around {
        node: flags.node,
        is_node_set_elsewhere: true,
        analyzer_url: "http://127.0.0.1:9".to_owned(),
        state_dir: Some(state.to_owned()),
    };
    let began = Instant::now();
    let context = Context::default();
    let address = satscope_historian::start(flags.historian, around, &context)
        .await
        .unwrap();
    let url = format!("http://{address}");
    let mut client = HistoryServiceClient::connect(url).await.unwrap();
    loop {
        let answer = client.get_coverage(GetCoverageRequest {}).await.unwrap();
        let coverage = answer.into_inner().coverage.unwrap();
        if coverage.state() == HistorianState::Following {
            return (coverage, began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The stages on one thread, each with those before it: reading, txids, amounts.
fn stages(folder: &Path, bytes: u64) {
    let magic = Magic::of_chain("regtest").unwrap();
    let key = XorKey::new(KEY);
    let format = BlkFormat { magic, key };
    let files = satscope_bitcoin::blk::blk_files(folder).unwrap();
    let mut buffer = Vec::new();
    for (stage, what) in ["reading", "… and payments", "… and txids"]
        .iter()
        .enumerate()
    {
        let (began, mut sum) = (Instant::now(), 0u64);
        for file in &files {
            let opened = open(folder, file.number).unwrap();
            for block in scan(&opened, file.state.length, format).unwrap().blocks {
                let block = block_at(&opened, block.offset.into(), format, &mut buffer);
                let block = block.unwrap().unwrap();
                sum += block.len() as u64;
                if stage == 0 {
                    continue;
                }
                let filter = Filter::default();
                each_transaction(block, |transaction| {
                    if stage == 2 {
                        sum ^= u64::from(AsRef::<[u8]>::as_ref(&transaction.txid())[0]);
                    }
                    let judged = filter.judge_into(&transaction, |_| false, |value| sum ^= value);
                    sum += u64::from(judged.is_ok());
                })
                .unwrap();
            }
        }
        println!(
            "{what}, one thread: {:.0} MB/s ({sum:x})",
            rate(bytes, began.elapsed())
        );
    }
}

/// The last stage alone, on one thread: the lock and the prices of one period.
fn period(folder: &Path) {
    let magic = Magic::of_chain("regtest").unwrap();
    let key = XorKey::new(KEY);
    let format = BlkFormat { magic, key };
    let (mut blocks, mut bytes, mut buffer) = (Vec::new(), 0, Vec::new());
    for file in satscope_bitcoin::blk::blk_files(folder).unwrap() {
        let opened = open(folder, file.number).unwrap();
        for found in scan(&opened, file.state.length, format).unwrap().blocks {
            let block = block_at(&opened, found.offset.into(), format, &mut buffer);
            let (mut count, mut values) = (0, Vec::new());
            let block = block.unwrap().unwrap();
            bytes += block.len() as u64;
            each_transaction(block, |transaction| {
                let take = |value| values.push(value);
                let judged = Filter::default().judge_into(&transaction, |_| false, take);
                count += u32::from(judged.is_ok());
            })
            .unwrap();
            blocks.push(BlockPayments::new(count, values));
        }
    }
    let blocks = Blocks {
        first_height: 0,
        years: Years::PRESENT,
        blocks: &blocks,
    };
    let began = Instant::now();
    let lock = Lock::of_period(blocks).expect("a lock");
    let locked = began.elapsed();
    let prices = prices(blocks, &lock, 0..2016).iter().flatten().count();
    let took = began.elapsed();
    println!(
        "a period, one thread: lock {locked:.1?}, with {prices} prices {took:.1?}: {:.0} MB/s",
        rate(bytes, took)
    );
}

fn rate(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}

/// Seconds of processor time that this process has taken.
fn processor_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

fn cat(folder: &Path) -> Duration {
    let began = Instant::now();
    let command = format!("cat {}/blk*.dat > /dev/null", folder.display());
    let status = Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(status.success());
    began.elapsed()
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let source = PathBuf::from(arguments.first().map_or(BLOCKS, String::as_str));
    let share: f64 = arguments.get(1).map_or(1.0, |share| share.parse().unwrap());
    let count: usize = arguments
        .get(2)
        .map_or(COUNT, |count| count.parse().unwrap());
    let paths = block_files(&source).unwrap();
    let mut sources: Vec<Block> = paths.iter().map(|path| read_block(path).unwrap()).collect();
    for block in &mut sources {
        let kept = (block.txdata.len() as f64 * share).ceil() as usize;
        block.txdata.truncate(kept.max(1));
    }
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let headers = write(folder.path(), &sources, count);
    drop(sources);
    let files = satscope_bitcoin::blk::blk_files(folder.path()).unwrap();
    let bytes: u64 = files.iter().map(|file| file.state.length).sum();
    println!(
        "{} blocks in {} files, {:.0} MB",
        headers.len(),
        files.len(),
        bytes as f64 / 1e6
    );
    cat(folder.path());
    println!("cat: {:.0} MB/s", rate(bytes, cat(folder.path())));
    stages(folder.path(), bytes);
    period(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = processor_seconds();
    let (coverage, took) = runtime.block_on(async {
        let node = node(headers).await;
        fill(folder.path(), node, state.path()).await
    });
    let processor = processor_seconds() - before;
    println!(
        "the historian, two workers, from an empty history to {} blocks: {:.0} MB/s, {:.1} s, of which {processor:.1} s of processor time, \
         {:.0} MB for each of its seconds",
        coverage.read_blocks,
        rate(bytes, took),
        took.as_secs_f64(),
        bytes as f64 / 1e6 / processor,
    );
}

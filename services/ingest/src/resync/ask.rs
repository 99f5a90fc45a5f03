//! Asking the node over JSON-RPC. Nothing here changes any state: each question is a request or a few, made in the background.

use bitcoin::{
    BlockHash, Transaction, Txid, block::Block, consensus::deserialize, hex::FromHex as _,
};
use satscope_bitcoin::rpc::{
    BlockHeader, BlockchainInfo, Call, MempoolEntry, MempoolInfo, MempoolListing, Notification,
    Rpc, RpcError, patiently, pauses,
};
use satscope_log::WINDOW_MS;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tracing::info;

use crate::tracker::FetchedBlock;

/// Transactions asked for in one request.
pub const BATCH: usize = 500;
/// The most headers that are read back from the tip. Three hours hold about 18 blocks, and main has never seen ten times as
/// many.
const MOST_BLOCKS: usize = 200;

/// A question to the node.
#[derive(Clone, Debug)]
pub enum Question {
    /// Tip and mempool. A stand-in's clock is asked too.
    Moment {
        /// The node is a stand-in.
        is_standin: bool,
    },
    /// How its chain differs from the known one.
    Branch {
        /// Its tip.
        tip: BlockHash,
        /// The known blocks, oldest first.
        known: Vec<BlockHash>,
        /// Ingest's clock, Unix milliseconds, because the node's clock says nothing about header times.
        now_ms: u64,
    },
    /// A missed block whose header is known, and the height below which the node may have pruned blocks.
    Block(BlockHeader, Option<u32>),
    /// Entry times of transactions of the listing.
    EntryTimes(Vec<Txid>),
    /// Transactions of the listing.
    Contents(Vec<Txid>),
}

/// An entry of the mempool.
#[derive(Clone, Copy, Debug)]
pub struct EntryTime {
    /// The transaction.
    pub txid: Txid,
    /// When it entered, by the node's clock in Unix milliseconds.
    pub entered_ms: u64,
    /// Its weight, which is no less than its bytes.
    pub weight: u32,
}

/// The node's answer to a [`Question`].
#[derive(Debug)]
pub enum Step {
    /// The answer to [`Question::Moment`].
    Moment(Moment),
    /// The answer to [`Question::Branch`].
    Branch(Branch),
    /// The answer to [`Question::Block`]; `None` if the node does not have the block (any more).
    Block(Option<FetchedBlock>),
    /// The answer to [`Question::EntryTimes`], without transactions that have left.
    EntryTimes(Vec<EntryTime>),
    /// The answer to [`Question::Contents`], without transactions that have left.
    Contents(Vec<Transaction>),
}

/// One call.
async fn call<T: DeserializeOwned>(
    rpc: &Rpc,
    method: &'static str,
    params: Value,
) -> Result<T, RpcError> {
    patiently(|| rpc.call(method, params.clone())).await
}

/// Asks one question.
///
/// # Errors
/// All of [`RpcError`].
pub async fn ask(rpc: &Rpc, question: Question) -> Result<Step, RpcError> {
    Ok(match question {
        Question::Moment { is_standin } => Step::Moment(moment(rpc, is_standin).await?),
        Question::Branch { tip, known, now_ms } => {
            Step::Branch(branch(rpc, tip, &known, now_ms).await?)
        }
        Question::Block(header, prune_height) => {
            Step::Block(missed_block(rpc, &header, prune_height).await?)
        }
        Question::EntryTimes(txids) => {
            let entries = entries(rpc, &txids).await?;
            Step::EntryTimes(entries.into_iter().flatten().collect())
        }
        Question::Contents(txids) => Step::Contents(contents(rpc, &txids).await?),
    })
}

/// The node's state at one moment.
#[derive(Debug)]
pub struct Moment {
    /// `getblockchaininfo`.
    pub info: BlockchainInfo,
    /// `getrawmempool` at that tip; empty for a node in its initial download.
    pub listing: MempoolListing,
    /// `getmempoolinfo`'s `loaded`, asked before the listing, so that the listing has all that was loaded.
    pub is_loaded: bool,
    /// A stand-in's clock after the listing, Unix milliseconds.
    pub standin_ms: Option<u64>,
}

/// The part of a stand-in's `standinstatus` that is used.
#[derive(Deserialize)]
struct StandInStatus {
    /// Its clock, Unix seconds.
    time: f64,
}

/// How the node's chain differs from the known one.
#[derive(Debug)]
pub struct Branch {
    /// The headers of its blocks that are not known, oldest first.
    pub missing: Vec<BlockHeader>,
    /// The known blocks that are not in it, oldest first; `None` when it is another chain altogether.
    pub abandoned: Option<Vec<BlockHash>>,
}

/// Reads tip and mempool so that they belong together: the tip is the same before and after. While it moves, both are read
/// again after a growing pause.
async fn moment(rpc: &Rpc, is_standin: bool) -> Result<Moment, RpcError> {
    for pause in pauses() {
        let info: BlockchainInfo = call(rpc, "getblockchaininfo", json!([])).await?;
        if info.initial_block_download {
            return Ok(Moment {
                info,
                listing: MempoolListing::default(),
                is_loaded: false,
                standin_ms: None,
            });
        }
        let is_loaded = is_loaded(rpc).await?;
        let listing = mempool(rpc).await?;
        let tip: BlockHash = call(rpc, "getbestblockhash", json!([])).await?;
        if tip == info.best_block_hash {
            let standin_ms = match is_standin {
                true => Some(standin_ms(rpc).await?),
                false => None,
            };
            return Ok(Moment {
                info,
                listing,
                is_loaded,
                standin_ms,
            });
        }
        tokio::time::sleep(pause).await;
    }
    Err(RpcError::Answer {
        method: "getbestblockhash",
        reason: "the tip moved each time while the mempool was read".to_owned(),
    })
}

async fn standin_ms(rpc: &Rpc) -> Result<u64, RpcError> {
    let status: StandInStatus = call(rpc, "standinstatus", json!([])).await?;
    Ok((status.time * 1000.0) as u64)
}

/// Whether the node has loaded its mempool.dat. Core publishes an `A` for each transaction that it loads.
pub async fn is_loaded(rpc: &Rpc) -> Result<bool, RpcError> {
    let info: MempoolInfo = call(rpc, "getmempoolinfo", json!([])).await?;
    Ok(info.loaded)
}

/// Where the node publishes over ZMQ.
pub async fn published(rpc: &Rpc) -> Result<Vec<Notification>, RpcError> {
    call(rpc, "getzmqnotifications", json!([])).await
}

/// The txids in the mempool.
pub async fn mempool(rpc: &Rpc) -> Result<MempoolListing, RpcError> {
    call(rpc, "getrawmempool", json!([false, true])).await
}

/// How many transactions are in the mempool, and the tip.
pub async fn count_and_tip(rpc: &Rpc) -> Result<(usize, BlockHash), RpcError> {
    let info: MempoolInfo = call(rpc, "getmempoolinfo", json!([])).await?;
    let tip = call(rpc, "getbestblockhash", json!([])).await?;
    Ok((info.size, tip))
}

/// Walks from `tip` back to one of the `known` blocks (oldest first), or to three hours before `now_ms`.
async fn branch(
    rpc: &Rpc,
    tip: BlockHash,
    known: &[BlockHash],
    now_ms: u64,
) -> Result<Branch, RpcError> {
    let mut missing: Vec<BlockHeader> = Vec::new();
    let mut next = Some(tip);
    let mut meeting = None;
    while let Some(hash) = next.filter(|_| missing.len() < MOST_BLOCKS) {
        meeting = known.iter().position(|held| *held == hash);
        if meeting.is_some() {
            break;
        }
        let Some(header) = header_of_window(rpc, hash, now_ms).await? else {
            break;
        };
        next = header.previous;
        missing.push(header);
    }
    missing.reverse();
    let abandoned = match meeting {
        Some(at) => Some(known[at + 1..].to_vec()),
        // The link may have been down for so long that the chains cannot meet within the window.
        None => off_chain(rpc, known).await?,
    };
    Ok(Branch { missing, abandoned })
}

/// The `known` blocks that the node has in another branch, oldest first; `None` if it does not have one of them.
async fn off_chain(rpc: &Rpc, known: &[BlockHash]) -> Result<Option<Vec<BlockHash>>, RpcError> {
    let mut on_chain = known.len();
    while let Some(newest) = known[..on_chain].last() {
        let header: Option<BlockHeader> =
            if_known(call(rpc, "getblockheader", json!([newest])).await)?;
        match header {
            None => return Ok(None),
            Some(header) if header.confirmations >= 0 => break,
            Some(_) => on_chain -= 1,
        }
    }
    Ok(Some(known[on_chain..].to_vec()))
}

/// A block's header; `None` if it is older than the window, or if the node does not have it.
async fn header_of_window(
    rpc: &Rpc,
    hash: BlockHash,
    now_ms: u64,
) -> Result<Option<BlockHeader>, RpcError> {
    let header: Option<BlockHeader> = if_known(call(rpc, "getblockheader", json!([hash])).await)?;
    Ok(header.filter(|header| header.time * 1000 + WINDOW_MS > now_ms))
}

/// The answer; `None` if the node says that it does not have the thing asked for. Other errors are passed on.
fn if_known<T>(answer: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_absence() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A block whose header is known; `None` if the node does not have it, or has pruned it.
async fn missed_block(
    rpc: &Rpc,
    header: &BlockHeader,
    prune_height: Option<u32>,
) -> Result<Option<FetchedBlock>, RpcError> {
    let is_pruned = |error: &RpcError| {
        error.may_be_pruned() && prune_height.is_some_and(|lowest| header.height < lowest)
    };
    match block(rpc, header).await {
        Ok(block) => Ok(Some(block)),
        Err(error) if error.is_absence() || is_pruned(&error) => {
            info!("block {} is not to be had: {error}", header.hash);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn block(rpc: &Rpc, header: &BlockHeader) -> Result<FetchedBlock, RpcError> {
    let block: Block = patiently(async || {
        let hex: String = rpc.call("getblock", json!([header.hash, 0])).await?;
        decode("getblock", &hex)
    })
    .await?;
    Ok(FetchedBlock {
        hash: header.hash,
        height: Some(header.height),
        time_ms: header.time * 1000,
        transactions: block.txdata,
    })
}

/// The header of a block of any branch.
pub async fn header(rpc: &Rpc, hash: BlockHash) -> Result<BlockHeader, RpcError> {
    call(rpc, "getblockheader", json!([hash])).await
}

/// A block of any branch.
pub async fn fetch_block(rpc: &Rpc, hash: BlockHash) -> Result<FetchedBlock, RpcError> {
    block(rpc, &header(rpc, hash).await?).await
}

/// When each transaction entered the mempool by the node's clock, Unix milliseconds. `None` for a transaction that has left
/// since; its `R` or its block settles it.
pub async fn entry_times(rpc: &Rpc, txids: &[Txid]) -> Result<Vec<Option<u64>>, RpcError> {
    let entries = entries(rpc, txids).await?;
    let entered_ms = |entry: Option<EntryTime>| Some(entry?.entered_ms);
    Ok(entries.into_iter().map(entered_ms).collect())
}

/// The mempool entries of these transactions; `None` for one that has left.
async fn entries(rpc: &Rpc, txids: &[Txid]) -> Result<Vec<Option<EntryTime>>, RpcError> {
    let entries = each::<MempoolEntry, _>(rpc, "getmempoolentry", txids, Ok).await?;
    let read = |(txid, entry): (&Txid, Option<MempoolEntry>)| {
        entry.map(|entry| EntryTime {
            txid: *txid,
            entered_ms: entry.time * 1000,
            weight: entry.weight,
        })
    };
    Ok(txids.iter().zip(entries).map(read).collect())
}

/// The transactions of the mempool by these ids, without those that have left since they were listed.
async fn contents(rpc: &Rpc, txids: &[Txid]) -> Result<Vec<Transaction>, RpcError> {
    let read = |hex: String| decode("getrawtransaction", &hex);
    let contents = each(rpc, "getrawtransaction", txids, read).await?;
    Ok(contents.into_iter().flatten().collect())
}

/// The node's answer for each of `txids`, through `read`; `None` if the node does not have the thing (any more). Any other
/// error fails the whole batch, which is asked for again while the error is passing.
async fn each<T: DeserializeOwned, U>(
    rpc: &Rpc,
    method: &'static str,
    txids: &[Txid],
    read: impl Fn(T) -> Result<U, RpcError>,
) -> Result<Vec<Option<U>>, RpcError> {
    let calls: Vec<Call> = txids.iter().map(|txid| (method, json!([txid]))).collect();
    patiently(async || {
        let answers = rpc.batch(&calls).await?.into_iter();
        answers
            .map(|answer| if_known(answer)?.map(&read).transpose())
            .collect()
    })
    .await
}

fn decode<T: bitcoin::consensus::Decodable>(
    method: &'static str,
    hex: &str,
) -> Result<T, RpcError> {
    let unreadable = |reason: String| RpcError::Answer { method, reason };
    let bytes = Vec::<u8>::from_hex(hex).map_err(|error| unreadable(error.to_string()))?;
    deserialize(&bytes).map_err(|error| unreadable(error.to_string()))
}

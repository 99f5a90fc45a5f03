//! Asking the node over JSON-RPC for what was missed: the mempool and the blocks of the window.
//!
//! Nothing here changes any state: each step is a request, made while the heartbeat goes on elsewhere.

use bitcoin::{BlockHash, Txid, block::Block, consensus::deserialize, hex::FromHex as _};
use satscope_bitcoin::rpc::{
    BlockHeader, BlockchainInfo, Call, MempoolEntry, MempoolListing, Rpc, RpcError,
};
use satscope_log::WINDOW_MS;
use serde_json::json;
use tracing::info;

use crate::tracker::{FetchedBlock, FetchedTransaction, is_in_window};

/// Transactions asked for in one request.
pub const BATCH: usize = 500;
/// How often the tip may move while the mempool is read before it is given up.
const TRIES: usize = 5;
/// A window of three hours holds about 18 blocks; ten times that has never happened on main.
const MOST_BLOCKS: usize = 200;

/// The node's state at one moment.
#[derive(Debug)]
pub struct Moment {
    /// `getblockchaininfo`.
    pub info: BlockchainInfo,
    /// `getrawmempool` at that tip.
    pub listing: MempoolListing,
}

/// Reads tip and mempool so that they belong together: the tip is the same before and after.
pub async fn moment(rpc: &Rpc) -> Result<Moment, RpcError> {
    for _ in 0..TRIES {
        let info: BlockchainInfo = rpc.call("getblockchaininfo", json!([])).await?;
        let listing: MempoolListing = rpc.call("getrawmempool", json!([false, true])).await?;
        let tip: BlockHash = rpc.call("getbestblockhash", json!([])).await?;
        if tip == info.best_block_hash {
            return Ok(Moment { info, listing });
        }
    }
    Err(RpcError::Answer {
        method: "getbestblockhash",
        reason: format!("the tip moved {TRIES} times while the mempool was read"),
    })
}

/// The blocks from `tip` back to one of `known`, or to three hours before `now_ms`; oldest first. And those
/// of `known` that are above the point where both chains meet.
pub async fn blocks(
    rpc: &Rpc,
    tip: BlockHash,
    known: &[BlockHash],
    now_ms: u64,
) -> Result<(Vec<FetchedBlock>, Vec<BlockHash>), RpcError> {
    let mut missing = Vec::new();
    let mut next = Some(tip);
    let mut meeting = None;
    while let Some(hash) = next.filter(|_| missing.len() < MOST_BLOCKS) {
        meeting = known.iter().position(|held| *held == hash);
        if meeting.is_some() {
            break;
        }
        let Some((block, previous)) = block_of_window(rpc, hash, now_ms).await? else {
            break;
        };
        missing.push(block);
        next = previous;
    }
    missing.reverse();
    // Chains that do not meet within the window were apart for longer than anything in it lasts.
    let abandoned = meeting.map_or_else(Vec::new, |at| known[at + 1..].to_vec());
    Ok((missing, abandoned))
}

/// A block and the one before it; `None` where it is older than the window, or the node does not have it.
async fn block_of_window(
    rpc: &Rpc,
    hash: BlockHash,
    now_ms: u64,
) -> Result<Option<(FetchedBlock, Option<BlockHash>)>, RpcError> {
    let fetched = async {
        let header: BlockHeader = rpc.call("getblockheader", json!([hash])).await?;
        if header.time * 1000 + WINDOW_MS <= now_ms {
            return Ok(None);
        }
        let block = block(rpc, &header).await?;
        Ok(Some((block, header.previous)))
    };
    match fetched.await {
        // A pruned node, or the chain's beginning: the window begins with what there is.
        Err(RpcError::Node { message, .. }) => {
            info!("the window's blocks end before {hash}: {message}");
            Ok(None)
        }
        fetched => fetched,
    }
}

async fn block(rpc: &Rpc, header: &BlockHeader) -> Result<FetchedBlock, RpcError> {
    let hex: String = rpc.call("getblock", json!([header.hash, 0])).await?;
    let block: Block = decode("getblock", &hex)?;
    Ok(FetchedBlock {
        hash: header.hash,
        height: header.height,
        time_ms: header.time * 1000,
        transactions: block.txdata,
    })
}

/// One block of the best chain.
pub async fn fetch_block(rpc: &Rpc, hash: BlockHash) -> Result<FetchedBlock, RpcError> {
    let header: BlockHeader = rpc.call("getblockheader", json!([hash])).await?;
    block(rpc, &header).await
}

/// Entry times of all `txids`, and the content of those that entered within the window. A transaction that has
/// left the mempool since it was listed is left out: its `R` or its block tells the rest.
pub async fn transactions(
    rpc: &Rpc,
    txids: &[Txid],
    now_ms: u64,
) -> Result<Vec<FetchedTransaction>, RpcError> {
    let calls = |method: &'static str, txids: &[Txid]| -> Vec<Call> {
        txids.iter().map(|txid| (method, json!([txid]))).collect()
    };
    let entries = rpc
        .batch::<MempoolEntry>(&calls("getmempoolentry", txids))
        .await?;
    let mut fetched: Vec<FetchedTransaction> = txids
        .iter()
        .zip(entries)
        .filter_map(|(txid, entry)| {
            Some(FetchedTransaction {
                txid: *txid,
                entered_ms: entry.ok()?.time * 1000,
                transaction: None,
            })
        })
        .collect();
    let recent: Vec<Txid> = fetched
        .iter()
        .filter(|fetched| is_in_window(fetched.entered_ms, now_ms))
        .map(|fetched| fetched.txid)
        .collect();
    let contents = rpc
        .batch::<String>(&calls("getrawtransaction", &recent))
        .await?;
    let mut contents = recent.into_iter().zip(contents).peekable();
    let mut vanished = Vec::new();
    for entry in &mut fetched {
        let Some((txid, content)) = contents.next_if(|(txid, _)| *txid == entry.txid) else {
            continue;
        };
        match content {
            Ok(hex) => entry.transaction = Some(decode("getrawtransaction", &hex)?),
            Err(_) => vanished.push(txid),
        }
    }
    fetched.retain(|entry| !vanished.contains(&entry.txid));
    Ok(fetched)
}

fn decode<T: bitcoin::consensus::Decodable>(
    method: &'static str,
    hex: &str,
) -> Result<T, RpcError> {
    let unreadable = |reason: String| RpcError::Answer { method, reason };
    let bytes = Vec::<u8>::from_hex(hex).map_err(|error| unreadable(error.to_string()))?;
    deserialize(&bytes).map_err(|error| unreadable(error.to_string()))
}

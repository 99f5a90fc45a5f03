//! Asking the node over JSON-RPC for what was missed: the mempool and the blocks of the window.
//!
//! Nothing here changes any state: each step is a request, made while the heartbeat goes on elsewhere.

use bitcoin::{
    BlockHash, Transaction, Txid, block::Block, consensus::deserialize, hex::FromHex as _,
};
use satscope_bitcoin::rpc::{
    BlockHeader, BlockchainInfo, Call, MempoolEntry, MempoolInfo, MempoolListing, Rpc, RpcError,
};
use satscope_log::WINDOW_MS;
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::info;

use crate::tracker::FetchedBlock;

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

/// How the node's chain differs from the known one.
#[derive(Debug)]
pub struct Branch {
    /// The headers of its blocks that are not known, oldest first.
    pub missing: Vec<BlockHeader>,
    /// The known blocks that are not in it, oldest first; `None` when it is another chain altogether.
    pub abandoned: Option<Vec<BlockHash>>,
}

/// Reads tip and mempool so that they belong together: the tip is the same before and after.
pub async fn moment(rpc: &Rpc) -> Result<Moment, RpcError> {
    for _ in 0..TRIES {
        let info: BlockchainInfo = rpc.call("getblockchaininfo", json!([])).await?;
        let listing = mempool(rpc).await?;
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

/// The txids in the mempool.
pub async fn mempool(rpc: &Rpc) -> Result<MempoolListing, RpcError> {
    rpc.call("getrawmempool", json!([false, true])).await
}

/// How many transactions are in the mempool, and the tip.
pub async fn count_and_tip(rpc: &Rpc) -> Result<(usize, BlockHash), RpcError> {
    let info: MempoolInfo = rpc.call("getmempoolinfo", json!([])).await?;
    let tip = rpc.call("getbestblockhash", json!([])).await?;
    Ok((info.size, tip))
}

/// Walks from `tip` back to one of the `known` blocks (oldest first), or to three hours before `now_ms`.
pub async fn branch(
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
    let abandoned = match (meeting, known.last()) {
        (Some(at), _) => Some(known[at + 1..].to_vec()),
        (None, None) => Some(Vec::new()),
        // The node may have been without us for so long that the chains cannot meet within the window.
        (None, Some(newest)) => {
            let newest: Option<BlockHeader> =
                if_known(rpc.call("getblockheader", json!([newest])).await)?;
            newest.map(|_| Vec::new())
        }
    };
    Ok(Branch { missing, abandoned })
}

/// A block's header; `None` where it is older than the window, or the node does not have it.
async fn header_of_window(
    rpc: &Rpc,
    hash: BlockHash,
    now_ms: u64,
) -> Result<Option<BlockHeader>, RpcError> {
    let header: Option<BlockHeader> = if_known(rpc.call("getblockheader", json!([hash])).await)?;
    Ok(header.filter(|header| header.time * 1000 + WINDOW_MS > now_ms))
}

/// `None` where the node answers that it does not have it.
fn if_known<T: DeserializeOwned>(answer: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(RpcError::Node { message, .. }) => {
            info!("the node does not have a block that was asked for: {message}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A block whose header is known.
pub async fn block(rpc: &Rpc, header: &BlockHeader) -> Result<FetchedBlock, RpcError> {
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

/// When each transaction entered the mempool, Unix milliseconds. One that has left since it was listed is left out: its
/// `R` or its block tells the rest.
pub async fn entry_times(rpc: &Rpc, txids: &[Txid]) -> Result<Vec<(Txid, u64)>, RpcError> {
    let entries = each::<MempoolEntry>(rpc, "getmempoolentry", txids).await?;
    let entered = txids.iter().zip(entries);
    Ok(entered
        .filter_map(|(txid, entry)| Some((*txid, entry.ok()?.time * 1000)))
        .collect())
}

/// The transactions of the mempool by these ids; those that have left since they were listed are left out.
pub async fn contents(rpc: &Rpc, entered: &[(Txid, u64)]) -> Result<Vec<Transaction>, RpcError> {
    let txids: Vec<Txid> = entered.iter().map(|(txid, _)| *txid).collect();
    let contents = each::<String>(rpc, "getrawtransaction", &txids).await?;
    contents
        .into_iter()
        .filter_map(Result::ok)
        .map(|hex| decode("getrawtransaction", &hex))
        .collect()
}

async fn each<T: DeserializeOwned>(
    rpc: &Rpc,
    method: &'static str,
    txids: &[Txid],
) -> Result<Vec<Result<T, RpcError>>, RpcError> {
    let calls: Vec<Call> = txids.iter().map(|txid| (method, json!([txid]))).collect();
    rpc.batch(&calls).await
}

fn decode<T: bitcoin::consensus::Decodable>(
    method: &'static str,
    hex: &str,
) -> Result<T, RpcError> {
    let unreadable = |reason: String| RpcError::Answer { method, reason };
    let bytes = Vec::<u8>::from_hex(hex).map_err(|error| unreadable(error.to_string()))?;
    deserialize(&bytes).map_err(|error| unreadable(error.to_string()))
}

//! The calls that are answered, and their answers.

use std::sync::{Arc, atomic::Ordering};

use bitcoin::hex::DisplayHex;
use bitcoin::{BlockHash, Txid, constants::genesis_block};
use serde_json::{Map, Value, json};

use super::params::Params;
use super::{RpcError, shapes};
use crate::chain::{Block, Chain};
use crate::node::{NodeState, State};

type Answer = Result<Value, RpcError>;

/// Answers one call.
///
/// # Errors
/// The errors of Core: an unknown method, wrong parameters, or a thing that is not there.
pub(super) fn call(node: &NodeState, method: &str, params: &Value) -> Answer {
    let read = |names, required| Params::read(method, names, required, params);
    match method {
        "standinstatus" => read(&[], 0).map(|_| shapes::status(&node.status())),
        "standinhold" => read(&[], 0).map(|_| json!(hold(node))),
        "standincontinue" => read(&[], 0).map(|_| json!(go_on(node))),
        _ if node.status().state == State::Down => {
            Err(RpcError::new(RpcError::IN_WARMUP, "Loading block index…"))
        }
        "getblockchaininfo" => read(&[], 0).map(|_| shapes::blockchain_info(&node.chain())),
        "getbestblockhash" => read(&[], 0).map(|_| json!(node.chain().tip().hash.to_string())),
        "getblockcount" => read(&[], 0).map(|_| json!(node.chain().tip().height)),
        "getblockhash" => block_hash(&node.chain(), &read(&["height"], 1)?),
        "getblockheader" => header(&node.chain(), &read(&["blockhash", "verbose"], 1)?),
        "getblock" => block(node, &read(&["blockhash", "verbosity"], 1)?),
        "getrawmempool" => raw_mempool(&node.chain(), &read(&["verbose", "mempool_sequence"], 0)?),
        "getmempoolentry" => mempool_entry(&node.chain(), &read(&["txid"], 1)?),
        "getmempoolinfo" => read(&[], 0).map(|_| shapes::mempool_info(&node.chain().mempool)),
        "getrawtransaction" => {
            raw_transaction(node, &read(&["txid", "verbosity", "blockhash"], 1)?)
        }
        "getzmqnotifications" => read(&[], 0).map(|_| shapes::zmq_notifications(node)),
        "getnetworkinfo" => read(&[], 0).map(|_| shapes::network_info()),
        "uptime" => read(&[], 0).map(|_| json!(node.started.elapsed().as_secs())),
        _ => Err(RpcError::new(
            RpcError::METHOD_NOT_FOUND,
            "Method not found",
        )),
    }
}

/// Tells a simulation to hold before its next event; earlier messages still go out. False if no simulation plays.
fn hold(node: &NodeState) -> bool {
    let playing = node.simulated && node.status().state == State::Playing;
    if playing {
        node.hold.store(true, Ordering::Relaxed);
    }
    playing
}

/// Lets a player that holds go on; false if none holds.
fn go_on(node: &NodeState) -> bool {
    let held = node.status().state == State::Held;
    if held {
        node.go_on.notify_one();
    }
    held
}

fn block_hash(chain: &Chain, params: &Params<'_>) -> Answer {
    let height = params.number(0)?.unwrap_or_default();
    if height == 0 {
        return Ok(json!(genesis_block(chain.network).block_hash().to_string()));
    }
    let height = u32::try_from(height)
        .ok()
        .filter(|height| *height <= chain.tip().height);
    let Some(height) = height else {
        let message = "Block height out of range";
        return Err(RpcError::new(RpcError::INVALID_PARAMETER, message));
    };
    chain
        .at_height(height)
        .map(|block| json!(block.hash.to_string()))
        .ok_or_else(|| RpcError::new(RpcError::MISC, "Block not available (pruned data)"))
}

fn header(chain: &Chain, params: &Params<'_>) -> Answer {
    let (block, active) = find_block(chain, params)?;
    if params.flag(1, true)? {
        return Ok(Value::Object(shapes::header(chain, &block, active)));
    }
    block
        .header
        .map(|header| json!(bitcoin::consensus::encode::serialize_hex(&header)))
        .ok_or_else(unavailable)
}

fn block(node: &NodeState, params: &Params<'_>) -> Answer {
    let (block, active) = find_block(&node.chain(), params)?;
    match params.verbosity(1, 1)? {
        ..=0 => node
            .whole(block)
            .bytes()
            .map(|bytes| json!(bytes.to_lower_hex_string()))
            .ok_or_else(unavailable),
        1 => {
            let block = node.whole(block);
            shapes::block(&node.chain(), &block, active).ok_or_else(unavailable)
        }
        more => Err(RpcError::new(
            RpcError::INVALID_PARAMETER,
            format!("verbosity {more} is not answered by this stand-in; expected 0 or 1"),
        )),
    }
}

fn find_block(chain: &Chain, params: &Params<'_>) -> Result<(Arc<Block>, bool), RpcError> {
    let hash: Option<BlockHash> = params.hash(0)?;
    hash.and_then(|hash| chain.block(&hash))
        .ok_or_else(|| RpcError::new(RpcError::NOT_FOUND, "Block not found"))
}

fn unavailable() -> RpcError {
    RpcError::new(RpcError::MISC, "Block not available (pruned data)")
}

fn raw_mempool(chain: &Chain, params: &Params<'_>) -> Answer {
    let (verbose, with_sequence) = (params.flag(0, false)?, params.flag(1, false)?);
    let mempool = &chain.mempool;
    if verbose {
        if with_sequence {
            let message = "Verbose results cannot contain mempool sequence values.";
            return Err(RpcError::new(RpcError::INVALID_PARAMETER, message));
        }
        let entries = mempool
            .entries()
            .map(|entry| (entry.tx.txid.to_string(), shapes::entry(mempool, entry)));
        return Ok(Value::Object(entries.collect::<Map<_, _>>()));
    }
    let txids: Vec<String> = mempool
        .entries()
        .map(|entry| entry.tx.txid.to_string())
        .collect();
    Ok(if with_sequence {
        json!({"txids": txids, "mempool_sequence": chain.mempool_sequence})
    } else {
        json!(txids)
    })
}

fn mempool_entry(chain: &Chain, params: &Params<'_>) -> Answer {
    let txid: Option<Txid> = params.hash(0)?;
    txid.and_then(|txid| chain.mempool.get(&txid))
        .map(|entry| shapes::entry(&chain.mempool, entry))
        .ok_or_else(|| RpcError::new(RpcError::NOT_FOUND, "Transaction not in mempool"))
}

fn raw_transaction(node: &NodeState, params: &Params<'_>) -> Answer {
    let txid: Option<Txid> = params.hash(0)?;
    let in_block: Option<BlockHash> = params.hash(2)?;
    if params.verbosity(1, 0)? > 0 {
        let message = "this stand-in answers with raw transactions only; expected verbosity 0";
        return Err(RpcError::new(RpcError::INVALID_PARAMETER, message));
    }
    let not_found = |message| RpcError::new(RpcError::NOT_FOUND, message);
    let Some(hash) = in_block else {
        let chain = node.chain();
        let entry = txid.and_then(|txid| chain.mempool.get(&txid));
        return entry
            .map(|entry| json!(entry.tx.raw.to_lower_hex_string()))
            .ok_or_else(|| not_found(NO_SUCH_MEMPOOL_TRANSACTION));
    };
    let found = node.chain().block(&hash);
    let (block, _) = found.ok_or_else(|| not_found("Block hash not found"))?;
    let block = node.whole(block);
    let txs = block.txs.as_ref();
    txs.ok_or_else(|| not_found("Block not available"))?
        .iter()
        .find(|tx| Some(tx.txid) == txid)
        .map(|tx| json!(tx.raw.to_lower_hex_string()))
        .ok_or_else(|| not_found(NO_SUCH_BLOCK_TRANSACTION))
}

const NO_SUCH_MEMPOOL_TRANSACTION: &str = "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries. Use gettransaction for wallet transactions.";
const NO_SUCH_BLOCK_TRANSACTION: &str =
    "No such transaction found in the provided block. Use gettransaction for wallet transactions.";

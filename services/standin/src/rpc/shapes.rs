//! The JSON of the answers: field names and units as Bitcoin Core 29 has them.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hex::DisplayHex;
use bitcoin::{CompactTarget, Network, Target, Txid};
use satscope_bitcoin::frame::Topic;
use serde_json::{Map, Value, json};

use crate::chain::{Block, Chain};
use crate::mempool::{Mempool, Pooled};
use crate::node::{NodeState, Status};

/// Core 29.0.0.
const VERSION: u32 = 290_000;
const SATS_PER_BTC: f64 = 100_000_000.0;
/// 1 sat/vB, as BTC for 1000 virtual bytes.
const LEAST_FEE_RATE: f64 = 0.000_01;
const MAX_MEMPOOL_BYTES: u64 = 300_000_000;

pub(super) fn status(status: &Status) -> Value {
    json!({
        "state": status.state.name(),
        "checkpoint": status.checkpoint,
        "time": status.time,
    })
}

pub(super) fn blockchain_info(chain: &Chain) -> Value {
    let tip = chain.tip();
    let bits = bits(chain, tip);
    json!({
        "chain": chain_name(chain.network),
        "blocks": tip.height,
        "headers": tip.height,
        "bestblockhash": tip.hash.to_string(),
        "bits": format!("{:08x}", bits.to_consensus()),
        "target": target_hex(bits),
        "difficulty": Target::from_compact(bits).difficulty_float(),
        "time": tip.time,
        "mediantime": chain.median_time(tip),
        "verificationprogress": 1,
        "initialblockdownload": false,
        "chainwork": chainwork(bits, tip.height),
        "size_on_disk": 0,
        "pruned": true,
        // Blocks that a recording did not show are known by their hashes only, as on a node that prunes.
        "pruneheight": chain.lowest_whole(),
        "warnings": [],
    })
}

/// A header's fields. If a recording never showed the header, the fields that only the header gives are
/// left out.
pub(super) fn header(chain: &Chain, block: &Block, active: bool) -> Map<String, Value> {
    let bits = bits(chain, block);
    let confirmations = if active {
        i64::from(chain.tip().height) - i64::from(block.height) + 1
    } else {
        -1
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("hash", json!(block.hash.to_string()));
    put("confirmations", json!(confirmations));
    put("height", json!(block.height));
    if let Some(header) = &block.header {
        let version = header.version.to_consensus();
        put("version", json!(version));
        put("versionHex", json!(format!("{version:08x}")));
        put("merkleroot", json!(header.merkle_root.to_string()));
        put("nonce", json!(header.nonce));
    }
    put("time", json!(block.time));
    put(
        "mediantime",
        json!(chain.median_time(block).unwrap_or(block.time)),
    );
    put("bits", json!(format!("{:08x}", bits.to_consensus())));
    put("target", json!(target_hex(bits)));
    put(
        "difficulty",
        json!(Target::from_compact(bits).difficulty_float()),
    );
    put("chainwork", json!(chainwork(bits, block.height)));
    let made = || Some(chain.content(block)?.count(block.height));
    if let Some(count) = block.txs.as_ref().map(Vec::len).or_else(made) {
        put("nTx", json!(count));
    }
    put("previousblockhash", json!(block.previous.to_string()));
    if let Some(next) = chain.next_block(block) {
        put("nextblockhash", json!(next.to_string()));
    }
    fields
}

/// A block with the txids of its transactions; `None` if these are not known.
pub(super) fn block(chain: &Chain, block: &Block, active: bool) -> Option<Value> {
    let txs = block.txs.as_ref()?;
    let size = 80
        + serialize_hex(&bitcoin::VarInt(txs.len() as u64)).len() / 2
        + txs.iter().map(|tx| tx.raw.len()).sum::<usize>();
    let header_weight = 4 * (size - txs.iter().map(|tx| tx.raw.len()).sum::<usize>()) as u64;
    let weight = header_weight + txs.iter().map(|tx| tx.weight).sum::<u64>();
    let mut fields = header(chain, block, active);
    // Weight is three times the size without witnesses and once the size with them (BIP 141).
    fields.insert("strippedsize".to_owned(), json!((weight - size as u64) / 3));
    fields.insert("size".to_owned(), json!(size));
    fields.insert("weight".to_owned(), json!(weight));
    let txids: Vec<String> = txs.iter().map(|tx| tx.txid.to_string()).collect();
    fields.insert("tx".to_owned(), json!(txids));
    Some(Value::Object(fields))
}

/// A transaction of the mempool. Fees of replayed transactions cannot be known: they are given as 1 sat/vB.
pub(super) fn entry(mempool: &Mempool, entry: &Pooled) -> Value {
    let tx = &entry.tx;
    let family = |txids: Vec<Txid>| {
        let members = txids.iter().filter_map(|txid| mempool.get(txid));
        members.fold((0_u64, 0_u64, 0_u64), |(count, vsize, fee), member| {
            let tx = &member.tx;
            (count + 1, vsize + tx.vsize(), fee + tx.fee_or_least())
        })
    };
    let (descendants, descendant_size, descendant_fee) = family(mempool.with_descendants(tx.txid));
    let (ancestors, ancestor_size, ancestor_fee) = family(mempool.with_ancestors(tx.txid));
    let names = |txids: Vec<Txid>| txids.iter().map(Txid::to_string).collect::<Vec<_>>();
    json!({
        "vsize": tx.vsize(),
        "weight": tx.weight,
        "time": entry.time as u64,
        "height": entry.height,
        "descendantcount": descendants,
        "descendantsize": descendant_size,
        "ancestorcount": ancestors,
        "ancestorsize": ancestor_size,
        "wtxid": tx.wtxid.to_string(),
        "fees": {
            "base": btc(tx.fee_or_least()),
            "modified": btc(tx.fee_or_least()),
            "ancestor": btc(ancestor_fee),
            "descendant": btc(descendant_fee),
        },
        "depends": names(mempool.parents(tx)),
        "spentby": names(mempool.children(tx)),
        "bip125-replaceable": tx.replaceable,
        "unbroadcast": false,
    })
}

pub(super) fn mempool_info(mempool: &Mempool) -> Value {
    let fees: u64 = mempool.entries().map(|entry| entry.tx.fee_or_least()).sum();
    let raw: usize = mempool.entries().map(|entry| entry.tx.raw.len()).sum();
    json!({
        "loaded": true,
        "size": mempool.len(),
        "bytes": mempool.vbytes(),
        "usage": raw,
        "total_fee": btc(fees),
        "maxmempool": MAX_MEMPOOL_BYTES,
        "mempoolminfee": LEAST_FEE_RATE,
        "minrelaytxfee": LEAST_FEE_RATE,
        "incrementalrelayfee": LEAST_FEE_RATE,
        "unbroadcastcount": 0,
        "fullrbf": true,
    })
}

pub(super) fn zmq_notifications(node: &NodeState) -> Value {
    let topics = [
        Topic::HashBlock,
        Topic::RawBlock,
        Topic::RawTx,
        Topic::Sequence,
    ];
    let notifications = topics.map(|topic| {
        json!({
            "type": format!("pub{}", topic.name()),
            "address": node.zmq_endpoint,
            "hwm": node.zmq_high_water_mark,
        })
    });
    json!(notifications)
}

pub(super) fn network_info() -> Value {
    json!({
        "version": VERSION,
        "subversion": "/Satoshi:29.0.0(satscope stand-in)/",
        "protocolversion": 70_016,
        "localservices": "0000000000000000",
        "localservicesnames": [],
        "localrelay": true,
        "timeoffset": 0,
        "networkactive": false,
        "connections": 0,
        "connections_in": 0,
        "connections_out": 0,
        "networks": [],
        "relayfee": LEAST_FEE_RATE,
        "incrementalfee": LEAST_FEE_RATE,
        "localaddresses": [],
        "warnings": [],
    })
}

/// The network's name in Core's answers (BIP 70's names).
fn chain_name(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "main",
        Network::Regtest => "regtest",
        Network::Signet => "signet",
        _ => "test",
    }
}

fn bits(chain: &Chain, block: &Block) -> CompactTarget {
    let easiest = bitcoin::params::Params::new(chain.network)
        .max_attainable_target
        .to_compact_lossy();
    block.header.map_or(easiest, |header| header.bits)
}

fn target_hex(bits: CompactTarget) -> String {
    Target::from_compact(bits)
        .to_be_bytes()
        .to_lower_hex_string()
}

/// The total work, as if every block up to that height had been as hard as this one.
fn chainwork(bits: CompactTarget, height: u32) -> String {
    let work = Target::from_compact(bits).to_work().to_be_bytes();
    let mut total = [0; 32];
    let mut carry = 0_u64;
    for (sum, byte) in total.iter_mut().zip(work).rev() {
        let value = u64::from(byte) * (u64::from(height) + 1) + carry;
        *sum = value as u8;
        carry = value >> 8;
    }
    total.to_lower_hex_string()
}

fn btc(sats: u64) -> f64 {
    sats as f64 / SATS_PER_BTC
}

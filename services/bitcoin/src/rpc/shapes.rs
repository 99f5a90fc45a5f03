//! The parts of Core's answers that are used. Source: the calls' `help` in Core 29.

use bitcoin::{BlockHash, Txid};
use serde::{Deserialize, Deserializer};

use crate::frame::UNIX_SECONDS_END;

/// Reads a time that can be converted into milliseconds.
fn unix_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    match seconds < UNIX_SECONDS_END {
        true => Ok(seconds),
        false => Err(serde::de::Error::custom(format!(
            "time {seconds}; expected Unix seconds before the year 10000"
        ))),
    }
}

/// The fields of `getblockchaininfo` that are used.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockchainInfo {
    /// "main", "test", "testnet4", "signet" or "regtest".
    pub chain: String,
    /// Height of the best chain.
    pub blocks: u32,
    /// Height of the best chain of headers; `None` if the node does not say.
    #[serde(default)]
    pub headers: Option<u32>,
    /// Its tip.
    #[serde(rename = "bestblockhash")]
    pub best_block_hash: BlockHash,
    /// True while the node has yet to catch up with the network.
    #[serde(rename = "initialblockdownload", default)]
    pub initial_block_download: bool,
    /// The lowest block that a node that prunes still has.
    #[serde(rename = "pruneheight", default)]
    pub prune_height: Option<u32>,
    /// How much of the network's chain it has verified, 0 to 1.
    #[serde(rename = "verificationprogress", default)]
    pub verification_progress: f64,
}

/// The fields of `getnetworkinfo` that are used.
#[derive(Clone, Debug, Deserialize)]
pub struct NetworkInfo {
    /// Version 29.1 is 290100. Source: Core, `src/clientversion.h`.
    pub version: u64,
    /// The program's name and version as it tells other nodes, such as `/Satoshi:29.1.0/`.
    #[serde(default)]
    pub subversion: String,
    /// Whether the node asks others for transactions: false with `-blocksonly`.
    #[serde(rename = "localrelay", default = "is_told")]
    pub local_relay: bool,
}

/// The value of `localrelay` for a node that does not report it.
fn is_told() -> bool {
    true
}

/// `getrawmempool` with the mempool sequence.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MempoolListing {
    /// All txids, unordered.
    pub txids: Vec<Txid>,
    /// The number that the next addition or removal will have.
    pub mempool_sequence: u64,
}

/// The fields of `getmempoolinfo` that are used.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct MempoolInfo {
    /// How many transactions there are.
    pub size: usize,
    /// Whether the node has loaded its mempool.dat. It turns true before the last `A` of the load has been received.
    #[serde(default = "is_loaded")]
    pub loaded: bool,
}

/// The value of `loaded` for a node before Core 0.19, which does not report it.
fn is_loaded() -> bool {
    true
}

/// The fields of `getmempoolentry` that are used.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct MempoolEntry {
    /// When it entered, Unix seconds.
    #[serde(deserialize_with = "unix_seconds")]
    pub time: u64,
    /// Its weight, which is no less than its bytes.
    #[serde(default = "largest")]
    pub weight: u32,
}

impl MempoolEntry {
    /// The weight of the largest transaction that enters a mempool. Source: Core, `src/policy/policy.h`,
    /// `MAX_STANDARD_TX_WEIGHT`.
    pub const LARGEST_WEIGHT: u32 = 400_000;
}

fn largest() -> u32 {
    MempoolEntry::LARGEST_WEIGHT
}

/// One line of `getzmqnotifications`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Notification {
    /// "pubrawtx", "pubsequence", …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is published, as in `bitcoin.conf`.
    pub address: String,
    /// Messages that wait for a slow subscriber before the node drops them; `None` before Core 0.18.
    #[serde(default)]
    pub hwm: Option<i64>,
}

/// The fields of `getblockheader` that are used.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockHeader {
    /// The block itself.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// The header's time, Unix seconds.
    #[serde(deserialize_with = "unix_seconds")]
    pub time: u64,
    /// Blocks of the best chain from this one on; -1 if it is in another branch.
    #[serde(default)]
    pub confirmations: i64,
    /// The block before; `None` for the first.
    #[serde(rename = "previousblockhash")]
    pub previous: Option<BlockHash>,
}

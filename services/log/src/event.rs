//! The events of a node's mempool, as the log holds them.

use std::sync::Arc;

use smallvec::SmallVec;

/// A transaction's id: 32 bytes in the order in which a hash is computed.
pub type Txid = [u8; 32];
/// A block's hash: 32 bytes in the order in which a hash is computed.
pub type BlockHash = [u8; 32];

/// The place of an entry in the log. Positions of different epochs cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// New at each start of the writer, and whenever the writer moves its stamps.
    pub epoch: u64,
    /// Rises by one with each entry.
    pub sequence: u64,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place in the log.
    pub position: Position,
    /// Its stamp, Unix milliseconds.
    pub time_ms: u64,
    /// The event itself.
    pub event: Event,
}

/// An event of the log. It is small, because hundreds of thousands may be held: an entry fills a line of the processor's cache.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A transaction that passed the filter was seen for the first time, or came back; and where it is.
    Accepted(Arc<Accepted>, State),
    /// An accepted transaction left the mempool unconfirmed, or was dropped from a window that is full.
    Removed(Txid, RemovalReason),
    /// A block became part of the best chain, with those of its transactions that were accepted.
    BlockConnected(Box<Block>, Vec<Txid>),
    /// A block left the best chain, with those of its transactions that were accepted.
    BlockDisconnected(Box<Block>, Vec<Txid>),
    /// The status of each half second.
    Status(Arc<NodeStatus>),
}

impl Event {
    /// About how many bytes of memory the event holds on to.
    pub fn bytes(&self) -> usize {
        let beyond = match self {
            Event::Accepted(accepted, _) => accepted.bytes(),
            Event::BlockConnected(_, txids) | Event::BlockDisconnected(_, txids) => {
                size_of::<Block>() + txids.len() * size_of::<Txid>()
            }
            Event::Removed(..) => 0,
            Event::Status(_) => size_of::<NodeStatus>() + 256,
        };
        size_of::<Entry>() + beyond
    }
}

/// Where an accepted transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting to be mined.
    Mempool,
    /// In a block of the best chain.
    Confirmed,
}

/// A transaction that passed the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub txid: Txid,
    /// Its stamp, Unix milliseconds: the receipt, the node's entry time or a block's header time. Fixed within an epoch.
    pub first_seen_ms: u64,
    /// The outputs that may be payments, in satoshi, in the transaction's order.
    pub values_sats: Values,
    /// The number of its inputs.
    pub input_count: u32,
    /// Whether it was first met in a block: its stamp is the earlier of the block's header time and its receipt.
    pub met_in_block: bool,
}

/// Output values in satoshi; one or two, as most transactions have, take no memory of their own.
pub type Values = SmallVec<[u64; 2]>;

impl Accepted {
    /// The bytes of memory that it takes, with the counters of its `Arc`.
    pub fn bytes(&self) -> usize {
        let beyond = match self.values_sats.spilled() {
            true => self.values_sats.capacity() * size_of::<u64>(),
            false => 0,
        };
        size_of::<[usize; 2]>() + size_of::<Accepted>() + beyond
    }
}

/// Why a transaction left the window before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemovalReason {
    /// Another with a higher fee spends the same output (BIP 125).
    Replaced,
    /// A block's transaction spends the same output.
    Conflicted,
    /// Pushed out of a full mempool; no message of a node tells it.
    Evicted,
    /// Two weeks unconfirmed (Core's `-mempoolexpiry`).
    Expired,
    /// Nothing happened to it: it was the oldest of a window that had grown too large.
    WindowFull,
    /// The node did not say, and nothing that followed explains it.
    Unknown,
}

impl RemovalReason {
    /// Every reason.
    pub const ALL: [RemovalReason; 6] = [
        RemovalReason::Replaced,
        RemovalReason::Conflicted,
        RemovalReason::Evicted,
        RemovalReason::Expired,
        RemovalReason::WindowFull,
        RemovalReason::Unknown,
    ];

    /// The reason as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            RemovalReason::Replaced => "replaced",
            RemovalReason::Conflicted => "conflicted",
            RemovalReason::Evicted => "evicted",
            RemovalReason::Expired => "expired",
            RemovalReason::WindowFull => "window_full",
            RemovalReason::Unknown => "unknown",
        }
    }
}

/// A block of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height; `None` when it could not be learned.
    pub height: Option<u32>,
    /// When it arrived, or its header's time if that is earlier; Unix milliseconds.
    pub time_ms: u64,
}

/// The state of the node link and the counts so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeStatus {
    /// The links up to here.
    pub hops: Vec<Hop>,
    /// The counts so far.
    pub counters: Counters,
    /// The node's chain by getblockchaininfo's name; empty while unknown.
    pub chain: String,
    /// A stand-in's labels.
    pub simulation: Option<Simulation>,
}

/// Counts since ingest's start, but for the mempool's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Distinct transactions met, the ones read back at the start among them; coinbases are not counted.
    pub received: u64,
    /// Received transactions that the filter left out.
    pub filtered: u64,
    /// Transactions believed to be in the mempool now.
    pub mempool: u64,
    /// Milliseconds since the start, at least 1.
    pub uptime_ms: u64,
}

/// One link of the chain from the node to the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// "node", "ingest", "analyzer", "gateway".
    pub name: String,
    /// The state of the link.
    pub state: HopState,
    /// One line for a person; may be empty.
    pub detail: String,
}

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopState {
    /// Not yet connected for the first time.
    Connecting,
    /// All is well.
    Connected,
    /// Connected, and catching up with missed messages.
    Resyncing,
    /// Connected, but something that it needs to be exact is missing.
    Degraded,
    /// Was connected; is being retried.
    Disconnected,
}

/// Labels that a stand-in node puts on its data; nothing computes with them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulation {
    /// True for made-up transactions; false for a replay of real ones.
    pub simulated: bool,
    /// The price that the simulation pays by, in USD for one BTC.
    pub hidden_price_usd: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 64);
    }
}

//! The records of the journal.

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_log::{Block, Values};
use serde::{Deserialize, Serialize};

use super::transaction::{Place, Spends};
use crate::stamp::Stamp;

/// A change to the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A transaction, its stamp or its content became known.
    Seen {
        /// Its id.
        #[serde(with = "hash")]
        txid: Txid,
        /// Its stamp, Unix milliseconds.
        first_seen_ms: u64,
        /// The origin of its stamp.
        stamp: Stamp,
        /// Where it is.
        place: Place,
        /// The moment at which it came there, Unix milliseconds.
        since_ms: u64,
        /// The part of its content that is kept.
        content: Content,
    },
    /// A transaction moved at some time, Unix milliseconds.
    Moved(#[serde(with = "hash")] Txid, Place, u64),
    /// A block was connected, with these transactions.
    Connected(
        #[serde(with = "BlockFields")] Block,
        #[serde(with = "hashes")] Vec<Txid>,
    ),
    /// A block was disconnected.
    Disconnected(#[serde(with = "hash")] BlockHash),
}

/// The part of a transaction's content that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// The content has not been seen.
    Unknown,
    /// The filter left it out.
    Filtered,
    /// The filter accepted it, and the values are not kept any more, because they are of no more use.
    Past,
    /// The filter accepted it.
    Accepted {
        /// The outputs that may be payments, in satoshi.
        values_sats: Values,
        /// The number of its inputs.
        input_count: u32,
        /// The outputs that it spends.
        spends: Spends,
        /// Whether it was first met in a block.
        met_in_block: bool,
    },
    /// It was older than the window when it was met, and was not looked into.
    Unread,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Block")]
struct BlockFields {
    hash: satscope_log::BlockHash,
    height: Option<u32>,
    time_ms: u64,
}

/// A hash as its 32 bytes alone; its own serde form has a length before them, or is hex digits.
mod hash {
    use super::*;

    pub fn serialize<H: AsRef<[u8; 32]>, S: serde::Serializer>(
        hash: &H,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        hash.as_ref().serialize(out)
    }

    pub fn deserialize<'de, H: From32, D: serde::Deserializer<'de>>(
        input: D,
    ) -> Result<H, D::Error> {
        Ok(H::from_32(<[u8; 32]>::deserialize(input)?))
    }

    pub trait From32 {
        fn from_32(bytes: [u8; 32]) -> Self;
    }

    impl From32 for Txid {
        fn from_32(bytes: [u8; 32]) -> Txid {
            Txid::from_byte_array(bytes)
        }
    }

    impl From32 for BlockHash {
        fn from_32(bytes: [u8; 32]) -> BlockHash {
            BlockHash::from_byte_array(bytes)
        }
    }
}

mod hashes {
    use super::*;

    pub fn serialize<S: serde::Serializer>(txids: &[Txid], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(txids.iter().map(|txid| txid.to_byte_array()))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<Txid>, D::Error> {
        let all = Vec::<[u8; 32]>::deserialize(input)?;
        Ok(all.into_iter().map(Txid::from_byte_array).collect())
    }
}

//! What the journal holds.

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_log::{Block, Values};
use serde::{Deserialize, Serialize};

use super::transaction::{Place, Spends};
use crate::stamp::Stamp;

/// A change to what is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A transaction was met, or its content was.
    Seen {
        /// Its id.
        #[serde(with = "hash")]
        txid: Txid,
        /// Its stamp, Unix milliseconds,
        first_seen_ms: u64,
        /// and how that came about.
        stamp: Stamp,
        /// Where it is,
        place: Place,
        /// and since when, Unix milliseconds.
        since_ms: u64,
        /// What is kept of its content.
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

/// What is kept of a transaction's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// It has not been seen.
    Unknown,
    /// The filter left it out.
    Filtered,
    /// It passed, and is older than the window.
    Past,
    /// It passed.
    Accepted {
        /// The outputs that may be payments, in satoshi.
        values_sats: Values,
        /// How many outputs of others it spends,
        input_count: u32,
        /// and which.
        spends: Spends,
        /// It was first met in a block.
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

/// A hash as its 32 bytes: binary formats of serde would write its hex digits otherwise.
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

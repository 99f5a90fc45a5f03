//! A raw block, read in place: its hash is checked, its transactions if wanted, and its payments are counted.

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_filter::{Filter, RawError, RawTransaction, each_transaction};
use satscope_oracle::past::BlockPayments;
use serde::{Deserialize, Deserializer, de::Visitor};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 80;
/// The place of the Merkle root in a header. Source: Core, `src/primitives/block.h`.
const ROOT: std::ops::Range<usize> = 36..68;

/// Why the bytes of a block cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BlockError {
    /// They end within the header.
    #[error("{0} bytes; expected {HEADER_BYTES} of the header at least")]
    Short(usize),
    /// They are those of another block.
    #[error("the node gave block {0} in its place")]
    Another(BlockHash),
    /// Its transactions cannot be read.
    #[error("its transactions cannot be read: {0}")]
    Transactions(RawError),
    /// They are not those of its header.
    #[error("its transactions are not those of its header's Merkle root")]
    Root,
}

/// The payments in the raw block with this hash, as the node gave it.
///
/// # Errors
/// When the bytes are another block, or no block at all.
pub fn payments(hash: BlockHash, bytes: &[u8]) -> Result<BlockPayments, BlockError> {
    check_hash(hash, bytes)?;
    count(bytes, |_| {})
}

/// The payments in the raw block with this hash, as it was read from a file that may be damaged.
///
/// # Errors
/// When the bytes are another block, or no block at all, or the block has other transactions. Witnesses are not checked.
pub fn checked_payments(hash: BlockHash, bytes: &[u8]) -> Result<BlockPayments, BlockError> {
    let header = check_hash(hash, bytes)?;
    let mut txids = Vec::new();
    let found = count(bytes, |transaction| {
        txids.push(transaction.txid().to_byte_array());
    })?;
    match merkle_root(txids) {
        Some(root) if root == header[ROOT] => Ok(found),
        _ => Err(BlockError::Root),
    }
}

fn check_hash(hash: BlockHash, bytes: &[u8]) -> Result<&[u8; HEADER_BYTES], BlockError> {
    let header = bytes.first_chunk::<HEADER_BYTES>();
    let header = header.ok_or(BlockError::Short(bytes.len()))?;
    match hash_of(header) {
        found if found == hash => Ok(header),
        found => Err(BlockError::Another(found)),
    }
}

/// Counts the payments of a block, and calls `each` with all of its transactions.
fn count<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(&RawTransaction<'a>),
) -> Result<BlockPayments, BlockError> {
    let filter = Filter::default();
    let (mut count, mut values_sats) = (0, Vec::new());
    each_transaction(bytes, |transaction| {
        each(&transaction);
        let judged = filter.judge_into(&transaction, |_| false, |value| values_sats.push(value));
        count += u32::from(judged.is_ok());
    })
    .map_err(BlockError::Transactions)?;
    Ok(BlockPayments::new(count, values_sats))
}

/// The root of the Merkle tree over these txids; `None` without any. The last of an odd number is paired with itself. Source: Core,
/// `src/consensus/merkle.cpp`.
fn merkle_root(mut level: Vec<[u8; 32]>) -> Option<[u8; 32]> {
    while level.len() > 1 {
        for pair in 0..level.len().div_ceil(2) {
            let left = level[2 * pair];
            let right = level.get(2 * pair + 1).copied().unwrap_or(left);
            let mut both = [0; 64];
            both[..32].copy_from_slice(&left);
            both[32..].copy_from_slice(&right);
            level[pair] = Sha256::digest(Sha256::digest(both)).into();
        }
        level.truncate(level.len().div_ceil(2));
    }
    level.pop()
}

/// The hash of a header.
pub fn hash_of(header: &[u8; HEADER_BYTES]) -> BlockHash {
    BlockHash::from_byte_array(Sha256::digest(Sha256::digest(header)).into())
}

/// Bytes written as hex in JSON, decoded without a copy of the hex.
#[derive(Debug, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexText;
        impl Visitor<'_> for HexText {
            type Value = Hex;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes as hex")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
                let wrong = || E::custom("letters that are not hex, or one too many");
                from_hex(text.as_bytes()).map(Hex).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_str(HexText)
    }
}

/// The value of each hex digit; 0xff for any other letter.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let mut seen = 0;
    let bytes = pairs.iter().map(|[high, low]| {
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        seen |= high | low;
        high << 4 | low
    });
    let bytes: Vec<u8> = bytes.collect();
    (rest.is_empty() && seen < 16).then_some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A block of the shape of its year, as the stand-in makes it.
    fn block(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/blocks");
        std::fs::read(format!("{folder}/{name}.blk")).unwrap()
    }

    #[test]
    fn the_payments_are_those_that_the_filter_finds_in_the_parsed_block() {
        for name in [
            "2015-legacy",
            "2018-wrapped",
            "2022-taproot",
            "2024-inscriptions",
        ] {
            let bytes = block(name);
            let parsed: bitcoin::Block = bitcoin::consensus::deserialize(&bytes).unwrap();
            let filter = Filter::default();
            let judged = parsed
                .txdata
                .iter()
                .map(|transaction| filter.judge(transaction, |_| false));
            let passed: Vec<_> = judged.filter_map(Result::ok).collect();
            let values = passed.iter().flatten().copied().collect();
            let expected = BlockPayments::new(passed.len() as u32, values);
            assert!(expected.payments() > 0);
            assert_eq!(
                payments(parsed.block_hash(), &bytes),
                Ok(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn another_block_and_half_a_block_are_refused() {
        let bytes = block("2022-taproot");
        let hash = hash_of(bytes.first_chunk().unwrap());
        assert_eq!(payments(hash, &bytes[..79]), Err(BlockError::Short(79)));
        let half = payments(hash, &bytes[..bytes.len() / 2]);
        assert!(matches!(
            half,
            Err(BlockError::Transactions(RawError::Short))
        ));
        let other = BlockHash::from_byte_array([7; 32]);
        assert_eq!(payments(other, &bytes), Err(BlockError::Another(hash)));
    }

    #[test]
    fn a_block_from_a_file_must_have_the_transactions_of_its_header() {
        for name in ["2015-legacy", "2024-inscriptions"] {
            let mut bytes = block(name);
            let hash = hash_of(bytes.first_chunk().unwrap());
            assert_eq!(checked_payments(hash, &bytes), payments(hash, &bytes));
            // A byte of the last transaction's lock time.
            *bytes.last_mut().unwrap() ^= 1;
            assert!(payments(hash, &bytes).is_ok());
            assert_eq!(checked_payments(hash, &bytes), Err(BlockError::Root));
        }
    }

    #[test]
    fn the_merkle_root_of_any_number_of_transactions_is_cores() {
        use bitcoin::{Txid, merkle_tree::calculate_root};
        for count in 0..40u8 {
            let txids: Vec<[u8; 32]> = (0..count).map(|number| [number; 32]).collect();
            let expected = calculate_root(txids.iter().map(|txid| Txid::from_byte_array(*txid)));
            assert_eq!(
                merkle_root(txids),
                expected.map(|root| root.to_byte_array())
            );
        }
    }

    #[test]
    fn hex_is_read_and_anything_else_refused() {
        let read = |text: &str| serde_json::from_str::<Hex>(text);
        assert_eq!(read(r#""00fFAb""#).unwrap(), Hex(vec![0, 255, 171]));
        for wrong in [r#""0""#, r#""0g""#, r#""é0""#, "7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

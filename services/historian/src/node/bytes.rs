//! A raw block, read in place: its hash is checked, and its payments are counted.

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_filter::{Filter, RawError, read_block};
use satscope_oracle::past::BlockPayments;
use serde::{Deserialize, Deserializer, de::Visitor};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 80;

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
}

/// The payments in the raw block with this hash.
///
/// # Errors
/// When the bytes are another block, or no block at all.
pub fn payments(hash: BlockHash, bytes: &[u8]) -> Result<BlockPayments, BlockError> {
    let header = bytes.first_chunk::<HEADER_BYTES>();
    let found = hash_of(header.ok_or(BlockError::Short(bytes.len()))?);
    if found != hash {
        return Err(BlockError::Another(found));
    }
    let transactions = read_block(bytes).map_err(BlockError::Transactions)?;
    let filter = Filter::default();
    let (mut count, mut values_sats) = (0, Vec::new());
    for transaction in &transactions {
        if let Ok(values) = filter.judge(transaction, |_| false) {
            count += 1;
            values_sats.extend(values);
        }
    }
    Ok(BlockPayments::new(count, values_sats))
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
    fn hex_is_read_and_anything_else_refused() {
        let read = |text: &str| serde_json::from_str::<Hex>(text);
        assert_eq!(read(r#""00fFAb""#).unwrap(), Hex(vec![0, 255, 171]));
        for wrong in [r#""0""#, r#""0g""#, r#""é0""#, "7"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

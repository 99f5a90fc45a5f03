//! The digest of a final period, and the hash over all of them: two historians of the same chain and model have both in common.

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_oracle::past::BlockPrice;
use sha2::{Digest as _, Sha256};

use super::rows::BlockRow;

/// Bytes of a block in a digest and in a pack.
pub const ROW_BYTES: usize = 70;

/// A block as bytes: hash, time (u64), price, low and high in cents (u64), confidence in thousandths (u16), payments (u32). Numbers
/// are little-endian. The hash has the order of a header. A block without a price has zeros for the three prices and the confidence.
pub fn row_bytes(row: &BlockRow) -> [u8; ROW_BYTES] {
    let price = row.price.as_ref();
    let cents = price.map_or([0; 3], |price| {
        [price.price_cents, price.low_cents, price.high_cents]
    });
    let confidence = price.map_or(0, |price| price.confidence_thousandths);
    let mut bytes = [0; ROW_BYTES];
    bytes[..32].copy_from_slice(row.hash.as_byte_array());
    let numbers = [row.time, cents[0], cents[1], cents[2]];
    for (place, number) in bytes[32..64].as_chunks_mut().0.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
    bytes[64..66].copy_from_slice(&confidence.to_le_bytes());
    bytes[66..].copy_from_slice(&row.payments.to_le_bytes());
    bytes
}

/// The block that [`row_bytes`] gives these bytes of; `None` if it has no price, and a low, a high or a confidence.
pub fn row_of_bytes(height: u32, model: u32, bytes: &[u8; ROW_BYTES]) -> Option<BlockRow> {
    let (hash, rest) = bytes.split_first_chunk::<32>()?;
    let (time, rest) = rest.split_first_chunk()?;
    let (price, rest) = rest.split_first_chunk()?;
    let (low, rest) = rest.split_first_chunk()?;
    let (high, rest) = rest.split_first_chunk()?;
    let (confidence, payments) = rest.split_first_chunk()?;
    let price = BlockPrice {
        price_cents: u64::from_le_bytes(*price),
        low_cents: u64::from_le_bytes(*low),
        high_cents: u64::from_le_bytes(*high),
        confidence_thousandths: u16::from_le_bytes(*confidence),
    };
    let is_none = price.price_cents == 0;
    if is_none
        && (
            price.low_cents,
            price.high_cents,
            price.confidence_thousandths,
        ) != (0, 0, 0)
    {
        return None;
    }
    Some(BlockRow {
        height,
        time: u64::from_le_bytes(*time),
        hash: BlockHash::from_byte_array(*hash),
        price: (!is_none).then_some(price),
        payments: u32::from_le_bytes(payments.try_into().ok()?),
        model,
    })
}

/// SHA-256 over the genesis hash (32 bytes, in the order of a header), the model (u32), the first height (u32), and each block of a
/// period in order, as [`row_bytes`] gives it. Numbers are little-endian.
pub fn digest(genesis: BlockHash, model: u32, first_height: u32, rows: &[BlockRow]) -> [u8; 32] {
    let mut sum = Sha256::new();
    sum.update(genesis.as_byte_array());
    sum.update(model.to_le_bytes());
    sum.update(first_height.to_le_bytes());
    for row in rows {
        sum.update(row_bytes(row));
    }
    sum.finalize().into()
}

/// The hash over final periods: SHA-256 over the digest of each, oldest first, followed by SHA-256 of its lock. So it depends on
/// the periods alone, and not on a file's form.
#[derive(Clone, Debug, Default)]
pub struct OverAll {
    sum: Sha256,
    periods: u32,
}

impl OverAll {
    /// Adds the next period.
    pub fn add(&mut self, digest: &[u8; 32], lock: &[u8]) {
        self.sum.update(digest);
        self.sum.update(Sha256::digest(lock));
        self.periods += 1;
    }

    /// Number of periods.
    pub fn periods(&self) -> u32 {
        self.periods
    }

    /// The hash over the periods so far.
    pub fn hash(&self) -> [u8; 32] {
        self.sum.clone().finalize().into()
    }
}

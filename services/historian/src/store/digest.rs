//! The digest of a final period: a hash that two historians of the same chain and model have in common.

use bitcoin::{BlockHash, hashes::Hash as _};
use sha2::{Digest as _, Sha256};

use super::rows::BlockRow;

/// SHA-256 over the genesis hash, the model (u32), the first height (u32), and each block of a period in order: hash, time (u64),
/// price, low and high in cents (u64), confidence in thousandths (u16), payments (u32). Numbers are little-endian. Hashes are 32
/// bytes in the order of a header. A block without a price has zeros for the three prices and the confidence.
pub fn digest(genesis: BlockHash, model: u32, first_height: u32, rows: &[BlockRow]) -> [u8; 32] {
    let mut sum = Sha256::new();
    sum.update(genesis.as_byte_array());
    sum.update(model.to_le_bytes());
    sum.update(first_height.to_le_bytes());
    for row in rows {
        let price = row.price.as_ref();
        let (cents, low, high, confidence) = price.map_or((0, 0, 0, 0), |price| {
            let confidence = price.confidence_thousandths;
            (
                price.price_cents,
                price.low_cents,
                price.high_cents,
                confidence,
            )
        });
        sum.update(row.hash.as_byte_array());
        for number in [row.time, cents, low, high] {
            sum.update(number.to_le_bytes());
        }
        sum.update(confidence.to_le_bytes());
        sum.update(row.payments.to_le_bytes());
    }
    sum.finalize().into()
}

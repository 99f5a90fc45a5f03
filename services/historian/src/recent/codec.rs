//! A block's payment amounts in few bytes: the differences between ascending amounts, each as a varint.

use satscope_oracle::past::BlockPayments;
use thiserror::Error;

/// The first byte: the number of this layout.
const LAYOUT: u8 = 1;
/// All satoshi that can ever exist: 21 million bitcoin.
const MOST_SATS: u64 = 2_100_000_000_000_000;
/// Most distinct amounts in a block: an output takes at least nine bytes, and a block at most four million (BIP 141).
const MOST_VALUES: u64 = 4_000_000 / 9;

/// Why bytes are not a block's payment amounts.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// They have another layout.
    #[error("layout {0}; expected {LAYOUT}")]
    Layout(u8),
    /// They end too early.
    #[error("the bytes end too early")]
    Short,
    /// There are more bytes after the last amount.
    #[error("{0} bytes after the last amount")]
    Long(usize),
    /// A number is too large, or longer than it needs to be.
    #[error("a number that is too large, or not as short as it can be")]
    Number,
    /// Two amounts are equal.
    #[error("an amount that is not above the one before it")]
    Order,
}

/// The amounts of a block's payments as bytes.
pub fn encode(payments: &BlockPayments) -> Vec<u8> {
    let values = payments.values_sats();
    let mut bytes = Vec::with_capacity(8 + 3 * values.len());
    bytes.push(LAYOUT);
    put(&mut bytes, payments.payments().into());
    put(&mut bytes, values.len() as u64);
    let mut before = 0;
    for value in values {
        put(&mut bytes, value - before);
        before = *value;
    }
    bytes
}

/// Decodes bytes that [`encode`] made.
///
/// # Errors
/// When [`encode`] does not make such bytes.
pub fn decode(bytes: &[u8]) -> Result<BlockPayments, CodecError> {
    let mut rest = bytes;
    match take(&mut rest)? {
        LAYOUT => {}
        other => return Err(CodecError::Layout(other)),
    }
    let payments = u32::try_from(number(&mut rest)?).map_err(|_| CodecError::Number)?;
    let count = number(&mut rest)?;
    if count > MOST_VALUES {
        return Err(CodecError::Number);
    }
    // The capacity is limited by the bytes, of which each amount takes at least one.
    let mut values = Vec::with_capacity((count as usize).min(rest.len()));
    let mut before = 0u64;
    for at in 0..count {
        let step = number(&mut rest)?;
        if step == 0 && at > 0 {
            return Err(CodecError::Order);
        }
        before = before
            .checked_add(step)
            .filter(|value| *value <= MOST_SATS)
            .ok_or(CodecError::Number)?;
        values.push(before);
    }
    match rest.len() {
        0 => Ok(BlockPayments::new(payments, values)),
        more => Err(CodecError::Long(more)),
    }
}

/// Writes a varint: seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn number(rest: &mut &[u8]) -> Result<u64, CodecError> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let byte = take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return match byte == 0 && shift > 0 {
                true => Err(CodecError::Number),
                false => Ok(number),
            };
        }
    }
    Err(CodecError::Number)
}

fn take(rest: &mut &[u8]) -> Result<u8, CodecError> {
    let (first, others) = rest.split_first().ok_or(CodecError::Short)?;
    *rest = others;
    Ok(*first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rubbish_is_refused_with_what_is_wrong() {
        let whole = encode(&BlockPayments::new(7, vec![5, 300, 1_000_000]));
        for end in 0..whole.len() {
            assert_eq!(decode(&whole[..end]), Err(CodecError::Short));
        }
        let longer = [&whole[..], &[0, 0]].concat();
        assert_eq!(decode(&longer), Err(CodecError::Long(2)));
        assert_eq!(decode(&[9, 0, 0]), Err(CodecError::Layout(9)));
        assert_eq!(decode(&[1, 0, 2, 5, 0]), Err(CodecError::Order));
        assert_eq!(decode(&[1, 0x80, 0x00]), Err(CodecError::Number));
        let endless = [&[1][..], &[0xff; 20]].concat();
        assert_eq!(decode(&endless), Err(CodecError::Number));
        let mut many = vec![1, 0];
        put(&mut many, MOST_VALUES + 1);
        assert_eq!(decode(&many), Err(CodecError::Number));
        let mut rich = vec![1, 0, 2];
        put(&mut rich, MOST_SATS);
        put(&mut rich, 1);
        assert_eq!(decode(&rich), Err(CodecError::Number));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            payments in any::<u32>(),
            values in proptest::collection::vec(0..=MOST_SATS, 0..300),
        ) {
            let payments = BlockPayments::new(payments, values);
            prop_assert_eq!(decode(&encode(&payments)), Ok(payments));
        }

        #[test]
        fn any_bytes_are_refused_or_are_what_encode_makes(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            if let Ok(payments) = decode(&bytes) {
                prop_assert_eq!(encode(&payments), bytes);
            }
        }
    }
}

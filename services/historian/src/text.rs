//! Bytes as operators read them.

use std::fmt::Write as _;

/// The bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        if write!(text, "{byte:02x}").is_err() {
            break;
        }
    }
    text
}

/// The 32 bytes of a hash that is written in 64 hexadecimal digits.
///
/// # Errors
/// With the form that was expected.
pub fn hash(text: &str) -> Result<[u8; 32], String> {
    let expected = || "expected a hash of 64 hexadecimal digits".to_owned();
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(expected());
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = str::from_utf8(digits).map_err(|_| expected())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| expected())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let bytes: [u8; 32] = std::array::from_fn(|at| at as u8 * 8 + 1);
        assert_eq!(hash(&hex(&bytes)), Ok(bytes));
        assert_eq!(hash(&hex(&bytes).to_uppercase()), Ok(bytes));
        let long = hex(&bytes) + "00";
        let signed = "+1".repeat(32);
        let letters = "é".repeat(32);
        for text in ["", "00", long.as_str(), signed.as_str(), letters.as_str()] {
            assert!(hash(text).is_err(), "{text}");
        }
    }
}

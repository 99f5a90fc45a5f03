//! The key with which Core masks its block files since version 28.

use std::{io::Read as _, path::Path};

use super::BlkError;
use crate::guard;

/// Bytes of a key. Source: Core, `src/util/obfuscation.h`.
const KEY_BYTES: usize = 8;
/// The key's file, beside the block files.
const FILE: &str = "xor.dat";

/// A key. Each byte of a file is XORed with the key's byte at the same offset, modulo eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct XorKey([u8; KEY_BYTES]);

impl XorKey {
    /// A key of these bytes; zeros change nothing.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> XorKey {
        XorKey(bytes)
    }

    /// The key of a folder; zeros if it has no `xor.dat`, as before Core 28.
    ///
    /// # Errors
    /// When the file cannot be read, is no regular file, or is not eight bytes long.
    pub fn of_folder(folder: &Path) -> Result<XorKey, BlkError> {
        let path = folder.join(FILE);
        let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
        let opened = match guard::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(XorKey::default());
            }
            opened => opened.map_err(BlkError::io(&path))?,
        };
        let Some((file, metadata)) = opened else {
            return Err(BlkError::NotRegular(path));
        };
        let length = metadata.len();
        let mut file = file.take(KEY_BYTES as u64 + 1);
        file.read_to_end(&mut bytes).map_err(BlkError::io(&path))?;
        let key = <[u8; KEY_BYTES]>::try_from(&bytes[..]);
        key.map(XorKey).map_err(|_| BlkError::Key { path, length })
    }

    /// The key's bytes.
    pub fn bytes(self) -> [u8; KEY_BYTES] {
        self.0
    }

    /// Puts the mask on bytes that lie at `offset` of a file, or takes it off.
    pub fn apply(self, offset: u64, bytes: &mut [u8]) {
        if self.0 == [0; KEY_BYTES] {
            return;
        }
        let mut key = self.0;
        key.rotate_left((offset % KEY_BYTES as u64) as usize);
        let word = u64::from_ne_bytes(key);
        let (words, rest) = bytes.as_chunks_mut::<KEY_BYTES>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_byte_has_the_keys_byte_of_its_offset() {
        let key = XorKey::new([1, 2, 3, 4, 5, 6, 7, 8]);
        for offset in [0, 1, 7, 8, 13, 134_217_727] {
            for length in [0, 1, 7, 8, 9, 31] {
                let mut bytes = vec![0xaa; length];
                key.apply(offset, &mut bytes);
                let expected = (0..length as u64).map(|at| 0xaa ^ ((offset + at) % 8 + 1) as u8);
                assert!(bytes.iter().copied().eq(expected), "{offset}, {length}");
                key.apply(offset, &mut bytes);
                assert!(bytes.iter().all(|byte| *byte == 0xaa));
            }
        }
    }

    #[test]
    fn a_missing_key_is_zeros_and_one_of_another_length_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let read = || XorKey::of_folder(folder.path());
        assert_eq!(read().unwrap(), XorKey::default());
        fs::write(folder.path().join(FILE), [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(read().unwrap(), XorKey::new([1, 2, 3, 4, 5, 6, 7, 8]));
        for length in [0, 7, 9, 4000] {
            fs::write(folder.path().join(FILE), vec![1; length]).unwrap();
            let error = read().unwrap_err().to_string();
            let expected = format!("xor.dat: {length} bytes; expected the 8 bytes");
            assert!(error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn a_pipe_in_the_keys_place_is_an_error_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let (send, read) = std::sync::mpsc::channel();
        std::thread::spawn(move || send.send(XorKey::of_folder(folder.path())));
        let read = read.recv_timeout(std::time::Duration::from_secs(20));
        let error = read.unwrap().unwrap_err();
        let expected = "xor.dat: not a regular file";
        assert!(error.to_string().contains(expected), "{error}");
    }
}

//! Reads at any offset of a block file.

use std::{fs::File, io, os::unix::fs::FileExt};

use super::scan::{BlkFormat, HEADER_BYTES, PREFIX_BYTES, prefix};

/// Bytes that can be read at any offset: those of a file, or in tests those in memory.
pub trait ReadAt {
    /// Reads bytes from `offset` on, and returns their number; 0 at the end.
    ///
    /// # Errors
    /// When the operating system fails.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Fills `buffer` from `offset` on as far as there are bytes, and returns their number.
    ///
    /// # Errors
    /// When the operating system fails.
    fn fill_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// The bytes of the block that lies at `offset`, in a buffer that may have served before; `None` if no whole block lies there.
/// Whether it is the wanted block is not checked.
///
/// # Errors
/// When the operating system fails.
pub fn block_at<'b>(
    file: &(impl ReadAt + ?Sized),
    offset: u64,
    format: BlkFormat,
    buffer: &'b mut Vec<u8>,
) -> io::Result<Option<&'b [u8]>> {
    let mut raw = [0; PREFIX_BYTES];
    let read = file.fill_at(&mut raw, offset)?;
    let Some(length) = prefix(&raw[..read], offset, format) else {
        return Ok(None);
    };
    // Only what the buffer lacks is zeroed before it is filled.
    let length = length as usize;
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let (block, from) = (&mut buffer[..length], offset + PREFIX_BYTES as u64);
    if file.fill_at(block, from)? < length {
        return Ok(None);
    }
    format.key.apply(from, block);
    Ok(Some(block))
}

/// The header of the block that lies at `offset`; `None` if no block lies there. Whether it is the wanted block's is not checked.
///
/// # Errors
/// When the operating system fails.
pub fn header_at(
    file: &(impl ReadAt + ?Sized),
    offset: u64,
    format: BlkFormat,
) -> io::Result<Option<[u8; HEADER_BYTES]>> {
    let mut raw = [0; PREFIX_BYTES + HEADER_BYTES];
    let read = file.fill_at(&mut raw, offset)?;
    if read < raw.len() || prefix(&raw, offset, format).is_none() {
        return Ok(None);
    }
    format.key.apply(offset, &mut raw);
    Ok(raw.last_chunk().copied())
}

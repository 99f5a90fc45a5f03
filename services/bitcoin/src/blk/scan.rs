//! The blocks in the bytes of one file.

use std::{fmt, io};

use bitcoin::{
    BlockHash, Network, Target, block::Header as BitcoinHeader, consensus::deserialize,
    pow::CompactTarget,
};

use super::{ReadAt, XorKey};
use crate::discovery::Chain;

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 80;
/// Bytes before each block: the magic and the block's length. Source: Core, `BLOCK_SERIALIZATION_HEADER_SIZE`.
pub(super) const PREFIX_BYTES: usize = 8;
/// The fewest and the most bytes of a block: a header and a count of transactions, and Core's `MAX_BLOCK_SERIALIZED_SIZE`.
const BLOCK_BYTES: std::ops::RangeInclusive<u32> = HEADER_BYTES as u32 + 1..=4_000_000;
/// The most bytes of a file that are read: Core's `MAX_BLOCKFILE_SIZE`.
const LONGEST_FILE: u64 = 128 << 20;
/// Bytes that are read at once; the smallest unit that a disk reads.
const WINDOW: usize = 4096;

/// The four bytes before each block, by which chains differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Magic([u8; 4]);

impl Magic {
    /// The magic of a chain, as `getblockchaininfo` names it; `None` for an unknown one. A signet of one's own has another magic
    /// than the public one.
    pub fn of_chain(name: &str) -> Option<Magic> {
        let network = Network::from_core_arg(name).ok()?;
        Some(Magic(network.magic().to_bytes()))
    }

    /// A magic of these bytes.
    pub const fn from_bytes(bytes: [u8; 4]) -> Magic {
        Magic(bytes)
    }

    /// The chain that has these bytes as its magic.
    pub(super) fn name_of(bytes: [u8; 4]) -> Option<&'static str> {
        let chains = Chain::ALL.map(|chain| chain.name());
        chains
            .into_iter()
            .find(|name| Magic::of_chain(name) == Some(Magic(bytes)))
    }
}

impl fmt::Display for Magic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// What must be known to read the files of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlkFormat {
    /// The magic of the chain.
    pub magic: Magic,
    /// The key of the folder.
    pub key: XorKey,
}

/// The header of a block in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredHeader {
    /// The offset of the magic before the block, in bytes.
    pub offset: u32,
    /// The block's hash.
    pub hash: BlockHash,
    /// The hash of the block before it.
    pub previous: BlockHash,
    /// The target of its proof of work.
    pub bits: CompactTarget,
}

/// What lies in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The blocks, in the order of their offsets.
    pub blocks: Vec<StoredHeader>,
    /// The first four bytes if they are not the magic, and not unwritten.
    pub foreign: Option<[u8; 4]>,
}

/// The blocks in a file of `length` bytes. Only headers are read, so a block may still be damaged behind its header. Each header
/// has the proof of work that it claims.
///
/// # Errors
/// When the operating system fails.
pub fn scan(file: &(impl ReadAt + ?Sized), length: u64, format: BlkFormat) -> io::Result<Scanned> {
    let end = length.min(LONGEST_FILE);
    let mut window = Window::new(file, end);
    let mut scanned = Scanned::default();
    let (mut offset, mut from) = (0, 1);
    loop {
        let found = look(window.at(offset)?, offset, end, format);
        match found {
            Found::Block(header, next) => {
                scanned.blocks.push(header);
                // If damage follows, the block may be torn, and others may begin where it should go on.
                (from, offset) = (offset + 1, next);
                continue;
            }
            Found::End => return Ok(scanned),
            Found::Unwritten => from = offset + 1,
            Found::Damaged if offset == 0 => {
                scanned.foreign = first_bytes(window.at(0)?, format);
            }
            Found::Damaged => {}
        }
        offset = search(&mut window, from, format)?;
        from = offset + 1;
    }
}

/// What lies at an offset.
enum Found {
    /// A block, and the offset behind it.
    Block(StoredHeader, u64),
    /// Zeros, as Core reserves them.
    Unwritten,
    /// Bytes that are not a whole block.
    Damaged,
    /// The end of the file.
    End,
}

/// Judges the bytes from `offset` on of a file that has `end` bytes.
fn look(raw: &[u8], offset: u64, end: u64, format: BlkFormat) -> Found {
    if raw.len() < PREFIX_BYTES {
        return Found::End;
    }
    if is_unwritten(raw) {
        return Found::Unwritten;
    }
    let block = prefix(raw, offset, format).and_then(|length| {
        let next = offset + PREFIX_BYTES as u64 + u64::from(length);
        let raw = raw.get(PREFIX_BYTES..PREFIX_BYTES + HEADER_BYTES)?;
        let header = header(raw, offset, format)?;
        (next <= end).then_some(Found::Block(header, next))
    });
    block.unwrap_or(Found::Damaged)
}

/// Whether nothing was written here. The mask is put on what is written, so this is asked before it is taken off.
fn is_unwritten(raw: &[u8]) -> bool {
    raw.iter().take(PREFIX_BYTES).all(|byte| *byte == 0)
}

/// The length of the block behind a magic at `offset`, in bytes; `None` if there is no magic, or no block has that length.
pub(super) fn prefix(raw: &[u8], offset: u64, format: BlkFormat) -> Option<u32> {
    let mut bytes: [u8; PREFIX_BYTES] = *raw.first_chunk()?;
    if is_unwritten(&bytes) {
        return None;
    }
    format.key.apply(offset, &mut bytes);
    let [a, b, c, d, length @ ..] = bytes;
    let length = u32::from_le_bytes(length);
    (Magic([a, b, c, d]) == format.magic && BLOCK_BYTES.contains(&length)).then_some(length)
}

/// The header of the block at `offset`; `None` if its hash does not have the proof of work that it claims.
fn header(raw: &[u8], offset: u64, format: BlkFormat) -> Option<StoredHeader> {
    let mut bytes: [u8; HEADER_BYTES] = *raw.first_chunk()?;
    format.key.apply(offset + PREFIX_BYTES as u64, &mut bytes);
    let header: BitcoinHeader = deserialize(&bytes).ok()?;
    let hash = header.block_hash();
    let found = StoredHeader {
        offset: u32::try_from(offset).ok()?,
        hash,
        previous: header.prev_blockhash,
        bits: header.bits,
    };
    Target::from_compact(header.bits)
        .is_met_by(hash)
        .then_some(found)
}

/// The first four bytes; `None` if they are the magic.
fn first_bytes(raw: &[u8], format: BlkFormat) -> Option<[u8; 4]> {
    let mut bytes: [u8; 4] = *raw.first_chunk()?;
    format.key.apply(0, &mut bytes);
    (Magic(bytes) != format.magic).then_some(bytes)
}

/// The offset of the next magic at or after `from`; the end of the file if there is none.
fn search<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    mut from: u64,
    format: BlkFormat,
) -> io::Result<u64> {
    let Magic(magic) = format.magic;
    loop {
        let raw = window.at(from)?;
        if raw.len() < magic.len() {
            return Ok(window.end);
        }
        let mut bytes = [0; WINDOW];
        let bytes = &mut bytes[..raw.len()];
        bytes.copy_from_slice(raw);
        format.key.apply(from, bytes);
        if let Some(at) = bytes.windows(magic.len()).position(|four| four == magic) {
            return Ok(from + at as u64);
        }
        // A magic may begin in the last three bytes.
        from += (bytes.len() - (magic.len() - 1)) as u64;
    }
}

/// The bytes of a file that were read last. Small blocks lie in the same window.
struct Window<'a, R: ?Sized> {
    file: &'a R,
    end: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a, R: ReadAt + ?Sized> Window<'a, R> {
    fn new(file: &'a R, end: u64) -> Self {
        Window {
            file,
            end,
            start: 0,
            bytes: Vec::with_capacity(WINDOW),
        }
    }

    /// The bytes from `offset` on: enough for a header, unless the file ends before.
    fn at(&mut self, offset: u64) -> io::Result<&[u8]> {
        let wanted = self.end.min(offset + (PREFIX_BYTES + HEADER_BYTES) as u64);
        let is_within = offset >= self.start && wanted <= self.start + self.bytes.len() as u64;
        if !is_within {
            let left = self.end.saturating_sub(offset).min(WINDOW as u64);
            self.start = offset;
            self.bytes.resize(left as usize, 0);
            let read = self.file.fill_at(&mut self.bytes, offset)?;
            self.bytes.truncate(read);
        }
        let from = (offset - self.start) as usize;
        Ok(self.bytes.get(from..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;

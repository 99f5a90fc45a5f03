//! Frames, the pieces of a journal's file, and how they are found again in a damaged one.
//!
//! A file is [`MAGIC`], a frame with its owner, and frames of records. Each frame has a marker, the length of its content, a
//! checksum of both, and the content. A reader looks for the next marker with a valid checksum, so that damage costs only
//! the frames that it touches. The owner is part of each checksum: a frame of another owner is never taken, even if the
//! frame that names the owner is damaged.

use std::{
    io::{self, Read},
    ops::Range,
};

use serde::{Serialize, de::DeserializeOwned};

use super::Owner;

/// The beginning of a file: its kind and version.
pub const MAGIC: &[u8; 8] = b"satjrnl3";
const MARKER: [u8; 4] = *b"\xf7sj3";
/// Bytes of marker, length and checksum.
pub const HEAD: usize = 12;
/// The longest content of a frame, in bytes. A frame is written and read as a whole, and this bounds the memory for it.
pub const LONGEST: usize = 1 << 20;
/// Bytes that are read from the disk at a time.
const PIECE: u64 = 1 << 18;

/// The owner's part of the checksums of its frames.
#[derive(Clone, Debug, Default)]
pub struct Seal(crc32fast::Hasher);

impl Seal {
    /// # Errors
    /// When the owner cannot be encoded.
    pub fn of(owner: &Owner) -> Result<Seal, postcard::Error> {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&postcard::to_stdvec(owner)?);
        Ok(Seal(hasher))
    }

    fn checksum(&self, length: [u8; 4], content: &[u8]) -> [u8; 4] {
        let mut hasher = self.0.clone();
        hasher.update(&length);
        hasher.update(content);
        hasher.finalize().to_le_bytes()
    }

    /// Fills in the head of a frame whose content follows `HEAD` empty bytes.
    fn close(&self, frame: &mut [u8]) {
        let (head, content) = frame.split_at_mut(HEAD);
        let length = (content.len() as u32).to_le_bytes();
        let checksum = self.checksum(length, content);
        for (part, bytes) in head
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip([MARKER, length, checksum])
        {
            *part = bytes;
        }
    }
}

/// The beginning of an owner's file.
///
/// # Errors
/// When the owner cannot be encoded.
pub fn header(owner: &Owner) -> Result<Vec<u8>, postcard::Error> {
    let mut frame = postcard::to_extend(owner, vec![0; HEAD])?;
    Seal::default().close(&mut frame);
    Ok([&MAGIC[..], &frame].concat())
}

/// Makes frames of records; the memory for a frame is used again.
#[derive(Debug)]
pub struct Encoder {
    seal: Seal,
    frame: Vec<u8>,
}

impl Encoder {
    /// An encoder for a file of the owner that `seal` stands for.
    pub fn new(seal: Seal) -> Encoder {
        Encoder {
            seal,
            frame: Vec::new(),
        }
    }

    /// Hands `take` the frames of these records as of `time_ms`, as few as hold them. Returns the number of records that are
    /// left out, because they cannot be encoded or no frame can hold them.
    ///
    /// # Errors
    /// The first of `take`'s.
    pub fn encode<R: Serialize, E>(
        &mut self,
        time_ms: u64,
        records: impl Iterator<Item = R>,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut left_out = 0;
        let begin = |frame: &mut Vec<u8>| {
            frame.clear();
            frame.resize(HEAD, 0);
            push_varint(frame, time_ms);
            frame.len()
        };
        let empty = begin(&mut self.frame);
        for record in records {
            let before = self.frame.len();
            if postcard::to_extend(&record, Append(&mut self.frame)).is_err() {
                // The bytes of this record before the error; the records before it stay in the frame.
                self.frame.truncate(before);
                left_out += 1;
                continue;
            }
            if self.frame.len() - HEAD <= LONGEST {
                continue;
            }
            let last = self.frame.split_off(before);
            if before > empty {
                self.seal.close(&mut self.frame);
                take(&self.frame)?;
                begin(&mut self.frame);
            }
            if empty + last.len() - HEAD <= LONGEST {
                self.frame.extend_from_slice(&last);
            } else {
                left_out += 1;
            }
        }
        if self.frame.len() > empty {
            self.seal.close(&mut self.frame);
            take(&self.frame)?;
        }
        Ok(left_out)
    }
}

/// A frame that is appended to in place, because postcard would drop a frame that it owns at an error.
struct Append<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Append<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

/// Appends a number as postcard encodes it: seven bits a byte, lowest first.
fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The time of a frame, Unix milliseconds, and its records; `None` if the content is not of this version.
pub fn decode<R: DeserializeOwned>(content: &[u8]) -> Option<(u64, Vec<R>)> {
    let (time_ms, mut rest) = postcard::take_from_bytes::<u64>(content).ok()?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (record, after) = postcard::take_from_bytes(rest).ok()?;
        records.push(record);
        rest = after;
    }
    Some((time_ms, records))
}

/// The next piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The content of a whole frame.
    Frame(Vec<u8>),
    /// Bytes that belong to no whole frame.
    Damage(Range<u64>),
}

/// A reader of frames. It holds a few more bytes than the longest frame.
pub struct Scan<S> {
    source: S,
    buffer: Vec<u8>,
    /// The place of the next byte in the buffer.
    at: usize,
    /// The place of the buffer in the file.
    offset: u64,
    is_at_end: bool,
}

impl<S: Read> Scan<S> {
    /// A reader at the beginning of a file.
    pub fn new(source: S) -> Scan<S> {
        Scan {
            source,
            buffer: Vec::new(),
            at: 0,
            offset: 0,
            is_at_end: false,
        }
    }

    /// The place of the next byte in the file.
    pub fn position(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// Reads the beginning of a file. Returns the owner that it names; `None` if it is damaged or of another version.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn owner(&mut self) -> io::Result<Option<Owner>> {
        self.fill(MAGIC.len())?;
        if !self.rest().starts_with(MAGIC) {
            return Ok(None);
        }
        self.at += MAGIC.len();
        let Some(length) = self.whole_frame(&Seal::default())? else {
            return Ok(None);
        };
        let content = self.take(length);
        Ok(postcard::from_bytes(&content).ok())
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&mut self, seal: &Seal) -> io::Result<Option<Piece>> {
        let began = self.position();
        loop {
            self.fill(HEAD)?;
            let whole = self.whole_frame(seal)?;
            let is_end = self.rest().is_empty();
            if (is_end || whole.is_some()) && self.position() > began {
                return Ok(Some(Piece::Damage(began..self.position())));
            }
            match whole {
                Some(length) => return Ok(Some(Piece::Frame(self.take(length)))),
                None if is_end => return Ok(None),
                None => self.pass_to_marker(),
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// The length of the content of the frame that begins here, if one does and it is whole.
    fn whole_frame(&mut self, seal: &Seal) -> io::Result<Option<usize>> {
        self.fill(HEAD)?;
        let Some((head, _)) = self.rest().split_at_checked(HEAD) else {
            return Ok(None);
        };
        let (&[marker, length, checksum], _) = head.as_chunks::<4>() else {
            return Ok(None);
        };
        let content_len = u32::from_le_bytes(length) as usize;
        if marker != MARKER || content_len > LONGEST {
            return Ok(None);
        }
        self.fill(HEAD + content_len)?;
        let content = self.rest().get(HEAD..HEAD + content_len);
        let is_whole = content.is_some_and(|content| seal.checksum(length, content) == checksum);
        Ok(is_whole.then_some(content_len))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let from = self.at + HEAD;
        self.at = from + length;
        self.buffer[from..self.at].to_vec()
    }

    /// Skips at least one byte, up to the next one that may begin a marker, or to the end of the buffer.
    fn pass_to_marker(&mut self) {
        let rest = &self.buffer[self.at + 1..];
        let found = rest.iter().position(|byte| *byte == MARKER[0]);
        self.at += 1 + found.unwrap_or(rest.len());
    }

    /// Reads until the buffer holds `length` bytes that are not read yet, or the file ends.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        while self.rest().len() < length && !self.is_at_end {
            self.buffer.drain(..self.at);
            self.offset += self.at as u64;
            self.at = 0;
            let read = (&mut self.source)
                .take(PIECE)
                .read_to_end(&mut self.buffer)?;
            self.is_at_end = read == 0;
        }
        Ok(())
    }
}

//! The journal's file: frames of length, checksum and content, of which a torn last one is cut off.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tracing::{info, warn};

use super::{Owner, Past};

/// What the file is, and its version: another one is not read.
const MAGIC: &[u8; 8] = b"satjrnl2";
/// No frame that was ever written is longer: a frame of the beginning, or of one batch of messages.
const LONGEST_FRAME: usize = 64 << 20;

/// The content of a frame after the first.
#[derive(Serialize, Deserialize)]
struct Changes<R> {
    time_ms: u64,
    records: R,
}

/// Writes frames.
#[derive(Debug)]
pub struct Writer {
    file: File,
    bytes: u64,
}

impl Writer {
    /// A new file that says whose it is.
    pub fn create(path: &Path, owner: &Owner) -> io::Result<Writer> {
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)?;
        let mut writer = Writer { file, bytes: 0 };
        writer.file.write_all(MAGIC)?;
        writer.frame(owner)?;
        Ok(writer)
    }

    /// Writes one frame of changes, which the system has from then on, whatever becomes of this process.
    pub fn write(&mut self, time_ms: u64, records: &[impl Serialize]) -> io::Result<()> {
        self.frame(&Changes { time_ms, records })
    }

    /// Waits until all is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// How long the file is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn frame(&mut self, content: &impl Serialize) -> io::Result<()> {
        let mut frame = postcard::to_extend(content, vec![0; 8]).map_err(io::Error::other)?;
        let length = u32::try_from(frame.len() - 8).map_err(io::Error::other)?;
        let checksum = crc32fast::hash(&frame[8..]);
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_all(&frame)?;
        self.bytes += frame.len() as u64;
        Ok(())
    }
}

/// Reads a file up to its end or to where it is torn. One of another owner or version is passed over.
pub fn read<R: DeserializeOwned>(
    path: &Path,
    owner: &Owner,
    mut each: impl FnMut(R),
) -> io::Result<Past> {
    let mut past = Past::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(past),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut magic = [0; 8];
    let known = reader.read_exact(&mut magic).is_ok() && magic == *MAGIC;
    let found = match next_frame(&mut reader)? {
        Frame::Whole(bytes) if known => postcard::from_bytes::<Owner>(&bytes).ok(),
        _ => None,
    };
    if found.as_ref() != Some(owner) {
        let name = path.display();
        info!(
            ?found,
            "{name} is of another node or version, and is begun anew"
        );
        return Ok(past);
    }
    loop {
        let torn = match next_frame(&mut reader)? {
            Frame::End => return Ok(past),
            Frame::Torn => "it is torn",
            Frame::Whole(bytes) => match postcard::from_bytes::<Changes<Vec<R>>>(&bytes) {
                Ok(changes) => {
                    past.last_ms = past.last_ms.max(Some(changes.time_ms));
                    changes.records.into_iter().for_each(&mut each);
                    continue;
                }
                Err(_) => "it cannot be read",
            },
        };
        warn!("{}: the last frame is left out: {torn}", path.display());
        return Ok(past);
    }
}

enum Frame {
    Whole(Vec<u8>),
    Torn,
    End,
}

fn next_frame(reader: &mut impl Read) -> io::Result<Frame> {
    let mut head = Vec::with_capacity(8);
    reader.take(8).read_to_end(&mut head)?;
    let [length, checksum] = match head.as_chunks::<4>() {
        ([], []) => return Ok(Frame::End),
        ([length, checksum], _) => [length, checksum].map(|bytes| u32::from_le_bytes(*bytes)),
        _ => return Ok(Frame::Torn),
    };
    if length as usize > LONGEST_FRAME {
        return Ok(Frame::Torn);
    }
    let mut bytes = Vec::with_capacity(length as usize);
    reader.take(u64::from(length)).read_to_end(&mut bytes)?;
    let is_whole = bytes.len() == length as usize && crc32fast::hash(&bytes) == checksum;
    Ok(if is_whole {
        Frame::Whole(bytes)
    } else {
        Frame::Torn
    })
}

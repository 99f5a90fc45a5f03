//! Reads blocks and headers out of the files. Nothing that is read is believed before it was checked.

use std::{cell::RefCell, fs::File, ops::Range};

use bitcoin::BlockHash;
use satscope_bitcoin::blk::{block_at, header_at, open, will_read};
use satscope_oracle::past::BlockPayments;
use tracing::{debug, warn};

use super::{
    folder::BlockFolder,
    index::{BlockPlace, IndexError, beginning},
};
use crate::{
    fill_metrics::BLOCK_FILE_FAULTS,
    node::{Header, checked_payments, read_header},
};

/// Bytes that the disk is told to fetch for the next block: most blocks are smaller.
const AHEAD: u64 = 2 << 20;

thread_local! {
    /// The block that this thread reads, of at most four million bytes.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the files have of blocks in a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Run {
    /// The payments of the first ones, at least of one, and the bytes that were read.
    Found(Vec<BlockPayments>, u64),
    /// This many of the first ones, at least one, are to be asked of the node.
    Missing(usize),
}

/// The payments of blocks in a row, from the first on, up to one that the files do not have as it should be.
pub fn read_run(folder: &BlockFolder, blocks: &[Header]) -> Run {
    let places: Vec<_> = blocks
        .iter()
        .map(|block| place(folder, block.hash))
        .collect();
    let missing = places.iter().take_while(|place| place.is_none()).count();
    if missing > 0 {
        return Run::Missing(missing);
    }
    let (mut found, mut bytes) = (Vec::with_capacity(blocks.len()), 0);
    let mut file = Opened::default();
    for (at, (block, place)) in blocks.iter().zip(&places).enumerate() {
        let Some(place) = place else { break };
        let read = BUFFER.with_borrow_mut(|buffer| {
            let opened = file.of(folder, place.file)?;
            if let Some(Some(next)) = places.get(at + 1)
                && next.file == place.file
            {
                will_read(opened, next.offset.into(), AHEAD);
            }
            read_block(folder, opened, *place, block, buffer)
        });
        match read {
            Ok((payments, read)) => {
                found.push(payments);
                bytes += read;
            }
            Err(fault) => {
                doubt(folder, *place, block, &fault);
                break;
            }
        }
    }
    match found.is_empty() {
        true => Run::Missing(1),
        false => Run::Found(found, bytes),
    }
}

/// The headers of blocks, each the child of the one before it, up to the block that the node names; `None` if the files' chain of most
/// work does not have that block at that height, or a header is not as it should be.
pub fn read_headers(
    folder: &BlockFolder,
    heights: Range<u32>,
    last: BlockHash,
) -> Option<Vec<Header>> {
    let best = folder.best();
    let beginnings = best.get(heights.start as usize..heights.end as usize)?;
    let (mut wanted, mut file) = (last, Opened::default());
    let mut headers = Vec::with_capacity(heights.len());
    for (height, found) in heights.zip(beginnings).rev() {
        if *found != beginning(wanted) {
            return None;
        }
        let place = place(folder, wanted)?;
        let opened = file.of(folder, place.file).ok()?;
        let raw = header_at(opened, place.offset.into(), folder.format()).ok()??;
        let header = read_header(height, wanted, &raw).ok()?;
        wanted = header.previous;
        headers.push(header);
    }
    headers.reverse();
    Some(headers)
}

/// Why a block was not read from its place.
#[derive(Debug)]
enum Fault {
    /// Its file is gone, as after pruning.
    Gone,
    /// The file cannot be read, or something else lies there.
    Bad(String),
}

fn read_block(
    folder: &BlockFolder,
    file: &File,
    place: BlockPlace,
    block: &Header,
    buffer: &mut Vec<u8>,
) -> Result<(BlockPayments, u64), Fault> {
    let bytes = block_at(file, place.offset.into(), folder.format(), buffer);
    let bytes = bytes.map_err(|error| Fault::Bad(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| Fault::Bad("no whole block lies there".to_owned()))?;
    let payments =
        checked_payments(block.hash, bytes).map_err(|error| Fault::Bad(error.to_string()))?;
    Ok((payments, bytes.len() as u64))
}

/// The file that was opened last: neighbours in the chain mostly lie in the same one.
#[derive(Default)]
struct Opened(Option<(u32, File)>);

impl Opened {
    fn of(&mut self, folder: &BlockFolder, number: u32) -> Result<&File, Fault> {
        let (_, file) = match self.0.take().filter(|(opened, _)| *opened == number) {
            Some(same) => self.0.insert(same),
            None => {
                let opened = open(folder.path(), number).map_err(|error| match error {
                    error if error.is_missing() => Fault::Gone,
                    error => Fault::Bad(error.to_string()),
                })?;
                self.0.insert((number, opened))
            }
        };
        Ok(file)
    }
}

/// Where a block lies. An index that cannot be read counts as one without the block; the next pass deals with the index.
fn place(folder: &BlockFolder, hash: BlockHash) -> Option<BlockPlace> {
    let found = folder.index().find(beginning(hash));
    found
        .inspect_err(|error: &IndexError| debug!("{error}"))
        .ok()
        .flatten()
}

/// Counts a block that is not where it should be, and has its file scanned again.
fn doubt(folder: &BlockFolder, place: BlockPlace, block: &Header, fault: &Fault) {
    let Fault::Bad(words) = fault else {
        return;
    };
    BLOCK_FILE_FAULTS.get().increment(1);
    let Header { height, hash, .. } = block;
    let BlockPlace { file, offset } = place;
    if let Some(held_back) = folder.may_log() {
        warn!(
            held_back,
            "block {height}, {hash}, in blk{file:05}.dat at {offset}: {words}; the node is asked"
        );
    }
    if let Err(error) = folder.index().doubt(file) {
        debug!("{error}");
    }
}

//! The bytes of a pack. They are compressed by gzip; `docs/history.md` has the same table for readers in other languages.
//!
//! Numbers are little-endian. First comes the head: `SATSPACK`, the format (u16), the length of the chain's name (u8) and the
//! name, 1 for a stand-in or 0 (u8), the hash of the chain's first block (32 bytes), and the model (u32). Then come the periods,
//! lowest first: the number (u32), the digest (32 bytes), the length of the lock (u16) and the lock, and 2,016 blocks as
//! [`row_bytes`] gives them. The same periods give the same bytes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Take, Write},
    path::Path,
};

use bitcoin::{BlockHash, hashes::Hash as _};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use satscope_kit::regular::{self, ReadError};
use satscope_oracle::past::{Lock, PERIOD_BLOCKS};

use super::error::PackError;
use crate::store::{
    BlockRow, Identity, OverAll, PeriodRow, PeriodState, ROW_BYTES, SealedPeriod, digest,
    row_bytes, row_of_bytes,
};

/// Most bytes that a pack may unpack to: periods of 70 years.
pub const MOST_UNPACKED: u64 = 256 << 20;
/// The first bytes of an unpacked pack.
const MAGIC: &[u8; 8] = b"SATSPACK";
/// The format that this program writes and reads.
const FORMAT: u16 = 1;
/// Most bytes of a lock: its head, and two bytes for each block that a period rests on.
const MOST_LOCK: usize = 8192;
/// Most bytes of a chain's name.
const MOST_NAME: usize = 32;
/// Times from 2009 to 9999, Unix seconds; Bitcoin's first block is of 2009.
const TIMES: std::ops::RangeInclusive<u64> = 1_230_768_000..=253_402_300_799;
/// Most US cents of a price: what all readers of JSON hold exactly.
const MOST_CENTS: u64 = 1 << 53;

/// Whose history a pack is, and the model that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub identity: Identity,
    /// Number of the model.
    pub model: u32,
}

/// Writes a pack into `W`.
pub struct PackWriter<W: Write> {
    out: GzEncoder<W>,
}

impl<W: Write> PackWriter<W> {
    /// Begins a pack.
    ///
    /// # Errors
    /// When `W` cannot be written to.
    pub fn new(out: W, head: &Head) -> io::Result<PackWriter<W>> {
        let mut out = GzEncoder::new(out, Compression::default());
        let Identity {
            chain,
            genesis,
            simulated,
        } = &head.identity;
        let name = chain.as_bytes();
        let length = u8::try_from(name.len()).map_err(io::Error::other)?;
        out.write_all(MAGIC)?;
        out.write_all(&FORMAT.to_le_bytes())?;
        out.write_all(&[length])?;
        out.write_all(name)?;
        out.write_all(&[u8::from(*simulated)])?;
        out.write_all(genesis.as_byte_array())?;
        out.write_all(&head.model.to_le_bytes())?;
        Ok(PackWriter { out })
    }

    /// Adds the next period.
    ///
    /// # Errors
    /// When `W` cannot be written to.
    pub fn add(&mut self, sealed: &SealedPeriod) -> io::Result<()> {
        let SealedPeriod { row, rows, digest } = sealed;
        let length = u16::try_from(row.lock.len()).map_err(io::Error::other)?;
        self.out.write_all(&row.period.to_le_bytes())?;
        self.out.write_all(digest)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&row.lock)?;
        rows.iter()
            .try_for_each(|row| self.out.write_all(&row_bytes(row)))
    }

    /// Ends the pack, and returns `W`.
    ///
    /// # Errors
    /// When `W` cannot be written to.
    pub fn finish(self) -> io::Result<W> {
        self.out.finish()
    }
}

/// Reads a pack, one period at a time. Each period is checked: its place, its rows, and that they have its digest.
#[derive(Debug)]
pub struct PackReader<R> {
    bytes: Take<GzDecoder<R>>,
    head: Head,
    /// The period before, and the time of its last block.
    before: Option<(u32, u64)>,
    over_all: OverAll,
    is_over: bool,
}

impl PackReader<BufReader<File>> {
    /// Opens a pack and reads its head. A pipe is not waited for.
    ///
    /// # Errors
    /// When the file cannot be read, is no regular file or no pack, or has a newer format.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let file = regular::open(path).map_err(|error| match error {
            ReadError::Io(reason) => PackError::file(path)(reason),
            ReadError::NotRegular | ReadError::TooLong { .. } => PackError::NotRegular(path.into()),
        })?;
        PackReader::new(BufReader::with_capacity(1 << 16, file))
    }
}

impl<R: BufRead> PackReader<R> {
    /// Reads the head of a pack.
    ///
    /// # Errors
    /// When it is no pack, or has a newer format.
    pub fn new(packed: R) -> Result<Self, PackError> {
        PackReader::with_limit(packed, MOST_UNPACKED)
    }

    pub(super) fn with_limit(packed: R, limit: u64) -> Result<Self, PackError> {
        let mut bytes = GzDecoder::new(packed).take(limit);
        let head = head(&mut bytes)?;
        Ok(PackReader {
            bytes,
            head,
            before: None,
            over_all: OverAll::default(),
            is_over: false,
        })
    }

    /// Whose history it is.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The hash over the periods that were read so far.
    pub fn over_all(&self) -> &OverAll {
        &self.over_all
    }

    /// Whether the end was reached, or an error was met.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next period; `None` at the end of the pack.
    fn read(&mut self) -> Result<Option<SealedPeriod>, PackError> {
        let Some(number) = self.number()? else {
            return match self.before {
                Some(_) => Ok(None),
                None => Err(PackError::Empty),
            };
        };
        let digest = self.array::<32>()?;
        let lock = self.lock(number)?;
        let row = PeriodRow {
            period: number,
            state: PeriodState::Final,
            model: self.head.model,
            lock,
            disputed: false,
        };
        let rows = self.rows(&row)?;
        let sealed = SealedPeriod { row, rows, digest };
        self.check(&sealed)?;
        self.over_all.add(&sealed.digest, &sealed.row.lock);
        Ok(Some(sealed))
    }

    /// The number of the next period; `None` at the end, after which the file must have no more bytes.
    fn number(&mut self) -> Result<Option<u32>, PackError> {
        let mut first = [0; 1];
        loop {
            match self.bytes.read(&mut first) {
                Ok(0) if self.bytes.limit() == 0 => return Err(self.damage(cut_off())),
                Ok(0) => return self.check_end().map(|()| None),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.damage(error)),
            }
        }
        let rest = self.array::<3>()?;
        let number = u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]);
        if let Some((before, _)) = self.before
            && number <= before
        {
            return Err(PackError::Order {
                found: number,
                before,
            });
        }
        // Its last block must have a height, with room for the blocks on top.
        match number < u32::MAX / PERIOD_BLOCKS - 1 {
            true => Ok(Some(number)),
            false => Err(wrong(number, "no block has a height of that period")),
        }
    }

    fn check_end(&mut self) -> Result<(), PackError> {
        let rest = self.bytes.get_mut().get_mut().fill_buf();
        match rest.map(<[u8]>::is_empty) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.damage(io::Error::other("bytes follow its end"))),
            Err(error) => Err(self.damage(error)),
        }
    }

    fn lock(&mut self, number: u32) -> Result<Vec<u8>, PackError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        if length > MOST_LOCK {
            return Err(wrong(
                number,
                format!("a lock of {length} bytes; expected at most {MOST_LOCK}"),
            ));
        }
        let mut lock = vec![0; length];
        let read = self.bytes.read_exact(&mut lock);
        read.map_err(|error| self.damage(error))?;
        match lock.is_empty() || Lock::from_bytes(&lock).is_some() {
            true => Ok(lock),
            false => Err(wrong(number, "its lock is none")),
        }
    }

    fn rows(&mut self, period: &PeriodRow) -> Result<Vec<BlockRow>, PackError> {
        let mut rows = Vec::with_capacity(PERIOD_BLOCKS as usize);
        for height in period.first_height()..=period.last_height() {
            let bytes = self.array::<ROW_BYTES>()?;
            let row = row_of_bytes(height, period.model, &bytes).filter(is_possible);
            rows.push(row.ok_or_else(|| {
                let what = format!(
                    "block {height} is impossible: expected a time from 2009 on, low ≤ price ≤ high in cents, and a confidence up \
                     to 1000; or zeros"
                );
                wrong(period.period, what)
            })?);
        }
        Ok(rows)
    }

    /// Checks that a period's times go on from those before, and that its rows have its digest.
    fn check(&mut self, sealed: &SealedPeriod) -> Result<(), PackError> {
        let number = sealed.row.period;
        let mut time = self.before.map_or(0, |(_, time)| time);
        for row in &sealed.rows {
            if row.time < time {
                let what = format!("block {} is before its parent", row.height);
                return Err(wrong(number, what));
            }
            time = row.time;
        }
        let Head { identity, model } = &self.head;
        let first = sealed.row.first_height();
        if digest(identity.genesis, *model, first, &sealed.rows) != sealed.digest {
            return Err(wrong(number, "its rows do not have its digest"));
        }
        self.before = Some((number, time));
        Ok(())
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], PackError> {
        array(&mut self.bytes).map_err(|error| self.damage(error))
    }

    fn damage(&self, reason: io::Error) -> PackError {
        match self.bytes.limit() {
            0 => PackError::TooLarge {
                limit: MOST_UNPACKED,
            },
            _ => PackError::Damaged {
                periods: self.over_all.periods(),
                reason,
            },
        }
    }
}

/// The periods, lowest first. After an error there are no more.
impl<R: BufRead> Iterator for PackReader<R> {
    type Item = Result<SealedPeriod, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.read().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

fn head(bytes: &mut impl Read) -> Result<Head, PackError> {
    let magic: [u8; 8] = array(bytes).map_err(|_| PackError::NotAPack("no gzip, or too short"))?;
    if magic != *MAGIC {
        return Err(PackError::NotAPack("other first bytes"));
    }
    let damaged = |reason| PackError::Damaged { periods: 0, reason };
    let found = u16::from_le_bytes(array(bytes).map_err(damaged)?);
    match found {
        0 => return Err(PackError::NotAPack("format 0")),
        FORMAT => {}
        _ => {
            return Err(PackError::Newer {
                found,
                known: FORMAT,
            });
        }
    }
    let [length] = array(bytes).map_err(damaged)?;
    let mut name = vec![0; usize::from(length)];
    bytes.read_exact(&mut name).map_err(damaged)?;
    let is_name = (1..=MOST_NAME).contains(&name.len())
        && name.iter().all(|letter| letter.is_ascii_alphanumeric());
    let chain = String::from_utf8(name).ok().filter(|_| is_name);
    let chain = chain.ok_or(PackError::NotAPack("a chain without a name"))?;
    let simulated = match array(bytes).map_err(damaged)? {
        [0] => false,
        [1] => true,
        _ => return Err(PackError::NotAPack("neither a node's nor a stand-in's")),
    };
    Ok(Head {
        identity: Identity {
            chain,
            genesis: BlockHash::from_byte_array(array(bytes).map_err(damaged)?),
            simulated,
        },
        model: u32::from_le_bytes(array(bytes).map_err(damaged)?),
    })
}

fn array<const COUNT: usize>(bytes: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut array = [0; COUNT];
    bytes.read_exact(&mut array)?;
    Ok(array)
}

/// Whether every reader can use the numbers of a row.
fn is_possible(row: &BlockRow) -> bool {
    let is_price = row.price.is_none_or(|price| {
        let interval = price.low_cents..=price.high_cents;
        price.low_cents > 0
            && interval.contains(&price.price_cents)
            && price.high_cents <= MOST_CENTS
            && price.confidence_thousandths <= 1000
    });
    is_price && TIMES.contains(&row.time)
}

fn wrong(period: u32, what: impl Into<String>) -> PackError {
    PackError::Period {
        period,
        what: what.into(),
    }
}

fn cut_off() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

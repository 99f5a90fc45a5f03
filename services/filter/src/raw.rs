//! A transaction that is read in place: nothing is copied, and nothing allocated.
//!
//! The layout is that of Core's `src/primitives/transaction.h`; the reader refuses the bytes that the `bitcoin` crate
//! refuses, and no others.

use bitcoin::hashes::Hash as _;
use bitcoin::{Script, Txid};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::judged::{Judged, Spent};

/// Bytes of a block's header.
const HEADER: usize = 80;
/// Bytes of a txid and of the number of an output.
const OUTPOINT: usize = 36;
/// The txid and the output's number in the input of a coinbase.
const NO_OUTPUT: ([u8; 32], [u8; 4]) = ([0; 32], [0xff; 4]);
/// The first byte of the script of an output that carries data.
const OP_RETURN: u8 = 0x6a;

/// Why bytes are no transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RawError {
    /// The bytes end too early.
    #[error("not whole: the bytes end too early")]
    Short,
    /// This many bytes follow after its end.
    #[error("{0} bytes after the end")]
    Long(usize),
    /// A number is written longer than it needs to be.
    #[error("a length that is not written as short as it can be")]
    Number,
    /// This byte follows the marker of a segregated witness, instead of 1.
    #[error("the witness flag {0}; expected 1")]
    Flag(u8),
    /// A segregated witness is announced, and no input has one.
    #[error("a witness flag, and no input with a witness")]
    NoWitness,
}

/// A transaction as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct RawTransaction<'a> {
    version: &'a [u8; 4],
    /// The inputs and outputs with their counts, which the txid covers beside version and lock time.
    covered: &'a [u8],
    inputs: Items<'a>,
    outputs: Items<'a>,
    lock_time: &'a [u8; 4],
    carries_data: bool,
    /// The size of the largest witness of an input, in bytes.
    largest_witness: usize,
}

/// Inputs or outputs, one after the other, and their number.
#[derive(Debug, Clone, Copy)]
struct Items<'a> {
    count: u64,
    bytes: &'a [u8],
}

impl<'a> RawTransaction<'a> {
    /// Reads bytes that are one transaction.
    ///
    /// # Errors
    /// When the bytes are not one transaction.
    pub fn read(bytes: &'a [u8]) -> Result<Self, RawError> {
        let mut reader = Reader(bytes);
        let transaction = Self::read_first(&mut reader);
        match reader.0.len() {
            more if more > 0 && transaction.is_ok() => Err(RawError::Long(more)),
            _ => transaction,
        }
    }

    /// Reads the transaction that comes first.
    fn read_first(reader: &mut Reader<'a>) -> Result<Self, RawError> {
        let version = reader.array()?;
        let mut covered = *reader;
        let mut count = reader.number()?;
        let is_segwit = count == 0;
        if is_segwit {
            let flag = reader.take(1)?[0];
            if flag != 1 {
                return Err(RawError::Flag(flag));
            }
            covered = *reader;
            count = reader.number()?;
        }
        let inputs = reader.items(count, |reader| {
            reader.take(OUTPOINT)?;
            reader.script()?;
            reader.take(4)
        })?;
        let count = reader.number()?;
        let mut carries_data = false;
        let outputs = reader.items(count, |reader| {
            reader.take(8)?;
            let script = reader.script()?;
            carries_data |= script.first() == Some(&OP_RETURN);
            Ok(script)
        })?;
        let covered = covered.up_to(reader);
        let largest_witness = match is_segwit {
            true => reader.witnesses(inputs.count)?,
            false => 0,
        };
        let lock_time = reader.array()?;
        Ok(RawTransaction {
            version,
            covered,
            inputs,
            outputs,
            lock_time,
            carries_data,
            largest_witness,
        })
    }

    /// Its lock time as it is sent: a height below 500,000,000, else Unix seconds (BIP 65).
    #[must_use]
    pub fn lock_time(&self) -> u32 {
        u32::from_le_bytes(*self.lock_time)
    }

    /// Its id.
    #[must_use]
    #[inline]
    pub fn txid(&self) -> Txid {
        let once = Sha256::new()
            .chain_update(self.version)
            .chain_update(self.covered)
            .chain_update(self.lock_time)
            .finalize();
        Txid::from_byte_array(Sha256::digest(once).into())
    }

    /// Whether it creates new coins.
    #[must_use]
    #[inline]
    pub fn is_coinbase(&self) -> bool {
        let (txid, number) = NO_OUTPUT;
        let spent = self.inputs.bytes.strip_prefix(&txid);
        self.inputs.count == 1 && spent.is_some_and(|rest| rest.starts_with(&number))
    }

    /// Whether one of its outputs is an OP_RETURN: it carries data.
    #[must_use]
    pub fn carries_data(&self) -> bool {
        self.carries_data
    }

    /// The number of its inputs.
    #[must_use]
    pub fn input_count(&self) -> usize {
        usize::try_from(self.inputs.count).unwrap_or(usize::MAX)
    }

    /// The number of its outputs.
    #[must_use]
    pub fn output_count(&self) -> usize {
        usize::try_from(self.outputs.count).unwrap_or(usize::MAX)
    }

    /// Its inputs: the output that each spends, and the input's script.
    #[inline]
    pub fn inputs(&self) -> impl Iterator<Item = (Spent<'a>, &'a Script)> + use<'a> {
        let mut reader = Reader(self.inputs.bytes);
        // The inputs have been read once, so that no error is possible.
        std::iter::from_fn(move || reader.input().ok())
    }

    /// Its outputs: the value in satoshi, and the script.
    #[inline]
    pub fn outputs(&self) -> impl Iterator<Item = (u64, &'a Script)> + use<'a> {
        let mut reader = Reader(self.outputs.bytes);
        std::iter::from_fn(move || reader.output().ok())
    }

    /// The size of the largest witness of an input, in bytes.
    #[must_use]
    pub fn largest_witness(&self) -> usize {
        self.largest_witness
    }
}

impl Judged for RawTransaction<'_> {
    fn is_coinbase(&self) -> bool {
        RawTransaction::is_coinbase(self)
    }

    fn input_count(&self) -> usize {
        RawTransaction::input_count(self)
    }

    fn output_count(&self) -> usize {
        RawTransaction::output_count(self)
    }

    fn spends(&self) -> impl Iterator<Item = Spent<'_>> {
        self.inputs().map(|(spent, _)| spent)
    }

    fn pays(&self) -> impl Iterator<Item = (u64, &Script)> {
        self.outputs()
    }

    fn carries_data(&self) -> bool {
        RawTransaction::carries_data(self)
    }

    fn largest_witness(&self) -> usize {
        RawTransaction::largest_witness(self)
    }
}

/// The transactions of a raw block, coinbase first.
///
/// # Errors
/// When the bytes are not one block.
pub fn read_block(bytes: &[u8]) -> Result<Vec<RawTransaction<'_>>, RawError> {
    let mut transactions = Vec::new();
    each_transaction(bytes, |transaction| transactions.push(transaction))?;
    Ok(transactions)
}

/// Calls `each` with the transactions of a raw block, coinbase first, and keeps none of them.
///
/// # Errors
/// When the bytes are not one block; `each` may have been called before.
pub fn each_transaction<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(RawTransaction<'a>),
) -> Result<(), RawError> {
    let mut reader = Reader(bytes);
    reader.take(HEADER)?;
    for _ in 0..reader.number()? {
        each(RawTransaction::read_first(&mut reader)?);
    }
    match reader.0.len() {
        0 => Ok(()),
        more => Err(RawError::Long(more)),
    }
}

/// The bytes that are still to be read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RawError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(RawError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], RawError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RawError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads a number in Core's "compact size".
    fn number(&mut self) -> Result<u64, RawError> {
        let (number, least) = match self.array::<1>()?[0] {
            0xfd => (u64::from(u16::from_le_bytes(*self.array()?)), 0xfd),
            0xfe => (u64::from(u32::from_le_bytes(*self.array()?)), 1 << 16),
            0xff => (u64::from_le_bytes(*self.array()?), 1 << 32),
            small => (u64::from(small), 0),
        };
        if number < least {
            return Err(RawError::Number);
        }
        Ok(number)
    }

    /// Reads a length, and as many bytes.
    fn script(&mut self) -> Result<&'a [u8], RawError> {
        let length = usize::try_from(self.number()?).map_err(|_| RawError::Short)?;
        self.take(length)
    }

    fn items(
        &mut self,
        count: u64,
        mut item: impl FnMut(&mut Self) -> Result<&'a [u8], RawError>,
    ) -> Result<Items<'a>, RawError> {
        let before = *self;
        for _ in 0..count {
            item(self)?;
        }
        let bytes = before.up_to(self);
        Ok(Items { count, bytes })
    }

    /// Reads the witness of each input; returns the size of the largest, in bytes.
    fn witnesses(&mut self, inputs: u64) -> Result<usize, RawError> {
        let (mut largest, mut is_any) = (0, inputs == 0);
        for _ in 0..inputs {
            let before = *self;
            let elements = self.number()?;
            for _ in 0..elements {
                self.script()?;
            }
            is_any |= elements > 0;
            largest = largest.max(before.up_to(self).len());
        }
        match is_any {
            true => Ok(largest),
            false => Err(RawError::NoWitness),
        }
    }

    #[inline]
    fn input(&mut self) -> Result<(Spent<'a>, &'a Script), RawError> {
        let txid = self.array()?;
        let vout = u32::from_le_bytes(*self.array()?);
        let script = Script::from_bytes(self.script()?);
        self.take(4)?;
        Ok((Spent { txid, vout }, script))
    }

    #[inline]
    fn output(&mut self) -> Result<(u64, &'a Script), RawError> {
        let value_sats = u64::from_le_bytes(*self.array()?);
        Ok((value_sats, Script::from_bytes(self.script()?)))
    }

    /// The bytes from here to where `other` has come.
    fn up_to(&self, other: &Self) -> &'a [u8] {
        &self.0[..self.0.len() - other.0.len()]
    }
}

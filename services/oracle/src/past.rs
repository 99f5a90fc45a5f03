//! The price at each block of the past, from the payments before and after it.

use std::ops::Range;

/// Number of the model; a new one reads all blocks anew.
pub const MODEL: u32 = 1;
/// The price of a block rests on so many blocks before it ...
pub const BEFORE: u32 = 144;
/// ... and on so many after it.
pub const AFTER: u32 = 18;
/// Blocks of a period, which share a lock.
pub const PERIOD_BLOCKS: u32 = 2016;
/// Number of the first period that is read; its first block is 336,672, just before 2015.
pub const FIRST_PERIOD: u32 = 167;

/// What a block holds of payments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockPayments {
    payments: u32,
    values_sats: Box<[u64]>,
}

impl BlockPayments {
    /// Of the output values, in satoshi and in any order, of so many payments.
    #[must_use]
    pub fn new(payments: u32, mut values_sats: Vec<u64>) -> Self {
        values_sats.sort_unstable();
        values_sats.dedup();
        Self {
            payments,
            values_sats: values_sats.into(),
        }
    }

    /// How many payments there are.
    #[must_use]
    pub fn payments(&self) -> u32 {
        self.payments
    }

    /// The distinct amounts in satoshi, ascending.
    #[must_use]
    pub fn values_sats(&self) -> &[u64] {
        &self.values_sats
    }
}

/// Blocks one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Blocks<'a> {
    /// Height of the first.
    pub first_height: u32,
    /// What each holds.
    pub blocks: &'a [BlockPayments],
}

/// Which of the prices a whole factor apart it is, all through some blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    first_height: u32,
    places: Vec<u16>,
}

/// The price at a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPrice {
    /// US cents for one bitcoin.
    pub price_cents: u64,
    /// Lower end of the 90 % interval.
    pub low_cents: u64,
    /// Upper end of the 90 % interval.
    pub high_cents: u64,
    /// How far to trust it, in thousandths.
    pub confidence_thousandths: u16,
}

impl Lock {
    /// The lock of a period, decided by all of its payments. `blocks` begin with the [`BEFORE`] blocks before the period, and end
    /// with the [`AFTER`] blocks after it, or at the tip. `None` if the payments show no price.
    #[must_use]
    pub fn of_period(_blocks: Blocks<'_>) -> Option<Self> {
        None
    }

    /// This lock carried forward over blocks that begin within the blocks of this one.
    #[must_use]
    pub fn carried(&self, _blocks: Blocks<'_>) -> Option<Self> {
        None
    }

    /// The lock in bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let places = self.places.iter().flat_map(|place| place.to_le_bytes());
        self.first_height
            .to_le_bytes()
            .into_iter()
            .chain(places)
            .collect()
    }

    /// A lock that was kept; `None` if the bytes are no lock.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first_height, places) = bytes.split_first_chunk()?;
        let (places, rest) = places.as_chunks();
        rest.is_empty().then(|| Self {
            first_height: u32::from_le_bytes(*first_height),
            places: places
                .iter()
                .map(|place| u16::from_le_bytes(*place))
                .collect(),
        })
    }

    /// Whether two locks differ by more than 5 % where both have a price.
    #[must_use]
    pub fn disagrees(&self, _other: &Self) -> bool {
        false
    }
}

/// The prices of the blocks of some heights; `None` where the evidence is below what is calibrated. Each rests on the [`BEFORE`]
/// blocks before it and the [`AFTER`] after it, as far as `blocks` has them, and on the lock.
#[must_use]
pub fn prices(_blocks: Blocks<'_>, _lock: &Lock, heights: Range<u32>) -> Vec<Option<BlockPrice>> {
    heights.map(|_| None).collect()
}

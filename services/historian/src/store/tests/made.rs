//! Rows that are made for tests.

use std::path::{Path, PathBuf};

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_oracle::past::{BlockPrice, PERIOD_BLOCKS};

use crate::store::{
    BlockRow, Identity, MinuteRow, PeriodRow, PeriodState, Readers, Store, Tip, Writer,
};

/// Time of block 0 of the tests' chain, Unix seconds: a Monday, 00:00 UTC.
pub const BEGAN: u64 = 1_600_041_600;
/// Seconds from block to block.
pub const APART: u64 = 600;

pub fn hash(seed: u64) -> BlockHash {
    BlockHash::hash(&seed.to_le_bytes())
}

pub fn identity() -> Identity {
    Identity {
        chain: "regtest".to_owned(),
        genesis: hash(0),
        simulated: true,
    }
}

pub fn price(cents: u64) -> BlockPrice {
    BlockPrice {
        price_cents: cents,
        low_cents: cents - cents / 1000,
        high_cents: cents + cents / 900,
        confidence_thousandths: 900,
    }
}

pub fn time(height: u32) -> u64 {
    BEGAN + u64::from(height) * APART
}

/// The cents of a block.
pub fn cents(height: u32) -> u64 {
    1_000_000 + u64::from(height)
}

pub fn block(height: u32) -> BlockRow {
    BlockRow {
        height,
        time: time(height),
        hash: hash(height.into()),
        price: Some(price(cents(height))),
        payments: 1000 + height % 7,
        model: 1,
    }
}

pub fn blocks(heights: impl Iterator<Item = u32>) -> Vec<BlockRow> {
    heights.map(block).collect()
}

pub fn period(number: u32, state: PeriodState) -> PeriodRow {
    PeriodRow {
        period: number,
        state,
        model: 1,
        lock: vec![1, 2, 3, 4, 5, 6],
        disputed: false,
    }
}

pub fn tip(height: u32) -> Tip {
    Tip {
        height,
        hash: hash(height.into()),
    }
}

/// A minute that begins `minutes` after a block's time.
pub fn minute(after: u32, minutes: u64, cents: u64) -> MinuteRow {
    MinuteRow {
        minute: time(after) / 60 + minutes,
        open_cents: cents - 3,
        high_cents: cents + 5,
        low_cents: cents - 10,
        close: price(cents),
        samples: 60,
    }
}

/// A file in a folder of its own.
pub struct Made {
    pub folder: tempfile::TempDir,
    pub writer: Writer,
    pub readers: Readers,
}

impl Made {
    pub fn empty() -> Made {
        let folder = tempfile::tempdir().unwrap();
        let (writer, readers) = Store::open(&path_in(folder.path()), &identity()).unwrap();
        Made {
            folder,
            writer,
            readers,
        }
    }

    /// Period 0 is final, and period 1 has blocks up to `tip`.
    pub fn with_tip(tip_height: u32) -> Made {
        let mut made = Made::empty();
        made.put_final(0);
        made.put_tail(PERIOD_BLOCKS, tip_height);
        made
    }

    pub fn path(&self) -> PathBuf {
        path_in(self.folder.path())
    }

    pub fn put_final(&mut self, number: u32) {
        let row = period(number, PeriodState::Final);
        let rows = blocks(row.first_height()..=row.last_height());
        self.writer.put_period(&row, &rows).unwrap();
    }

    pub fn put_tail(&mut self, from: u32, tip_height: u32) {
        let last = PeriodRow::of_height(tip_height);
        let periods: Vec<PeriodRow> = (PeriodRow::of_height(from)..=last)
            .map(|number| period(number, PeriodState::Open))
            .collect();
        let rows = blocks(from..=tip_height);
        self.writer
            .put_tail(from, &rows, &periods, tip(tip_height))
            .unwrap();
    }
}

pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(Store::file_name("regtest", true))
}

//! Measures of the file, and marks that it must not miss. `-- --nocapture measures` prints the figures; `--ignored` runs the long
//! ones too.

use std::time::Instant;

use satscope_oracle::past::{BlockPrice, PERIOD_BLOCKS};

use super::made::{APART, BEGAN, Made, block, period, tip};
use crate::store::{BlockRow, MinuteRow, PeriodState, Source, Span};

/// Blocks that the file must have room for, and the bytes that it may take for them.
const BLOCKS: u64 = 950_000;
const MOST_BYTES: u64 = 60_000_000;
/// Minutes of a year, and the bytes that they may take.
const MINUTES: u64 = 525_600;
const MOST_MINUTE_BYTES: u64 = 20_000_000;

/// Numbers that look as if drawn, the same in each run.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A price of today's height, with an interval of a tenth of a percent: wide numbers, which take the most bytes.
fn wide(drawn: &mut Drawn) -> BlockPrice {
    let cents = 8_000_000 + drawn.below(4_000_000);
    BlockPrice {
        price_cents: cents,
        low_cents: cents - 1000 - drawn.below(19_000),
        high_cents: cents + 1000 + drawn.below(19_000),
        confidence_thousandths: 500 + drawn.below(500) as u16,
    }
}

fn realistic(height: u32, drawn: &mut Drawn) -> BlockRow {
    BlockRow {
        price: Some(wide(drawn)),
        payments: 500 + drawn.below(4000) as u32,
        ..block(height)
    }
}

/// Fills whole periods, newest first, as the historian does.
fn fill(made: &mut Made, periods: u32) {
    let mut drawn = Drawn(18);
    for number in (0..periods).rev() {
        let row = crate::store::PeriodRow {
            lock: vec![7; 4 + 2 * PERIOD_BLOCKS as usize / 16],
            ..period(number, PeriodState::Final)
        };
        let heights = row.first_height()..=row.last_height();
        let rows: Vec<_> = heights
            .map(|height| realistic(height, &mut drawn))
            .collect();
        made.writer.put_period(&row, &rows).unwrap();
    }
    made.writer
        .set_tip(tip(periods * PERIOD_BLOCKS + 20))
        .unwrap();
    made.writer.checkpoint().unwrap();
}

#[test]
fn measures_of_blocks_in_the_file() {
    let mut made = Made::empty();
    let empty = made.readers.file_bytes().unwrap();
    fill(&mut made, 10);
    let blocks = u64::from(10 * PERIOD_BLOCKS);
    let bytes = made.readers.file_bytes().unwrap() - empty;
    let reckoned = bytes * BLOCKS / blocks;
    eprintln!("{blocks} blocks take {bytes} bytes; {BLOCKS} blocks would take {reckoned} bytes");
    assert!(reckoned <= MOST_BYTES, "{reckoned} bytes");
}

fn fill_minutes(made: &mut Made, minutes: u64) {
    let mut drawn = Drawn(19);
    let rows: Vec<MinuteRow> = (0..minutes)
        .map(|minute| {
            let close = wide(&mut drawn);
            let cents = close.price_cents;
            let high = cents + drawn.below(5000);
            let low = cents - drawn.below(5000);
            MinuteRow {
                minute: BEGAN / 60 + minute,
                open_cents: low + drawn.below(high - low + 1),
                high_cents: high,
                low_cents: low,
                close,
                samples: 60 + drawn.below(60) as u32,
            }
        })
        .collect();
    // One transaction each, as they come, would take the same room and far more time.
    for rows in rows.chunks(1000) {
        made.writer.put_minutes(rows).unwrap();
    }
    made.writer.checkpoint().unwrap();
}

#[test]
fn measures_of_minutes_in_the_file() {
    let mut made = Made::empty();
    let empty = made.readers.file_bytes().unwrap();
    fill_minutes(&mut made, 20_000);
    let bytes = made.readers.file_bytes().unwrap() - empty;
    let reckoned = bytes * MINUTES / 20_000;
    eprintln!("20000 minutes take {bytes} bytes; a year of them would take {reckoned} bytes");
    assert!(reckoned <= MOST_MINUTE_BYTES, "{reckoned} bytes");
}

#[test]
#[ignore = "takes a minute, and its times say nothing on a busy machine"]
fn measures_of_a_full_file() {
    let periods = BLOCKS.div_ceil(u64::from(PERIOD_BLOCKS)) as u32;
    let mut made = Made::empty();
    let began = Instant::now();
    fill(&mut made, periods);
    let took = began.elapsed();
    let bytes = made.readers.file_bytes().unwrap();
    let blocks = u64::from(periods * PERIOD_BLOCKS);
    eprintln!("{blocks} blocks: {bytes} bytes, written in {took:?}");
    assert!(bytes * BLOCKS / blocks <= MOST_BYTES);
    fill_minutes(&mut made, MINUTES);
    let minutes = made.readers.file_bytes().unwrap() - bytes;
    eprintln!("a year of minutes: {minutes} bytes");
    assert!(minutes <= MOST_MINUTE_BYTES);
    for source in [Source::Auto, Source::Block, Source::Minute] {
        let mut drawn = Drawn(20);
        let asked = 20_000;
        let began = Instant::now();
        for _ in 0..asked {
            let time = BEGAN + drawn.below(blocks * APART);
            made.readers.price_at(time, source).unwrap();
        }
        let a_second = f64::from(asked) / began.elapsed().as_secs_f64();
        eprintln!("{source:?}: {a_second:.0} prices at a time a second, one caller");
    }
    let timed = |what: &str, ask: &mut dyn FnMut() -> usize| {
        let began = Instant::now();
        let rows = ask();
        eprintln!("{what}: {rows} rows in {:?}", began.elapsed());
    };
    let all = |step| Span {
        from: 0,
        to: u64::MAX,
        step,
    };
    for step in [0, 86_400, 604_800] {
        let mut ask = || {
            made.readers
                .series(all(step), Source::Auto)
                .unwrap()
                .prices
                .len()
        };
        timed(&format!("series, step {step}"), &mut ask);
    }
    for step in [3600, 86_400, 604_800] {
        let mut ask = || made.readers.candles(all(step)).unwrap().candles.len();
        timed(&format!("candles, step {step}"), &mut ask);
    }
    timed("coverage", &mut || {
        made.readers.coverage().unwrap();
        1
    });
    timed("a look for damage", &mut || {
        made.readers.check().unwrap();
        1
    });
}

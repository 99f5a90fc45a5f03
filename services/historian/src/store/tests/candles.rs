//! What is answered of cells of time.

use super::made::{BEGAN, Made, blocks, cents, period, price, tip};
use crate::store::{BlockState, Candle, MOST_ROWS, PeriodState, Span};

fn span(from: u64, to: u64, step: u64) -> Span {
    Span { from, to, step }
}

#[test]
fn candles_are_of_blocks_and_an_empty_cell_is_empty() {
    let mut made = Made::empty();
    let mut rows = blocks(0..=30);
    for row in &mut rows[6..18] {
        row.price = None;
    }
    rows[2].price = Some(price(9_000_000));
    rows[3].price = Some(price(500));
    rows[3].price.as_mut().unwrap().confidence_thousandths = 70;
    let open = [period(0, PeriodState::Open)];
    made.writer.put_tail(0, &rows, &open, tip(40)).unwrap();
    let given = made.readers.candles(span(0, u64::MAX, 3600)).unwrap();
    assert!(given.complete);
    let times: Vec<u64> = given
        .candles
        .iter()
        .map(|candle| candle.time - BEGAN)
        .collect();
    assert_eq!(times, [0, 3600, 7200, 10_800, 14_400, 18_000]);
    let first = given.candles[0].blocks.unwrap();
    let prices = [
        first.open_cents,
        first.high_cents,
        first.low_cents,
        first.close_cents,
    ];
    assert_eq!(prices, [cents(0), 9_000_000, 500, cents(5)]);
    assert_eq!((first.blocks, first.confidence_thousandths), (6, 70));
    assert_eq!(first.state, BlockState::Settled);
    assert_eq!(
        (given.candles[1].blocks, given.candles[2].blocks),
        (None, None)
    );
    let fourth = given.candles[3].blocks.unwrap();
    assert_eq!((fourth.blocks, fourth.state), (6, BlockState::Provisional));
    assert_eq!(given.candles[5].blocks.unwrap().blocks, 1);
    // A cell that the span has a part of is whole.
    let part = made
        .readers
        .candles(span(BEGAN + 1000, BEGAN + 1001, 3600))
        .unwrap();
    assert_eq!(part.candles, given.candles[..1]);
    let none = made.readers.candles(span(0, BEGAN, 3600)).unwrap();
    assert_eq!((none.candles.len(), none.complete), (0, true));
}

#[test]
fn a_cell_whose_neighbours_are_still_to_be_read_is_provisional() {
    let mut made = Made::empty();
    made.put_final(2);
    made.put_final(4);
    let states = |made: &Made| -> Vec<BlockState> {
        let days = made.readers.candles(span(0, u64::MAX, 86_400)).unwrap();
        let blocks = days.candles.iter().filter_map(|candle| candle.blocks);
        blocks.map(|blocks| blocks.state).collect()
    };
    let (part, whole) = (BlockState::Provisional, BlockState::Final);
    let before = states(&made);
    assert_eq!((before[0], before[1]), (part, whole), "period 1 is unread");
    assert_eq!(before[13..16], [part, part, whole], "so is period 3");
    made.put_final(3);
    let after = states(&made);
    assert_eq!((after[0], after[41]), (part, part));
    assert!(after[1..41].iter().all(|state| *state == whole));
}

#[test]
fn a_week_begins_on_monday_and_many_cells_are_cut() {
    let mut made = Made::empty();
    made.put_final(1);
    made.put_final(2);
    let weeks = made.readers.candles(span(0, u64::MAX, 604_800)).unwrap();
    let times: Vec<u64> = weeks.candles.iter().map(|candle| candle.time).collect();
    // Block 2016 is two weeks after the first Monday.
    assert_eq!(times, [2, 3, 4, 5].map(|week| BEGAN + week * 604_800));
    let counts = weeks
        .candles
        .iter()
        .map(|candle| candle.blocks.unwrap().blocks);
    assert_eq!(counts.collect::<Vec<_>>(), [1008; 4]);
    // Ten years between two periods.
    let mut rows = blocks(2016 * 10..2016 * 11);
    for row in &mut rows {
        row.time += 10 * 365 * 86_400;
    }
    let far = period(10, PeriodState::Final);
    made.writer.put_period(&far, &rows).unwrap();
    let hours = made.readers.candles(span(0, u64::MAX, 3600)).unwrap();
    assert_eq!((hours.candles.len(), hours.complete), (MOST_ROWS, false));
    let is_next = |pair: &[Candle]| pair[1].time == pair[0].time + 3600;
    assert!(hours.candles.windows(2).all(is_next));
}

//! What is answered about a time, a span, or all.

use satscope_oracle::past::PERIOD_BLOCKS;

use super::made::{APART, BEGAN, Made, block, blocks, minute, period, price, time, tip};
use crate::store::{
    BlockState, Coverage, Kind, MOST_ROWS, PeriodState, Place, Price, Series, Source, Span,
};

fn height(price: Option<Price>) -> Option<u32> {
    match price?.kind {
        Kind::Block { height, .. } => Some(height),
        Kind::Minute => None,
    }
}

fn at(made: &Made, time: u64, source: Source) -> Option<Price> {
    made.readers.price_at(time, source).unwrap()
}

fn span(from: u64, to: u64, step: u64) -> Span {
    Span { from, to, step }
}

#[test]
fn the_newest_price_at_or_before_a_time_and_none_before_the_first() {
    let made = Made::with_tip(2100);
    for source in [Source::Auto, Source::Block] {
        assert_eq!(at(&made, BEGAN - 1, source), None);
        assert_eq!(height(at(&made, BEGAN, source)), Some(0));
        assert_eq!(height(at(&made, time(700) - 1, source)), Some(699));
        assert_eq!(height(at(&made, time(700), source)), Some(700));
        assert_eq!(height(at(&made, time(700) + 599, source)), Some(700));
        assert_eq!(height(at(&made, u64::MAX, source)), Some(2100));
    }
    assert_eq!(at(&made, u64::MAX, Source::Minute), None);
}

#[test]
fn of_blocks_of_one_time_the_higher_is_newer() {
    let mut made = Made::empty();
    let mut rows = blocks(0..=9);
    for row in &mut rows[3..6] {
        row.time = time(3);
    }
    let open = [period(0, PeriodState::Open)];
    made.writer.put_tail(0, &rows, &open, tip(30)).unwrap();
    for source in [Source::Auto, Source::Block] {
        assert_eq!(height(at(&made, time(3), source)), Some(5));
        let series = made.readers.series(span(0, u64::MAX, 0), source).unwrap();
        let heights: Vec<_> = series
            .prices
            .iter()
            .map(|price| height(Some(*price)))
            .collect();
        assert_eq!(heights, (0..=9).map(Some).collect::<Vec<_>>());
    }
}

#[test]
fn a_block_without_a_price_is_passed_over() {
    let mut made = Made::empty();
    let mut rows = blocks(0..=9);
    for row in &mut rows[3..6] {
        row.price = None;
    }
    let open = [period(0, PeriodState::Open)];
    made.writer.put_tail(0, &rows, &open, tip(9)).unwrap();
    assert_eq!(height(at(&made, time(5), Source::Block)), Some(2));
    assert_eq!(made.readers.price_of_height(4).unwrap(), None);
    assert_eq!(made.readers.price_of_height(10).unwrap(), None);
}

#[test]
fn a_block_is_final_settled_or_provisional() {
    let made = Made::with_tip(2100);
    let state = |height| match made.readers.price_of_height(height).unwrap().unwrap().kind {
        Kind::Block { state, .. } => state,
        Kind::Minute => unreachable!(),
    };
    assert_eq!(state(2015), BlockState::Final);
    assert_eq!(
        (state(2016), state(2082)),
        (BlockState::Settled, BlockState::Settled)
    );
    assert_eq!(
        (state(2083), state(2100)),
        (BlockState::Provisional, BlockState::Provisional)
    );
}

#[test]
fn minutes_stand_after_the_last_settled_block_and_not_before() {
    let mut made = Made::with_tip(2100);
    // From ten minutes before the last settled block, 2082, on.
    let rows: Vec<_> = (0..200)
        .map(|after| minute(2081, after, 5000 + after))
        .collect();
    made.writer.put_minutes(&rows).unwrap();
    assert_eq!(height(at(&made, time(2082), Source::Auto)), Some(2082));
    assert_eq!(height(at(&made, time(2082) + 59, Source::Auto)), Some(2082));
    let first = at(&made, time(2082) + 60, Source::Auto).unwrap();
    assert_eq!((first.kind, first.price), (Kind::Minute, price(5011)));
    let later = at(&made, time(2090) + 7, Source::Auto).unwrap();
    assert_eq!((later.kind, later.price), (Kind::Minute, price(5090)));
    assert_eq!(height(at(&made, time(2090) + 7, Source::Block)), Some(2090));
    // Minutes end 200 minutes after block 2081 and stand for ten more; block 2100 is 190 after it.
    assert_eq!(
        at(&made, u64::MAX, Source::Auto).unwrap().price,
        price(5199)
    );
}

#[test]
fn provisional_blocks_stand_where_no_minute_was_kept() {
    let mut made = Made::with_tip(2100);
    let early = (1..=35).map(|after| minute(2082, after, 5000 + after));
    let late = (120..=150).map(|after| minute(2082, after, 6000 + after));
    let rows: Vec<_> = early.chain(late).collect();
    made.writer.put_minutes(&rows).unwrap();
    // The last early minute stands until minute 45; block 2087 is at minute 50.
    assert_eq!(
        at(&made, time(2086), Source::Auto).unwrap().price,
        price(5035)
    );
    assert_eq!(height(at(&made, time(2087), Source::Auto)), Some(2087));
    assert_eq!(height(at(&made, time(2094) - 1, Source::Auto)), Some(2093));
    assert_eq!(
        at(&made, time(2094), Source::Auto).unwrap().price,
        price(6120)
    );
    assert_eq!(
        at(&made, time(2094) + 60, Source::Auto).unwrap().price,
        price(6121)
    );
    assert_eq!(height(at(&made, u64::MAX, Source::Auto)), Some(2100));
    same_in_series(&made);
}

/// What is answered for a time is the last of the series up to it, with each step.
fn same_in_series(made: &Made) {
    for source in [Source::Auto, Source::Block, Source::Minute] {
        for end in (time(2070)..time(2110)).step_by(37) {
            let asked = at(made, end - 1, source);
            for step in [0, 60, 3600] {
                let series = made
                    .readers
                    .series(span(time(2060), end, step), source)
                    .unwrap();
                let last = series.prices.last().copied();
                let expected = asked.filter(|price| price.time >= time(2060));
                assert_eq!(last, expected, "{source:?} {step} {}", end - BEGAN);
                assert!(series.prices.is_sorted_by_key(|price| price.time));
            }
        }
    }
}

#[test]
fn a_series_has_the_newest_of_each_step_and_says_from_where_it_is_minutes() {
    let mut made = Made::with_tip(2100);
    let rows: Vec<_> = (0..300)
        .map(|after| minute(2082, after, 5000 + after))
        .collect();
    made.writer.put_minutes(&rows).unwrap();
    let all = made
        .readers
        .series(span(time(2080), time(2083), 0), Source::Auto)
        .unwrap();
    let times: Vec<u64> = all
        .prices
        .iter()
        .map(|price| price.time - time(2080))
        .collect();
    let minutes = (1..10).map(|minute| 2 * APART + minute * 60);
    assert_eq!(
        times,
        [0, APART, 2 * APART]
            .into_iter()
            .chain(minutes)
            .collect::<Vec<_>>()
    );
    assert_eq!(all.minutes_from, Some(time(2082) + 60));
    assert!(all.complete);
    let hours = made
        .readers
        .series(span(BEGAN + 5, BEGAN + 3 * 3600, 3600), Source::Block);
    let hours = hours.unwrap();
    let heights: Vec<_> = hours
        .prices
        .iter()
        .map(|price| height(Some(*price)))
        .collect();
    assert_eq!(heights, [Some(5), Some(11), Some(17)]);
    assert_eq!((hours.minutes_from, hours.complete), (None, true));
    let nothing = made
        .readers
        .series(span(0, BEGAN, 60), Source::Auto)
        .unwrap();
    let complete = Series {
        complete: true,
        ..Series::default()
    };
    assert_eq!(nothing, complete);
    assert_eq!(
        made.readers.series(span(9, 9, 0), Source::Auto).unwrap(),
        complete
    );
}

#[test]
fn a_long_series_is_cut_and_says_so() {
    let mut made = Made::empty();
    for number in 0..3 {
        made.put_final(number);
    }
    for step in [0, 600] {
        let all = span(0, u64::MAX, step);
        let series = made.readers.series(all, Source::Auto).unwrap();
        assert_eq!((series.prices.len(), series.complete), (MOST_ROWS, false));
        assert_eq!(height(series.prices.last().copied()), Some(4999));
    }
    let days = made
        .readers
        .series(span(0, u64::MAX, 86_400), Source::Auto)
        .unwrap();
    assert_eq!((days.prices.len(), days.complete), (42, true));
}

#[test]
fn coverage_says_from_where_on_all_is_there() {
    let mut made = Made::empty();
    assert_eq!(made.readers.coverage().unwrap(), Coverage::default());
    let place = |height| {
        Some(Place {
            height,
            time: time(height),
        })
    };
    made.put_tail(3 * PERIOD_BLOCKS + 100, 3 * PERIOD_BLOCKS + 200);
    let tail = made.readers.coverage().unwrap();
    assert_eq!(
        (tail.since, tail.first),
        (place(6148), place(6148)),
        "a pruned node"
    );
    assert_eq!(
        (tail.settled_height, tail.final_height),
        (Some(6248 - 18), None)
    );
    made.put_tail(3 * PERIOD_BLOCKS, 3 * PERIOD_BLOCKS + 200);
    made.put_final(2);
    made.put_final(0);
    let gap = made.readers.coverage().unwrap();
    assert_eq!(
        (gap.first, gap.since, gap.last),
        (place(0), place(4032), place(6248))
    );
    assert_eq!((gap.read, gap.blocks, gap.final_periods), (4233, 4233, 2));
    assert_eq!(gap.final_height, Some(6047));
    made.put_final(1);
    assert_eq!(made.readers.coverage().unwrap().since, place(0));
    assert_eq!(made.readers.coverage().unwrap().tip_height, Some(6248));
}

#[test]
fn the_views_say_plainly_what_the_tables_hold() {
    let mut made = Made::with_tip(2100);
    made.writer.put_minutes(&[minute(2100, 1, 5000)]).unwrap();
    made.writer.set_disputed(1, true).unwrap();
    let connection = rusqlite::Connection::open(made.path()).unwrap();
    let row = |height: u32| -> (f64, f64, f64, f64, String) {
        let statement = "SELECT price_usd, low_usd, high_usd, confidence, state FROM block_prices WHERE height = ?1";
        connection
            .query_row(statement, [height], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })
            .unwrap()
    };
    let usd = |cents: u64| cents as f64 / 100.0;
    for (height, state, confidence) in [
        (5, "final", 0.9),
        (2050, "settled", 0.49),
        (2099, "provisional", 0.49),
    ] {
        let price = block(height).price.unwrap();
        let expected = (
            usd(price.price_cents),
            usd(price.low_cents),
            usd(price.high_cents),
            confidence,
            state.to_owned(),
        );
        assert_eq!(row(height), expected);
    }
    let statement = "SELECT time, open_usd, high_usd, low_usd, close_usd, interval_low_usd, interval_high_usd FROM minute_prices";
    let minute: [f64; 7] = connection
        .query_row(statement, [], |row| {
            let mut columns = [0.0; 7];
            for (at, column) in columns.iter_mut().enumerate() {
                *column = row.get(at)?;
            }
            Ok(columns)
        })
        .unwrap();
    let expected = [
        (time(2100) + 60) as f64,
        49.97,
        50.05,
        49.9,
        50.0,
        49.95,
        50.05,
    ];
    assert_eq!(minute, expected);
}

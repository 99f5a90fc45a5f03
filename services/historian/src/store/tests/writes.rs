//! What a write changes, and what it refuses.

use satscope_oracle::past::PERIOD_BLOCKS;

use super::made::{Made, block, blocks, cents, hash, minute, period, tip};
use crate::store::{BlockState, Kind, PeriodState, Source, StoreError, digest};

const FINAL: PeriodState = PeriodState::Final;
const OPEN: PeriodState = PeriodState::Open;

fn heights_with_price(made: &Made) -> Vec<u32> {
    let top = 3 * PERIOD_BLOCKS;
    let has = |height: &u32| made.readers.price_of_height(*height).unwrap().is_some();
    (0..top).filter(has).collect()
}

#[test]
fn a_final_period_has_a_digest_and_the_hash_of_its_last_block_alone() {
    let mut made = Made::empty();
    let rows = blocks(0..PERIOD_BLOCKS);
    made.writer.put_period(&period(0, FINAL), &rows).unwrap();
    let stored = made.readers.period(0).unwrap().unwrap();
    assert_eq!((stored.blocks, stored.priced), (2016, 2016));
    assert_eq!(stored.row, period(0, FINAL));
    let seal = stored.seal.unwrap();
    assert_eq!(seal.digest, digest(hash(0), 1, 0, &rows));
    assert_eq!(seal.last_hash, hash(2015));
    assert_eq!(made.readers.block_hash(2015).unwrap(), Some(hash(2015)));
    assert_eq!(made.readers.block_hash(2014).unwrap(), None);
    assert_eq!(made.readers.hashes_from(0).unwrap(), []);
    let price = made.readers.price_of_height(7).unwrap().unwrap();
    assert_eq!(price.price, block(7).price.unwrap());
    assert_eq!(
        (price.time, price.count),
        (block(7).time, block(7).payments.into())
    );
    let state = BlockState::Final;
    assert_eq!(
        price.kind,
        Kind::Block {
            height: 7,
            state,
            model: 1
        }
    );
}

#[test]
fn the_digest_is_that_of_the_bytes_that_are_described() {
    let mut rows = blocks(0..2);
    rows[1].price = None;
    let price = rows[0].price.unwrap();
    let mut bytes = Vec::new();
    bytes.extend(AsRef::<[u8; 32]>::as_ref(&hash(0)));
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(AsRef::<[u8; 32]>::as_ref(&rows[0].hash));
    for number in [
        rows[0].time,
        price.price_cents,
        price.low_cents,
        price.high_cents,
    ] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(900_u16.to_le_bytes());
    bytes.extend(1000_u32.to_le_bytes());
    bytes.extend(AsRef::<[u8; 32]>::as_ref(&rows[1].hash));
    bytes.extend(rows[1].time.to_le_bytes());
    bytes.extend([0; 26]);
    bytes.extend(1001_u32.to_le_bytes());
    let expected: [u8; 32] = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        bytes,
    ))
    .into();
    assert_eq!(digest(hash(0), 3, 0, &rows), expected);
}

#[test]
fn the_newest_blocks_take_the_place_of_all_at_or_above() {
    let mut made = Made::with_tip(2100);
    assert_eq!(heights_with_price(&made), (0..=2100).collect::<Vec<_>>());
    assert_eq!(made.readers.tip().unwrap(), Some(tip(2100)));
    let mut rows = blocks(2080..=2090);
    rows[0].price = None;
    let periods = [period(1, OPEN)];
    made.writer
        .put_tail(2080, &rows, &periods, tip(2090))
        .unwrap();
    let expected: Vec<u32> = (0..=2090).filter(|height| *height != 2080).collect();
    assert_eq!(heights_with_price(&made), expected);
    let stored = made.readers.period(1).unwrap().unwrap();
    assert_eq!((stored.blocks, stored.priced), (75, 74));
    assert_eq!(
        made.readers.block_hash(2080).unwrap(),
        Some(hash(2080)),
        "read without a price"
    );
    let hashes = made.readers.hashes_from(2085).unwrap();
    assert_eq!(
        hashes,
        (2085..=2090)
            .map(|height| (height, hash(height.into())))
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_newest_blocks_may_lie_in_two_open_periods() {
    let mut made = Made::with_tip(4000);
    made.put_tail(3990, 4040);
    assert_eq!(heights_with_price(&made).len(), 4041);
    let counts = |made: &Made| -> Vec<u32> {
        let periods = made.readers.periods().unwrap();
        periods.iter().map(|period| period.blocks).collect()
    };
    assert_eq!(counts(&made), [2016, 2016, 9]);
    // A re-org takes the second one away.
    made.put_tail(4020, 4025);
    assert_eq!(counts(&made), [2016, 1994 + 16]);
}

#[test]
fn an_open_period_becomes_final_and_only_a_reopening_undoes_that() {
    let mut made = Made::with_tip(4050);
    made.put_final(1);
    let rows = blocks(4030..=4051);
    let periods = [period(1, OPEN), period(2, OPEN)];
    let refused = made.writer.put_tail(4030, &rows, &periods, tip(4051));
    assert!(
        matches!(refused, Err(StoreError::FinalPeriod(1))),
        "{refused:?}"
    );
    let refused = made.writer.put_period(&period(0, OPEN), &blocks(0..5));
    assert!(
        matches!(refused, Err(StoreError::FinalPeriod(0))),
        "{refused:?}"
    );
    assert_eq!(made.readers.periods().unwrap().len(), 3);
    assert_eq!(made.readers.block_hash(4031).unwrap(), Some(hash(4031)));

    made.writer.reopen(4030).unwrap();
    let periods = made.readers.periods().unwrap();
    let states: Vec<_> = periods
        .iter()
        .map(|stored| (stored.row.state, stored.blocks))
        .collect();
    assert_eq!(states, [(FINAL, 2016), (OPEN, 2014)]);
    assert_eq!((periods[1].seal, periods[1].row.lock.len()), (None, 6));
    assert_eq!(heights_with_price(&made), (0..4030).collect::<Vec<_>>());
    made.writer
        .put_tail(4030, &rows[..1], &[period(1, OPEN)], tip(4030))
        .unwrap();
    // At the first block of a period, the period goes too.
    made.writer.reopen(2016).unwrap();
    assert_eq!(made.readers.periods().unwrap().len(), 1);
}

#[test]
fn a_new_model_takes_the_place_of_a_final_period() {
    let mut made = Made::with_tip(2100);
    let mut rows = blocks(0..PERIOD_BLOCKS);
    for row in &mut rows {
        row.model = 2;
    }
    let newer = crate::store::PeriodRow {
        model: 2,
        ..period(0, FINAL)
    };
    made.writer.put_period(&newer, &rows).unwrap();
    let stored = made.readers.period(0).unwrap().unwrap();
    assert_eq!(stored.row.model, 2);
    assert_eq!(stored.seal.unwrap().digest, digest(hash(0), 2, 0, &rows));
}

#[test]
fn rows_that_cannot_be_true_are_refused_and_change_nothing() {
    let mut made = Made::with_tip(2100);
    let before = made.readers.periods().unwrap();
    let with = |change: &dyn Fn(&mut crate::store::BlockRow)| {
        let mut rows = blocks(2090..=2095);
        change(&mut rows[3]);
        rows
    };
    let spoilt = [
        with(&|row| row.height += 1),
        with(&|row| row.time = 5),
        with(&|row| row.time = u64::MAX),
        with(&|row| row.price.as_mut().unwrap().price_cents = 0),
        with(&|row| row.price.as_mut().unwrap().low_cents = cents(2093) + 1),
        with(&|row| row.price.as_mut().unwrap().high_cents = cents(2093) - 1),
        with(&|row| row.price.as_mut().unwrap().high_cents = u64::MAX),
        with(&|row| row.price.as_mut().unwrap().confidence_thousandths = 1001),
    ];
    let open = [period(1, OPEN)];
    for rows in spoilt {
        let refused = made.writer.put_tail(2090, &rows, &open, tip(2100));
        assert!(matches!(refused, Err(StoreError::Rows(_))), "{refused:?}");
    }
    let rows = blocks(2090..=2095);
    for refused in [
        made.writer.put_tail(2090, &rows, &open, tip(2094)),
        made.writer.put_tail(2090, &rows, &[], tip(2100)),
        made.writer
            .put_tail(2090, &rows, &[period(1, FINAL)], tip(2100)),
        made.writer
            .put_tail(2102, &blocks(2102..=2103), &open, tip(2103)),
        made.writer
            .put_period(&period(2, FINAL), &blocks(4032..6000)),
        made.writer
            .put_period(&period(2, OPEN), &blocks(4000..4050)),
    ] {
        assert!(matches!(refused, Err(StoreError::Rows(_))), "{refused:?}");
    }
    assert_eq!(made.readers.periods().unwrap(), before);
    assert_eq!(heights_with_price(&made), (0..=2100).collect::<Vec<_>>());
}

#[test]
fn a_disputed_period_is_given_with_little_confidence_and_kept_with_its_own() {
    let mut made = Made::with_tip(2100);
    let confidence = |made: &Made, height| {
        let price = made.readers.price_of_height(height).unwrap().unwrap();
        price.price.confidence_thousandths
    };
    let digest = made.readers.period(0).unwrap().unwrap().seal;
    made.writer.set_disputed(0, true).unwrap();
    assert_eq!((confidence(&made, 5), confidence(&made, 2050)), (490, 900));
    let stored = made.readers.period(0).unwrap().unwrap();
    assert!(stored.row.disputed);
    assert_eq!(stored.seal, digest);
    made.writer.set_disputed(0, false).unwrap();
    assert_eq!(confidence(&made, 5), 900);
    made.writer.set_disputed(99, true).unwrap();
}

#[test]
fn minutes_are_counted_once_and_given_back_as_they_were() {
    let mut made = Made::empty();
    let rows = [minute(0, 0, 1000), minute(0, 1, 2000), minute(0, 5, 900)];
    made.writer.put_minutes(&rows).unwrap();
    made.writer.put_minutes(&rows[1..2]).unwrap();
    assert_eq!(made.readers.coverage().unwrap().minutes, 3);
    assert_eq!(made.readers.count_minutes().unwrap(), 3);
    assert_eq!(made.readers.newest_minute().unwrap(), Some(rows[2]));
    assert!(made.readers.has_minute(rows[1].minute).unwrap());
    assert!(!made.readers.has_minute(rows[1].minute + 1).unwrap());
    let mut spoilt = rows[0];
    spoilt.open_cents = spoilt.high_cents + 1;
    for spoilt in [
        spoilt,
        crate::store::MinuteRow {
            samples: 0,
            ..rows[0]
        },
    ] {
        let refused = made.writer.put_minutes(&[rows[0], spoilt]);
        assert!(matches!(refused, Err(StoreError::Rows(_))), "{refused:?}");
    }
    let at = made
        .readers
        .price_at(rows[1].minute * 60 + 59, Source::Minute);
    let at = at.unwrap().unwrap();
    assert_eq!(
        (at.price, at.count, at.kind),
        (rows[1].close, 60, Kind::Minute)
    );
}

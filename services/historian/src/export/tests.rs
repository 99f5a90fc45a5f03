//! Exports in each form and step.

use super::*;
use crate::store::{BlockRow, Identity, PeriodRow, PeriodState, Store, Tip};
use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_oracle::past::BlockPrice;

/// 2026-03-01, 00:00 UTC.
const MARCH: u64 = 1_772_323_200;

/// A history with a block each ten minutes from March 1st on; each third block has no price.
fn history(blocks: u32) -> (tempfile::TempDir, Readers) {
    let folder = tempfile::tempdir().unwrap();
    let hash = BlockHash::hash(&[1]);
    let identity = Identity {
        chain: "main".to_owned(),
        genesis: hash,
        simulated: false,
    };
    let (mut writer, readers) = Store::open(
        &folder.path().join(Store::file_name("main", false)),
        &identity,
    )
    .unwrap();
    let row = |height: u32| BlockRow {
        height,
        time: MARCH + u64::from(height) * 600,
        hash,
        price: (height % 3 != 2).then(|| BlockPrice {
            price_cents: 9_718_800 + u64::from(height),
            low_cents: 9_700_000,
            high_cents: 9_800_050,
            confidence_thousandths: 900,
        }),
        payments: 5,
        model: 1,
    };
    let rows: Vec<BlockRow> = (0..blocks).map(row).collect();
    let period = |period| PeriodRow {
        period,
        state: PeriodState::Open,
        model: 1,
        lock: Vec::new(),
        disputed: false,
    };
    let periods: Vec<PeriodRow> = (0..=(blocks - 1) / 2016).map(period).collect();
    let tip = Tip {
        height: blocks - 1,
        hash,
    };
    writer.put_tail(0, &rows, &periods, tip).unwrap();
    (folder, readers)
}

fn text(readers: &Readers, extent: Extent, step: Step, form: Form) -> String {
    let mut out = Vec::new();
    export(readers, extent, step, form, u64::MAX, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn between(from: u64, to: u64) -> Extent {
    Extent {
        from: Some(from),
        to: Some(to),
    }
}

#[test]
fn blocks_are_written_as_rest_writes_them() {
    let (_folder, readers) = history(60);
    let hour = between(MARCH, MARCH + 3600);
    assert_eq!(
        text(&readers, hour, Step::Block, Form::Csv),
        "time,price,low,high,confidence,state,source,height\r\n\
         1772323200,97188,97000,98000.50,0.9,settled,block,0\r\n\
         1772323800,97188.01,97000,98000.50,0.9,settled,block,1\r\n\
         1772325000,97188.03,97000,98000.50,0.9,settled,block,3\r\n\
         1772325600,97188.04,97000,98000.50,0.9,settled,block,4\r\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&text(&readers, hour, Step::Block, Form::Json)).unwrap();
    assert_eq!(
        (&json["step_seconds"], &json["from"]),
        (&0.into(), &MARCH.into())
    );
    let expected = serde_json::json!({
        "time": MARCH + 600, "price": 97188.01, "interval": {"low": 97000, "high": 98000.5}, "confidence": 0.9,
        "state": "settled", "source": "block", "height": 1
    });
    assert_eq!(json["prices"][1], expected);
    assert_eq!(
        text(
            &readers,
            between(MARCH, MARCH + 700),
            Step::Block,
            Form::Ledger
        ),
        "P 2026/03/01 00:00:00 BTC $97188.00\nP 2026/03/01 00:10:00 BTC $97188.01\n"
    );
}

#[test]
fn an_hour_has_its_close_at_its_end_and_a_day_on_its_date() {
    let (_folder, readers) = history(300);
    let morning = between(MARCH, MARCH + 7200);
    let lines = text(&readers, morning, Step::Hour, Form::Ledger);
    assert_eq!(
        lines,
        "P 2026/03/01 01:00:00 BTC $97188.04\nP 2026/03/01 02:00:00 BTC $97188.10\n"
    );
    let candles = text(&readers, morning, Step::Hour, Form::Csv);
    let second = "1772323200,97188,97188.04,97188,97188.04,4,0.9,settled\r\n";
    assert!(candles.contains(second), "{candles}");
    // The third day is not over, so that its close is not known.
    let days = text(&readers, Extent::default(), Step::Day, Form::Beancount);
    assert_eq!(
        days,
        "2026-03-01 price BTC 97189.42 USD\n; provisional\n2026-03-02 price BTC 97190.86 USD\n"
    );
    let all: serde_json::Value =
        serde_json::from_str(&text(&readers, Extent::default(), Step::Day, Form::Json)).unwrap();
    assert_eq!(all["candles"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&all["from"], &all["to"]),
        (&MARCH.into(), &(MARCH + 3 * DAY).into())
    );
}

#[test]
fn many_blocks_are_written_page_by_page_and_none_twice() {
    let (_folder, readers) = history(16_000);
    let blocks = text(&readers, Extent::default(), Step::Block, Form::Csv);
    let heights: Vec<u32> = blocks
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse().unwrap())
        .collect();
    let expected: Vec<u32> = (0..16_000).filter(|height| height % 3 != 2).collect();
    assert_eq!(heights, expected);
    let hours = text(&readers, between(0, 9_999_999_999), Step::Hour, Form::Csv);
    assert_eq!(hours.lines().count(), 1 + 16_000_usize.div_ceil(6));
}

#[test]
fn a_ledger_marks_provisional_prices() {
    let (_folder, readers) = history(60);
    // The blocks from 42 on have fewer than 18 on top; block 41 has no price.
    let around = between(MARCH + 40 * 600, MARCH + 43 * 600);
    assert_eq!(
        text(&readers, around, Step::Block, Form::Ledger),
        "P 2026/03/01 06:40:00 BTC $97188.40\n\
         ; provisional\nP 2026/03/01 07:00:00 BTC $97188.42\n"
    );
    let hours = between(MARCH + 6 * 3600, MARCH + 8 * 3600);
    assert_eq!(
        text(&readers, hours, Step::Hour, Form::Ledger),
        "P 2026/03/01 07:00:00 BTC $97188.40\n\
         ; provisional\nP 2026/03/01 08:00:00 BTC $97188.46\n"
    );
}

/// From, to and the number of rows of an export in JSON.
fn range(readers: &Readers, from: Option<u64>, to: Option<u64>, step: Step) -> (u64, u64, usize) {
    let text = text(readers, Extent { from, to }, step, Form::Json);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = json.get("prices").or(json.get("candles")).unwrap();
    let second = |name: &str| json[name].as_u64().unwrap();
    (second("from"), second("to"), rows.as_array().unwrap().len())
}

#[test]
fn an_end_beyond_all_prices_gives_an_empty_range_and_never_a_reversed_one() {
    let (_folder, readers) = history(60);
    let (before, after) = (MARCH - 40 * DAY - 5, MARCH + 400 * DAY + 5);
    let day = |time: u64| time - time % DAY;
    for (step, of) in [(Step::Block, None), (Step::Day, Some(day))] {
        let at = |time: u64| of.map_or(time, |of| of(time));
        let late = range(&readers, Some(after), None, step);
        assert_eq!(late, (at(after), at(after), 0));
        let early = range(&readers, None, Some(before), step);
        assert_eq!(early, (at(before), at(before), 0));
    }
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity {
        chain: "main".to_owned(),
        genesis: BlockHash::hash(&[1]),
        simulated: false,
    };
    let file = folder.path().join(Store::file_name("main", false));
    let (_writer, empty) = Store::open(&file, &identity).unwrap();
    for step in [Step::Block, Step::Hour, Step::Day] {
        assert_eq!(range(&empty, None, None, step), (0, 0, 0));
        assert_eq!(range(&empty, None, Some(MARCH), step), (MARCH, MARCH, 0));
    }
}

#[test]
fn an_hour_that_an_end_cuts_is_written_whole() {
    let (_folder, readers) = history(60);
    let cut = range(&readers, Some(MARCH + 1), Some(MARCH + 3601), Step::Hour);
    assert_eq!(cut, (MARCH, MARCH + 7200, 2));
}

#[test]
fn what_cannot_be_written_says_what_can() {
    let (_folder, readers) = history(60);
    let refused = |extent, step, form| {
        export(&readers, extent, step, form, u64::MAX, &mut Vec::new())
            .unwrap_err()
            .to_string()
    };
    let block = refused(Extent::default(), Step::Block, Form::Beancount);
    assert_eq!(
        block,
        "--format beancount has one price of a day: expected --step day"
    );
    assert!(refused(between(9, 9), Step::Day, Form::Csv).contains("later time"));
}

#[test]
fn no_day_is_over_before_the_clock_says_so() {
    let (_folder, readers) = history(300);
    let days = |now: u64| {
        let mut out = Vec::new();
        let all = Extent::default();
        export(&readers, all, Step::Day, Form::Beancount, now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().filter(|line| !line.starts_with(';')).count()
    };
    assert_eq!(days(MARCH + 2 * DAY), 2);
    assert_eq!(days(MARCH + 2 * DAY - 1), 1);
    assert_eq!(days(MARCH), 0);
}

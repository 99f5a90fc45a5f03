#![allow(clippy::unwrap_used)]

use std::path::Path;

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_kit::health::Readiness;
use satscope_oracle::past::BlockPrice;
use satscope_proto::v1::{Estimate, Simulation};

use super::*;
use crate::store::{MinuteRow, Source};

/// A whole minute, Unix milliseconds.
const START_MS: u64 = 1_700_000_040_000;
const MINUTE: u64 = START_MS / 60_000;

fn follower(folder: &Path) -> Follower {
    let archive = Archive::new(Some(folder.to_owned()), true).unwrap();
    let condition = Readiness::default().condition("analyzer", "the analyzer");
    Follower::new(archive, condition)
}

fn opened(folder: &Path) -> Follower {
    let follower = follower(folder);
    let genesis = BlockHash::hash(&[1]);
    follower.archive.open("regtest", genesis).unwrap();
    follower
}

fn update(time_ms: u64, price_usd: f64) -> PriceUpdate {
    PriceUpdate {
        sequence: time_ms,
        time_ms,
        chain: "regtest".to_owned(),
        simulation: Some(Simulation::default()),
        estimate: Some(Estimate {
            price_usd,
            low_usd: price_usd - 1.0,
            high_usd: price_usd + 2.0,
            confidence: 0.75,
            ..Estimate::default()
        }),
        ..PriceUpdate::default()
    }
}

/// Shows prices from a second of the first minute on, one every ten seconds.
fn show(follower: &Follower, from_second: u64, prices: &[f64]) {
    for (price, second) in prices.iter().zip((from_second..).step_by(10)) {
        follower.take(&update(START_MS + second * 1000, *price));
    }
}

fn row(minute: u64, [open, high, low, close]: [u64; 4], samples: u32) -> MinuteRow {
    MinuteRow {
        minute: MINUTE + minute,
        open_cents: open * 100,
        high_cents: high * 100,
        low_cents: low * 100,
        close: BlockPrice {
            price_cents: close * 100,
            low_cents: (close - 1) * 100,
            high_cents: (close + 2) * 100,
            confidence_thousandths: 750,
        },
        samples,
    }
}

fn newest(follower: &Follower) -> Option<MinuteRow> {
    let history = follower.archive.history().unwrap();
    history.readers().newest_minute().unwrap()
}

fn count(follower: &Follower) -> u64 {
    let history = follower.archive.history().unwrap();
    history.readers().count_minutes().unwrap()
}

#[test]
fn a_minute_is_what_was_shown_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let follower = opened(folder.path());
    show(&follower, 0, &[50.0, 55.0, 49.0, 52.0]);
    follower.put();
    assert_eq!(newest(&follower), Some(row(0, [50, 55, 49, 52], 4)));
    show(&follower, 50, &[60.0, 61.0]);
    follower.put();
    assert_eq!(newest(&follower), Some(row(1, [61, 61, 61, 61], 1)));
    let history = follower.archive.history().unwrap();
    let first = history.readers().price_at(START_MS / 1000, Source::Minute);
    let first = first.unwrap().unwrap();
    assert_eq!(
        (first.price, first.count),
        (row(0, [50, 60, 49, 60], 5).close, 5)
    );
    assert_eq!(count(&follower), 2);
    follower.put();
    assert_eq!(count(&follower), 2);
}

#[test]
fn what_is_stale_or_absent_or_of_no_sense_is_no_sample() {
    let folder = tempfile::tempdir().unwrap();
    let follower = opened(folder.path());
    let with = |change: &dyn Fn(&mut Estimate)| {
        let mut update = update(START_MS, 50.0);
        update.estimate.as_mut().map(change).unwrap();
        update
    };
    let spoilt = [
        PriceUpdate {
            estimate: None,
            ..update(START_MS, 50.0)
        },
        with(&|estimate| estimate.stale = true),
        with(&|estimate| estimate.price_usd = f64::NAN),
        with(&|estimate| estimate.low_usd = 0.0),
        with(&|estimate| estimate.low_usd = 51.0),
        with(&|estimate| estimate.high_usd = f64::INFINITY),
        with(&|estimate| estimate.confidence = 1.1),
    ];
    for (sequence, mut update) in (1..).zip(spoilt) {
        update.sequence = sequence;
        follower.take(&update);
    }
    // One update, shown again after a reconnection, is one sample; a part of an update is none.
    let part = PriceUpdate {
        more_follows: true,
        ..update(START_MS, 9.0)
    };
    for update in [part, update(START_MS + 1, 50.0), update(START_MS + 1, 50.0)] {
        follower.hear(upstream::UpstreamEvent::Message(PriceUpdatesResponse {
            update: Some(update),
        }));
    }
    follower.put();
    assert_eq!(newest(&follower), Some(row(0, [50, 50, 50, 50], 1)));
}

#[test]
fn a_restart_in_the_middle_of_a_minute_goes_on_with_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let before = opened(folder.path());
    show(&before, 0, &[50.0, 55.0]);
    before.put();
    show(&before, 20, &[40.0]);
    before.put();
    drop(before);
    let after = opened(folder.path());
    show(&after, 30, &[45.0]);
    after.put();
    show(&after, 40, &[46.0, 47.0]);
    after.put();
    after.put();
    assert_eq!(newest(&after), Some(row(0, [50, 55, 40, 47], 6)));
    // Over, and another one: the first is not added to itself.
    show(&after, 60, &[48.0]);
    after.put();
    assert_eq!(
        (newest(&after), count(&after)),
        (Some(row(1, [48; 4], 1)), 2)
    );
    let history = after.archive.history().unwrap();
    let first = history.readers().price_at(START_MS / 1000, Source::Minute);
    assert_eq!(first.unwrap().unwrap().count, 6);
}

#[test]
fn a_clock_that_is_set_back_changes_no_older_minute() {
    let folder = tempfile::tempdir().unwrap();
    let follower = opened(folder.path());
    for second in [0, 60, 120] {
        show(&follower, second, &[50.0]);
    }
    follower.put();
    // Back into the first minute, then on to the newest, which goes on, and to one that is new.
    for second in [10, 70, 130, 190] {
        show(&follower, second, &[90.0]);
    }
    follower.put();
    let history = follower.archive.history().unwrap();
    let close = |minute: u64| {
        let time = START_MS / 1000 + minute * 60;
        let price = history
            .readers()
            .price_at(time, Source::Minute)
            .unwrap()
            .unwrap();
        (price.price.price_cents, price.count)
    };
    assert_eq!(
        [0, 1, 2, 3].map(close),
        [(5000, 1), (5000, 1), (9000, 2), (9000, 1)]
    );
    // Minutes before all others are new.
    follower.take(&update(START_MS - 60_000, 70.0));
    follower.put();
    assert_eq!(count(&follower), 5);
    assert_eq!(newest(&follower).unwrap().minute, MINUTE + 3);
}

#[test]
fn estimates_of_another_node_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let follower = opened(folder.path());
    let real = PriceUpdate {
        simulation: None,
        ..update(START_MS, 50.0)
    };
    let other = PriceUpdate {
        chain: "main".to_owned(),
        ..update(START_MS + 1, 50.0)
    };
    let unknown = PriceUpdate {
        chain: String::new(),
        ..update(START_MS + 2, 50.0)
    };
    for update in [real, other, unknown] {
        follower.take(&update);
    }
    follower.put();
    follower.put();
    assert_eq!(newest(&follower), None);
}

#[test]
fn minutes_wait_for_a_file_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let follower = follower(folder.path());
    let shown = WAITING as u64 + 10;
    for minute in 0..shown {
        show(&follower, minute * 60, &[50.0]);
        follower.put();
    }
    assert_eq!(follower.lock().over.len(), WAITING);
    follower
        .archive
        .open("regtest", BlockHash::hash(&[1]))
        .unwrap();
    follower.put();
    assert_eq!(count(&follower), WAITING as u64 + 1);
    assert!(follower.lock().over.is_empty());
}

#[tokio::test]
async fn the_minute_that_lasts_is_written_when_the_process_stops() {
    let folder = tempfile::tempdir().unwrap();
    let follower = opened(folder.path());
    let stop = CancellationToken::new();
    let writing = tokio::spawn({
        let (follower, stop) = (follower.clone(), stop.clone());
        async move { follower.write(stop).await }
    });
    show(&follower, 0, &[50.0]);
    stop.cancel();
    writing.await.unwrap().unwrap();
    assert_eq!(newest(&follower), Some(row(0, [50; 4], 1)));
}

//! What is kept of the last price, by which node it is believed, and what a bad disk does to it.

use super::*;

const NOW_MS: u64 = 1_700_000_000_000;

fn at(unix_ms: u64) -> Moment {
    Moment {
        unix_ms,
        steady_ms: 0,
        boot: String::new(),
    }
}

fn labels(chain: &str, simulated: Option<bool>) -> Labels {
    Labels {
        chain: chain.to_owned(),
        simulated,
    }
}

fn priced(labels: Labels, price_usd: f64) -> Priced {
    let evidence = Evidence {
        payments: 300,
        margin: 2.5,
        newest_payment_ms: NOW_MS - 400,
    };
    let estimate = Estimate {
        price_usd,
        low_usd: price_usd - 100.0,
        high_usd: price_usd + 100.0,
        confidence: 0.9,
        evidence,
    };
    Priced {
        labels,
        estimate,
        as_of_ms: NOW_MS,
        age_ms: 400,
    }
}

fn shelf(folder: &tempfile::TempDir) -> Shelf {
    Shelf::new(
        folder.path().join("state"),
        "http://ingest:50051".to_owned(),
    )
}

#[test]
fn what_was_written_is_read_with_its_true_age() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(&folder);
    assert_eq!(shelf.newest(), None);
    let priced = priced(labels("main", None), 50_000.0);
    shelf.put(&priced, at(NOW_MS)).unwrap();
    let last = shelf.newest().unwrap();
    assert_eq!((last.estimate(), last.as_of_ms), (priced.estimate, NOW_MS));
    assert_eq!(last.age_ms(&at(NOW_MS + 60_000)), 60_400);
    assert_eq!(
        last.age_ms(&at(NOW_MS - 60_000)),
        400,
        "a clock that was set back"
    );
    let names = fs::read_dir(folder.path().join("state")).unwrap();
    assert_eq!(names.count(), 1, "nothing unfinished is left");
}

#[test]
fn a_simulated_price_never_serves_a_real_node() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(&folder);
    let simulated = labels("regtest", Some(true));
    shelf
        .put(&priced(labels("main", None), 90_000.0), at(NOW_MS))
        .unwrap();
    shelf
        .put(&priced(simulated.clone(), 50_000.0), at(NOW_MS + 1))
        .unwrap();
    let newest = shelf.newest().unwrap();
    assert_eq!(newest.labels, simulated);
    let real = labels("main", None);
    assert!(!newest.labels.agree_with(&real));
    assert!(!newest.labels.agree_with(&labels("regtest", None)));
    assert_eq!(shelf.of(&real).unwrap().price_usd, 90_000.0);
    assert_eq!(shelf.of(&labels("test", None)), None);
    assert!(labels("", None).agree_with(&real), "not known yet");
}

#[test]
fn what_another_ingest_gave_or_nobody_can_use_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(&folder);
    shelf
        .put(&priced(labels("main", None), 50_000.0), at(NOW_MS))
        .unwrap();
    let other = Shelf::new(shelf.folder.clone(), "http://other:50051".to_owned());
    assert_eq!(other.newest(), None);
    let path = shelf.folder.join(labels("main", None).file_name());
    let text = fs::read_to_string(&path).unwrap();
    for spoilt in [
        text.replace("50000.0", "-1.0"),
        text.replace("\"as_of_ms\":1700000000000", "\"as_of_ms\":0"),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ] {
        assert_ne!(spoilt, text);
        fs::write(&path, spoilt).unwrap();
        assert_eq!(shelf.newest(), None);
    }
}

#[tokio::test]
async fn the_price_is_written_when_the_process_stops_and_a_bad_disk_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(&folder);
    let stop = CancellationToken::new();
    stop.cancel();
    let newest = || Some(priced(labels("main", None), 50_000.0));
    keep(shelf.clone(), newest, stop.clone()).await.unwrap();
    assert!(shelf.newest().is_some());
    // A file where the folder should be.
    let bad = Shelf::new(folder.path().join("file/state"), String::new());
    fs::write(folder.path().join("file"), "").unwrap();
    keep(bad, newest, stop).await.unwrap();
}

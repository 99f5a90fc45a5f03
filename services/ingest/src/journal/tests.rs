//! The journal gives back what was written, however it ended.

mod crashes;
mod damage;
mod scene;
mod simulated;

use std::{path::Path, time::Duration};

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_log::Block;

use super::*;
use crate::{
    stamp::Stamp,
    tracker::{Content, Place, Record},
};

fn owner() -> Owner {
    Owner {
        zmq_endpoint: "tcp://127.0.0.1:28332".to_owned(),
        is_standin: false,
    }
}

fn seen(number: u8) -> Record {
    Record::Seen {
        txid: Txid::from_byte_array([number; 32]),
        first_seen_ms: 1_700_000_000_000 + u64::from(number),
        stamp: Stamp::Receipt,
        place: Place::Announced,
        since_ms: 1_700_000_000_500,
        content: Content::Accepted {
            values_sats: [51_234, 9_876_543].as_slice().into(),
            input_count: 2,
            spends: [(7, 1), (u64::MAX, 0)].as_slice().into(),
            met_in_block: true,
        },
    }
}

fn every_kind() -> Vec<Record> {
    let block = Block {
        hash: [8; 32],
        height: Some(900_000),
        time_ms: 1_700_000_000_900,
    };
    vec![
        seen(1),
        Record::Seen {
            txid: Txid::from_byte_array([2; 32]),
            first_seen_ms: 5,
            stamp: Stamp::Told,
            place: Place::Gone,
            since_ms: 6,
            content: Content::Filtered,
        },
        Record::Moved(Txid::from_byte_array([1; 32]), Place::Mempool, 7),
        Record::Connected(block, vec![Txid::from_byte_array([1; 32])]),
        Record::Disconnected(BlockHash::from_byte_array([8; 32])),
    ]
}

/// What a journal in that folder holds.
fn read(folder: &Path) -> (Vec<Record>, RecordedEnd) {
    let mut records = Vec::new();
    let (_, past) = Earlier::open(folder, owner(), |record: Record| records.push(record)).unwrap();
    (records, past)
}

/// A journal whose thread does nothing.
fn begun(folder: &Path) -> Journal<Record> {
    let (earlier, _) = Earlier::<Record>::open(folder, owner(), |_| {}).unwrap();
    earlier.begin_with(Worker::new().0, 10, std::iter::empty())
}

/// Waits until the thread has done all that is due.
fn settle(journal: &mut Journal<Record>, known: &[Record]) {
    let began = Instant::now();
    while {
        journal.keep(Instant::now(), 20, known.iter().cloned());
        journal.worker.is_busy() || journal.renewal.is_some()
    } {
        assert!(began.elapsed() < Duration::from_mins(1));
        std::thread::yield_now();
    }
}

#[test]
fn what_was_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path()), (vec![], RecordedEnd::default()));
    let mut journal = begun(folder.path());
    journal.append(10, &every_kind());
    journal.append(20, &[seen(3)]);
    journal.append(30, &[]);
    drop(journal);
    let (records, past) = read(folder.path());
    assert_eq!(records, [every_kind(), vec![seen(3)]].concat());
    assert_eq!(past.last_ms, Some(20));
}

#[test]
fn what_another_node_sent_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    begun(folder.path()).append(10, &every_kind());
    let another = Owner {
        is_standin: true,
        ..owner()
    };
    let opened = Earlier::<Record>::open(folder.path(), another, |_| panic!("another's"));
    let (earlier, past) = opened.unwrap();
    assert_eq!(past, RecordedEnd::default());
    drop(earlier.begin_with(Worker::new().0, 10, std::iter::once(seen(4))));
    assert_eq!(read(folder.path()).0, []);
}

#[test]
fn one_folder_is_for_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let _journal = begun(folder.path());
    let error = Earlier::<Record>::open(folder.path(), owner(), |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("is in use by another"),
        "{error}"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for state in [file.join("state"), file] {
        let error = Earlier::<Record>::open(&state, owner(), |_| {}).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("state_dir: ") && said.contains("/file"),
            "{said}"
        );
    }
}

#[test]
fn a_long_journal_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (earlier, _) = Earlier::<Record>::open(folder.path(), owner(), |_| {}).unwrap();
    let mut journal = earlier.begin(10, std::iter::empty()).unwrap();
    journal.limit = 1000;
    for _ in 0..20 {
        journal.append(20, &every_kind());
    }
    let long = std::fs::metadata(folder.path().join(NAME)).unwrap().len();
    assert!(long > 1000);
    settle(&mut journal, &[seen(2)]);
    journal.append(30, &[seen(3)]);
    assert_eq!(journal.limit, LEAST_BYTES);
    // The thread shares the lock until it ends.
    let path = folder.path().join(NAME);
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(&path, copy.path().join(NAME)).unwrap();
    assert_eq!(read(copy.path()).0, [seen(2), seen(3)]);
    assert!(!folder.path().join(SUCCESSOR).exists());
}

#[test]
fn a_journal_that_is_in_the_way_of_itself_is_lived_with() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(NAME)).unwrap();
    let mut journal = begun(folder.path());
    journal.append(10, &[seen(1)]);
    assert!(matches!(journal.state, State::Lost { .. }));
}

#[test]
fn a_file_that_another_process_left_unfinished_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = folder.path().join(SUCCESSOR);
    std::fs::write(&unfinished, vec![0; 1000]).unwrap();
    let mut journal = begun(folder.path());
    journal.append(10, &[seen(1)]);
    assert!(!unfinished.exists());
    drop(journal);
    assert_eq!(read(folder.path()).0, [seen(1)]);
}

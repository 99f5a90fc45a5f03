//! The journal gives back what was written, however it ended.

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
fn read(folder: &Path) -> (Vec<Record>, Past) {
    let mut records = Vec::new();
    let (_, past) = Journal::open(folder, owner(), |record: Record| records.push(record)).unwrap();
    (records, past)
}

fn begun(folder: &Path, known: Vec<Record>) -> Journal<Record> {
    let (mut journal, _) = Journal::<Record>::open(folder, owner(), |_| {}).unwrap();
    journal.begin(10, known.into_iter()).unwrap();
    journal
}

#[test]
fn what_was_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path()), (vec![], Past::default()));
    let mut journal = begun(folder.path(), every_kind());
    journal.append(20, &[seen(3)]);
    journal.append(30, &[]);
    drop(journal);
    let (records, past) = read(folder.path());
    assert_eq!(records, [every_kind(), vec![seen(3)]].concat());
    assert_eq!(past.last_ms, Some(20));
}

#[test]
fn a_file_torn_anywhere_gives_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begun(folder.path(), vec![seen(1)]);
    journal.append(20, &[seen(2)]);
    journal.append(30, &[seen(3)]);
    drop(journal);
    let path = folder.path().join(NAME);
    let whole = std::fs::read(&path).unwrap();
    let all = [seen(1), seen(2), seen(3)];
    let mut fewest = all.len();
    for length in (0..whole.len()).rev() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (records, _) = read(folder.path());
        assert!(
            records.len() < 3 && records == all[..records.len()],
            "{length}"
        );
        assert!(records.len() <= fewest);
        fewest = records.len();
    }
    assert_eq!(fewest, 0);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, damaged).unwrap();
        let (records, _) = read(folder.path());
        assert!(records.len() < 3 && records == all[..records.len()], "{at}");
    }
}

#[test]
fn what_another_node_sent_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    drop(begun(folder.path(), every_kind()));
    let another = Owner {
        is_standin: true,
        ..owner()
    };
    let (_, past) =
        Journal::<Record>::open(folder.path(), another, |_| panic!("another's")).unwrap();
    assert_eq!(past, Past::default());
}

#[test]
fn one_folder_is_for_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let _journal = begun(folder.path(), vec![]);
    let error = Journal::<Record>::open(folder.path(), owner(), |_| {}).unwrap_err();
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
    let error = Journal::<Record>::open(&file.join("state"), owner(), |_| {}).unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("state_dir: ") && said.contains("/file/state"),
        "{said}"
    );
}

#[test]
fn a_long_journal_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begun(folder.path(), vec![seen(1)]);
    journal.limit = 1000;
    while journal.file.as_ref().unwrap().bytes() <= 1000 {
        journal.append(20, &every_kind());
    }
    journal.keep_short(20, std::iter::once(seen(2)));
    journal.append(30, &[seen(3)]);
    assert_eq!(journal.limit, LEAST_BYTES);
    drop(journal);
    let (records, _) = read(folder.path());
    assert_eq!(records, [seen(2), seen(3)]);
}

#[test]
fn one_that_was_lost_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begun(folder.path(), vec![seen(1)]);
    journal.file = None;
    journal.append(20, &[seen(2)]);
    journal.keep_short(30, [seen(1), seen(2)].into_iter());
    journal.append(30, &[seen(3)]);
    drop(journal);
    assert_eq!(read(folder.path()).0, [seen(1), seen(2), seen(3)]);
}

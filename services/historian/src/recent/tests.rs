#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::sqlite::remove;

fn hash(number: u8) -> BlockHash {
    BlockHash::from_byte_array([number; 32])
}

fn payments(count: u32) -> BlockPayments {
    BlockPayments::new(
        count,
        (1..=u64::from(count)).map(|value| value * 977).collect(),
    )
}

fn put(recent: &mut Recent, lowest: u32, heights: std::ops::Range<u32>) {
    let kept = payments(30);
    let blocks: Vec<_> = heights.map(|height| (height, hash(1), &kept)).collect();
    recent.keep(lowest, &blocks);
}

#[test]
fn a_block_is_found_by_height_and_hash_until_it_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recent-main.sqlite");
    let mut recent = Recent::open(&path);
    put(&mut recent, 0, 100..110);
    drop(recent);
    let mut recent = Recent::open(&path);
    assert_eq!(recent.get(105, hash(1)), Some(payments(30)));
    assert_eq!(recent.get(105, hash(2)), None, "a block of another branch");
    put(&mut recent, 106, 110..111);
    let found = recent.has(&[
        (105, hash(1)),
        (106, hash(1)),
        (110, hash(1)),
        (111, hash(1)),
    ]);
    assert_eq!(found, [false, true, true, false]);
    let branch = payments(4);
    recent.keep(106, &[(110, hash(2), &branch)]);
    assert_eq!(recent.get(110, hash(1)), None);
    assert_eq!(recent.get(110, hash(2)), Some(branch));
}

#[test]
fn a_damaged_or_foreign_file_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recent-main.sqlite");
    for content in [&b"no SQLite"[..], &[0; 9000]] {
        fs::write(&path, content).unwrap();
        let mut recent = Recent::open(&path);
        put(&mut recent, 0, 7..8);
        assert_eq!(recent.get(7, hash(1)), Some(payments(30)));
    }
    // Another program's file.
    remove(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 9;")
        .unwrap();
    drop(connection);
    assert_eq!(Recent::open(&path).get(7, hash(1)), None);
    // One without its table, and one with a height that cannot be.
    for spoil in [
        "DROP TABLE payments",
        "INSERT INTO payments VALUES (-1, x'', x'')",
    ] {
        put(&mut Recent::open(&path), 0, 7..8);
        Connection::open(&path).unwrap().execute(spoil, []).unwrap();
        let mut recent = Recent::open(&path);
        put(&mut recent, 0, 8..9);
        put(&mut recent, 0, 9..10);
        assert_eq!(recent.get(9, hash(1)), Some(payments(30)), "{spoil}");
    }
}

#[test]
fn a_block_whose_amounts_are_damaged_is_dropped_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recent-main.sqlite");
    put(&mut Recent::open(&path), 0, 7..11);
    let connection = Connection::open(&path).unwrap();
    let spoil = "UPDATE payments SET amounts = x'01ffffff' WHERE height = 8";
    connection.execute(spoil, []).unwrap();
    drop(connection);
    let mut recent = Recent::open(&path);
    let spots: Vec<_> = (7..11).map(|height| (height, hash(1))).collect();
    assert_eq!(
        recent.has(&spots),
        [true; 4],
        "the amounts are not looked at"
    );
    assert_eq!(recent.get(8, hash(1)), None);
    assert_eq!(recent.has(&spots), [true, false, true, true]);
    for height in [7, 9, 10] {
        assert_eq!(recent.get(height, hash(1)), Some(payments(30)), "{height}");
    }
    put(&mut recent, 0, 8..9);
    assert_eq!(recent.get(8, hash(1)), Some(payments(30)));
}

#[test]
fn a_full_disk_takes_nothing_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recent-main.sqlite");
    let mut recent = Recent::open(&path);
    put(&mut recent, 0, 0..100);
    let limit = |recent: &Recent, pages: u32| {
        let connection = recent.connection.as_ref().unwrap();
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    };
    limit(&recent, 1);
    let large = payments(20_000);
    for _ in 0..2 {
        recent.keep(0, &[(100, hash(1), &large)]);
        assert!(recent.complaint.as_ref().unwrap().contains("full"));
    }
    assert_eq!(recent.has(&[(0, hash(1)), (99, hash(1))]), [true, true]);
    // There is room again.
    limit(&recent, MOST_PAGES);
    recent.keep(0, &[(100, hash(1), &large)]);
    assert_eq!(recent.complaint, None);
    assert_eq!(recent.get(0, hash(1)), Some(payments(30)));
    assert_eq!(recent.get(100, hash(1)), Some(large));
}

#[test]
fn a_file_that_another_process_holds_stays_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recent-main.sqlite");
    let mut recent = Recent::open(&path);
    put(&mut recent, 0, 7..8);
    drop(recent);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM payments WHERE height < 0;")
        .unwrap();
    let mut recent = Recent::open(&path);
    assert!(recent.complaint.is_some());
    assert_eq!(recent.get(7, hash(1)), None);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert_eq!(recent.get(7, hash(1)), None, "it rests");
    recent.rests_until = None;
    assert_eq!(recent.get(7, hash(1)), Some(payments(30)));
    put(&mut recent, 0, 8..9);
    assert_eq!(recent.complaint, None);
}

#[test]
fn only_what_is_beyond_use_is_begun_anew() {
    use rusqlite::ffi::{
        SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR, SQLITE_NOTADB,
        SQLITE_READONLY,
    };

    let sqlite = |code| {
        Fault::Sqlite(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(code),
            None,
        ))
    };
    for code in [SQLITE_CORRUPT, SQLITE_NOTADB] {
        assert!(sqlite(code).is_beyond_use(), "{code}");
    }
    for code in [
        SQLITE_FULL,
        SQLITE_BUSY,
        SQLITE_READONLY,
        SQLITE_IOERR,
        SQLITE_CANTOPEN,
    ] {
        assert!(!sqlite(code).is_beyond_use(), "{code}");
    }
    assert!(Fault::Foreign.is_beyond_use());
}

#[test]
fn a_folder_that_cannot_be_written_keeps_nothing_and_stops_nothing() {
    let mut recent = Recent::open(Path::new("/proc/satscope/recent-main.sqlite"));
    put(&mut recent, 0, 7..8);
    assert_eq!(recent.get(7, hash(1)), None);
    assert_eq!(recent.has(&[(7, hash(1))]), [false]);
}

#[test]
fn the_file_stays_below_64_megabytes_and_keeps_the_newest_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recent-main.sqlite");
    let mut recent = Recent::open(&path);
    // Amounts four bytes apart: 60,000 of them take a quarter of a megabyte.
    let large = BlockPayments::new(
        60_000,
        (1..=60_000u64).map(|value| value * 30_000_000).collect(),
    );
    for height in (0..400).step_by(20) {
        let blocks: Vec<_> = (height..height + 20)
            .map(|height| (height, hash(1), &large))
            .collect();
        recent.keep(0, &blocks);
    }
    assert_eq!(recent.has(&[(0, hash(1)), (399, hash(1))]), [false, true]);
    let connection = recent.connection.take().unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    assert!((32 << 20..64 << 20).contains(&bytes), "{bytes} bytes");
}

//! Files that are made and hold nothing yet: no history is in them, and any may begin there.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::made::{identity, path_in};
use crate::store::{Store, StoreError};

/// Makes the files that a process leaves which is killed while it makes a history.
fn empty_files(folder: &Path) {
    fs::write(folder.join("history-main.sqlite"), "").unwrap();
    let connection = Connection::open(folder.join("history-test.sqlite")).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    drop(connection);
    let size = fs::metadata(folder.join("history-test.sqlite"))
        .unwrap()
        .len();
    assert_eq!(size, 4096);
}

#[test]
fn an_empty_database_is_no_history_yet() {
    let folder = tempfile::tempdir().unwrap();
    empty_files(folder.path());
    assert!(Store::files(folder.path(), false).unwrap().is_empty());
    let told = crate::status::of_folder(folder.path()).unwrap();
    assert!(told.histories.is_empty() && told.faults.is_empty());
    // A file that is no database is told by the command that opens it.
    fs::write(folder.path().join("history-signet.sqlite"), "a letter").unwrap();
    let told = crate::status::of_folder(folder.path()).unwrap();
    assert_eq!(told.faults.len(), 1, "{:?}", told.faults);
}

#[test]
fn a_writer_that_gives_up_removes_the_file_that_it_made_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(folder.path());
    let (writer, readers) = Store::open(&path, &identity()).unwrap();
    drop(readers);
    writer.give_up();
    let left = || -> Vec<_> {
        let listed = fs::read_dir(folder.path()).unwrap();
        listed.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(left(), ["history-regtest-simulated.sqlite.lock"]);
    drop(Store::open(&path, &identity()).unwrap());
    let (writer, _readers) = Store::open(&path, &identity()).unwrap();
    writer.give_up();
    assert!(path.exists());
}

#[test]
fn a_file_that_could_not_be_made_is_removed_and_one_in_use_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(folder.path());
    fs::write(&path, "").unwrap();
    // A folder in the place of the log keeps the tables from being made.
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    fs::create_dir(&log).unwrap();
    Store::open(&path, &identity()).unwrap_err();
    assert!(!path.exists());
    fs::remove_dir(&log).unwrap();
    let (_writer, readers) = Store::open(&path, &identity()).unwrap();
    let refused = Store::open(&path, &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse(_)), "{refused}");
    assert!(path.exists());
    readers.check().unwrap();
}

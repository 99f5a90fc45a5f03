//! What can go wrong with the file: a clear word for each, and what was final is still there.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use satscope_oracle::past::PERIOD_BLOCKS;

use super::made::{Made, blocks, hash, identity, minute, path_in, period, tip};
use crate::store::{Identity, PeriodState, Readers, Store, StoreError};

fn reopened(made: Made) -> (tempfile::TempDir, Readers) {
    let path = made.path();
    drop((made.writer, made.readers));
    let (_, readers) = Store::open(&path, &identity()).unwrap();
    (made.folder, readers)
}

fn final_periods(readers: &Readers) -> Vec<(u32, [u8; 32])> {
    let periods = readers.periods().unwrap().into_iter();
    periods
        .filter_map(|stored| Some((stored.row.period, stored.seal?.digest)))
        .collect()
}

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    let mut made = Made::with_tip(2100);
    let before = final_periods(&made.readers);
    let pages = fs::metadata(made.path()).unwrap().len() / 4096;
    made.writer.checkpoint().unwrap();
    let pages = pages.max(fs::metadata(made.path()).unwrap().len() / 4096);
    made.writer.limit_pages(pages as u32 + 4);
    let row = period(2, PeriodState::Final);
    let rows = blocks(row.first_height()..=row.last_height());
    let refused = made.writer.put_period(&row, &rows).unwrap_err();
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    assert!(
        refused.to_string().contains("the disk is full"),
        "{refused}"
    );
    assert_eq!(final_periods(&made.readers), before);
    assert_eq!(made.readers.coverage().unwrap().read, 2101);
    // Room again: the same write goes through.
    made.writer.limit_pages(1 << 20);
    made.writer.put_period(&row, &rows).unwrap();
    let (_folder, readers) = reopened(made);
    assert_eq!(final_periods(&readers).len(), 2);
}

/// A file system of a megabyte, if this user may mount one.
struct Tiny<'a>(&'a Path);

impl Tiny<'_> {
    fn mount(folder: &Path) -> Option<Tiny<'_>> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]);
        let mounted = mount.arg(folder).stderr(Stdio::null()).status();
        mounted
            .is_ok_and(|ended| ended.success())
            .then_some(Tiny(folder))
    }
}

impl Tiny<'_> {
    fn forbid_writes(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,ro"]).arg(self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Tiny<'_> {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        assert!(unmount.arg("-l").arg(self.0).status().unwrap().success());
    }
}

#[test]
fn a_file_system_without_room_says_so_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_tiny) = Tiny::mount(folder.path()) else {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    };
    let path = path_in(folder.path());
    let (mut writer, readers) = Store::open(&path, &identity()).unwrap();
    let mut written = 0;
    let refused = loop {
        let row = period(written, PeriodState::Final);
        match writer.put_period(&row, &blocks(row.first_height()..=row.last_height())) {
            Ok(()) => written += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    assert!(written > 0);
    assert_eq!(final_periods(&readers).len(), written as usize);
    drop((writer, readers));
    let (_, readers) = Store::open(&path, &identity()).unwrap();
    assert_eq!(final_periods(&readers).len(), written as usize);
}

#[test]
fn a_file_or_folder_that_may_not_be_written_says_so() {
    let made = Made::with_tip(2100);
    let path = made.path();
    drop((made.writer, made.readers));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().append(true).open(&path).is_err() {
        refused_and_still_readable(&path);
    } else {
        eprintln!("SKIPPED in part: this user may write any file");
    }
}

#[test]
fn a_file_system_that_may_not_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tiny) = Tiny::mount(folder.path()) else {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    };
    let path = path_in(folder.path());
    let (mut writer, readers) = Store::open(&path, &identity()).unwrap();
    let first = period(0, PeriodState::Final);
    writer
        .put_period(&first, &blocks(0..PERIOD_BLOCKS))
        .unwrap();
    drop((writer, readers));
    tiny.forbid_writes();
    refused_and_still_readable(&path);
}

fn refused_and_still_readable(path: &Path) {
    let refused = Store::open(path, &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused}");
    assert!(refused.to_string().contains("may not write"), "{refused}");
    assert_eq!(final_periods(&Store::read(path).unwrap()).len(), 1);
}

#[test]
fn what_sqlite_and_the_system_refuse_is_told_in_one_word() {
    let path = Path::new("history.sqlite");
    for (code, label) in [
        (rusqlite::ffi::SQLITE_READONLY, "read_only"),
        (rusqlite::ffi::SQLITE_FULL, "full"),
        (rusqlite::ffi::SQLITE_CORRUPT, "corrupt"),
        (rusqlite::ffi::SQLITE_NOTADB, "not_ours"),
        (rusqlite::ffi::SQLITE_CANTOPEN, "open"),
        (rusqlite::ffi::SQLITE_BUSY, "in_use"),
        (rusqlite::ffi::SQLITE_IOERR, "other"),
    ] {
        let code = rusqlite::ffi::Error::new(code);
        let error = StoreError::of(path, rusqlite::Error::SqliteFailure(code, None));
        assert_eq!(error.label(), label);
        assert!(StoreError::LABELS.contains(&label));
        assert!(!error.public().contains("sqlite"), "{}", error.public());
    }
    for (kind, label) in [
        (std::io::ErrorKind::StorageFull, "full"),
        (std::io::ErrorKind::PermissionDenied, "read_only"),
        (std::io::ErrorKind::NotFound, "open"),
    ] {
        assert_eq!(StoreError::of_system(path, &kind.into()).label(), label);
    }
}

#[test]
fn a_folder_that_cannot_be_made_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file/state/history.sqlite");
    let refused = Store::open(&path, &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::Open { .. }), "{refused}");
    assert!(
        refused.to_string().contains("cannot be opened"),
        "{refused}"
    );
    let refused = Store::read(&folder.path().join("none.sqlite")).unwrap_err();
    assert!(matches!(refused, StoreError::Open { .. }), "{refused}");
    assert!(!folder.path().join("none.sqlite").exists());
}

/// Overwrites pages of a file, from one on.
fn spoil(path: &Path, from_page: usize) {
    let mut bytes = fs::read(path).unwrap();
    for byte in &mut bytes[from_page * 4096..] {
        *byte ^= 0x5a;
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_page_says_so() {
    let mut made = Made::with_tip(2100);
    made.readers.check().unwrap();
    made.writer.checkpoint().unwrap();
    let path = made.path();
    drop((made.writer, made.readers));
    spoil(&path, 8);
    let readers = Store::read(&path).unwrap();
    let all = crate::store::Span {
        from: 0,
        to: u64::MAX,
        step: 0,
    };
    let failed = readers
        .series(all, crate::store::Source::Block)
        .unwrap_err();
    assert!(matches!(failed, StoreError::Corrupt { .. }), "{failed}");
    assert!(
        failed.to_string().contains("the file is damaged"),
        "{failed}"
    );
    drop(readers);
    let (_writer, readers) = Store::open(&path, &identity()).unwrap();
    let found = readers.check().unwrap_err();
    assert!(matches!(found, StoreError::Corrupt { .. }), "{found}");
}

#[test]
fn a_damaged_first_page_or_another_file_is_no_history() {
    let made = Made::with_tip(2100);
    let path = made.path();
    drop((made.writer, made.readers));
    let whole = fs::read(&path).unwrap();
    let mut headless = whole.clone();
    headless[..16].fill(7);
    for bytes in [
        headless,
        b"a letter, and not a database at all, though it is long enough".repeat(99),
    ] {
        fs::write(&path, &bytes).unwrap();
        for refused in [
            Store::open(&path, &identity()).map(drop),
            Store::read(&path).map(drop),
        ] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, StoreError::NotOurs { .. }), "{refused}");
            assert!(
                refused.to_string().contains("no history of Satscope"),
                "{refused}"
            );
        }
        assert_eq!(fs::read(&path).unwrap(), bytes, "it stays as it was");
    }
    fs::write(&path, whole).unwrap();
    Store::open(&path, &identity()).unwrap();
}

#[test]
fn a_database_of_another_program_is_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(folder.path());
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let refused = Store::open(&path, &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::NotOurs { .. }), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_another_chain_says_whose_it_is() {
    let made = Made::with_tip(2100);
    let path = made.path();
    drop((made.writer, made.readers));
    let others = [
        Identity {
            chain: "main".to_owned(),
            ..identity()
        },
        Identity {
            genesis: hash(99),
            ..identity()
        },
        Identity {
            simulated: false,
            ..identity()
        },
    ];
    for other in others {
        let refused = Store::open(&path, &other).unwrap_err();
        assert!(
            matches!(refused, StoreError::OtherChain { .. }),
            "{refused}"
        );
        let words = refused.to_string();
        assert!(words.contains(&hash(0).to_string()), "{words}");
    }
    let (_, readers) = Store::open(&path, &identity()).unwrap();
    assert_eq!(final_periods(&readers).len(), 1);
    assert_eq!(Store::identity(&path).unwrap(), identity());
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let mut made = Made::with_tip(2100);
    let refused = Store::open(&made.path(), &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse(_)), "{refused}");
    assert!(
        refused.to_string().contains("another process writes"),
        "{refused}"
    );
    let beside = Store::read(&made.path()).unwrap();
    made.put_final(3);
    assert_eq!(final_periods(&beside).len(), 2);
    let path = made.path();
    drop(made.writer);
    Store::open(&path, &identity()).unwrap();
}

/// Set for the process of this test that writes until it is killed: the file.
const VICTIM: &str = "HISTORIAN_VICTIM";

/// No test by itself: the other one runs it as a process.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let (mut writer, readers) = Store::open(Path::new(&path), &identity()).unwrap();
    let begun = readers.periods().unwrap().len() as u32;
    for number in begun.. {
        let row = period(number, PeriodState::Final);
        let rows = blocks(row.first_height()..=row.last_height());
        writer.put_period(&row, &rows).unwrap();
        let after = row.last_height() + 1;
        let open = [period(number + 1, PeriodState::Open)];
        writer
            .put_tail(after, &blocks(after..after + 30), &open, tip(after + 29))
            .unwrap();
        let minutes: Vec<_> = (0..5).map(|minutes| minute(after, minutes, 5000)).collect();
        writer.put_minutes(&minutes).unwrap();
        writer.reopen(after).unwrap();
    }
}

#[test]
fn a_writer_that_is_killed_leaves_whole_transactions_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(folder.path());
    let mut seen = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::faults::victim"])
            .env(VICTIM, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Wherever it is by then: the moment differs from round to round.
        std::thread::sleep(Duration::from_millis(60 + 13 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let (_writer, readers) = Store::open(&path, &identity()).unwrap();
        readers.check().unwrap();
        for stored in readers.periods().unwrap() {
            let expected = match stored.row.state {
                PeriodState::Final => PERIOD_BLOCKS,
                PeriodState::Open => 30,
            };
            assert_eq!((stored.blocks, stored.priced), (expected, expected));
        }
        let count = final_periods(&readers).len();
        assert!(count >= seen, "final periods were lost");
        seen = count;
    }
    assert!(seen > 0);
}

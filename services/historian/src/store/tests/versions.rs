//! Files of each version: made as that version made them, and brought up to the newest.

use rusqlite::Connection;

use super::made::{Made, identity, path_in, price, tip};
use crate::store::{BlockState, Kind, PeriodState, Price, Store, StoreError, Trust, VERSION};

/// What a program of version 1 leaves: its tables, and a few rows.
const VERSION1: &str = "
    PRAGMA application_id = 1396790344;
    PRAGMA user_version = 1;
    INSERT INTO meta VALUES ('chain', 'regtest'), ('simulated', '1'),
        ('genesis', 'GENESIS');
    INSERT INTO periods VALUES (0, 1, 1, 0, 1, 1, x'0102', zeroblob(32), zeroblob(32));
    INSERT INTO blocks VALUES (7, 1600000000, 1000000, 1000, 1111, 900, 55, 1, NULL);
    INSERT INTO tip VALUES (1, 2100, zeroblob(32));
    INSERT INTO minutes VALUES (26666667, 5000, -3, 5, 10, 5, 5, 900, 60);
";

/// What a program of version 2 leaves beside: a period of a pack that was not vouched for.
const VERSION2: &str = "
    PRAGMA user_version = 2;
    INSERT INTO periods VALUES (1, 1, 1, 0, 1, 1, x'', zeroblob(32), zeroblob(32), 2);
    INSERT INTO blocks VALUES (2017, 1600100000, 1000000, 1000, 1111, 900, 55, 1, NULL);
";

/// Makes a file as a program of that version does.
fn make(version: u32, connection: &Connection) {
    let tables = include_str!("../version1.sql");
    let rows = VERSION1.replace("GENESIS", &identity().genesis.to_string());
    let second = include_str!("../version2.sql");
    match version {
        2 => {
            make(1, connection);
            connection
                .execute_batch(&(second.to_owned() + VERSION2))
                .unwrap();
        }
        1 => connection
            .execute_batch(&(tables.to_owned() + &rows))
            .unwrap(),
        _ => panic!("say here what version {version} leaves"),
    }
}

#[test]
fn a_file_of_each_version_is_brought_up_with_all_that_it_holds() {
    for version in 1..=VERSION {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        make(version, &Connection::open(&path).unwrap());
        let (mut writer, readers) = Store::open(&path, &identity()).unwrap();
        let stored = readers.price_of_height(7).unwrap().unwrap();
        assert_eq!((stored.price, stored.count), (price(1_000_000), 55));
        let period = readers.period(0).unwrap().unwrap();
        assert_eq!(
            (period.row.state, period.row.lock),
            (PeriodState::Final, vec![1, 2])
        );
        let unverified = readers.price_of_height(2017).unwrap();
        let expected = (version > 1).then_some(BlockState::Unverified);
        let state = |price: Price| match price.kind {
            Kind::Block { state, .. } => state,
            Kind::Minute => panic!("a minute for a block"),
        };
        assert_eq!(unverified.map(state), expected);
        let view = "SELECT count(*) FROM block_prices WHERE state = 'unverified'";
        let connection = Connection::open(&path).unwrap();
        let shown: u32 = connection.query_row(view, [], |row| row.get(0)).unwrap();
        assert_eq!(shown, u32::from(version > 1));
        assert_eq!(
            (period.trust, state(stored)),
            (Trust::Own, BlockState::Final)
        );
        assert_eq!(readers.coverage().unwrap().minutes, 1);
        assert_eq!(readers.newest_minute().unwrap().unwrap().open_cents, 4997);
        writer.set_tip(tip(2101)).unwrap();
        assert_eq!(readers.tip().unwrap(), Some(tip(2101)));
    }
}

#[test]
fn a_file_of_an_older_version_is_read_as_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(folder.path());
    make(1, &Connection::open(&path).unwrap());
    let before = std::fs::read(&path).unwrap();
    let readers = Store::read(&path).unwrap();
    assert_eq!(readers.periods().unwrap()[0].trust, Trust::Own);
    assert_eq!(readers.coverage().unwrap().unverified, 0);
    assert!(readers.price_of_height(7).unwrap().is_some());
    drop(readers);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_a_newer_version_is_left_as_it_is() {
    let made = Made::with_tip(2100);
    let path = made.path();
    drop((made.writer, made.readers));
    let connection = Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    for refused in [
        Store::open(&path, &identity()).map(drop),
        Store::read(&path).map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Newer { .. }), "{refused}");
        assert!(refused.to_string().contains("version 3"), "{refused}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn files_are_named_by_chain_and_kind_and_found_again() {
    assert_eq!(Store::file_name("main", false), "history-main.sqlite");
    assert_eq!(Store::file_name("../x", true), "history-x-simulated.sqlite");
    let folder = tempfile::tempdir().unwrap();
    let none = Store::files(&folder.path().join("none"), true).unwrap();
    assert!(none.is_empty());
    for name in [
        "history-main.sqlite",
        "history-main.sqlite-wal",
        "history-main.sqlite.lock",
        "history-test.sqlite",
        "history-regtest-simulated.sqlite",
        "recent-main.sqlite",
    ] {
        std::fs::write(folder.path().join(name), "not empty").unwrap();
    }
    let names = |simulated| -> Vec<String> {
        let files = Store::files(folder.path(), simulated).unwrap().into_iter();
        files
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(false), ["history-main.sqlite", "history-test.sqlite"]);
    assert_eq!(names(true), ["history-regtest-simulated.sqlite"]);
}

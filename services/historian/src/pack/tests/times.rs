//! Packs whose times cannot be true beside the history, the clock, the node's headers or Bitcoin's past.

use super::*;
use crate::{
    pack::times::check,
    store::{PeriodRow, PeriodState},
};

/// A chain with five final periods.
const LONG: u32 = 5 * 2016 + 17;
const YEAR: u64 = 31_557_600;

/// The file of a pack of one of these periods, whose times are moved.
fn moved(
    folder: &Path,
    head: &Head,
    sealed: &SealedPeriod,
    change: impl Fn(u64) -> u64,
) -> PathBuf {
    let mut sealed = sealed.clone();
    for row in &mut sealed.rows {
        row.time = change(row.time);
    }
    forge(head, &mut sealed, 0, |_| {});
    let file = folder.join("moved");
    write(&file, head, &[sealed]);
    file
}

/// All periods of the chain, and a folder with a history of some of them.
async fn history(node: &FakeNode, own: &[u32]) -> (Head, Vec<SealedPeriod>, TempDir) {
    let whole = Kept::filled(node, &[0, 1, 2, 3, 4]).await;
    let (head, periods) = periods_of(&whole.pack(node).await.0);
    let Kept { folder, writer, .. } = Kept::filled(node, own).await;
    drop(writer);
    (head, periods, folder)
}

#[tokio::test]
async fn times_are_compared_across_a_gap() {
    let node = FakeNode::new(LONG);
    let (head, periods, folder) = history(&node, &[0, 4]).await;
    let before = contents(&path_in(folder.path()));
    let later: fn(u64) -> u64 = |time| time + YEAR;
    let earlier: fn(u64) -> u64 = |time| time - YEAR;
    for change in [later, earlier] {
        let file = moved(folder.path(), &head, &periods[2], change);
        let hash = {
            let mut pack = PackReader::open(&file).unwrap();
            pack.by_ref().for_each(drop);
            pack.over_all().hash()
        };
        for expected in [None, Some(hash)] {
            let refused = take(&file, folder.path(), expected, None).await;
            let words = refused.unwrap_err().to_string();
            assert!(words.contains("the times of period 2"), "{words}");
        }
        assert_eq!(contents(&path_in(folder.path())), before);
    }
    let file = moved(folder.path(), &head, &periods[2], |time| time);
    take(&file, folder.path(), None, None).await.unwrap();
    // An unverified period binds those that come after it without a hash, and none that has the expected one.
    let file = moved(folder.path(), &head, &periods[3], |time| time - 2016 * 900);
    let refused = take(&file, folder.path(), None, None).await;
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("the times of period 3"), "{words}");
}

#[tokio::test]
async fn a_pack_is_judged_by_its_own_periods_where_it_replaces_others() {
    let node = FakeNode::new(LONG);
    let (head, periods, folder) = history(&node, &[0]).await;
    // Unverified rows that are wrong stand in the way of no pack that brings the right ones.
    let file = moved(folder.path(), &head, &periods[2], |time| time - 2016 * 600);
    take(&file, folder.path(), None, None).await.unwrap();
    let file = folder.path().join("right");
    write(&file, &head, &periods[1..4]);
    let taken = take(&file, folder.path(), None, None).await.unwrap();
    assert_eq!(taken.imported.written, 3);
}

#[tokio::test]
async fn own_open_rows_bind_a_pack_too() {
    let node = FakeNode::new(LONG);
    let (head, periods, _) = history(&node, &[]).await;
    let mut kept = Kept::empty(&node).await;
    let open = PeriodRow {
        state: PeriodState::Open,
        ..periods[3].row.clone()
    };
    kept.writer
        .put_period(&open, &periods[3].rows[..9])
        .unwrap();
    let Kept { folder, writer, .. } = kept;
    drop(writer);
    let file = moved(folder.path(), &head, &periods[2], |time| time + YEAR);
    let refused = take(&file, folder.path(), None, None).await;
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("the times of period 2"), "{words}");
    let file = moved(folder.path(), &head, &periods[2], |time| time);
    take(&file, folder.path(), None, None).await.unwrap();
}

#[tokio::test]
async fn no_time_is_later_than_the_clock_and_two_hours() {
    let node = FakeNode::new(TIP);
    let (file, _) = Kept::filled(&node, &[0]).await.pack_elsewhere(&node).await;
    let last = periods_of(&file).1[0].rows[2015].time;
    let at = async |now: u64| {
        let folder = tempfile::tempdir().unwrap();
        let none = Err::<FakeNode, _>("there is none".to_owned());
        let taken = import(&file, folder.path(), None, none, MODEL, now).await;
        assert_eq!(path_in(folder.path()).exists(), taken.is_ok());
        taken
    };
    let words = at(last - 7201).await.unwrap_err().to_string();
    assert!(
        words.contains("block 2015") && words.contains("clock"),
        "{words}"
    );
    at(last - 7200).await.unwrap();
}

#[tokio::test]
async fn times_that_the_nodes_headers_do_not_give_are_refused() {
    let node = FakeNode::new(TIP);
    let (file, _) = Kept::filled(&node, &[0]).await.pack_elsewhere(&node).await;
    let (head, periods) = periods_of(&file);
    let folder = tempfile::tempdir().unwrap();
    let file = moved(folder.path(), &head, &periods[0], |time| time + 60);
    for behind in [&node, &FakeNode::new(1000)] {
        let refused = take(&file, folder.path(), None, Some(behind)).await;
        let words = refused.unwrap_err().to_string();
        assert!(
            words.contains("block 10") && words.contains("headers"),
            "{words}"
        );
    }
    take(&file, folder.path(), None, None).await.unwrap();
}

/// Whether a period of Bitcoin's chain may have these times, from its first block to its last.
fn may(period: u32, first: u64, last: u64) -> bool {
    let head = Head {
        identity: Identity {
            chain: "main".to_owned(),
            genesis: FakeNode::new(0).tip().hash,
            simulated: false,
        },
        model: MODEL,
    };
    let mut sealed = bad::sound(&head)(period);
    let end = sealed.rows.len() - 1;
    for (at, row) in sealed.rows.iter_mut().enumerate() {
        row.time = if at < end { first } else { last };
    }
    check(&head.identity, &sealed, u64::MAX).is_ok()
}

#[test]
fn times_that_bitcoins_past_rules_out_are_refused() {
    // About the times of the first and last blocks of periods 0, 16 and 416 of Bitcoin's chain.
    assert!(may(0, 1_231_006_505, 1_233_061_996));
    assert!(may(16, 1_262_152_739, 1_263_249_853));
    assert!(may(416, 1_712_783_853, 1_713_960_000));
    assert!(!may(416, 1_262_304_000, 1_263_304_000), "of 2010");
    assert!(!may(416, 1_893_456_000, 1_894_456_000), "of 2030");
    assert!(!may(416, 1_713_000_000, 1_713_080_000), "within a day");
}

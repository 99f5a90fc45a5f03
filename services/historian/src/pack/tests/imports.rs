//! Packs that are taken in: by operators without blocks, with and without the expected hash, over rows that are there.

use super::*;
use crate::{
    pack::Headers,
    store::{BlockState, Imported, Kind, Price, Source, Span, StoreError},
};

fn state(price: Price) -> BlockState {
    match price.kind {
        Kind::Block { state, .. } => state,
        Kind::Minute => panic!("a minute for a block"),
    }
}

/// A price without its state.
fn stateless(price: Price) -> (u64, crate::store::Source, String) {
    let Price {
        time, price, count, ..
    } = price;
    (time, Source::Block, format!("{price:?} {count}"))
}

fn all(readers: &Readers) -> Vec<Price> {
    let span = Span {
        from: 0,
        to: u64::MAX,
        step: 0,
    };
    readers.series(span, Source::Block).unwrap().prices
}

#[tokio::test]
async fn a_history_that_travels_answers_the_same_and_says_that_nobody_vouches_for_it() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1]).await;
    let (file, packed) = kept.pack(&node).await;
    let folder = tempfile::tempdir().unwrap();
    let taken = take(&file, folder.path(), None, None).await.unwrap();
    assert_eq!(
        (taken.hash, taken.trust, taken.periods),
        (packed.hash, Trust::Unverified, 2)
    );
    assert_eq!(taken.headers, Headers::Unknown("there is none".to_owned()));
    assert_eq!(taken.imported.written, 2);
    let readers = Store::read(&path_in(folder.path())).unwrap();
    let (was, is) = (all(&kept.readers), all(&readers));
    assert_eq!(is.len(), 4032);
    assert!(
        is.iter()
            .all(|price| state(*price) == BlockState::Unverified)
    );
    assert!(
        was.into_iter()
            .map(stateless)
            .eq(is.into_iter().map(stateless))
    );
    let candles = readers
        .candles(Span {
            from: 0,
            to: u64::MAX,
            step: 604_800,
        })
        .unwrap();
    assert!(
        candles
            .candles
            .iter()
            .all(|candle| candle.blocks.unwrap().state == BlockState::Unverified)
    );
    let coverage = readers.coverage().unwrap();
    assert_eq!((coverage.unverified, coverage.blocks), (4032, 4032));
    assert_eq!((coverage.final_periods, coverage.final_height), (0, None));
    let told = crate::status::of_folder(folder.path()).unwrap().histories;
    let text = told[0].text();
    assert!(
        text.contains("unverified  2 periods with 4032 prices"),
        "{text}"
    );
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(
        (&json[0]["periods"][0]["state"], &json[0]["hash"]),
        (&"unverified".into(), &().into())
    );
}

#[tokio::test]
async fn the_expected_hash_makes_rows_final_also_later() {
    let node = FakeNode::new(TIP);
    let (file, packed) = Kept::filled(&node, &[0, 1])
        .await
        .pack_elsewhere(&node)
        .await;
    let folder = tempfile::tempdir().unwrap();
    take(&file, folder.path(), None, None).await.unwrap();
    let taken = take(&file, folder.path(), Some(packed.hash), Some(&node))
        .await
        .unwrap();
    assert_eq!(
        (taken.trust, taken.headers),
        (Trust::Vouched, Headers::Same)
    );
    assert_eq!(
        taken.imported,
        Imported {
            written: 2,
            same: 0,
            kept: 0,
            unverified: 0
        }
    );
    let readers = Store::read(&path_in(folder.path())).unwrap();
    assert!(
        all(&readers)
            .iter()
            .all(|price| state(*price) == BlockState::Final)
    );
    assert_eq!(readers.coverage().unwrap().unverified, 0);
    // Taken in once more without a hash, they stay as trusted as they are.
    let again = take(&file, folder.path(), None, None).await.unwrap();
    assert_eq!(
        again.imported,
        Imported {
            written: 0,
            same: 2,
            kept: 0,
            unverified: 0
        }
    );
    assert!(
        trusts(&readers)
            .iter()
            .all(|(_, trust)| *trust == Trust::Vouched)
    );
    // What was imported with a hash can be packed again, and is the same.
    let once_more = make(&readers, &node, MODEL, &folder.path().join("pack"))
        .await
        .unwrap();
    assert_eq!(once_more.hash, packed.hash);
}

impl Kept {
    /// Packs this history, ends its writer, and keeps the folder for the process.
    pub async fn pack_elsewhere(self, node: &FakeNode) -> (PathBuf, Packed) {
        let packed = self.pack(node).await;
        drop((self.writer, self.readers));
        let _kept = self.folder.keep();
        packed
    }
}

#[tokio::test]
async fn own_final_rows_are_never_overwritten_and_a_pack_that_contradicts_them_is_refused_whole() {
    let node = FakeNode::new(TIP);
    let (file, _) = Kept::filled(&node, &[0, 1, 2])
        .await
        .pack_elsewhere(&node)
        .await;
    let Kept {
        folder,
        writer,
        readers,
    } = Kept::filled(&node, &[1]).await;
    drop(writer);
    let taken = take(&file, folder.path(), None, Some(&node)).await.unwrap();
    assert_eq!(
        taken.imported,
        Imported {
            written: 2,
            same: 1,
            kept: 0,
            unverified: 2
        }
    );
    let expected = [
        (0, Trust::Unverified),
        (1, Trust::Own),
        (2, Trust::Unverified),
    ];
    assert_eq!(trusts(&readers), expected);
    let (head, mut periods) = periods_of(&file);
    forge(&head, &mut periods[1], 9, |row| row.payments += 1);
    write(&file, &head, &periods);
    let before = contents(&path_in(folder.path()));
    let refused = take(&file, folder.path(), None, None).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("period 1 contradicts the history"),
        "{refused}"
    );
    assert_eq!(contents(&path_in(folder.path())), before);
}

#[tokio::test]
async fn own_open_rows_give_way_to_a_pack_with_the_expected_hash_alone() {
    let node = FakeNode::new(TIP);
    let (file, packed) = Kept::filled(&node, &[0]).await.pack_elsewhere(&node).await;
    let (_, periods) = periods_of(&file);
    let mut kept = Kept::empty(&node).await;
    let open = crate::store::PeriodRow {
        state: crate::store::PeriodState::Open,
        ..periods[0].row.clone()
    };
    kept.writer
        .put_period(&open, &periods[0].rows[1000..])
        .unwrap();
    let Kept {
        folder,
        writer,
        readers,
    } = kept;
    drop(writer);
    let taken = take(&file, folder.path(), None, None).await.unwrap();
    assert_eq!(
        taken.imported,
        Imported {
            written: 0,
            same: 0,
            kept: 1,
            unverified: 0
        }
    );
    assert_eq!(readers.period(0).unwrap().unwrap().blocks, 1016);
    take(&file, folder.path(), Some(packed.hash), None)
        .await
        .unwrap();
    assert_eq!(readers.period(0).unwrap().unwrap().blocks, 2016);
}

#[tokio::test]
async fn rows_of_the_nodes_blocks_take_the_place_of_imported_ones() {
    let node = FakeNode::new(TIP);
    let (file, packed) = Kept::filled(&node, &[0, 1, 2])
        .await
        .pack_elsewhere(&node)
        .await;
    let (_, periods) = periods_of(&file);
    let Kept { folder, writer, .. } = Kept::empty(&node).await;
    drop(writer);
    take(&file, folder.path(), Some(packed.hash), None)
        .await
        .unwrap();
    let (mut writer, readers) =
        Store::open(&path_in(folder.path()), &identity(&node).await).unwrap();
    writer
        .put_period(&periods[0].row, &periods[0].rows)
        .unwrap();
    assert_eq!(
        trusts(&readers),
        [(0, Trust::Own), (1, Trust::Vouched), (2, Trust::Vouched)]
    );
    // A node whose tip lies within the last period writes its own newest blocks.
    let open = crate::store::PeriodRow {
        state: crate::store::PeriodState::Open,
        ..periods[2].row.clone()
    };
    let (from, newest) = (2 * 2016 + 50, &periods[2].rows[50..90]);
    let best = newest.last().unwrap();
    let best = Tip {
        height: best.height,
        hash: best.hash,
    };
    writer.put_tail(from, newest, &[open], best).unwrap();
    assert_eq!(
        trusts(&readers),
        [(0, Trust::Own), (1, Trust::Vouched), (2, Trust::Own)]
    );
    assert_eq!(
        readers.period(2).unwrap().unwrap().blocks,
        40,
        "no imported row is among them"
    );
    // After a reorganisation, no imported row of the periods that it touches is left.
    writer.reopen(2016 + 7).unwrap();
    assert_eq!(trusts(&readers), [(0, Trust::Own)]);
}

#[tokio::test]
async fn a_history_that_a_historian_writes_is_not_imported_into() {
    let node = FakeNode::new(TIP);
    let (file, _) = Kept::filled(&node, &[0]).await.pack_elsewhere(&node).await;
    let busy = Kept::empty(&node).await;
    let refused = take(&file, busy.folder.path(), None, None)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PackError::Store(StoreError::InUse(_))),
        "{refused}"
    );
}

#[tokio::test]
async fn the_hashes_of_blocks_are_compared_as_far_as_the_node_has_headers() {
    let node = FakeNode::new(TIP);
    let (file, _) = Kept::filled(&node, &[0, 1])
        .await
        .pack_elsewhere(&node)
        .await;
    let into = async |node: &FakeNode| {
        let folder = tempfile::tempdir().unwrap();
        let taken = take(&file, folder.path(), None, Some(node)).await;
        taken.map(|taken| taken.headers)
    };
    let behind = FakeNode::new(2100);
    assert_eq!(into(&behind).await.unwrap(), Headers::UpTo(2100));
    let other = FakeNode::new(2100);
    other.grow(TIP - 2100, 9);
    let refused = into(&other).await.unwrap_err().to_string();
    assert!(refused.contains("block 2101 has the hash"), "{refused}");
    node.chain().headers_end = Some(2016);
    let until = into(&node).await.unwrap();
    assert!(matches!(until, Headers::Until(2015, _)), "{until:?}");
    node.chain().is_away = true;
    assert!(matches!(into(&node).await.unwrap(), Headers::Unknown(_)));
}

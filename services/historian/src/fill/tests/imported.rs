//! Periods that were imported, and a filler that goes on from them.

use super::*;
use crate::store::{Identity, Imported, SealedPeriod, Store, StoreError, Trust};

/// A folder into which the final periods of the node's chain were imported.
async fn imported_from(node: &FakeNode, trust: Trust) -> tempfile::TempDir {
    let source = folder();
    let running = Running::start(node, source.path(), USUAL);
    running.follows(node).await;
    let (history, periods) = (running.history(), running.periods());
    let sealed = periods.into_iter().filter_map(|stored| {
        let seal = stored.seal?;
        let first = stored.row.first_height();
        let hashes: Vec<BlockHash> = (first..first + 2016)
            .map(|height| node.expected(height).0)
            .collect();
        Some(Ok::<_, StoreError>(SealedPeriod {
            digest: seal.digest,
            rows: history.readers().rows(first, &hashes).unwrap(),
            row: stored.row,
        }))
    });
    let target = folder();
    let identity = Identity {
        chain: "regtest".to_owned(),
        genesis: node.expected(0).0,
        simulated: false,
    };
    let path = target.path().join(Store::file_name("regtest", false));
    let (mut writer, _readers) = Store::open(&path, &identity).unwrap();
    let imported = writer.import(sealed, trust).unwrap();
    assert_eq!(
        imported,
        Imported {
            written: 2,
            same: 0,
            kept: 0,
            unverified: if trust == Trust::Unverified {
                imported.written
            } else {
                0
            },
        }
    );
    drop(writer);
    drop(history);
    running.end().await;
    target
}

fn trusts(running: &Running) -> Vec<(u32, Trust)> {
    let periods = running.periods().into_iter();
    periods
        .map(|stored| (stored.row.period, stored.trust))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_periods_are_read_again_where_the_node_has_the_blocks() {
    let node = FakeNode::new(4300);
    let target = imported_from(&node, Trust::Unverified).await;
    let running = Running::start(&node, target.path(), USUAL);
    running.follows(&node).await;
    running
        .until("own rows", |_| {
            trusts(&running)
                .iter()
                .all(|(_, trust)| *trust == Trust::Own)
        })
        .await;
    running.holds(&node, 0..4301);
    assert_eq!(state(&running, 7), BlockState::Final);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_node_keeps_imported_periods_as_they_are() {
    for (trust, expected) in [
        (Trust::Unverified, BlockState::Unverified),
        (Trust::Vouched, BlockState::Final),
    ] {
        let node = FakeNode::new(4300);
        let target = imported_from(&node, trust).await;
        node.chain().lowest = 4100;
        let running = Running::start(&node, target.path(), USUAL);
        running.follows(&node).await;
        assert_eq!(trusts(&running), [(0, trust), (1, trust), (2, Trust::Own)]);
        assert_eq!(state(&running, 7), expected);
        running.holds(&node, 0..4032);
        running.holds(&node, 4244..4301);
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vouched_periods_are_not_read_again() {
    let node = FakeNode::new(4300);
    let target = imported_from(&node, Trust::Vouched).await;
    node.chain().asked.clear();
    let running = Running::start(&node, target.path(), USUAL);
    running.follows(&node).await;
    assert_eq!(
        trusts(&running),
        [(0, Trust::Vouched), (1, Trust::Vouched), (2, Trust::Own)]
    );
    assert!(
        node.chain()
            .asked
            .iter()
            .all(|height| *height >= 4032 - 144)
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_periods_of_another_chain_than_the_nodes_go() {
    let node = FakeNode::new(4300);
    let target = imported_from(&node, Trust::Unverified).await;
    let other = FakeNode::new(0);
    other.grow(4300, 9);
    other.chain().lowest = 4100;
    let running = Running::start(&other, target.path(), USUAL);
    running.follows(&other).await;
    assert_eq!(trusts(&running), [(2, Trust::Own)]);
    running.end().await;
}

//! Branches: what a re-org or a node that fell behind changes in the history.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_recomputes_what_rests_on_its_blocks_at_a_periods_edge_too() {
    for (tip, left) in [
        (4400, 1),
        (4400, 7),
        (4400, 200),
        (4050, 1),
        (4050, 5),
        (4060, 40),
        (4060, 2100),
    ] {
        let (node, folder) = (FakeNode::new(tip), folder());
        let running = Running::start(&node, folder.path(), USUAL);
        running.follows(&node).await;
        node.reorganize(left, left + 1, 1);
        running.follows(&node).await;
        running.holds(&node, 0..tip + 2);
        running.end().await;
        // The history is that of one that saw nothing of it.
        let fresh = self::folder();
        let other = Running::start(&node, fresh.path(), USUAL);
        other.follows(&node).await;
        let digests = |running: &Running| -> Vec<_> {
            running
                .periods()
                .into_iter()
                .map(|period| (period.row.state, period.seal))
                .collect()
        };
        let expected = digests(&other);
        other.end().await;
        let again = Running::start(&node, folder.path(), USUAL);
        again.follows(&node).await;
        assert_eq!(digests(&again), expected, "tip {tip}, {left} left");
        again.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_while_nobody_looked_is_found_at_the_start() {
    for left in [3, 60, 130, 2500] {
        let (node, folder) = (FakeNode::new(4100), folder());
        let running = Running::start(&node, folder.path(), USUAL);
        running.follows(&node).await;
        running.end().await;
        node.reorganize(left, left + 30, 2);
        let running = Running::start(&node, folder.path(), USUAL);
        running.follows(&node).await;
        running.holds(&node, 0..node.tip().height + 1);
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_takes_nothing_away() {
    let (node, folder) = (FakeNode::new(4100), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    node.reorganize(20, 0, 0);
    running
        .until("a word", |report| report.detail.contains("behind"))
        .await;
    assert!(
        running
            .history()
            .readers()
            .price_of_height(4100)
            .unwrap()
            .is_some()
    );
    node.grow(25, 0);
    running.follows(&node).await;
    running.holds(&node, 0..4106);
    running.end().await;
}

//! A node that has pruned old blocks: what the history keeps, and which prices it cannot have.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_node_gives_what_it_has_and_recent_amounts_outlive_its_pruning() {
    let (node, folder) = (FakeNode::new(4300), folder());
    node.chain().lowest = 4000;
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    let history = running.history();
    assert!(history.readers().price_of_height(4143).unwrap().is_none());
    running.holds(&node, 4144..4301);
    assert!(
        running
            .periods()
            .iter()
            .all(|period| period.row.period == 2)
    );
    running.end().await;
    drop(history);
    // It prunes all that was read, and goes on.
    node.grow(300, 0);
    node.chain().lowest = 4301;
    node.chain().asked.clear();
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.holds(&node, 4144..4601);
    assert!(node.chain().asked.iter().all(|height| *height > 4300));
    running.end().await;
    // The period is over: it has rows, and is never final.
    node.grow(6048 + 30 - 4601, 0);
    node.chain().lowest = 5900;
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    // Block 4,583 had 17 blocks on top when all of them were to be had.
    running.holds(&node, 4144..4583);
    let second = &running.periods()[0];
    assert_eq!(
        (second.row.period, second.row.state),
        (2, PeriodState::Open)
    );
    running.holds(&node, 6048..node.tip().height + 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_within_a_period_is_bridged_without_prices() {
    let (node, folder) = (FakeNode::new(4300), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    std::fs::remove_file(folder.path().join("recent-regtest.sqlite")).unwrap();
    node.grow(500, 0);
    node.chain().lowest = 4400;
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.holds(&node, 0..4283);
    running.holds(&node, 4544..4801);
    let history = running.history();
    assert!(history.readers().price_of_height(4400).unwrap().is_none());
    running.end().await;
}

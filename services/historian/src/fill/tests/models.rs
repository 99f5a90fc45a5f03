//! Another model, or another estimator of the same model, on a history that is already written.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_model_recomputes_all_and_keeps_what_it_cannot_read() {
    let (node, folder) = (FakeNode::new(6200), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    node.chain().lowest = 2016 - 144;
    let running = Running::start(&node, folder.path(), Sums { model: 2, ..USUAL });
    running.follows(&node).await;
    // A historian that has all blocks follows already while it reads them anew.
    running
        .until("the new model", |_| {
            let periods = running.periods().into_iter();
            let models: Vec<u32> = periods.map(|period| period.row.model).collect();
            models == [1, 2, 2, 2]
        })
        .await;
    running.holds(&node, 0..6201);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_disagree_are_disputed_and_agree_again_under_a_new_model() {
    let (node, folder) = (FakeNode::new(2100), folder());
    let running = Running::start(&node, folder.path(), USUAL);
    running.follows(&node).await;
    running.end().await;
    // Another estimator of the same model, which locks elsewhere.
    node.grow(2016, 0);
    let elsewhere = Sums {
        place: 1000,
        ..USUAL
    };
    let running = Running::start(&node, folder.path(), elsewhere);
    running.follows(&node).await;
    let disputed: Vec<bool> = running
        .periods()
        .iter()
        .map(|period| period.row.disputed)
        .collect();
    assert_eq!(disputed, [true, true, false]);
    running.end().await;
    let running = Running::start(
        &node,
        folder.path(),
        Sums {
            model: 2,
            ..elsewhere
        },
    );
    running.follows(&node).await;
    assert!(running.periods().iter().all(|period| !period.row.disputed));
    running.end().await;
}

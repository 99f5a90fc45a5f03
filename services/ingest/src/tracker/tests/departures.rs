//! Why a transaction left: what is known is told, and nothing else is.

use super::*;

#[test]
fn a_replacement_takes_the_old_one_out_and_says_so() {
    let mut scene = Scene::new();
    let first = scene.add(&payment(old(1), 51_234));
    scene.sequence(SequenceEvent::Removed(first, 0));
    assert_eq!(scene.mempool(), [], "out at once");
    let second = scene.add(&payment(old(1), 51_233));
    assert_eq!(scene.mempool(), [second]);
    assert_eq!(scene.removals(), [RemovalReason::Replaced]);
}

#[test]
fn what_descends_from_a_replaced_transaction_is_replaced_with_it() {
    let mut scene = Scene::new();
    let parent = scene.add(&payment(old(1), 51_234));
    let later = NOW + WINDOW_MS;
    scene.now_ms = later;
    let child = scene.add(&payment((parent, 0), 41_234));
    scene.sequence(SequenceEvent::Removed(parent, 0));
    scene.sequence(SequenceEvent::Removed(child, 0));
    scene.add(&payment(old(1), 51_233));
    assert_eq!(
        scene.removals(),
        [RemovalReason::Replaced, RemovalReason::Replaced]
    );
}

#[test]
fn a_conflict_with_a_block_is_told_from_what_nothing_explains() {
    let mut scene = Scene::new();
    let conflicting = scene.add(&payment(old(1), 51_234));
    scene.sequence(SequenceEvent::Removed(conflicting, 0));
    scene.mine(block(1), 800_000, &[&payment(old(1), 51_233)]);
    let evicted = scene.add(&payment(old(2), 61_234));
    scene.sequence(SequenceEvent::Removed(evicted, 0));
    scene.pass(2000);
    assert_eq!(
        scene.removals(),
        [RemovalReason::Conflicted, RemovalReason::Unknown]
    );
    assert_eq!(scene.mempool(), []);
}

/// A transaction that spends two outputs.
fn joining(one: (Txid, u32), other: (Txid, u32), value_sats: u64) -> Transaction {
    let mut joining = payment(one, value_sats);
    joining.input.extend(payment(other, value_sats).input);
    joining
}

#[test]
fn a_child_that_leaves_before_its_parent_is_replaced_with_it() {
    let mut scene = Scene::new();
    let parent = scene.add(&payment(old(1), 51_234));
    scene.now_ms += WINDOW_MS;
    let child = scene.add(&payment((parent, 0), 41_234));
    scene.sequence(SequenceEvent::Removed(child, 0));
    scene.sequence(SequenceEvent::Removed(parent, 0));
    scene.add(&payment(old(1), 51_233));
    assert_eq!(
        scene.removals(),
        [RemovalReason::Replaced, RemovalReason::Replaced]
    );
}

#[test]
fn what_a_package_replaces_is_replaced_though_only_its_child_spends_the_same() {
    let mut scene = Scene::new();
    let first = scene.add(&payment(old(1), 51_234));
    scene.sequence(SequenceEvent::Removed(first, 0));
    let parent = scene.add(&payment(old(2), 61_234));
    assert_eq!(scene.removals(), [], "the parent does not explain it");
    scene.add(&joining((parent, 0), old(1), 51_233));
    scene.pass(2000);
    assert_eq!(scene.removals(), [RemovalReason::Replaced]);
}

#[test]
fn what_nothing_explains_has_left_for_an_unknown_reason() {
    let mut scene = Scene::new();
    let left = scene.add(&payment(old(1), 51_234));
    scene.sequence(SequenceEvent::Removed(left, 0));
    scene.add(&payment(old(2), 61_234));
    scene.mine(block(1), 800_000, &[&payment(old(3), 71_234)]);
    assert_eq!(scene.removals(), [], "an explanation may still come");
    scene.pass(2000);
    assert_eq!(scene.removals(), [RemovalReason::Unknown]);
}

#[test]
fn on_two_endpoints_a_replacement_is_told_where_its_content_has_come_and_else_unknown() {
    for (content_first, expected) in [
        (true, RemovalReason::Replaced),
        (false, RemovalReason::Unknown),
    ] {
        let mut scene = Scene::new();
        scene.tracker = Tracker::new(strict(), false);
        let first = scene.add(&payment(old(1), 51_234));
        let second = payment(old(1), 51_233);
        let added = SequenceEvent::Added(second.compute_txid(), 1);
        if content_first {
            scene.raw(&second);
        }
        scene.sequence(SequenceEvent::Removed(first, 0));
        scene.sequence(added);
        if !content_first {
            scene.raw(&second);
        }
        scene.pass(2000);
        assert_eq!(
            scene.removals(),
            [expected],
            "content first: {content_first}"
        );
        assert_eq!(scene.mempool(), [second.compute_txid()]);
    }
}

#[test]
fn what_comes_back_before_its_removal_is_told_leaves_first() {
    let mut scene = Scene::new();
    let paid = payment(old(1), 51_234);
    let txid = scene.add(&paid);
    scene.sequence(SequenceEvent::Removed(txid, 0));
    scene.add(&paid);
    scene.sequence(SequenceEvent::Removed(txid, 0));
    scene.mine(block(1), 800_000, &[&paid]);
    scene.pass(2000);
    let told: Vec<&str> = scene
        .events
        .iter()
        .map(|event| match event {
            Event::Accepted(..) => "accepted",
            Event::Removed(..) => "removed",
            Event::BlockConnected(..) => "connected",
            _ => "other",
        })
        .collect();
    let expected = [
        "accepted",
        "removed",
        "accepted",
        "removed",
        "accepted",
        "connected",
    ];
    assert_eq!(told, expected);
}

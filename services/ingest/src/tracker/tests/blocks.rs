//! Blocks: which run of transactions is believed to be one, their order in the chain, and what a re-org leaves of them.

use super::*;

fn connected(events: &[Event]) -> Vec<BlockHash> {
    let hash = |event: &Event| match event {
        Event::BlockConnected(block, _) => Some(BlockHash::from_byte_array(block.hash)),
        _ => None,
    };
    events.iter().filter_map(hash).collect()
}

fn fetched(number: u8, height: u32, transactions: &[&Transaction]) -> FetchedBlock {
    let transactions = transactions.iter().copied().cloned();
    FetchedBlock {
        hash: block(number),
        height: Some(height),
        time_ms: NOW - 1000,
        transactions: std::iter::once(coinbase(i64::from(height)))
            .chain(transactions)
            .collect(),
    }
}

#[test]
fn after_a_reorg_each_transaction_is_where_the_new_branch_put_it() {
    let mut scene = Scene::new();
    let (back, again, lost) = (
        payment(old(1), 51_234),
        payment(old(2), 61_234),
        payment(old(3), 71_234),
    );
    for transaction in [&back, &again, &lost] {
        scene.add(transaction);
    }
    scene.mine(block(1), 800_000, &[&back, &again, &lost]);
    scene.now_ms += 60_000;
    scene.raw(&coinbase(800_000));
    for transaction in [&back, &again, &lost] {
        scene.raw(transaction);
    }
    scene.sequence(SequenceEvent::BlockDisconnected(block(1)));
    scene.mine(block(2), 800_000, &[&again]);
    let back = scene.add(&back);
    assert_eq!(scene.mempool(), [back]);
    assert_eq!(scene.removals(), [], "nothing is given up at once");
    scene.pass(2000);
    assert_eq!(scene.removals(), [RemovalReason::Unknown]);
    assert_eq!(scene.first_sights().len(), 3);
}

#[test]
fn what_is_met_with_a_block_that_leaves_does_not_stay_unsettled() {
    let mut scene = Scene::new();
    let (back, lost) = (payment(old(1), 51_234), payment(old(2), 61_234));
    scene.raw(&coinbase(800_000));
    for transaction in [&back, &lost] {
        scene.raw(transaction);
    }
    scene.sequence(SequenceEvent::BlockDisconnected(block(1)));
    let back = scene.add(&back);
    scene.pass(4000);
    assert_eq!(
        scene.removals(),
        [],
        "a slow disk: the new branch is still to come"
    );
    scene.pass(60_000);
    assert_eq!(scene.mempool(), [back]);
    assert_eq!(scene.removals(), [RemovalReason::Unknown]);
}

#[test]
fn a_block_is_not_believed_from_a_run_without_its_coinbase() {
    let mut scene = Scene::new();
    scene.raw(&payment(old(1), 51_234));
    scene.sequence(SequenceEvent::BlockConnected(block(1)));
    assert_eq!(scene.wanted, [Wanted::Block(block(1))]);

    let mut apart = Scene::new();
    apart.tracker = Tracker::new(Filter::default(), false);
    apart.raw(&coinbase(5));
    apart.sequence(SequenceEvent::BlockConnected(block(1)));
    assert_eq!(apart.wanted, [Wanted::Block(block(1))], "no common order");
}

#[test]
fn a_block_whose_run_has_a_hole_is_not_taken_for_whole() {
    let mut scene = Scene::new();
    let mined = payment(old(1), 51_234);
    scene.raw(&coinbase(800_000));
    scene.tracker.lost_messages(true, NOW);
    scene.raw(&mined);
    scene.sequence(SequenceEvent::BlockConnected(block(1)));
    assert_eq!(scene.wanted, [Wanted::Block(block(1))]);

    scene.tracker.undatable(block(1), NOW);
    scene.tracker.begin_journal();
    scene.mine(block(2), 800_001, &[]);
    assert_eq!(scene.tracker.known_blocks(), [block(2)]);
    scene.tracker.lost_messages(true, NOW);
    assert_eq!(
        scene.tracker.known_blocks(),
        [],
        "its last ones may be missing"
    );
    scene.empty_outbox();
    let last = scene.records.last();
    assert_eq!(last, Some(&Record::Disconnected(block(2))));
}

#[test]
fn blocks_are_told_in_the_order_of_the_chain_whenever_their_headers_come() {
    let mut scene = Scene::in_step();
    scene.tracker.begin_journal();
    let paid = payment(old(1), 51_234);
    scene.mine(block(1), 800_000, &[&paid]);
    scene.mine(block(2), 800_001, &[]);
    scene.tracker.dated(block(2), NOW, Some(800_001), NOW);
    scene.empty_outbox();
    assert_eq!(connected(&scene.events), []);
    scene.tracker.dated(block(1), NOW, Some(800_000), NOW);
    scene.empty_outbox();
    assert_eq!(connected(&scene.events), [block(1), block(2)]);

    let mut next = Scene::new();
    for record in std::mem::take(&mut scene.records) {
        next.tracker.restore(record);
    }
    next.tracker.restored(0, NOW);
    assert_eq!(next.tracker.known_blocks(), [block(1), block(2)]);
}

#[test]
fn a_block_that_must_be_read_keeps_its_place_and_bears_its_own_receipt() {
    let mut scene = Scene::in_step();
    let paid = payment(old(1), 51_234);
    scene.sequence(SequenceEvent::BlockConnected(block(1)));
    assert_eq!(scene.wanted, [Wanted::Block(block(1))]);
    scene.now_ms += 9000;
    scene.mine(block(2), 800_001, &[]);
    scene
        .tracker
        .dated(block(2), NOW + 9000, Some(800_001), scene.now_ms);
    let mut first = fetched(1, 800_000, &[&paid]);
    first.time_ms = NOW + 70_000;
    scene.tracker.awaited_block(first, scene.now_ms);
    scene.empty_outbox();
    assert_eq!(connected(&scene.events), [block(1), block(2)]);
    assert_eq!(scene.stamps()[&paid.compute_txid()], (NOW, true));
}

#[test]
fn a_block_that_cannot_be_read_keeps_no_other_waiting() {
    let mut scene = Scene::in_step();
    scene.sequence(SequenceEvent::BlockConnected(block(1)));
    scene.mine(block(2), 800_001, &[]);
    scene.tracker.dated(block(2), NOW, Some(800_001), NOW);
    scene.tracker.undatable(block(1), NOW);
    scene.empty_outbox();
    assert_eq!(connected(&scene.events), [block(2)]);
}

#[test]
fn a_block_that_is_answered_while_the_node_is_read_anew_is_left_to_the_reading() {
    let mut scene = Scene::in_step();
    scene.sequence(SequenceEvent::BlockConnected(block(2)));
    scene.tracker.abandon(&[], NOW);
    scene.tracker.awaited_block(fetched(2, 800_001, &[]), NOW);
    scene.tracker.fetched_block(fetched(1, 800_000, &[]), NOW);
    scene.tracker.fetched_block(fetched(2, 800_001, &[]), NOW);
    scene.empty_outbox();
    assert_eq!(connected(&scene.events), [block(1), block(2)]);
}

#[test]
fn a_block_that_leaves_before_it_was_read_is_read_for_what_it_gives_back() {
    let mut scene = Scene::in_step();
    let back = payment(old(1), 51_234);
    scene.sequence(SequenceEvent::BlockConnected(block(1)));
    scene.sequence(SequenceEvent::BlockDisconnected(block(1)));
    assert_eq!(scene.wanted, [Wanted::Block(block(1)); 2]);
    scene.add(&back);
    for _ in 0..2 {
        let answer = fetched(1, 800_000, &[&back]);
        scene.tracker.awaited_block(answer, scene.now_ms);
    }
    scene.pass(500);
    assert_eq!(connected(&scene.events), []);
    assert_eq!(scene.mempool(), [back.compute_txid()]);
    assert_eq!(scene.stamps()[&back.compute_txid()], (NOW - 1000, true));
}

#[test]
fn a_block_that_is_lost_on_the_way_is_taken_back_in_the_journal_as_in_the_log() {
    let mut scene = Scene::in_step();
    scene.tracker.begin_journal();
    let paid = payment(old(1), 51_234);
    scene.add(&paid);
    scene.pass(2000);
    scene.mine(block(1), 800_000, &[&paid]);
    scene.tracker.lost_messages(true, scene.now_ms);
    scene.empty_outbox();
    let is_taken_back = |event: &Event| matches!(event, Event::BlockDisconnected(left, _) if left.hash == block(1).to_byte_array());
    assert!(scene.events.iter().any(is_taken_back));
    assert!(scene.records.contains(&Record::Disconnected(block(1))));

    let mut next = Scene::new();
    for record in std::mem::take(&mut scene.records) {
        next.tracker.restore(record);
    }
    next.tracker.restored(0, scene.now_ms);
    assert_eq!(next.tracker.known_blocks(), []);
}

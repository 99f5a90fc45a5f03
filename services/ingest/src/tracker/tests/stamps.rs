//! What stamp each transaction gets, and when it is published.

use super::*;
use crate::stamp::{Calm, NodeClock};

#[test]
fn nothing_is_published_before_it_is_known_why_it_came() {
    let mut scene = Scene::in_step();
    let paid = payment(old(1), 51_234);
    scene.raw(&paid);
    assert_eq!((scene.events.len(), scene.first_sights().len()), (0, 0));
    scene.sequence(SequenceEvent::Added(paid.compute_txid(), 1));
    assert_eq!(scene.mempool(), [paid.compute_txid()]);
    scene.pass(500);
    assert_eq!(scene.stamps()[&paid.compute_txid()], (NOW, false));
}

#[test]
fn an_import_bears_its_entry_times_and_what_left_before_it_was_asked_is_not_published() {
    let mut scene = Scene::in_step();
    let imported: Vec<Transaction> = (0..60).map(|number| payment(old(number), 51_234)).collect();
    let txids: Vec<Txid> = imported.iter().map(|one| scene.add(one)).collect();
    scene.now_ms += 400;
    assert_eq!(scene.beat(), txids);
    scene.sequence(SequenceEvent::Removed(txids[0], 99));
    let entered: Vec<(Txid, Option<u64>)> = txids
        .iter()
        .enumerate()
        .map(|(at, txid)| (*txid, (at > 0).then_some(NOW - 60_000 * at as u64)))
        .collect();
    scene.tracker.entered(&entered, scene.now_ms);
    scene.pass(1000);
    let stamps = scene.stamps();
    assert!(!stamps.contains_key(&txids[0]));
    assert_eq!(stamps[&txids[5]], (NOW - 300_000, false));
    assert_eq!(scene.removals(), [], "it was never in the log");
    assert_eq!(scene.first_sights().len(), 60);
}

#[test]
fn what_entered_before_the_window_is_not_published() {
    let mut scene = Scene::new();
    scene.gate = Gate::Loading;
    let loaded = scene.add(&payment(old(1), 51_234));
    assert_eq!(scene.beat(), [loaded]);
    let days_ago = NOW - 3 * 24 * 60 * 60 * 1000;
    scene.tracker.entered(&[(loaded, Some(days_ago))], NOW);
    scene.empty_outbox();
    assert_eq!((scene.stamps().len(), scene.mempool()), (0, vec![loaded]));
}

#[test]
fn what_is_first_met_in_a_block_bears_the_earlier_of_its_header_and_its_receipt() {
    for (header_ms, stamp_ms) in [(NOW - 70_000, NOW - 70_000), (NOW + 70_000, NOW)] {
        let mut scene = Scene::in_step();
        let met = payment(old(1), 51_234);
        scene.mine(block(1), 800_000, &[&met]);
        assert_eq!(
            (scene.events.len(), scene.wanted.clone()),
            (0, vec![Wanted::Header(block(1))])
        );
        scene.tracker.dated(block(1), header_ms, Some(800_000), NOW);
        scene.empty_outbox();
        assert_eq!(scene.stamps()[&met.compute_txid()], (stamp_ms, true));
        let Event::BlockConnected(connected, txids) = scene.events.last().unwrap() else {
            panic!("{:?}", scene.events);
        };
        assert_eq!((connected.time_ms, txids.len()), (stamp_ms, 1));
    }
}

#[test]
fn a_missed_block_that_is_older_than_the_window_leaves_nothing_but_its_hash() {
    let mut scene = Scene::in_step();
    let met = payment(old(1), 51_234);
    scene.mine(block(1), 800_000, &[&met]);
    scene
        .tracker
        .dated(block(1), NOW - 2 * WINDOW_MS, Some(800_000), NOW);
    scene.empty_outbox();
    assert_eq!((scene.stamps().len(), scene.tracker.seen.len()), (0, 0));
    assert_eq!(scene.tracker.known_blocks(), [block(1)]);
}

#[test]
fn a_node_in_its_initial_download_leaves_nothing_behind() {
    let mut scene = Scene::new();
    scene.gate = Gate::Downloading;
    for number in 0..50 {
        let met: Vec<Transaction> = (0..9)
            .map(|one| payment(old(number), 50_000 + one))
            .collect();
        let met: Vec<&Transaction> = met.iter().collect();
        scene.mine(block(number), i64::from(number), &met);
    }
    assert_eq!(
        (scene.tracker.seen.len(), scene.tracker.chain.len()),
        (0, 0)
    );
    assert_eq!(scene.first_sights(), [FirstSight::BeforeWindow; 450]);
    assert_eq!((scene.events.len(), scene.wanted.len()), (0, 0));
}

#[test]
fn without_rpc_a_block_is_dated_by_rawblock_or_leaves_only_its_hash() {
    let mut scene = Scene::new();
    scene.gate = Gate::Alone(Calm::default());
    let (dated, undated) = (payment(old(1), 51_234), payment(old(2), 51_234));
    scene.mine(block(1), 800_000, &[&undated]);
    scene.mine(block(2), 800_001, &[&dated]);
    let block_two = FetchedBlock {
        hash: block(2),
        height: Some(800_001),
        time_ms: NOW - 1000,
        transactions: vec![coinbase(800_001), dated.clone()],
    };
    scene.tracker.fetched_block(block_two, NOW);
    scene.empty_outbox();
    let stamps: Vec<_> = scene.stamps().into_iter().collect();
    assert_eq!(stamps, [(dated.compute_txid(), (NOW - 1000, true))]);
    assert_eq!(scene.tracker.known_blocks(), [block(1), block(2)]);
}

#[test]
fn what_is_unknown_of_a_disconnected_block_bears_that_blocks_time() {
    let mut scene = Scene::in_step();
    let back = payment(old(1), 51_234);
    scene.raw(&coinbase(800_000));
    scene.raw(&back);
    scene.sequence(SequenceEvent::BlockDisconnected(block(1)));
    assert_eq!(scene.wanted, [Wanted::Header(block(1))]);
    scene.add(&back);
    scene.pass(500);
    assert_eq!(
        scene.stamps().len(),
        0,
        "its entry time is that of the re-org"
    );
    scene
        .tracker
        .dated(block(1), NOW - 600_000, None, scene.now_ms);
    scene.empty_outbox();
    assert_eq!(scene.stamps()[&back.compute_txid()], (NOW - 600_000, true));
    assert_eq!(scene.mempool(), [back.compute_txid()]);
}

#[test]
fn a_reorg_whose_new_branch_is_long_in_coming_takes_nothing_out() {
    let mut scene = Scene::new();
    let back = payment(old(1), 51_234);
    let txid = scene.add(&back);
    scene.mine(block(1), 800_000, &[&back]);
    scene.raw(&coinbase(800_000));
    scene.raw(&back);
    scene.sequence(SequenceEvent::BlockDisconnected(block(1)));
    scene.pass(4000);
    scene.mine(block(2), 800_000, &[]);
    scene.add(&back);
    scene.pass(4000);
    assert_eq!((scene.removals(), scene.mempool()), (vec![], vec![txid]));
}

#[test]
fn a_cut_in_a_blocks_run_does_not_go_on_into_the_next_block() {
    let mut scene = Scene::new();
    scene.raw(&coinbase(800_000));
    scene.raw(&payment(old(1), 51_234));
    scene.tracker.connection_began();
    scene.mine(block(2), 800_001, &[&payment(old(2), 61_234)]);
    let Some(Event::BlockConnected(connected, txids)) = scene.events.last() else {
        panic!("{:?}", scene.events);
    };
    assert_eq!((connected.height, txids.len()), (Some(800_001), 1));

    let mut scene = Scene::new();
    scene.raw(&coinbase(800_000));
    scene.mine(block(2), 800_001, &[&payment(old(2), 61_234)]);
    let Some(Event::BlockConnected(connected, txids)) = scene.events.last() else {
        panic!("{:?}", scene.events);
    };
    assert_eq!(
        (connected.height, txids.len()),
        (Some(800_001), 1),
        "a coinbase begins a block"
    );
}

#[test]
fn stamps_of_this_life_follow_a_clock_that_was_set() {
    let mut scene = Scene::in_step();
    let live = scene.add(&payment(old(1), 51_234));
    let told = payment(old(2), 61_234).compute_txid();
    scene.pass(500);
    scene.tracker.stamp(&[(told, NOW - 60_000)], NOW);
    scene
        .tracker
        .fetched_transaction(&payment(old(2), 61_234), NOW);
    scene.tracker.are_in_mempool(&[told], NOW);
    scene.empty_outbox();
    scene.events.clear();
    let day_ms = 24 * 60 * 60 * 1000;
    let shift = NodeClock::default().was_set(-day_ms, 0);
    scene.tracker.shift(shift, NOW + 500 - day_ms as u64);
    scene.empty_outbox();
    let stamps = scene.stamps();
    assert_eq!(stamps[&live], (NOW - day_ms as u64, false));
    assert_eq!(stamps[&told], (NOW - 60_000 - day_ms as u64, false));
}

#[test]
fn without_rpc_a_mempool_does_not_last_for_ever() {
    let mut scene = Scene::new();
    let lost = scene.add(&payment(old(1), 51_234));
    scene.gate = Gate::Alone(Calm::default());
    scene.pass(13 * 24 * 60 * 60 * 1000);
    assert_eq!(scene.mempool(), [lost]);
    scene.pass(2 * 24 * 60 * 60 * 1000);
    assert_eq!(scene.mempool(), []);
}

#[test]
fn what_could_not_be_asked_about_waits_until_the_node_answers_again() {
    let mut scene = Scene::in_step();
    scene.gate = Gate::Loading;
    let txid = scene.add(&payment(old(1), 51_234));
    assert_eq!(scene.beat(), [txid]);
    scene.tracker.ask_if_open(&txid);
    scene.gate = Gate::Alone(Calm::default());
    scene.pass(60_000);
    scene.gate = Gate::InStep(Pace::since(9, scene.now_ms));
    assert_eq!(scene.beat(), [txid]);
    scene
        .tracker
        .entered(&[(txid, Some(NOW - 5000))], scene.now_ms);
    scene.empty_outbox();
    assert_eq!(scene.stamps()[&txid], (NOW - 5000, false));
}

#[test]
fn an_entry_time_ahead_of_the_clock_is_asked_again_and_then_not_believed() {
    let mut scene = Scene::in_step();
    scene.gate = Gate::Loading;
    let txid = scene.add(&payment(old(1), 51_234));
    assert_eq!(scene.beat(), [txid]);
    let ahead = [(txid, Some(NOW + 3_600_000))];
    scene.tracker.entered(&ahead, NOW);
    scene.pass(500);
    assert_eq!((scene.stamps().len(), scene.mempool()), (0, vec![txid]));
    scene.now_ms = NOW + 20_000;
    assert_eq!(scene.beat(), [txid]);
    scene.tracker.entered(&ahead, scene.now_ms);
    scene.empty_outbox();
    assert_eq!(scene.stamps()[&txid], (NOW, false));
}

#[test]
fn what_is_mined_before_its_stamp_was_decided_keeps_its_receipt() {
    let mut scene = Scene::in_step();
    let quick = payment(old(1), 51_234);
    scene.add(&quick);
    scene.now_ms += 100;
    scene.mine(block(1), 800_000, &[&quick]);
    scene
        .tracker
        .dated(block(1), NOW - 70_000, Some(800_000), scene.now_ms);
    scene.pass(400);
    assert_eq!(scene.stamps()[&quick.compute_txid()], (NOW, false));
}

#[test]
fn what_is_mined_before_its_entry_time_came_bears_its_blocks_time() {
    let mut scene = Scene::new();
    scene.gate = Gate::Loading;
    let quick = payment(old(1), 51_234);
    let txid = scene.add(&quick);
    assert_eq!(scene.beat(), [txid]);
    scene.mine(block(1), 800_000, &[&quick]);
    scene
        .tracker
        .dated(block(1), NOW - 70_000, Some(800_000), NOW);
    scene.tracker.entered(&[(txid, None)], NOW);
    scene.empty_outbox();
    assert_eq!(scene.stamps()[&txid], (NOW - 70_000, false));
}

#[test]
fn what_was_mined_undecided_when_the_process_was_killed_bears_its_blocks_time() {
    let mut scene = Scene::in_step();
    scene.tracker.begin_journal();
    let quick = payment(old(1), 51_234);
    let body = serialize(&quick);
    let txid = quick.compute_txid();
    scene.tracker.transaction(&body, NOW).unwrap();
    let gate = &mut scene.gate;
    scene
        .tracker
        .sequence(SequenceEvent::Added(txid, 1), NOW, gate);
    scene
        .tracker
        .transaction(&serialize(&coinbase(800_000)), NOW)
        .unwrap();
    scene.tracker.transaction(&body, NOW).unwrap();
    scene
        .tracker
        .sequence(SequenceEvent::BlockConnected(block(1)), NOW, gate);
    scene
        .tracker
        .dated(block(1), NOW - 1000, Some(800_000), NOW);
    let journal = scene.tracker.take_outbox(Outbox::default()).records;

    let mut next = Scene::new();
    for record in journal {
        next.tracker.restore(record);
    }
    next.tracker.restored(0, NOW + 5000);
    next.empty_outbox();
    assert_eq!(next.stamps()[&txid], (NOW - 1000, false));
}

#[test]
fn what_is_disconnected_before_its_stamp_was_decided_keeps_its_receipt() {
    let mut scene = Scene::in_step();
    let quick = payment(old(1), 51_234);
    scene.add(&quick);
    scene.mine(block(1), 800_000, &[&quick]);
    scene.raw(&coinbase(800_000));
    scene.raw(&quick);
    scene.sequence(SequenceEvent::BlockDisconnected(block(1)));
    scene.tracker.dated(block(1), NOW - 70_000, None, NOW);
    scene.pass(500);
    assert_eq!(scene.stamps()[&quick.compute_txid()], (NOW, false));
}

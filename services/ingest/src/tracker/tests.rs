//! What Core was seen to send, step by step, and what must be believed after it.
#![allow(clippy::unwrap_used)]

use bitcoin::{BlockHash, OutPoint, ScriptBuf, Transaction, consensus::serialize};

use std::collections::BTreeMap;

use satscope_bitcoin::frame::SequenceEvent;
use satscope_filter::Rejection;

use super::{
    made::{height_script, spending},
    *,
};
use crate::stamp::Pace;

mod blocks;
mod departures;
mod stamps;

const NOW: u64 = 1_700_000_000_000;

/// A payment of two outputs that spends output `spent.1` of `spent.0`.
fn payment(spent: (Txid, u32), value_sats: u64) -> Transaction {
    spending(OutPoint::new(spent.0, spent.1), [value_sats, 1_234_567])
}

fn coinbase(height: i64) -> Transaction {
    let mut coinbase = payment((Txid::all_zeros(), u32::MAX), 312_500_000);
    coinbase.input[0].script_sig = height_script(height);
    coinbase
}

/// An outpoint that no transaction here made.
fn old(number: u8) -> (Txid, u32) {
    (Txid::from_byte_array([number; 32]), 0)
}

fn block(number: u8) -> BlockHash {
    BlockHash::from_byte_array([number; 32])
}

/// The default rules, and no money that only moves on.
fn strict() -> Filter {
    Filter {
        reject_recent_inputs: true,
        ..Filter::default()
    }
}

struct Scene {
    tracker: Tracker,
    gate: Gate,
    now_ms: u64,
    events: Vec<Event>,
    sights: Vec<FirstSight>,
    wanted: Vec<Wanted>,
    records: Vec<Record>,
}

impl Scene {
    fn new() -> Scene {
        Scene {
            tracker: Tracker::new(strict(), true),
            gate: Gate::StandIn,
            now_ms: NOW,
            events: Vec::new(),
            sights: Vec::new(),
            wanted: Vec::new(),
            records: Vec::new(),
        }
    }

    /// A real node that is in step, and can be asked.
    fn in_step() -> Scene {
        Scene {
            gate: Gate::InStep(Pace::since(0, 0)),
            ..Scene::new()
        }
    }

    fn empty_outbox(&mut self) {
        let out = self.tracker.take_outbox(Outbox::default());
        self.events
            .extend(out.events.into_iter().map(|(_, event)| event));
        self.sights.extend(out.sights);
        self.wanted.extend(out.wanted);
        self.records.extend(out.records);
    }

    /// The stamps of what is in the log.
    fn stamps(&self) -> BTreeMap<Txid, (u64, bool)> {
        let stamp = |event: &Event| match event {
            Event::Accepted(accepted, _) => Some((
                Txid::from_byte_array(accepted.txid),
                (accepted.first_seen_ms, accepted.met_in_block),
            )),
            _ => None,
        };
        self.events.iter().filter_map(stamp).collect()
    }

    fn raw(&mut self, transaction: &Transaction) {
        let body = serialize(transaction);
        self.tracker.transaction(&body, self.now_ms).unwrap();
        self.empty_outbox();
    }

    fn sequence(&mut self, event: SequenceEvent) {
        self.tracker.sequence(event, self.now_ms, &mut self.gate);
        self.empty_outbox();
    }

    fn add(&mut self, transaction: &Transaction) -> Txid {
        let txid = transaction.compute_txid();
        self.raw(transaction);
        self.sequence(SequenceEvent::Added(txid, 0));
        txid
    }

    fn mine(&mut self, hash: BlockHash, height: i64, transactions: &[&Transaction]) {
        self.raw(&coinbase(height));
        for transaction in transactions {
            self.raw(transaction);
        }
        self.sequence(SequenceEvent::BlockConnected(hash));
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now_ms += milliseconds;
        self.beat();
    }

    /// What must be asked for.
    fn beat(&mut self) -> Vec<Txid> {
        let asked = self.tracker.tick(self.now_ms, &mut self.gate);
        self.empty_outbox();
        asked
    }

    fn first_sights(&mut self) -> Vec<FirstSight> {
        std::mem::take(&mut self.sights)
    }

    fn mempool(&self) -> Vec<Txid> {
        let mut txids: Vec<Txid> = self.tracker.mempool().collect();
        txids.sort();
        assert_eq!(txids.len(), self.tracker.mempool_len());
        txids
    }

    fn removals(&self) -> Vec<RemovalReason> {
        let reason = |event: &Event| match event {
            Event::Removed(_, reason) => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }
}

fn sorted<const N: usize>(mut txids: [Txid; N]) -> Vec<Txid> {
    txids.sort();
    txids.to_vec()
}

#[test]
fn a_transaction_is_counted_once_however_often_it_is_sent() {
    let mut scene = Scene::new();
    let paid = payment(old(1), 51_234);
    let txid = scene.add(&paid);
    scene.add(&paid);
    scene.mine(block(1), 800_000, &[&paid]);
    assert_eq!(scene.first_sights(), [FirstSight::Accepted]);
    assert_eq!(scene.mempool(), []);
    let connected = scene.events.last().unwrap();
    let Event::BlockConnected(block, txids) = connected else {
        panic!("{connected:?}");
    };
    assert_eq!(block.height, Some(800_000));
    assert_eq!(*txids, [txid.to_byte_array()]);
}

#[test]
fn a_transaction_that_sequence_names_first_is_counted_when_it_comes() {
    let mut scene = Scene::new();
    scene.tracker = Tracker::new(Filter::default(), false);
    let late = payment(old(1), 51_234);
    scene.sequence(SequenceEvent::Added(late.compute_txid(), 0));
    assert_eq!(scene.mempool(), [late.compute_txid()]);
    assert_eq!(scene.first_sights().len(), 0);
    scene.now_ms += 5000;
    scene.raw(&late);
    assert_eq!(scene.first_sights(), [FirstSight::Accepted]);
    let Event::Accepted(accepted, _) = &scene.events[0] else {
        panic!("{:?}", scene.events);
    };
    assert_eq!(
        accepted.first_seen_ms, NOW,
        "the stamp of the first word of it"
    );
}

#[test]
fn money_moving_on_is_no_new_payment() {
    let mut scene = Scene::new();
    let parent = scene.add(&payment(old(1), 51_234));
    scene.add(&payment((parent, 1), 41_234));
    scene.now_ms += WINDOW_MS;
    scene.add(&payment((parent, 0), 31_234));
    assert_eq!(
        scene.first_sights(),
        [
            FirstSight::Accepted,
            FirstSight::Filtered(Some(Rejection::RecentInput)),
            FirstSight::Accepted
        ]
    );
}

#[test]
fn broken_bytes_change_nothing() {
    let mut scene = Scene::new();
    let good = serialize(&payment(old(1), 51_234));
    for broken in [
        &good[..good.len() - 1],
        &[],
        &[0; 7],
        &[&good[..], &[0]].concat(),
    ] {
        assert!(scene.tracker.transaction(broken, NOW).is_err());
    }
    assert_eq!(scene.first_sights().len(), 0);
    scene.add(&payment(old(1), 51_234));
    assert_eq!(scene.mempool().len(), 1);
}

#[test]
fn what_was_missed_is_taken_from_the_nodes_own_view() {
    let mut scene = Scene::new();
    let gone = scene.add(&payment(old(1), 51_234));
    let stays = scene.add(&payment(old(2), 61_234));
    scene.mine(block(1), 800_000, &[]);
    let parent = payment(old(3), 71_234);
    let child = payment((parent.compute_txid(), 0), 41_234);
    let ancient = Txid::from_byte_array([9; 32]);
    let mempool = [stays, parent.compute_txid(), child.compute_txid(), ancient];
    let fetched = FetchedBlock {
        hash: block(2),
        height: Some(800_000),
        time_ms: NOW,
        transactions: vec![coinbase(800_000), payment(old(4), 81_234)],
    };
    drop(scene.first_sights());
    let now_ms = scene.now_ms;
    let tracker = &mut scene.tracker;
    tracker.abandon(&[block(1)], now_ms);
    tracker.fetched_block(fetched, now_ms);
    let missing = tracker.missing(&mempool, now_ms);
    assert_eq!(missing, mempool[1..]);
    let entered: Vec<(Txid, u64)> = missing.into_iter().map(|txid| (txid, NOW)).collect();
    tracker.stamp(&entered, now_ms);
    tracker.pass_over(&ancient);
    for transaction in [&child, &parent] {
        tracker.fetched_transaction(transaction, now_ms);
    }
    tracker.are_in_mempool(&mempool, now_ms);
    tracker.settle(&mempool, now_ms);
    scene.empty_outbox();
    assert_eq!(
        scene.mempool(),
        sorted([stays, parent.compute_txid(), child.compute_txid(), ancient])
    );
    assert!(scene.events.contains(&Event::Removed(
        gone.to_byte_array(),
        RemovalReason::Unknown
    )));
    let sights = scene.first_sights();
    let count = |wanted| sights.iter().filter(|sight| **sight == wanted).count();
    assert_eq!(count(FirstSight::Accepted), 2, "the block's and the parent");
    assert_eq!(count(FirstSight::Filtered(Some(Rejection::RecentInput))), 1);
    assert_eq!(count(FirstSight::BeforeWindow), 1);
    assert_eq!(scene.tracker.known_blocks(), [block(2)]);
}

#[test]
fn what_is_long_over_is_forgotten() {
    let mut scene = Scene::new();
    let mined = payment(old(1), 51_234);
    scene.add(&mined);
    let waiting = scene.add(&payment(old(2), 61_234));
    scene.mine(block(1), 800_000, &[&mined]);
    scene.pass(WINDOW_MS - 60_000);
    assert_eq!(scene.tracker.seen.len(), 2);
    scene.pass(60_000);
    assert_eq!(scene.tracker.seen.len(), 1);
    assert_eq!(
        scene.mempool(),
        [waiting],
        "however old, until the node says otherwise"
    );
}

#[test]
fn heights_are_read_from_coinbases_small_and_large() {
    for height in [1, 16, 17, 127, 128, 800_000] {
        assert_eq!(
            bip34_height(&coinbase(height).input[0].script_sig),
            Some(height as u32)
        );
    }
    let mut odd = coinbase(5);
    odd.input[0].script_sig = ScriptBuf::from_bytes(vec![0x4c]);
    assert_eq!(bip34_height(&odd.input[0].script_sig), None);
}

#[test]
fn a_transaction_that_left_before_its_content_came_does_not_enter() {
    let mut scene = Scene::new();
    scene.tracker = Tracker::new(strict(), false);
    let late = payment(old(1), 51_234);
    scene.sequence(SequenceEvent::Added(late.compute_txid(), 1));
    scene.sequence(SequenceEvent::Removed(late.compute_txid(), 2));
    scene.raw(&late);
    assert_eq!(scene.events, []);
    assert_eq!(scene.mempool(), []);
}

//! Tests of the stamps: whatever the node does and however it is heard, no transaction is stamped as newer or older than
//! it was.

use std::collections::BTreeMap;

use bitcoin::Txid;
use proptest::{prelude::*, test_runner::RngSeed};
use satscope_log::{State, WINDOW_MS};

use super::{
    NOW,
    node::{ModelNode, Word},
    reader::{Manner, Reader},
    step::{HOUR_MS, Step, step},
};

/// The greatest distance of a stamp from the node's own time: an entry time is a whole second.
const SLACK_MS: u64 = 1000;
/// A payment whose stamp is this near to the window's end, beyond the slack, may be in the window or not.
const EDGE_MS: u64 = 5000;

/// The reader's fate during a step of the node.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It hears all messages.
    Hears,
    /// It hears the first messages, up to this share; the rest is lost.
    Misses(f64),
    /// It is dead during the step, and starts again from its journal.
    Dies,
    /// Its connection is cut before the step, and begins anew.
    Reconnects,
}

/// A step of the node, and the reader's fate during it.
#[derive(Clone, Debug)]
struct Scene {
    step: Step,
    fate: Fate,
    /// The open questions that the node answers after the step, by index.
    answers: Vec<usize>,
    /// The question that the node refuses, by index.
    refused: Option<usize>,
    beats: bool,
}

fn scene() -> impl Strategy<Value = Scene> {
    let fate = prop_oneof![
        20 => Just(Fate::Hears),
        2 => (0.0f64..1.0).prop_map(Fate::Misses),
        1 => Just(Fate::Dies),
        1 => Just(Fate::Reconnects),
    ];
    let answers = prop::collection::vec(0usize..10, 0..6);
    let refused = prop::option::weighted(0.05, 0usize..10);
    (step(), fate, answers, refused, prop::bool::weighted(0.8)).prop_map(
        |(step, fate, answers, refused, beats)| Scene {
            step,
            fate,
            answers,
            refused,
            beats,
        },
    )
}

/// A node and its reader.
struct Play {
    node: ModelNode,
    reader: Reader,
    manner: Manner,
    has_missed: bool,
    /// Whether the node refused a question, so that transactions may be missing.
    is_refused: bool,
    /// Whether the reader's clock is the node's, so that stamps can be compared.
    is_compared: bool,
}

impl Play {
    fn begin(manner: Manner) -> Play {
        Play {
            node: ModelNode::default(),
            reader: Reader::new(manner, NOW),
            manner,
            has_missed: false,
            is_refused: false,
            is_compared: true,
        }
    }

    fn act(&mut self, scene: &Scene) -> Result<(), TestCaseError> {
        // A reading that is made before the block that has left was read gives the entry times that the re-org has set
        // anew.
        let is_behind = !self.reader.is_in_step()
            || self.reader.is_busy()
            || matches!(scene.fate, Fate::Reconnects);
        let is_read = self.manner.has_rpc && (is_behind || !self.manner.is_ordered);
        self.has_missed |= matches!(scene.step, Step::Reorg { .. }) && is_read;
        if scene.step.is_long() {
            self.reader.answer_all(&self.node);
        }
        let said = self.node.words.len();
        self.node.act(&scene.step);
        // Without RPC, a reader that loses most of an import cannot tell that it was one.
        let is_import = matches!(scene.step, Step::Import(_));
        let words: Vec<Word> = self.node.words[said..].to_vec();
        match scene.fate {
            Fate::Hears => self.hear(&words),
            Fate::Misses(_) if is_import && !self.manner.has_rpc => self.hear(&words),
            Fate::Misses(share) => {
                let heard = (share * words.len() as f64) as usize;
                self.hear(&words[..heard]);
                if heard < words.len() {
                    self.has_missed = true;
                    self.hear(&[Word::Lost]);
                    if words[heard..]
                        .iter()
                        .any(|word| matches!(word, Word::Begin))
                    {
                        self.hear(&[Word::Begin]);
                    }
                }
            }
            Fate::Dies => {
                self.has_missed = true;
                self.reader.restart();
                self.hear(&[Word::Begin]);
            }
            Fate::Reconnects => {
                self.hear(&[Word::Begin]);
                self.hear(&words);
            }
        }
        if scene.beats {
            self.pass(500);
        }
        if let Some(choice) = scene.refused {
            self.has_missed = true;
            self.is_refused = true;
            self.reader.refuse(choice, &self.node);
        }
        for choice in &scene.answers {
            self.reader.answer(*choice, &self.node);
        }
        self.check_published()
    }

    /// Hears messages in their order. Over two endpoints, each endpoint keeps its own order, and those of `sequence`
    /// come last.
    fn hear(&mut self, words: &[Word]) {
        let is_first = |word: &&Word| self.manner.is_ordered || !matches!(word, Word::Sequence(_));
        let (first, last): (Vec<&Word>, Vec<&Word>) = words.iter().partition(is_first);
        for word in first.into_iter().chain(last) {
            self.reader.hear(word, &self.node);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.node.now_ms += ms;
        self.reader.beat(&self.node);
    }

    /// The range of times in which a payment was first seen, by the reader's clock.
    fn bounds(&self, txid: &Txid) -> std::ops::RangeInclusive<u64> {
        let truth = &self.node.truth[txid];
        let reset_ms = truth.reset_ms.filter(|_| self.has_missed).unwrap_or(0);
        let last_ms = reset_ms.max(*truth.told_ms.end());
        truth.told_ms.start() - SLACK_MS..=last_ms + SLACK_MS
    }

    fn check_published(&mut self) -> Result<(), TestCaseError> {
        let published = std::mem::take(&mut self.reader.published);
        // Without RPC, a node that loads a few transactions at an ordinary pace looks like one that receives them.
        let is_open = |txid: &Txid| !self.manner.has_rpc && self.node.loaded.contains(txid);
        let compared = published
            .into_iter()
            .filter(|(txid, _)| self.is_compared && !is_open(txid));
        for (txid, stamp_ms) in compared {
            let bounds = self.bounds(&txid);
            prop_assert!(
                bounds.contains(&stamp_ms),
                "{txid} is stamped {} ms from {bounds:?}, at {}",
                stamp_ms as i64 - *bounds.start() as i64,
                self.node.now_ms
            );
        }
        Ok(())
    }

    /// Lets 200 seconds pass, in which all questions are answered.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.node.is_downloading = false;
        self.node.is_loading = false;
        for _ in 0..200 {
            self.pass(1000);
            for choice in 0..4 {
                self.reader.answer(choice, &self.node);
            }
            self.check_published()?;
        }
        prop_assert!(!self.reader.is_busy(), "it asks for ever");
        Ok(())
    }

    /// The transactions that must be in the window, and those that may be.
    fn expected(&self) -> (BTreeMap<Txid, State>, BTreeMap<Txid, State>) {
        let since_ms = self.node.now_ms - WINDOW_MS;
        let all = self.node.window().into_iter();
        let may = all.filter(|(txid, _)| *self.bounds(txid).end() + EDGE_MS > since_ms);
        let may: BTreeMap<Txid, State> = may.collect();
        let must = may
            .iter()
            .filter(|(txid, _)| self.bounds(txid).start() - EDGE_MS > since_ms);
        (must.map(|(txid, state)| (*txid, *state)).collect(), may)
    }

    fn check_window(&self) -> Result<(), TestCaseError> {
        let (must, may) = self.expected();
        let found = self.reader.states();
        for (txid, state) in &found {
            prop_assert_eq!(may.get(txid), Some(state), "{} is in the window", txid);
        }
        for (txid, state) in must.iter().filter(|_| !self.is_refused) {
            prop_assert_eq!(
                found.get(txid),
                Some(state),
                "{} is not in the window",
                txid
            );
        }
        let in_chain: Vec<_> = self.node.chain.iter().map(|block| block.hash).collect();
        let blocks = self.reader.blocks();
        let order: Vec<_> = in_chain
            .iter()
            .filter(|hash| blocks.contains(hash))
            .copied()
            .collect();
        prop_assert_eq!(
            blocks,
            order,
            "the blocks are those of the chain, in its order"
        );
        Ok(())
    }
}

fn with_rpc() -> impl Strategy<Value = Manner> {
    any::<bool>().prop_map(|is_ordered| Manner {
        has_rpc: true,
        is_ordered,
    })
}

/// The seed is fixed, so that a test does not fail by chance; another seed makes another search.
fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 3000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn with_rpc_the_picture_is_the_nodes_and_every_stamp_is_true(
        manner in with_rpc(),
        scenes in prop::collection::vec(scene(), 1..50),
    ) {
        let mut play = Play::begin(manner);
        for scene in &scenes {
            play.act(scene)?;
        }
        play.settle()?;
        let expected = play.node.mempool.keys().copied().collect();
        prop_assert_eq!(play.reader.mempool(), expected);
        play.check_window()?;
    }

    /// Without RPC, transactions may be missing, but no stamp is wrong.
    #[test]
    fn without_rpc_every_stamp_is_true(
        is_ordered in any::<bool>(),
        scenes in prop::collection::vec(scene(), 1..50),
    ) {
        let mut play = Play::begin(Manner { has_rpc: false, is_ordered });
        for scene in &scenes {
            play.act(scene)?;
        }
        play.settle()?;
    }

    /// However far the clock is set, payments in the window keep their age, and the picture becomes equal to the node's.
    #[test]
    fn a_clock_that_is_set_changes_no_age(
        manner in with_rpc(),
        scenes in prop::collection::vec(scene(), 1..20),
        step_s in prop_oneof![-100_000i64..-3, 3i64..100_000],
        more in prop::collection::vec(scene(), 1..20),
    ) {
        let mut play = Play::begin(manner);
        for scene in &scenes {
            play.act(scene)?;
        }
        let before = play.reader.stamps();
        play.is_compared = false;
        play.reader.set_clock(step_s * 1000, &play.node);
        let after = play.reader.stamps();
        // A transaction that was reported to have left may still be in the log for a moment.
        let mempool = play.reader.mempool();
        let mined = |txid: &Txid| play.node.chain.iter().any(|block| block.txids().any(|one| one == *txid));
        let since_ms = play.node.now_ms - WINDOW_MS;
        let kept = before.iter().filter(|(txid, stamp_ms)| {
            **stamp_ms > since_ms && (mempool.contains(*txid) || mined(txid))
        });
        for (txid, stamp_ms) in kept {
            let moved_ms = stamp_ms.saturating_add_signed(step_s * 1000).min(play.reader.now_ms());
            prop_assert_eq!(after.get(txid), Some(&moved_ms), "{}", txid );
        }
        for scene in &more {
            play.act(scene)?;
        }
        play.settle()?;
        let expected = play.node.mempool.keys().copied().collect();
        prop_assert_eq!(play.reader.mempool(), expected);
    }
}

/// The longest time that passes in a step is shorter than the window.
const _: () = assert!(2 * HOUR_MS < WINDOW_MS);

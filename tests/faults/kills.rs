//! Parts killed with SIGKILL at random moments, one at a time and all at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{
    compare::Blind,
    scene::{Plagued, Scene},
    support::lossy::Random,
};

/// Kills of each.
const KILLS: usize = 8;
/// The longest time between a recovery and the next kill, and the longest that a part is away; ms.
const LIVES_MS: u64 = 4000;
const AWAY_MS: u64 = 2500;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Ingest,
    Analyzer,
    Gateway,
    All,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Target::Ingest => "killed ingest",
            Target::Analyzer => "killed analyzer",
            Target::Gateway => "killed gateway",
            Target::All => "killed system",
        }
    }

    fn is(self, part: Target) -> bool {
        self == part || self == Target::All
    }

    async fn kill(self, chain: &mut Plagued) {
        if self.is(Target::Ingest) {
            chain.ingest.part.kill().await;
        }
        if self.is(Target::Analyzer) {
            chain.analyzer.part.kill().await;
        }
        if self.is(Target::Gateway) {
            chain.gateway.part.kill().await;
        }
    }

    async fn start_again(self, chain: &mut Plagued) {
        if self.is(Target::Ingest) {
            chain.restart_ingest().await;
        }
        if self.is(Target::Analyzer) {
            chain.restart_analyzer().await;
        }
        if self.is(Target::Gateway) {
            chain.restart_gateway().await;
        }
    }
}

async fn plague(scene: &Scene, chain: &mut Plagued, target: Target, seed: u64) {
    let mut random = Random::new(seed);
    let mut worst = Duration::ZERO;
    for _ in 0..KILLS {
        sleep(Duration::from_millis(random.below(LIVES_MS))).await;
        let from_ms = chain.has_seen_ms().await;
        target.kill(chain).await;
        sleep(Duration::from_millis(random.below(AWAY_MS))).await;
        let began = Instant::now();
        let now_ms = scene.now_ms().await;
        target.start_again(chain).await;
        chain.recovers(now_ms).await;
        worst = worst.max(began.elapsed());
        if target.is(Target::Ingest) {
            let to_ms = scene.now_ms().await;
            chain.blind.push(Blind { from_ms, to_ms });
        }
    }
    println!(
        "{}: {KILLS} times, back after {worst:.1?} at most",
        target.name()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_part_is_killed_the_window_is_in_the_end_that_of_a_chain_without_faults() {
    let scene = Scene::set().await;
    let targets = [
        Target::Ingest,
        Target::Analyzer,
        Target::Gateway,
        Target::All,
    ];
    let starting = targets.map(|target| Plagued::start(&scene, target.name()));
    let mut chains = join_all(starting).await;
    scene.begin(&chains).await;
    let plagues = chains.iter_mut().zip(targets).zip(1..);
    join_all(plagues.map(|((chain, target), seed)| plague(&scene, chain, target, seed))).await;
    scene.end(&chains).await;
}

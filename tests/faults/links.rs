//! Links cut, refused, slow, mute, dead and frozen.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{
    compare::Blind,
    scene::{Plagued, Scene},
    support::{
        proxy::{Mode, Proxy},
        wait::until,
    },
};

/// Traffic between two faults.
const BETWEEN: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Zmq,
    /// With each fault the ZMQ is cut too, so that there is something to ask for.
    Rpc,
    Ingest,
    Analyzer,
}

impl Link {
    fn name(self) -> &'static str {
        match self {
            Link::Zmq => "node's ZMQ",
            Link::Rpc => "node's RPC",
            Link::Ingest => "ingest to analyzer",
            Link::Analyzer => "analyzer to gateway",
        }
    }

    /// How often whoever uses the link has said that it was lost.
    fn losses(self, chain: &Plagued) -> usize {
        let (user, words) = match self {
            Link::Zmq | Link::Rpc => (&chain.ingest, "lost the node at "),
            Link::Ingest => (&chain.analyzer, " ingest at "),
            Link::Analyzer => (&chain.gateway, " analyzer at "),
        };
        let log = user.part.log();
        log.iter()
            .filter(|line| line.contains("WARN") && line.contains(words))
            .count()
    }

    fn of(self, chain: &Plagued) -> &Proxy {
        match self {
            Link::Zmq => &chain.to_zmq,
            Link::Rpc => &chain.to_rpc,
            Link::Ingest => &chain.to_ingest,
            Link::Analyzer => &chain.to_analyzer,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut,
    Refused,
    Slow,
    /// Cut, and whoever connects is accepted and told nothing.
    Mute,
    /// What is sent vanishes, and nobody is told.
    HalfOpen,
    Frozen,
}

const FAULTS: [(Fault, Duration); 8] = [
    (Fault::Cut, Duration::ZERO),
    (Fault::Cut, Duration::ZERO),
    (Fault::Cut, Duration::ZERO),
    (Fault::Refused, Duration::from_secs(3)),
    (Fault::Slow, Duration::from_secs(4)),
    (Fault::Mute, Duration::from_secs(12)),
    (Fault::HalfOpen, Duration::from_secs(15)),
    (Fault::Frozen, Duration::from_secs(30)),
];

impl Fault {
    fn begin(self, proxy: &Proxy) {
        match self {
            Fault::Cut => proxy.cut(),
            Fault::Refused => proxy.set(Mode::Refuse),
            Fault::Slow => proxy.set(Mode::Delay(Duration::from_millis(300))),
            Fault::Mute => {
                proxy.set(Mode::Freeze);
                proxy.cut();
            }
            Fault::HalfOpen => proxy.set(Mode::BlackHole),
            Fault::Frozen => proxy.set(Mode::Freeze),
        }
    }

    /// Whether the chain must say so while it lasts.
    fn is_noticed(self) -> bool {
        !matches!(self, Fault::Cut | Fault::Slow)
    }
}

/// One fault after the other on one link.
async fn plague(scene: &Scene, chain: &mut Plagued, link: Link) {
    for (fault, length) in FAULTS {
        let from_ms = chain.has_seen_ms().await;
        let (began, losses) = (Instant::now(), link.losses(chain));
        fault.begin(link.of(chain));
        if link == Link::Rpc {
            chain.to_zmq.cut();
        }
        if matches!(fault, Fault::Cut) || link == Link::Rpc {
            until("word of a lost link", async || {
                (link.losses(chain) > losses).then_some(())
            })
            .await;
        }
        let noticed = match fault.is_noticed() {
            true => format!("noticed after {:.1?}, ", chain.notices().await),
            false => String::new(),
        };
        sleep(length.saturating_sub(began.elapsed())).await;
        let to_ms = scene.now_ms().await;
        link.of(chain).set(Mode::Pass);
        let took = chain.recovers(to_ms).await;
        if matches!(link, Link::Zmq | Link::Rpc) {
            let to_ms = scene.now_ms().await;
            chain.blind.push(Blind { from_ms, to_ms });
        }
        println!(
            "{}: {fault:?} for {length:?}: {noticed}back after {took:.1?}",
            link.name()
        );
        sleep(BETWEEN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_a_link_the_window_is_in_the_end_that_of_a_chain_without_faults() {
    let scene = Scene::set().await;
    let links = [Link::Zmq, Link::Rpc, Link::Ingest, Link::Analyzer];
    let starting = links.map(|link| Plagued::start(&scene, link.name()));
    let mut chains = join_all(starting).await;
    scene.begin(&chains).await;
    let plagues = chains.iter_mut().zip(links);
    join_all(plagues.map(|(chain, link)| plague(&scene, chain, link))).await;
    scene.end(&chains).await;
}

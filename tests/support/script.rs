//! A scripted analyzer in front of the real gateway: what the page shows of it is known beforehand.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use satscope_proto::v1::{
    Amounts, Block, Counters, Estimate, Evidence, HistoryEntry, Hop, HopState, Point, PriceUpdate,
    PriceUpdatesResponse, Rung, StaleReason, TransactionState,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{chain::FREE, part::Part, wait::until};

#[path = "../../gateway/tests/gateway/support/analyzer.rs"]
mod analyzer;

pub use analyzer::Analyzer;

/// Where the event clock begins, Unix milliseconds.
pub const START_MS: u64 = 1_763_800_000_000;
/// The price that is paid by, USD for one BTC.
pub const PRICE: f64 = 50_000.0;
const MINUTE_MS: u64 = 60_000;
/// Bits of a sequence below its epoch.
const TICK_BITS: u32 = 33;

/// The analyzer, the gateway, and what has been said so far.
pub struct Script {
    pub analyzer: Analyzer,
    gateway: Option<Part>,
    /// Where the page is.
    pub address: SocketAddr,
    /// All dots, as a new subscriber gets them.
    points: Vec<Point>,
    /// What holds now; it has no dots.
    pub now: PriceUpdate,
    /// The same, for the heartbeat.
    repeated: Arc<Mutex<PriceUpdate>>,
    /// Ends the heartbeat.
    #[allow(dead_code, reason = "it is held until it is dropped")]
    heartbeat: Option<DropGuard>,
}

/// Between two repetitions: an analyzer that is silent for 5 s is taken for a lost one.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl Script {
    /// Starts both, with these dots.
    pub async fn start(points: Vec<Point>) -> Script {
        let now = first_update();
        let analyzer = Analyzer::start(vec![whole(&now, &points)]).await;
        analyzer.knows(history(START_MS), Some(amounts()));
        let (gateway, address) = start_gateway(analyzer.address, FREE, &[]).await;
        Script {
            analyzer,
            gateway: Some(gateway),
            address,
            points,
            repeated: Arc::new(Mutex::new(now.clone())),
            now,
            heartbeat: None,
        }
    }

    /// From now on repeats each second what holds, as an analyzer does when nothing changes.
    pub fn repeats(&mut self) {
        let stop = CancellationToken::new();
        self.heartbeat = Some(stop.clone().drop_guard());
        let (player, repeated) = (self.analyzer.player.clone(), self.repeated.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                let update = Some(repeated.lock().unwrap().clone());
                player.tell(&PriceUpdatesResponse { update });
            }
        }));
    }

    /// The page's address.
    pub fn url(&self, rest: &str) -> String {
        format!("http://{}/{rest}", self.address)
    }

    /// Half a second later: says what has changed, and these new dots.
    pub fn play(&mut self, points: Vec<Point>, change: impl FnOnce(&mut PriceUpdate)) {
        self.hold(points.clone(), change);
        self.analyzer.play(PriceUpdate {
            points,
            ..self.now.clone()
        });
    }

    /// Half a second later: these new dots, which nobody is told who comes later.
    pub fn say(&mut self, points: Vec<Point>) {
        self.change(|_| {});
        self.analyzer.play(PriceUpdate {
            points,
            ..self.now.clone()
        });
    }

    /// Half a second later, but nobody is told who is there already.
    pub fn hold(&mut self, points: Vec<Point>, change: impl FnOnce(&mut PriceUpdate)) {
        self.change(change);
        self.points.extend(points);
        self.analyzer
            .player
            .opens_with(vec![whole(&self.now, &self.points)]);
    }

    /// The analyzer begins a new epoch and has nothing yet: no estimate and no dots.
    pub fn begin_anew(&mut self) {
        let sequence = next_epoch(self.now.sequence);
        self.change(|update| {
            update.sequence = sequence;
            update.estimate = None;
        });
        self.analyzer.play(whole(&self.now, &[]));
    }

    /// Tells everything, as to a new subscriber.
    pub fn tell_all(&mut self, change: impl FnOnce(&mut PriceUpdate)) {
        self.hold(Vec::new(), change);
        self.analyzer.play(whole(&self.now, &self.points));
    }

    /// The event clock is set back: a new epoch, in which everything bears stamps that are this much earlier.
    pub async fn set_back(&mut self, by_ms: u64) {
        for point in &mut self.points {
            point.time_ms -= by_ms;
        }
        let newest_ms = self.now.time_ms - by_ms;
        self.analyzer.knows(history(newest_ms), Some(amounts()));
        self.until_past_ends_at(newest_ms).await;
        let sequence = next_epoch(self.now.sequence);
        self.tell_all(|update| {
            update.sequence = sequence;
            update.time_ms -= by_ms;
            update.history_since_ms -= by_ms;
            for block in update.blocks.iter_mut().chain(&mut update.block) {
                block.time_ms -= by_ms;
            }
            if let Some(estimate) = &mut update.estimate {
                estimate.as_of_ms -= by_ms;
                if let Some(evidence) = &mut estimate.evidence {
                    evidence.newest_payment_ms -= by_ms;
                }
            }
        });
    }

    /// Waits until the gateway, which keeps its answers for a moment, answers with a past that ends at this time.
    async fn until_past_ends_at(&self, time_ms: u64) {
        let url = self.url("api/v1/history?range=3h&step=10s");
        until("the new past", async || {
            let answer = reqwest::get(&url).await.ok()?.text().await.ok()?;
            let answer: serde_json::Value = serde_json::from_str(&answer).ok()?;
            let newest = answer["estimates"].as_array()?.last()?["timestamp"].as_f64()?;
            (newest * 1000.0 == time_ms as f64).then_some(())
        })
        .await;
    }

    fn change(&mut self, change: impl FnOnce(&mut PriceUpdate)) {
        self.now.sequence += 500;
        self.now.time_ms += 500;
        change(&mut self.now);
        *self.repeated.lock().unwrap() = self.now.clone();
    }

    /// The gateway, which must not have been killed.
    pub fn gateway(&mut self) -> &mut Part {
        self.gateway.as_mut().expect("a gateway")
    }

    /// Kills the gateway.
    pub async fn kill_gateway(&mut self) {
        self.gateway.take().expect("a gateway").kill().await;
    }

    /// Starts it again where it was.
    pub async fn restart_gateway(&mut self) {
        self.restart_gateway_with(&[]).await;
    }

    /// The same, with these flags more.
    pub async fn restart_gateway_with(&mut self, flags: &[&str]) {
        let address = self.address.to_string();
        let (gateway, _) = start_gateway(self.analyzer.address, &address, flags).await;
        self.gateway = Some(gateway);
    }
}

async fn start_gateway(analyzer: SocketAddr, listen: &str, flags: &[&str]) -> (Part, SocketAddr) {
    let url = format!("http://{analyzer}");
    let fixed = [
        "gateway",
        "--analyzer-url",
        &url,
        "--gateway-listen",
        listen,
        "--metrics-listen",
        FREE,
    ];
    let mut gateway = Part::satscope(&[&fixed, flags].concat());
    let address = gateway.listening("gateway_listen").await;
    (gateway, address)
}

/// A sequence of the epoch after this one's.
fn next_epoch(sequence: u64) -> u64 {
    ((sequence >> TICK_BITS) + 1) << TICK_BITS
}

/// The same as the first message of a subscription, which has all dots.
pub fn whole(update: &PriceUpdate, points: &[Point]) -> PriceUpdate {
    PriceUpdate {
        reset: true,
        points: points.to_vec(),
        ..update.clone()
    }
}

/// What holds at the start; it has no dots.
pub fn first_update() -> PriceUpdate {
    PriceUpdate {
        sequence: START_MS,
        time_ms: START_MS,
        estimate: Some(estimate(PRICE, 0.9)),
        counters: Some(Counters {
            received: 12_543,
            filtered: 8234,
            mempool: 5678,
            uptime_ms: 3_725_000,
        }),
        active: 4309,
        hops: hops("node", HopState::Connected, ""),
        chain: "main".to_owned(),
        block: blocks().pop(),
        blocks: blocks(),
        history_since_ms: START_MS - 180 * MINUTE_MS,
        ..PriceUpdate::default()
    }
}

/// At the newest moment of the start, with a payment two seconds old.
pub fn estimate(price_usd: f64, confidence: f64) -> Estimate {
    Estimate {
        price_usd,
        low_usd: price_usd - 100.0,
        high_usd: price_usd + 100.0,
        confidence,
        evidence: Some(Evidence {
            payments: 4309,
            margin: 4.0,
            newest_payment_ms: START_MS - 2000,
        }),
        age_ms: 2000,
        as_of_ms: START_MS,
        ..Estimate::default()
    }
}

/// The same estimate, not of this moment: its newest payment is this old.
pub fn stale(reason: StaleReason, age_ms: u64) -> Estimate {
    let mut estimate = estimate(PRICE, 0.9);
    estimate.stale = true;
    estimate.stale_reason = reason.into();
    estimate.age_ms = age_ms;
    if let Some(evidence) = &mut estimate.evidence {
        evidence.newest_payment_ms = START_MS - age_ms;
    }
    estimate
}

/// The hops of the first update, but for one.
pub fn hops(name: &str, state: HopState, detail: &str) -> Vec<Hop> {
    let hop = |at: &str| {
        let (state, detail) = match at == name {
            true => (state, detail),
            false => (HopState::Connected, ""),
        };
        Hop {
            name: at.to_owned(),
            state: state.into(),
            detail: detail.to_owned(),
        }
    };
    ["node", "ingest", "analyzer"].map(hop).into()
}

/// So many seconds before the start.
pub fn dot(id: &str, seconds: f64, price_usd: f64, state: TransactionState) -> Point {
    let value_sats = (20.0 / price_usd * 1e8).round();
    Point {
        id: id.to_owned(),
        time_ms: START_MS - (seconds * 1000.0) as u64,
        // That of the whole amount, as an analyzer has it.
        price_usd: 20.0 / (value_sats / 1e8),
        value_sats: value_sats as u64,
        round_usd: 20.0,
        state: state.into(),
    }
}

/// So many dots evenly over nearly three hours, so that none leaves the window in the course of a test. Most of them are
/// confirmed, and a third of them lie near the price.
pub fn dots(count: u32) -> Vec<Point> {
    let share = |number: u32, step: f64| (f64::from(number) * step).fract();
    let make = |number: u32| {
        let near = number.is_multiple_of(3);
        let off = (share(number, 0.618_034) - 0.5) * if near { 0.004 } else { 0.07 };
        let age = 10_700.0 * f64::from(number) / f64::from(count);
        let (state, age) = match number % 10 {
            0 => (TransactionState::Mempool, age / 40.0),
            _ => (TransactionState::Confirmed, age),
        };
        dot(&format!("{number:08x}-0"), age, PRICE * (1.0 + off), state)
    };
    (0..count).map(make).collect()
}

/// Four blocks, the newest three minutes old.
fn blocks() -> Vec<Block> {
    let block = |(height, minutes): (u32, u64)| Block {
        hash: vec![0; 32],
        height: Some(height),
        time_ms: START_MS - minutes * MINUTE_MS,
    };
    [(930_001, 100), (930_002, 62), (930_003, 21), (930_004, 3)]
        .map(block)
        .into()
}

/// Every two minutes of three hours before `now_ms`, rising by $5 each: $49,850 an hour ago.
fn history(now_ms: u64) -> Vec<HistoryEntry> {
    let entry = |steps: u32| HistoryEntry {
        time_ms: now_ms - u64::from(steps) * 2 * MINUTE_MS,
        estimate: Some(estimate(PRICE - 5.0 * f64::from(steps), 0.9)),
    };
    (0..90).rev().map(entry).collect()
}

/// Ten amounts everywhere, and sixty more on each rung.
fn amounts() -> Amounts {
    let (first_sats, bin_width) = (992.3_f64, 0.01);
    let ladder: Vec<Rung> = [5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
        .map(|round_usd| Rung {
            round_usd,
            strength: 3.0,
        })
        .into();
    let on_rung = |bin: usize| {
        let usd = first_sats * ((bin as f64 + 0.5) * bin_width).exp() * PRICE / 1e8;
        ladder
            .iter()
            .any(|rung| (rung.round_usd / usd).ln().abs() < bin_width / 2.0)
    };
    Amounts {
        time_ms: START_MS,
        first_sats,
        bin_width,
        counts: (0..1452)
            .map(|bin| if on_rung(bin) { 70 } else { 10 })
            .collect(),
        ladder,
    }
}

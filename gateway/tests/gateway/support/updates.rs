//! Updates to play.

use satscope_proto::v1::{
    Amounts, Block, Counters, Estimate, Evidence, Hop, HopState, Point, PointChange, PriceUpdate,
    Rung, Simulation, StaleReason, TransactionState,
};

pub const START_MS: u64 = 1_700_000_000_000;

/// A count of amounts, with a ladder of one rung.
pub fn amounts() -> Amounts {
    Amounts {
        time_ms: START_MS,
        first_sats: 1000.0,
        bin_width: 0.01,
        counts: vec![0, 3, 1],
        ladder: vec![Rung {
            round_usd: 50.0,
            strength: 3.15,
        }],
    }
}

/// An update with a price and some points.
pub fn update(sequence: u64, points: &[&str]) -> PriceUpdate {
    let time_ms = START_MS + sequence * 500;
    PriceUpdate {
        sequence,
        time_ms,
        estimate: Some(Estimate {
            price_usd: price(sequence),
            low_usd: price(sequence) - 100.0,
            high_usd: price(sequence) + 100.0,
            confidence: 0.9,
            evidence: Some(Evidence {
                payments: 300,
                margin: 2.0,
                newest_payment_ms: time_ms - 250,
            }),
            stale: false,
            age_ms: 250,
            as_of_ms: time_ms,
            ..Estimate::default()
        }),
        counters: Some(Counters {
            received: 1000,
            filtered: 600,
            mempool: 900,
            uptime_ms: 5000,
        }),
        active: 400,
        hops: ["node", "ingest", "analyzer"]
            .map(|name| Hop {
                name: name.to_owned(),
                state: HopState::Connected.into(),
                detail: String::new(),
            })
            .into(),
        reset: false,
        points: points.iter().map(|id| point(id, time_ms)).collect(),
        changes: Vec::new(),
        chain: "regtest".to_owned(),
        simulation: Some(Simulation {
            simulated: true,
            hidden_price_usd: Some(50_000.0),
        }),
        block: Some(Block {
            hash: vec![0; 32],
            height: Some(800_000),
            time_ms: START_MS - 60_000,
        }),
        blocks: vec![Block {
            hash: vec![0; 32],
            height: Some(800_000),
            time_ms: START_MS - 60_000,
        }],
        history_since_ms: START_MS,
        more_follows: false,
    }
}

/// The whole window, as a subscription begins.
pub fn window(sequence: u64, points: &[&str]) -> PriceUpdate {
    PriceUpdate {
        reset: true,
        ..update(sequence, points)
    }
}

/// The price that [`update`] gives.
#[allow(clippy::cast_precision_loss)]
pub fn price(sequence: u64) -> f64 {
    50_000.0 + sequence as f64
}

/// The same, stale for this reason, with a payment this old.
pub fn stale(reason: StaleReason, age_ms: u64, update: PriceUpdate) -> PriceUpdate {
    PriceUpdate {
        estimate: update.estimate.map(|estimate| Estimate {
            stale: true,
            stale_reason: reason.into(),
            age_ms,
            ..estimate
        }),
        ..update
    }
}

pub fn without_estimate(update: PriceUpdate) -> PriceUpdate {
    PriceUpdate {
        estimate: None,
        ..update
    }
}

pub fn confirmed(id: &str) -> PointChange {
    PointChange {
        id: id.to_owned(),
        state: TransactionState::Confirmed.into(),
    }
}

fn point(id: &str, time_ms: u64) -> Point {
    Point {
        id: id.to_owned(),
        time_ms: time_ms - 250,
        price_usd: 50_020.0,
        value_sats: 39_984,
        round_usd: 20.0,
        state: TransactionState::Mempool.into(),
    }
}

//! Checks the analyzer's updates as they come in: unusable parts are named and left out, the rest is kept.

use std::{collections::BTreeMap, sync::Arc};

use satscope_proto::v1;

use crate::state::{
    freshness::{Age, Stale},
    message::{
        Block, Change, Current, Estimate, Evidence, Hop, HopState, Interval, Point, PointState,
        Stats,
    },
    sequence::Sequence,
};

/// An update whose numbers are all usable.
#[derive(Debug)]
pub struct Update {
    /// The analyzer's sequence, as in [`Current::sequence`].
    pub sequence: Sequence,
    /// Everything but the points; the last hop is the analyzer's.
    pub current: Current,
    /// Whether all earlier points are to be forgotten.
    pub reset: bool,
    /// New points.
    pub points: Vec<Point>,
    /// Changes of earlier points.
    pub changes: Vec<Change>,
    /// The blocks of the window, oldest first.
    pub blocks: Vec<Block>,
}

/// The parts that were left out: their number by kind, with the description of the last one.
pub type Faults = BTreeMap<&'static str, (u64, String)>;

/// Reads an update, and returns it with the parts that were left out.
pub fn read(update: v1::PriceUpdate) -> (Update, Faults) {
    let mut faults = Faults::new();
    let mut keep = |kind, fault: String| {
        let (count, last) = faults.entry(kind).or_default();
        *count += 1;
        *last = fault;
    };
    let estimate = update.estimate.and_then(|estimate| {
        read_estimate(&estimate, update.time_ms)
            .map_err(|fault| keep("estimate", fault))
            .ok()
    });
    let (has_counters, has_estimate) = (update.counters.is_some(), estimate.is_some());
    let current = Current {
        sequence: Some(update.sequence.into()),
        time_ms: (update.time_ms > 0).then_some(update.time_ms),
        estimate,
        hops: update.hops.into_iter().map(read_hop).collect(),
        // The contract wants `stats` beside a price.
        stats: (has_counters || has_estimate).then(|| read_stats(update.counters, update.active)),
        simulated: Some(update.simulation.is_some_and(|label| label.simulated)),
        hidden_price_usd: update
            .simulation
            .filter(|label| label.simulated)
            .and_then(|label| label.hidden_price_usd)
            .filter(|price| positive(*price)),
        chain: Some(update.chain).filter(|chain| !chain.is_empty()),
        block: update.block.and_then(|block| {
            read_block(&block)
                .map_err(|fault| keep("block", fault))
                .ok()
        }),
        history_since_ms: (update.history_since_ms > 0).then_some(update.history_since_ms),
    };
    let mut blocks = Vec::with_capacity(update.blocks.len());
    for block in &update.blocks {
        match read_block(block) {
            Ok(block) => blocks.push(block),
            Err(fault) => keep("block", fault),
        }
    }
    let mut points = Vec::with_capacity(update.points.len());
    for point in update.points {
        match read_point(&point) {
            Ok(point) => points.push(point),
            Err(fault) => keep("point", fault),
        }
    }
    let mut changes = Vec::with_capacity(update.changes.len());
    for change in update.changes {
        match read_change(&change) {
            Ok(change) => changes.push(change),
            Err(fault) => keep("change", fault),
        }
    }
    let update = Update {
        sequence: update.sequence.into(),
        current,
        reset: update.reset,
        points,
        changes,
        blocks,
    };
    (update, faults)
}

fn positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

fn read_estimate(estimate: &v1::Estimate, time_ms: u64) -> Result<Estimate, String> {
    let evidence = estimate
        .evidence
        .as_ref()
        .ok_or("an estimate without evidence")?;
    let usable = positive(estimate.price_usd)
        && positive(estimate.low_usd)
        && estimate.high_usd.is_finite()
        && estimate.low_usd <= estimate.high_usd
        && (0.0..=1.0).contains(&estimate.confidence)
        && evidence.margin.is_finite()
        && time_ms > 0;
    if !usable {
        return Err(format!(
            "expected a stamp, a price above 0, an interval, a confidence of 0 to 1 and a finite margin; \
             got time_ms {time_ms}, {estimate:?}"
        ));
    }
    // An analyzer of an earlier version gives neither `as_of_ms` nor `age_ms`.
    let (as_of_ms, age_ms) = match estimate.as_of_ms {
        0 => (time_ms, time_ms.saturating_sub(evidence.newest_payment_ms)),
        as_of_ms => (as_of_ms, estimate.age_ms),
    };
    Ok(Estimate {
        price: estimate.price_usd,
        confidence: estimate.confidence,
        interval: Interval {
            low: estimate.low_usd,
            high: estimate.high_usd,
        },
        evidence: Evidence {
            payments: evidence.payments,
            margin: evidence.margin,
        },
        as_of_ms,
        age: Age::now(age_ms),
        stale: Stale::told(estimate.stale, estimate.stale_reason()),
    })
}

/// Reads a hop. A state that only a newer analyzer knows is read as connected, because the update has come.
fn read_hop(hop: v1::Hop) -> Hop {
    let state = match hop.state() {
        v1::HopState::Connecting => HopState::Connecting,
        v1::HopState::Connected | v1::HopState::Unspecified => HopState::Connected,
        v1::HopState::Resyncing => HopState::Resyncing,
        v1::HopState::Degraded => HopState::Degraded,
        v1::HopState::Disconnected => HopState::Disconnected,
    };
    Hop {
        name: hop.name,
        state,
        detail: hop.detail,
    }
}

fn read_stats(counters: Option<v1::Counters>, active: u64) -> Stats {
    let is_counted = counters.is_some();
    let counters = counters.unwrap_or_default();
    Stats {
        is_counted,
        total_received: counters.received,
        total_filtered: counters.filtered,
        active_in_window: active,
        uptime_ms: counters.uptime_ms.max(1),
        mempool_transactions: counters.mempool,
    }
}

fn read_block(block: &v1::Block) -> Result<Block, String> {
    match block.time_ms {
        0 => Err("a block without a stamp".to_owned()),
        time_ms => Ok(Block {
            height: block.height,
            time_ms,
        }),
    }
}

fn read_point(point: &v1::Point) -> Result<Point, String> {
    let state = match point.state() {
        v1::TransactionState::Mempool => Some(PointState::Mempool),
        v1::TransactionState::Confirmed => Some(PointState::Confirmed),
        v1::TransactionState::Unspecified | v1::TransactionState::Removed => None,
    };
    let usable = !point.id.is_empty()
        && point.time_ms > 0
        && positive(point.price_usd)
        && positive(point.round_usd);
    match state.filter(|_| usable) {
        Some(state) => Ok(Point {
            id: Arc::from(point.id.as_str()),
            time_ms: point.time_ms,
            price: point.price_usd,
            value_sats: point.value_sats,
            round_usd: point.round_usd,
            state,
        }),
        None => Err(format!(
            "expected a point with id, stamp, price and round sum above 0, in the mempool or confirmed; \
             got {point:?}"
        )),
    }
}

fn read_change(change: &v1::PointChange) -> Result<Change, String> {
    let state = match change.state() {
        v1::TransactionState::Mempool => PointState::Mempool,
        v1::TransactionState::Confirmed => PointState::Confirmed,
        v1::TransactionState::Removed => PointState::Removed,
        v1::TransactionState::Unspecified => {
            return Err(format!("a change to no known state: {change:?}"));
        }
    };
    Ok(Change {
        id: Arc::from(change.id.as_str()),
        state,
        spot: None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn estimate() -> v1::Estimate {
        v1::Estimate {
            price_usd: 50_000.0,
            low_usd: 49_900.0,
            high_usd: 50_100.0,
            confidence: 0.9,
            evidence: Some(v1::Evidence {
                payments: 300,
                margin: 2.5,
                newest_payment_ms: 1_699_999_998_500,
            }),
            age_ms: 1700,
            as_of_ms: 1_699_999_999_900,
            ..Default::default()
        }
    }

    fn update(estimate: v1::Estimate) -> v1::PriceUpdate {
        v1::PriceUpdate {
            sequence: 7,
            time_ms: 1_700_000_000_000,
            estimate: Some(estimate),
            ..Default::default()
        }
    }

    #[test]
    fn the_age_is_what_the_analyzer_says_or_else_of_the_event_clock() {
        let read_age = |estimate: v1::Estimate| {
            let (read, faults) = read(update(estimate));
            assert_eq!(faults, Faults::new());
            let estimate = read.current.estimate.unwrap();
            // It grows from the moment when it is read.
            (estimate.as_of_ms, estimate.age.ms() / 100)
        };
        assert_eq!(read_age(estimate()), (1_699_999_999_900, 17));
        let of_earlier_version = v1::Estimate {
            age_ms: 0,
            as_of_ms: 0,
            ..estimate()
        };
        assert_eq!(read_age(of_earlier_version), (1_700_000_000_000, 15));
    }

    #[test]
    fn an_unusable_estimate_is_none_and_is_named() {
        let spoilt: [fn(&mut v1::Estimate); 8] = [
            |e| e.price_usd = 0.0,
            |e| e.price_usd = f64::NAN,
            |e| e.price_usd = f64::INFINITY,
            |e| e.low_usd = 50_200.0,
            |e| e.high_usd = f64::INFINITY,
            |e| e.confidence = 1.5,
            |e| e.confidence = f64::NAN,
            |e| e.evidence = None,
        ];
        for spoil in spoilt {
            let mut estimate = estimate();
            spoil(&mut estimate);
            let (read, faults) = read(update(estimate));
            assert_eq!(read.current.estimate, None, "{estimate:?}");
            assert_eq!(faults.get("estimate").map(|(count, _)| *count), Some(1));
            assert_eq!(read.current.sequence, Some(7.into()), "the rest is kept");
        }
    }

    #[test]
    fn a_bad_point_is_left_out_and_its_neighbours_are_kept() {
        let good = v1::Point {
            id: "aa:0".to_owned(),
            time_ms: 1_699_999_999_000,
            price_usd: 50_010.0,
            value_sats: 40_000,
            round_usd: 20.0,
            state: v1::TransactionState::Mempool.into(),
        };
        let spoilt: [fn(&mut v1::Point); 5] = [
            |p| p.id.clear(),
            |p| p.time_ms = 0,
            |p| p.price_usd = f64::NAN,
            |p| p.round_usd = -5.0,
            |p| p.state = 77,
        ];
        let mut sent = update(estimate());
        for spoil in spoilt {
            let mut point = good.clone();
            spoil(&mut point);
            sent.points.extend([point, good.clone()]);
        }
        let (read, faults) = read(sent);
        assert_eq!(read.points.len(), 5);
        assert_eq!(faults.get("point").map(|(count, _)| *count), Some(5));
    }

    #[test]
    fn the_hidden_price_is_shown_of_a_simulation_only() {
        let label = |simulated| v1::Simulation {
            simulated,
            hidden_price_usd: Some(50_005.0),
        };
        let read_with = |simulation| {
            let sent = v1::PriceUpdate {
                simulation,
                ..update(estimate())
            };
            let current = read(sent).0.current;
            (current.simulated, current.hidden_price_usd)
        };
        assert_eq!(read_with(Some(label(true))), (Some(true), Some(50_005.0)));
        assert_eq!(read_with(Some(label(false))), (Some(false), None));
        assert_eq!(read_with(None), (Some(false), None));
    }
}

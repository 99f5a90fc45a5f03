//! Decides when an update is published: at the whole half seconds of the event clock, and at once when a link or the
//! price's staleness changes.

use std::{sync::Arc, time::Instant};

use satscope_kit::clock::{Moment, STEP_MS, Steady};
use satscope_log::{Event, Hop, HopState};
use satscope_proto::v1::{HistoryEntry, PriceUpdate, StaleReason};

use crate::{
    age::{self, Carried, EventClock, Situation},
    course,
    feed::Feed,
    last::{Labels, LastPrice, Priced, Shelf},
    link::{self, IngestLink},
    pace::Pace,
    points::News,
    price_log::{self, PriceLog},
    report,
    sequence::TICK_MS,
    state::{Price, State},
    wire,
};

/// An update comes at each whole multiple of this on the event clock, milliseconds, even if nothing changed, so that
/// the history has the same moments at every analyzer.
const ALWAYS_MS: u64 = 1000;
/// An update comes when nothing was published for this long, milliseconds; with the beat's period, that is at least
/// every 2 s.
const QUIET_MS: u64 = 1500;
/// The amounts are counted again after this much event time, milliseconds.
const AMOUNTS_EVERY_MS: u64 = 5000;

/// The analyzer's state and its clocks, and the feed that they are published in.
#[derive(Debug)]
pub struct Publisher {
    state: State,
    feed: Arc<Feed>,
    shelf: Option<Shelf>,
    link: IngestLink,
    /// Whether a window is being received, so that the state is not whole.
    is_receiving: bool,
    clock: EventClock,
    /// The price's age, if the price is by another clock: from an earlier process, or from before the event clock was
    /// set.
    carried: Option<Carried>,
    /// The labels of the node that the last price is of.
    labels: Option<Labels>,
    resyncing_since: Option<Steady>,
    /// Whether something changed since the last estimate.
    is_changed: bool,
    said: Option<Standing>,
    published_at: Option<Steady>,
    pace: Pace,
    log: PriceLog,
}

/// The state of the links and the price's staleness.
#[derive(Clone, Debug, PartialEq)]
struct Standing {
    /// The hops: the node, ingest, the analyzer.
    hops: Vec<Hop>,
    stale: Option<StaleReason>,
}

impl Publisher {
    /// A publisher that is not connected yet, and repeats the newest price on the shelf.
    pub fn new(feed: Arc<Feed>, shelf: Option<Shelf>, now: Steady) -> Publisher {
        let last = shelf.as_ref().and_then(Shelf::newest);
        let mut publisher = Publisher {
            state: State::default(),
            feed,
            shelf,
            link: IngestLink::new(),
            is_receiving: true,
            clock: EventClock::default(),
            carried: None,
            labels: None,
            resyncing_since: None,
            is_changed: false,
            said: None,
            published_at: None,
            pace: Pace::default(),
            log: PriceLog::default(),
        };
        if let Some(last) = last {
            publisher.restore(last, now);
        }
        publisher
    }

    /// The state; `None` while a window is being received.
    pub fn whole_state(&self) -> Option<&State> {
        (!self.is_receiving).then_some(&self.state)
    }

    /// The window's own price, for the file that keeps the last one; `None` if the window has none.
    pub fn own_price(&self, now: Steady) -> Option<Priced> {
        let price = self.state.price().filter(|price| price.is_own)?;
        Some(Priced {
            labels: self.labels.clone()?,
            estimate: price.estimate,
            as_of_ms: price.as_of_ms,
            age_ms: self.age_ms(&price, now),
        })
    }

    /// Records a message of ingest.
    pub fn connected(&mut self, now: Steady) {
        self.link.heard(now);
    }

    /// Records that ingest cannot be heard, with the reason. Returns whether its window was still being received.
    pub fn lost(&mut self, reason: String) -> bool {
        self.link.lose(reason);
        self.is_receiving
    }

    /// Begins a window that is about to be sent whole.
    pub fn begin_window(&mut self) {
        self.state.reset();
        self.is_receiving = true;
    }

    /// Ends the window that was sent: fills the history, estimates and publishes.
    pub fn end_window(&mut self, now: Steady) {
        self.is_receiving = false;
        self.fill_history();
        self.estimate(now);
        self.publish(now);
    }

    /// Takes an event of the stream. `is_of_new_ingest` marks the first event of another epoch of ingest.
    pub fn take(&mut self, event: &Event, time_ms: u64, is_of_new_ingest: bool, now: Steady) {
        self.hear_clock(time_ms, is_of_new_ingest, now);
        if !self.is_receiving {
            self.pass_boundary(time_ms, now);
        }
        let was_resyncing = self.is_node_resyncing();
        self.is_changed |= link::is_news(self.state.status(), event);
        self.state.apply(event, time_ms);
        if let (Event::Status(_), 1..) = (event, time_ms) {
            self.compare_labels(now);
        }
        if was_resyncing && !self.is_node_resyncing() && !self.is_receiving {
            self.fill_history();
        }
    }

    /// Publishes if the links or the staleness differ from the last update, or if the last update is [`QUIET_MS`] old.
    /// To be called after each message of ingest, and twice a second.
    pub fn beat(&mut self, now: Steady) {
        let is_quiet = self
            .published_at
            .is_none_or(|at| now.since_ms(at) >= QUIET_MS);
        if is_quiet && self.is_changed && !self.is_receiving {
            // The event clock has not yet reached the boundary that would have published this change.
            self.estimate(now);
        }
        let standing = self.look(now);
        if is_quiet || self.said.as_ref() != Some(&standing) {
            self.publish(now);
        }
    }

    /// Sets the metrics that change without an event.
    pub fn report(&mut self, now: Steady) {
        let standing = self.look(now);
        let price = self.state.price();
        let age_ms = price.map(|price| self.age_ms(&price, now));
        report::standing(self.state.time_ms(), age_ms, standing.stale);
    }

    /// Moves the event clock on. Begins it anew if the clock was set back, or if it is far from the clock of a new epoch of ingest.
    fn hear_clock(&mut self, time_ms: u64, is_of_new_ingest: bool, now: Steady) {
        // Before a stand-in's first message, ingest does not know its time and sends 0.
        if time_ms == 0 {
            return;
        }
        let is_back = time_ms + STEP_MS.unsigned_abs() < self.state.time_ms();
        if is_back || (is_of_new_ingest && self.clock.is_far_from(time_ms, now)) {
            self.begin_clock(time_ms, now);
        }
        // A stand-in that cannot be heard leaves its clock standing, while the price's age still grows.
        let is_standin = link::is_heard_standin(self.state.status());
        self.clock.hear(time_ms, now, is_standin);
    }

    fn begin_clock(&mut self, time_ms: u64, now: Steady) {
        if let Some(price) = self.state.price() {
            let age_ms = self.age_ms(&price, now);
            self.carried = Some(Carried { age_ms, at: now });
        }
        self.clock = EventClock::default();
        self.state.set_clock(time_ms);
        self.feed.begin_epoch(time_ms);
        self.is_changed = true;
        if !self.is_receiving {
            self.fill_history();
        }
    }

    /// If the clock passes a boundary up to `time_ms`, makes that boundary's estimate from the events before it.
    fn pass_boundary(&mut self, time_ms: u64, now: Steady) {
        let boundary_ms = time_ms - time_ms % TICK_MS;
        if boundary_ms / TICK_MS <= self.state.time_ms() / TICK_MS {
            return;
        }
        let is_always_due = boundary_ms / ALWAYS_MS > self.state.time_ms() / ALWAYS_MS;
        self.state.advance(boundary_ms);
        if (self.is_changed || is_always_due) && self.pace.allows(now) {
            self.pace.take(now);
            self.estimate(now);
            self.publish(now);
        }
    }

    fn estimate(&mut self, now: Steady) {
        let started = Instant::now();
        self.state.estimate();
        report::estimated(started.elapsed(), self.state.active());
        self.is_changed = false;
        let Some(price) = self.state.price() else {
            return;
        };
        if price.is_own {
            self.carried = None;
            self.labels = Some(Labels::of(self.state.status()));
        }
        let time_ms = self.state.time_ms();
        let age_ms = time_ms.saturating_sub(price.estimate.evidence.newest_payment_ms);
        let stale = self.look(now).stale;
        let estimate = wire::estimate(&price.at(time_ms), price.as_of_ms, age_ms, stale);
        self.feed.remember(HistoryEntry {
            time_ms,
            estimate: Some(estimate),
        });
    }

    /// Adds to the history the estimates that are missing in the window's past: after a start, after ingest has
    /// resynced, and after the clock was set.
    fn fill_history(&mut self) {
        let gaps = self
            .feed
            .history_gaps(self.state.time_ms(), course::STEP_MS);
        let past = self.state.past(gaps);
        let entry = |Price {
                         estimate, as_of_ms, ..
                     }| {
            let age_ms = as_of_ms.saturating_sub(estimate.evidence.newest_payment_ms);
            let stale = age::is_old(age_ms, false).then_some(StaleReason::NoPayments);
            HistoryEntry {
                time_ms: as_of_ms,
                estimate: Some(wire::estimate(&estimate, as_of_ms, age_ms, stale)),
            }
        };
        self.feed
            .fill_history(past.into_iter().map(entry).collect());
    }

    fn publish(&mut self, now: Steady) {
        let standing = self.look(now);
        let news = match self.is_receiving {
            true => News::default(),
            false => self.state.take_news(),
        };
        self.count_amounts();
        self.feed.publish(self.update(&standing, now), news, now);
        let priced = self
            .state
            .price()
            .map(|price| self.priced(&price, standing.stale, now));
        self.log.look(priced, self.state.time_ms(), now);
        self.said = Some(standing);
        self.published_at = Some(now);
    }

    fn count_amounts(&self) {
        let time_ms = self.state.time_ms();
        let is_fresh = self.feed.amounts_ms().is_some_and(|counted_ms| {
            (counted_ms..counted_ms + AMOUNTS_EVERY_MS).contains(&time_ms)
        });
        if !self.is_receiving && !is_fresh {
            let amounts = wire::amounts(time_ms, self.state.amounts());
            self.feed.publish_amounts(amounts);
        }
    }

    fn update(&self, standing: &Standing, now: Steady) -> PriceUpdate {
        let status = self.state.status();
        let estimate = self.state.price().map(|price| {
            let priced = self.priced(&price, standing.stale, now);
            report::price(&priced.estimate);
            wire::estimate(
                &priced.estimate,
                priced.as_of_ms,
                priced.age_ms,
                priced.stale,
            )
        });
        // A restored price keeps its own labels until the node is known.
        let (chain, simulation) = match (&self.labels, status.hops.is_empty()) {
            (Some(labels), true) => (labels.chain.clone(), labels.simulation()),
            _ => (status.chain.clone(), status.simulation),
        };
        PriceUpdate {
            time_ms: self.state.time_ms(),
            estimate,
            // An uptime of 0 means that ingest has not sent its counters yet.
            counters: (status.counters.uptime_ms > 0).then(|| status.counters.into()),
            active: self.state.active() as u64,
            hops: standing.hops.iter().map(Into::into).collect(),
            chain,
            simulation: simulation.map(Into::into),
            block: self.state.blocks().next_back().map(Into::into),
            blocks: self.state.blocks().map(Into::into).collect(),
            ..PriceUpdate::default()
        }
    }

    /// The price as an update gives it at `now`.
    fn priced(&self, price: &Price, stale: Option<StaleReason>, now: Steady) -> price_log::Priced {
        let age_ms = self.age_ms(price, now);
        price_log::Priced {
            estimate: price.at(price.estimate.evidence.newest_payment_ms + age_ms),
            as_of_ms: price.as_of_ms,
            age_ms,
            is_own: price.is_own,
            stale,
        }
    }

    /// The standing at `now`.
    fn look(&mut self, now: Steady) -> Standing {
        let mut hops = self.link.hops(&self.state.status().hops, now);
        let is_resyncing = hops.iter().any(|hop| hop.state == HopState::Resyncing);
        let since = self.resyncing_since.unwrap_or(now);
        self.resyncing_since = is_resyncing.then_some(since);
        let price = self.state.price();
        let situation = Situation {
            upstream: &hops,
            resyncing_ms: now.since_ms(since),
            has_estimate: price.is_some_and(|price| price.is_own),
            age_ms: price.map_or(0, |price| self.age_ms(&price, now)),
            all_met_in_blocks: self.state.are_all_met_in_blocks(),
        };
        let stale = situation.stale();
        hops.push(link::analyzer(self.is_receiving && self.link.is_up()));
        Standing { hops, stale }
    }

    /// Age of the newest payment that a price rests on, milliseconds.
    fn age_ms(&self, price: &Price, now: Steady) -> u64 {
        let newest_ms = price.estimate.evidence.newest_payment_ms;
        match (&self.carried, self.clock.now_ms(now)) {
            (Some(carried), _) => carried.age_ms(now),
            (None, Some(clock_ms)) => clock_ms.saturating_sub(newest_ms),
            (None, None) => 0,
        }
    }

    fn restore(&mut self, last: LastPrice, now: Steady) {
        self.carried = Some(Carried {
            age_ms: last.age_ms(&Moment::now()),
            at: now,
        });
        self.state.restore(last.estimate(), last.as_of_ms);
        self.labels = Some(last.labels);
    }

    /// Forgets the last price if it is of another node, and restores the last price of this one from the shelf.
    fn compare_labels(&mut self, now: Steady) {
        let labels = Labels::of(self.state.status());
        let is_other = |last: &Labels| !last.agree_with(&labels);
        if self.labels.as_ref().is_some_and(is_other) {
            self.state.forget();
            self.carried = None;
            self.labels = None;
            let last = self.shelf.as_ref().and_then(|shelf| shelf.of(&labels));
            if let Some(last) = last {
                self.restore(last, now);
            }
        }
    }

    fn is_node_resyncing(&self) -> bool {
        let hops = &self.state.status().hops;
        hops.iter().any(|hop| hop.state == HopState::Resyncing)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! What the analyzer knows: the window, the estimate and the dots. Pure: time comes with the events.

use std::sync::Arc;

use satscope_log::{Block, Change, Event, NodeStatus, Window};
use satscope_oracle::{Amounts, Estimate};

use crate::points::{News, Points};

/// Without a payment for so long, the price is the last one repeated.
const STALE_MS: u64 = 10 * 60 * 1000;

/// The state.
#[derive(Debug, Default)]
pub struct State {
    window: Window,
    oracle: satscope_oracle::Window,
    points: Points,
    news: News,
    estimate: Option<Estimate>,
    /// The window has no price of its own at the moment.
    repeated: bool,
    status: Arc<NodeStatus>,
    time_ms: u64,
}

impl State {
    /// Begins again, with a window that is about to be sent. The last estimate is kept to be repeated.
    pub fn reset(&mut self) {
        self.window = Window::default();
        self.oracle = satscope_oracle::Window::new();
        self.points = Points::default();
        self.news = News {
            reset: true,
            ..News::default()
        };
    }

    /// Takes an event of the stream.
    pub fn apply(&mut self, event: &Event, time_ms: u64) {
        self.time_ms = time_ms;
        if let Event::Status(status) = event {
            self.status = status.clone();
            self.expire();
        }
        for change in self.window.apply(event, time_ms) {
            self.take(change);
        }
    }

    /// Estimates anew, and makes the dots follow.
    pub fn estimate(&mut self) {
        let estimate = self.oracle.estimate(self.time_ms);
        self.repeated = estimate.is_none();
        if let Some(estimate) = estimate {
            self.estimate = Some(estimate);
            let news = self.points.follow(&estimate, &self.window);
            self.news.extend(news);
        }
    }

    /// The estimates that would have been made at each `step_ms` of the last `span_ms`, oldest first.
    pub fn past(&mut self, span_ms: u64, step_ms: u64) -> Vec<(u64, Estimate)> {
        let first = self.time_ms.saturating_sub(span_ms) / step_ms + 1;
        let last = self.time_ms / step_ms;
        (first..=last)
            .filter_map(|step| {
                let time_ms = step * step_ms;
                Some((time_ms, self.oracle.estimate(time_ms)?))
            })
            .collect()
    }

    /// The newest estimate, and whether it is stale: repeated because the window has none of its own, or old because no
    /// payment has come for ten minutes.
    pub fn price(&self) -> Option<(Estimate, bool)> {
        let estimate = self.estimate?;
        if self.repeated {
            return Some((estimate.repeated(self.time_ms), true));
        }
        let newest_ms = estimate.evidence.newest_payment_ms;
        Some((estimate, self.time_ms.saturating_sub(newest_ms) > STALE_MS))
    }

    /// What is new about the dots since the last call.
    pub fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// The newest status of the node link.
    pub fn status(&self) -> &NodeStatus {
        &self.status
    }

    /// The window as it stands.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Transactions in the window.
    pub fn active(&self) -> usize {
        self.window.len()
    }

    /// The blocks of the window, oldest first, and in any case the newest.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.window.blocks()
    }

    /// The amounts that the price is read from.
    pub fn amounts(&self) -> Amounts {
        self.oracle.amounts()
    }

    /// The event clock, Unix milliseconds; 0 before the first event.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    fn expire(&mut self) {
        for change in self.window.expire(self.time_ms) {
            self.take(change);
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Entered(accepted, state) => {
                self.oracle
                    .insert(accepted.first_seen_ms, &accepted.values_sats);
                self.news.points.extend(self.points.enter(&accepted, state));
            }
            Change::Moved(txid, state) => {
                self.news.changes.extend(self.points.move_to(&txid, state));
            }
            Change::Left(accepted) => {
                self.oracle
                    .remove(accepted.first_seen_ms, &accepted.values_sats);
                self.news.changes.extend(self.points.leave(&accepted.txid));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_log::{Accepted, RemovalReason, State as Place, Values};

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    /// `count` payments of round sums at $50,000, quoted within 0.2 %, each with change of any size.
    fn payments(count: u64) -> Vec<Event> {
        let sums = [
            5.0, 10.0, 20.0, 25.0, 30.0, 50.0, 100.0, 100.0, 150.0, 200.0, 500.0, 1000.0,
        ];
        (0..count)
            .map(|number| {
                let share = |step: f64| (number as f64 * step).fract();
                let quote = 1.0 + 0.004 * (share(0.618_034) - 0.5);
                let paid = sums[(number % 12) as usize] * 2000.0 * quote;
                let change = 10_f64.powf(3.5 + 4.0 * share(0.414_214));
                let mut txid = [7; 32];
                txid[24..].copy_from_slice(&number.to_le_bytes());
                let accepted = Accepted {
                    txid,
                    first_seen_ms: NOW + number * 100,
                    values_sats: Values::from_slice(&[paid as u64, change as u64]),
                    input_count: 1,
                    met_in_block: false,
                };
                Event::Accepted(Arc::new(accepted), Place::Mempool)
            })
            .collect()
    }

    fn filled(count: u64) -> State {
        let mut state = State::default();
        for event in payments(count) {
            state.apply(&event, NOW + count * 100);
        }
        state
    }

    #[test]
    fn a_window_of_round_sums_gives_their_price_and_dots() {
        let mut state = filled(600);
        state.estimate();
        let (estimate, stale) = state.price().unwrap();
        assert!(
            (estimate.price_usd / 50_000.0 - 1.0).abs() < 0.02,
            "{estimate:?}"
        );
        assert!(!stale);
        let news = state.take_news();
        assert!(news.reset);
        let round: Vec<_> = news
            .points
            .iter()
            .filter(|(_, dot)| dot.round_usd == 50.0)
            .collect();
        assert!(round.len() >= 50, "{} dots at $50", round.len());
    }

    #[test]
    fn a_removal_leaves_the_state_of_a_window_that_never_had_it() {
        let mut state = filled(600);
        let all = payments(601);
        let Event::Accepted(last, _) = &all[600] else {
            unreachable!()
        };
        state.estimate();
        let before = state.price();
        state.apply(&all[600], NOW + 60_000);
        state.apply(
            &Event::Removed(last.txid, RemovalReason::Replaced),
            NOW + 60_000,
        );
        state.estimate();
        assert_eq!(state.price(), before);
    }

    #[test]
    fn the_last_price_stays_when_the_window_runs_empty() {
        let mut state = filled(600);
        state.estimate();
        let (before, _) = state.price().unwrap();
        let later = NOW + 4 * 60 * 60 * 1000;
        state.apply(&Event::Status(Arc::default()), later);
        state.estimate();
        let (estimate, stale) = state.price().unwrap();
        assert_eq!((estimate.price_usd, stale), (before.price_usd, true));
        assert_eq!(estimate.confidence, 0.0);
        let width = |estimate: &Estimate| estimate.high_usd / estimate.low_usd - 1.0;
        assert!(width(&estimate) > 5.0 * width(&before), "the doubt grows");
        assert_eq!(state.active(), 0);
        let news = state.take_news();
        assert_eq!(news.changes.len(), news.points.len(), "each dot has left");
    }
}

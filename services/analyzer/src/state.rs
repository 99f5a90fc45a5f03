//! What the analyzer knows: the window, the estimate and the dots. Pure: time comes with the events.

use std::sync::Arc;

use satscope_log::{Block, Change, Event, NodeStatus, Window};
use satscope_oracle::{Amounts, Estimate};

use crate::{
    course::{self, Course},
    points::{News, Points},
};

/// The state.
#[derive(Debug, Default)]
pub struct State {
    window: Window,
    oracle: satscope_oracle::Window,
    points: Points,
    news: News,
    last: Option<Price>,
    /// Transactions of the window that were met before a block had them.
    met_in_mempool: usize,
    status: Arc<NodeStatus>,
    time_ms: u64,
}

/// A price, and what it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// The estimate.
    pub estimate: Estimate,
    /// The event clock when it was made, Unix milliseconds.
    pub as_of_ms: u64,
    /// Whether the window has it: else it is the last one, to be repeated.
    pub is_own: bool,
}

impl Price {
    /// The estimate at `now_ms` of the event clock, Unix milliseconds. One that is repeated is doubted the more, the older
    /// it is.
    pub fn at(&self, now_ms: u64) -> Estimate {
        match self.is_own {
            true => self.estimate,
            false => self.estimate.repeated(now_ms),
        }
    }
}

impl State {
    /// Begins again, with a window that is about to be sent. The last estimate is kept to be repeated.
    pub fn reset(&mut self) {
        self.window = Window::default();
        self.oracle = satscope_oracle::Window::new();
        self.points = Points::default();
        self.met_in_mempool = 0;
        self.news = News {
            reset: true,
            ..News::default()
        };
        self.repeat();
    }

    /// Repeats the last estimate of an earlier process, made at `as_of_ms` of the event clock, Unix milliseconds. That clock
    /// stands there until the first event.
    pub fn restore(&mut self, estimate: Estimate, as_of_ms: u64) {
        if self.time_ms == 0 {
            self.time_ms = as_of_ms;
        }
        self.last = Some(Price {
            estimate,
            as_of_ms,
            is_own: false,
        });
    }

    /// Forgets the last estimate: it is of another node.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// Takes an event of the stream. The event clock does not go back for one that is late.
    pub fn apply(&mut self, event: &Event, time_ms: u64) {
        self.time_ms = self.time_ms.max(time_ms);
        if let Event::Status(status) = event {
            self.status = status.clone();
            self.expire();
        }
        for change in self.window.apply(event, self.time_ms) {
            self.take(change);
        }
    }

    /// Moves the event clock on to `time_ms`, Unix milliseconds, without an event.
    pub fn advance(&mut self, time_ms: u64) {
        self.time_ms = self.time_ms.max(time_ms);
        self.expire();
    }

    /// Sets the event clock to `time_ms`, Unix milliseconds, which may be back.
    pub fn set_clock(&mut self, time_ms: u64) {
        self.time_ms = time_ms;
        self.repeat();
    }

    /// Estimates anew, and makes the dots follow.
    pub fn estimate(&mut self) {
        let Some(estimate) = self.oracle.estimate(self.time_ms) else {
            self.repeat();
            return;
        };
        self.last = Some(Price {
            estimate,
            as_of_ms: self.time_ms,
            is_own: true,
        });
        let now_ms = self.time_ms;
        let course = self.points.course();
        if !course.is_some_and(|course| course.reaches(now_ms, estimate)) {
            self.make_dots(estimate);
        }
    }

    /// Makes all dots anew: there were none yet, or the price is elsewhere now.
    fn make_dots(&mut self, estimate: Estimate) {
        let past = self.past(course::moments(self.time_ms));
        let past: Vec<_> = past
            .into_iter()
            .map(|price| (price.as_of_ms, price.estimate))
            .collect();
        let course = Course::new(&past, self.time_ms, estimate);
        let news = self.points.begin(course, &self.window);
        self.news.extend(news);
    }

    /// The estimates that would have been made at these moments, whole minutes in Unix milliseconds; of those where there is
    /// one.
    pub fn past(&mut self, times_ms: Vec<u64>) -> Vec<Price> {
        let made_at = |as_of_ms: u64| {
            // An estimate reads all of its minute, and of the one that began then, nothing had come.
            let estimate = self.oracle.estimate(as_of_ms.saturating_sub(1))?;
            Some(Price {
                estimate,
                as_of_ms,
                is_own: true,
            })
        };
        times_ms.into_iter().filter_map(made_at).collect()
    }

    /// The newest price; `None` before the first.
    pub fn price(&self) -> Option<Price> {
        self.last
    }

    /// Whether the window's payments, if any, were all first met in blocks.
    pub fn are_all_met_in_blocks(&self) -> bool {
        self.met_in_mempool == 0 && self.active() > 0
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

    /// The window has no price of its own.
    fn repeat(&mut self) {
        if let Some(last) = &mut self.last {
            last.is_own = false;
        }
    }

    fn expire(&mut self) {
        for change in self.window.expire(self.time_ms) {
            self.take(change);
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Entered(accepted, state) => {
                self.met_in_mempool += usize::from(!accepted.met_in_block);
                self.oracle
                    .insert(accepted.first_seen_ms, &accepted.values_sats);
                self.news.points.extend(self.points.enter(&accepted, state));
            }
            Change::Moved(txid, state) => {
                self.news.changes.extend(self.points.move_to(&txid, state));
            }
            Change::Left(accepted) => {
                self.met_in_mempool -= usize::from(!accepted.met_in_block);
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
    use satscope_log::{Accepted, RemovalReason};

    use super::*;
    use crate::sample::{NOW, payments, payments_at};

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
        let price = state.price().unwrap();
        assert!(
            (price.estimate.price_usd / 50_000.0 - 1.0).abs() < 0.02,
            "{price:?}"
        );
        assert_eq!((price.is_own, price.as_of_ms), (true, NOW + 60_000));
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
    fn a_state_that_is_read_again_has_the_dots_of_one_that_lived_through_a_fall_of_the_price() {
        const COUNT: u64 = 20_000;
        let price_usd = |number: u64| 50_000.0 * (1.0 - 0.04 * number as f64 / COUNT as f64);
        let events = payments_at(COUNT, price_usd);
        let mut lived = State::default();
        let mut dots = std::collections::BTreeMap::new();
        for (event, number) in events.iter().zip(0..) {
            let now_ms = NOW + number * 100;
            lived.advance(now_ms);
            if number >= 600 && now_ms.is_multiple_of(1000) {
                lived.estimate();
            }
            lived.apply(event, now_ms);
            let news = lived.take_news();
            if news.reset {
                dots.clear();
            }
            dots.extend(news.points);
        }
        let mut again = State::default();
        for event in &events {
            again.apply(event, NOW + COUNT * 100);
        }
        again.estimate();
        let made = again.take_news().points;
        let is_same = |(id, dot): &&(_, _)| dots.get(id) == Some(dot);
        let same = made.iter().filter(is_same).count();
        let other = made.len() + dots.len() - 2 * same;
        // 1.2 %: each ten minutes the estimate begins to read its older minutes otherwise, and one is a millisecond earlier.
        assert!(
            1000 * other < 15 * dots.len(),
            "{other} dots of {} and {} differ",
            dots.len(),
            made.len()
        );
    }

    #[test]
    fn the_last_price_stays_when_the_window_runs_empty() {
        let mut state = filled(600);
        state.estimate();
        let before = state.price().unwrap();
        let later = NOW + 4 * 60 * 60 * 1000;
        state.apply(&Event::Status(Arc::default()), later);
        state.estimate();
        let price = state.price().unwrap();
        assert_eq!((price.as_of_ms, price.is_own), (before.as_of_ms, false));
        let (before, estimate) = (before.estimate, price.at(later));
        assert_eq!(estimate.price_usd, before.price_usd);
        assert_eq!(estimate.confidence, 0.0);
        let width = |estimate: &Estimate| estimate.high_usd / estimate.low_usd - 1.0;
        assert!(width(&estimate) > 5.0 * width(&before), "the doubt grows");
        assert_eq!(state.active(), 0);
        let news = state.take_news();
        assert_eq!(news.changes.len(), news.points.len(), "each dot has left");
    }

    #[test]
    fn an_estimate_at_a_boundary_knows_what_came_before_it_and_nothing_else() {
        let (mut state, mut other) = (filled(600), filled(600));
        let boundary = NOW + 60_500;
        let later = payments(900);
        state.advance(boundary);
        state.estimate();
        let at_boundary = state.price();
        for event in &later[600..] {
            state.apply(event, boundary);
        }
        other.advance(boundary);
        other.estimate();
        assert_eq!(at_boundary, other.price());
        assert_eq!(at_boundary.unwrap().as_of_ms, boundary);
        state.estimate();
        assert_ne!(state.price(), at_boundary, "which the later ones change");
    }

    #[test]
    fn a_late_event_does_not_set_the_clock_back_and_a_set_clock_does() {
        let mut state = filled(600);
        state.estimate();
        state.apply(&Event::Status(Arc::default()), NOW);
        assert_eq!(state.time_ms(), NOW + 60_000);
        state.set_clock(NOW);
        assert_eq!(state.time_ms(), NOW);
        assert!(!state.price().unwrap().is_own, "it is of the clock before");
    }

    #[test]
    fn a_restored_price_is_repeated_until_the_window_has_its_own() {
        let mut source = filled(600);
        source.estimate();
        let last = source.price().unwrap();
        let mut state = State::default();
        state.restore(last.estimate, last.as_of_ms);
        let restored = state.price().unwrap();
        assert_eq!(
            restored,
            Price {
                is_own: false,
                ..last
            }
        );
        state.reset();
        state.estimate();
        assert_eq!(state.price(), Some(restored), "an empty window has none");
        for event in payments(600) {
            state.apply(&event, NOW + 60_000);
        }
        state.estimate();
        assert_eq!(state.price(), Some(last));
        state.forget();
        assert_eq!(state.price(), None);
    }

    #[test]
    fn a_window_knows_whether_all_its_payments_were_met_in_blocks() {
        let met = |event: &Event, met_in_block| match event {
            Event::Accepted(accepted, place) => {
                let accepted = Accepted {
                    met_in_block,
                    ..(**accepted).clone()
                };
                Event::Accepted(Arc::new(accepted), *place)
            }
            other => other.clone(),
        };
        let mut state = State::default();
        assert!(!state.are_all_met_in_blocks(), "there are none");
        let events = payments(3);
        state.apply(&met(&events[0], true), NOW);
        state.apply(&met(&events[1], true), NOW);
        assert!(state.are_all_met_in_blocks());
        state.apply(&met(&events[2], false), NOW);
        assert!(!state.are_all_met_in_blocks());
        let Event::Accepted(last, _) = &events[2] else {
            unreachable!()
        };
        state.apply(&Event::Removed(last.txid, RemovalReason::Replaced), NOW);
        assert!(state.are_all_met_in_blocks());
    }
}

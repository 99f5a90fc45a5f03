//! The age of the price, counted by clocks that stay right when the system clock is set, and the reason why a price is
//! stale.

use satscope_kit::clock::{STEP_MS, Steady};
use satscope_log::{Hop, HopState};
use satscope_proto::v1::StaleReason;

/// The price is stale if its newest payment is older than this, milliseconds: ten minutes.
const OLD_MS: u64 = 10 * 60 * 1000;
/// The same limit for a window whose payments were all first met in blocks, because over a third of the gaps between
/// blocks exceed ten minutes.
const OLD_IN_BLOCKS_MS: u64 = 60 * 60 * 1000;
/// The price is stale if a resync has lasted longer than this, milliseconds.
const LONG_RESYNC_MS: u64 = 60 * 1000;
/// One part in `SLACK` of the elapsed time is allowed for drift: between two events the event clock goes at least 99 %
/// as fast as the steady clock.
const SLACK: u64 = 100;

/// The event clock, which goes on by the steady clock while ingest is silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventClock {
    /// The newest stamp, Unix milliseconds, and the moment at which it was heard.
    heard: Option<(u64, Steady)>,
}

impl EventClock {
    /// Takes an event's stamp. An event that was held up on the way does not set the clock back. A stand-in's stamp is
    /// taken as it is, because its clock may go slower than ours.
    pub fn hear(&mut self, time_ms: u64, now: Steady, is_standin: bool) {
        let least_ms = self.heard.map_or(0, |(heard_ms, at)| {
            let elapsed_ms = now.since_ms(at);
            heard_ms + elapsed_ms - elapsed_ms / SLACK
        });
        let time_ms = match is_standin {
            true => time_ms,
            false => time_ms.max(least_ms),
        };
        self.heard = Some((time_ms, now));
    }

    /// The event clock at `now`, Unix milliseconds; `None` before the first event.
    pub fn now_ms(&self, now: Steady) -> Option<u64> {
        self.heard.map(|(time_ms, at)| time_ms + now.since_ms(at))
    }

    /// Whether `time_ms` differs from the event clock at `now` by more than clocks drift.
    pub fn is_far_from(&self, time_ms: u64, now: Steady) -> bool {
        let expected_ms = self.now_ms(now);
        expected_ms
            .is_some_and(|expected_ms| expected_ms.abs_diff(time_ms) > STEP_MS.unsigned_abs())
    }
}

/// An age at a known moment; it grows by the steady clock from there.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// The age at that moment, milliseconds.
    pub age_ms: u64,
    /// The moment.
    pub at: Steady,
}

impl Carried {
    /// The age now, milliseconds.
    pub fn age_ms(&self, now: Steady) -> u64 {
        self.age_ms.saturating_add(now.since_ms(self.at))
    }
}

/// The facts that decide whether the price is stale.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The hops upstream of this part.
    pub upstream: &'a [Hop],
    /// How long a hop has been resyncing, milliseconds; 0 if none is.
    pub resyncing_ms: u64,
    /// Whether the window is whole and has an estimate of its own.
    pub has_estimate: bool,
    /// Age of the newest payment, milliseconds.
    pub age_ms: u64,
    /// Whether all payments of the window were first met in blocks.
    pub all_met_in_blocks: bool,
}

/// Whether a price whose newest payment has this age, milliseconds, is stale.
pub fn is_old(age_ms: u64, all_met_in_blocks: bool) -> bool {
    let old_ms = match all_met_in_blocks {
        true => OLD_IN_BLOCKS_MS,
        false => OLD_MS,
    };
    age_ms > old_ms
}

impl Situation<'_> {
    /// Why the price is stale, if it is.
    pub fn stale(&self) -> Option<StaleReason> {
        let is_lost =
            |hop: &Hop| matches!(hop.state, HopState::Connecting | HopState::Disconnected);
        if self.upstream.iter().any(is_lost) {
            Some(StaleReason::UpstreamLost)
        } else if self.resyncing_ms > LONG_RESYNC_MS {
            Some(StaleReason::Resyncing)
        } else if !self.has_estimate {
            Some(StaleReason::NoEstimate)
        } else if is_old(self.age_ms, self.all_met_in_blocks) {
            Some(StaleReason::NoPayments)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hops(states: [HopState; 2]) -> Vec<Hop> {
        let hop = |(name, state): (&str, HopState)| Hop {
            name: name.to_owned(),
            state,
            detail: String::new(),
        };
        ["node", "ingest"]
            .into_iter()
            .zip(states)
            .map(hop)
            .collect()
    }

    const WELL: [HopState; 2] = [HopState::Connected, HopState::Connected];

    fn stale(states: [HopState; 2], change: impl FnOnce(&mut Situation)) -> Option<StaleReason> {
        let upstream = hops(states);
        let mut situation = Situation {
            upstream: &upstream,
            resyncing_ms: 0,
            has_estimate: true,
            age_ms: 300,
            all_met_in_blocks: false,
        };
        change(&mut situation);
        situation.stale()
    }

    #[test]
    fn a_price_of_this_moment_is_not_stale() {
        assert_eq!(stale(WELL, |_| {}), None);
        let degraded = [HopState::Degraded, HopState::Connected];
        assert_eq!(stale(degraded, |_| {}), None, "exact or not, it is new");
        let resyncing = [HopState::Resyncing, HopState::Connected];
        assert_eq!(stale(resyncing, |now| now.resyncing_ms = 60_000), None);
    }

    #[test]
    fn the_first_reason_that_holds_is_given() {
        let all = |now: &mut Situation| {
            now.resyncing_ms = 60_001;
            now.has_estimate = false;
            now.age_ms = u64::MAX;
        };
        for lost in [HopState::Connecting, HopState::Disconnected] {
            let reason = Some(StaleReason::UpstreamLost);
            assert_eq!(stale([lost, HopState::Connected], all), reason);
            assert_eq!(stale([HopState::Connected, lost], all), reason);
        }
        assert_eq!(stale(WELL, all), Some(StaleReason::Resyncing));
        let no_estimate = |now: &mut Situation| {
            all(now);
            now.resyncing_ms = 0;
        };
        assert_eq!(stale(WELL, no_estimate), Some(StaleReason::NoEstimate));
        let old = |now: &mut Situation| now.age_ms = u64::MAX;
        assert_eq!(stale(WELL, old), Some(StaleReason::NoPayments));
    }

    #[test]
    fn payments_that_come_with_blocks_alone_may_be_an_hour_old() {
        for (age_ms, all_met_in_blocks, is_stale) in [
            (600_000, false, false),
            (600_001, false, true),
            (600_001, true, false),
            (3_600_000, true, false),
            (3_600_001, true, true),
        ] {
            let reason = stale(WELL, |now| {
                now.age_ms = age_ms;
                now.all_met_in_blocks = all_met_in_blocks;
            });
            assert_eq!(reason.is_some(), is_stale, "{age_ms} {all_met_in_blocks}");
        }
    }

    #[test]
    fn the_event_clock_goes_on_in_silence_and_late_events_do_not_set_it_back() {
        let began = Steady::now();
        let after = |seconds| began.after(Duration::from_secs(seconds));
        let mut clock = EventClock::default();
        assert_eq!(clock.now_ms(began), None);
        clock.hear(1_000_000, began, false);
        assert_eq!(clock.now_ms(after(300)), Some(1_300_000));
        assert!(!clock.is_far_from(1_301_000, after(300)));
        assert!(clock.is_far_from(1_303_000, after(300)));
        clock.hear(1_000_500, after(300), false);
        assert_eq!(
            clock.now_ms(after(300)),
            Some(1_297_000),
            "but for the slack"
        );
        clock.hear(1_300_000, after(301), false);
        assert_eq!(clock.now_ms(after(301)), Some(1_300_000));
        let mut slow = EventClock::default();
        slow.hear(1_000_000, began, true);
        slow.hear(1_000_500, after(300), true);
        assert_eq!(slow.now_ms(after(300)), Some(1_000_500));
    }

    #[test]
    fn a_carried_age_grows() {
        let at = Steady::now();
        let carried = Carried { age_ms: 5000, at };
        assert_eq!(carried.age_ms(at.after(Duration::from_secs(2))), 7000);
    }
}

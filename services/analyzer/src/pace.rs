//! The pace of estimates at boundaries of the event clock: about two a second, however fast a replay's clock runs.

use std::time::Duration;

use satscope_kit::clock::Steady;

/// Steady time that one estimate uses up: a little less than the half second between two boundaries of a live clock.
const COST: Duration = Duration::from_millis(450);
/// Steady time by which an estimate may come before its turn. A boundary whose event came late may be followed at once
/// by the next one, which is then not skipped.
const EARLY: Duration = COST;

/// The pace of the estimates at boundaries. Estimates at other moments are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// The turn of the next estimate, which may be made up to [`EARLY`] before it; `None` before the first.
    turn: Option<Steady>,
}

impl Pace {
    /// Whether an estimate may be made at `now`.
    pub fn allows(&self, now: Steady) -> bool {
        self.turn
            .is_none_or(|turn| turn.since_ms(now) <= EARLY.as_millis() as u64)
    }

    /// Records that an estimate was made at `now`.
    pub fn take(&mut self, now: Steady) {
        let turn = self.turn.map_or(now, |turn| turn.max(now));
        self.turn = Some(turn.after(COST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the moments, in milliseconds, an estimate is made at.
    fn made(moments: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let start = Steady::now();
        let mut pace = Pace::default();
        let is_made = |moment: &u64| {
            let now = start.after(Duration::from_millis(*moment));
            let is_allowed = pace.allows(now);
            if is_allowed {
                pace.take(now);
            }
            is_allowed
        };
        moments.into_iter().filter(is_made).collect()
    }

    #[test]
    fn a_boundary_that_is_passed_late_does_not_cost_the_next_one() {
        let moments = [0, 500, 1499, 1500, 2000, 2990, 3000, 3500];
        assert_eq!(made(moments), moments);
    }

    #[test]
    fn a_fast_clock_gets_about_two_estimates_a_second() {
        let count = made((0..100_000).step_by(5)).len();
        assert!((200..=225).contains(&count), "{count}");
    }

    #[test]
    fn a_live_clock_gets_every_estimate_for_hours() {
        let jitter = |number: u64| number * 500 + (number * 7919) % 490;
        assert_eq!(made((0..20_000).map(jitter)).len(), 20_000);
    }
}

//! How often the event clock may have an estimate made: about twice a second, however fast a replay's clock runs.

use std::time::Duration;

use satscope_kit::clock::Steady;

/// Steady time that one estimate takes from the pace: a little less than the boundaries of a live clock lie apart.
const COST: Duration = Duration::from_millis(450);
/// Steady time by which an estimate may come before its turn: two boundaries may follow each other at once. The one that was
/// passed late, because its event came late, does not cost the next one its turn.
const EARLY: Duration = COST;

/// The pace of the estimates at boundaries. What is estimated at other moments takes nothing from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the next estimate has its turn; `None` before the first.
    turn: Option<Steady>,
}

impl Pace {
    /// Whether an estimate may be made now.
    pub fn allows(&self, now: Steady) -> bool {
        self.turn
            .is_none_or(|turn| turn.since_ms(now) <= EARLY.as_millis() as u64)
    }

    /// An estimate has been made.
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

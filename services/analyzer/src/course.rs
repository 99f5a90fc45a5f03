//! The estimates that make the dots of the window. An output's dot is made by the estimate of the time at which the
//! output came, so an analyzer that starts again makes the same dots.

use std::collections::VecDeque;

use satscope_log::WINDOW_MS;
use satscope_oracle::Estimate;

/// One estimate makes the dots of each span between whole multiples of this, milliseconds.
pub const STEP_MS: u64 = 120_000;
/// An estimate further than this from the one before has locked on elsewhere: ln 1.1.
const ELSEWHERE: f64 = 0.095;
/// An estimate of the past makes no dots if its doubt is more than this many times the newest estimate's, because too
/// little of the window lay before it.
const DOUBTFUL: f64 = 2.0;

/// The estimates by which dots are made.
#[derive(Debug)]
pub struct Course {
    /// Oldest first, and never empty.
    legs: VecDeque<Leg>,
    /// The newest estimate's price, USD for one BTC.
    price_usd: f64,
}

/// An estimate that makes the dots from its moment, Unix milliseconds, to the next leg's.
#[derive(Clone, Copy, Debug)]
struct Leg {
    from_ms: u64,
    estimate: Estimate,
}

impl Course {
    /// A course that ends with `estimate`, made at `now_ms`, Unix milliseconds. `past` has the estimates at multiples
    /// of [`STEP_MS`] with their moments, oldest first.
    pub fn new(past: &[(u64, Estimate)], now_ms: u64, estimate: Estimate) -> Course {
        let mut legs = VecDeque::new();
        let mut later_usd = estimate.price_usd;
        for (from_ms, earlier) in past.iter().rev() {
            if is_elsewhere(earlier.price_usd, later_usd) {
                break;
            }
            if doubt(earlier) <= DOUBTFUL * doubt(&estimate) {
                later_usd = earlier.price_usd;
                legs.push_front(Leg {
                    from_ms: *from_ms,
                    estimate: *earlier,
                });
            }
        }
        if legs.is_empty() {
            legs.push_back(Leg {
                from_ms: now_ms - now_ms % STEP_MS,
                estimate,
            });
        }
        Course {
            legs,
            price_usd: estimate.price_usd,
        }
    }

    /// Adds the estimate of `now_ms`, Unix milliseconds. Returns false, and changes nothing, if the estimate has locked
    /// on elsewhere.
    #[must_use]
    pub fn reaches(&mut self, now_ms: u64, estimate: Estimate) -> bool {
        if is_elsewhere(estimate.price_usd, self.price_usd) {
            return false;
        }
        self.price_usd = estimate.price_usd;
        let from_ms = now_ms - now_ms % STEP_MS;
        // The clock may have been set back.
        while self.legs.len() > 1 && self.legs.back().is_some_and(|last| last.from_ms > from_ms) {
            self.legs.pop_back();
        }
        if self.legs.back().is_some_and(|last| last.from_ms < from_ms) {
            self.legs.push_back(Leg { from_ms, estimate });
        }
        let oldest_ms = now_ms.saturating_sub(WINDOW_MS);
        while self
            .legs
            .get(1)
            .is_some_and(|next| next.from_ms <= oldest_ms)
        {
            self.legs.pop_front();
        }
        true
    }

    /// The estimate that makes the dots of `time_ms`, Unix milliseconds: the first one if `time_ms` is before all of
    /// them.
    pub fn at(&self, time_ms: u64) -> Option<&Estimate> {
        let after = self.legs.partition_point(|leg| leg.from_ms <= time_ms);
        let leg = self.legs.get(after.saturating_sub(1))?;
        Some(&leg.estimate)
    }
}

/// The multiples of [`STEP_MS`] in the window that ends at `now_ms`, all Unix milliseconds: the moments where legs may
/// begin.
pub fn moments(now_ms: u64) -> Vec<u64> {
    let first = now_ms.saturating_sub(WINDOW_MS) / STEP_MS + 1;
    (first..=now_ms / STEP_MS)
        .map(|step| step * STEP_MS)
        .collect()
}

/// Whether two prices, both USD for one BTC, are too far apart to come from one lock.
pub fn is_elsewhere(price_usd: f64, other_usd: f64) -> bool {
    (price_usd / other_usd).ln().abs() > ELSEWHERE
}

/// Half the width of the estimate's interval, as a natural logarithm.
fn doubt(estimate: &Estimate) -> f64 {
    (estimate.high_usd / estimate.low_usd).ln() / 2.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_oracle::Evidence;

    use super::*;

    const NOW_MS: u64 = 10_000 * STEP_MS;

    fn doubtful(price_usd: f64, doubt: f64) -> Estimate {
        Estimate {
            price_usd,
            low_usd: price_usd * (-doubt).exp(),
            high_usd: price_usd * doubt.exp(),
            confidence: 0.9,
            evidence: Evidence {
                payments: 100,
                margin: 1.0,
                newest_payment_ms: 0,
            },
        }
    }

    fn sure(price_usd: f64) -> Estimate {
        doubtful(price_usd, 0.002)
    }

    fn usd_at(course: &Course, steps: u64) -> f64 {
        course.at(NOW_MS - steps * STEP_MS + 7).unwrap().price_usd
    }

    #[test]
    fn a_course_that_went_on_and_one_that_is_read_again_are_the_same() {
        let price_usd = |step: u64| 50_000.0 + 100.0 * step as f64;
        let mut course = Course::new(&[], NOW_MS, sure(price_usd(0)));
        for half_seconds in 1..=60 * 240_u64 {
            let (now_ms, step) = (NOW_MS + half_seconds * 500, half_seconds / 240);
            assert!(course.reaches(now_ms, sure(price_usd(step) + 1.0)));
        }
        let now_ms = NOW_MS + 60 * STEP_MS;
        let past: Vec<_> = moments(now_ms)
            .into_iter()
            .filter(|at_ms| *at_ms > NOW_MS)
            .map(|at_ms| (at_ms, sure(price_usd((at_ms - NOW_MS) / STEP_MS) + 1.0)))
            .collect();
        let again = Course::new(&past, now_ms, sure(price_usd(60)));
        for at_ms in (NOW_MS + STEP_MS..now_ms).step_by(10_007) {
            assert_eq!(course.at(at_ms), again.at(at_ms), "{at_ms}");
        }
        assert_eq!(course.at(0).unwrap().price_usd, price_usd(0));
    }

    #[test]
    fn it_does_not_outgrow_the_window() {
        let mut course = Course::new(&[], NOW_MS, sure(50_000.0));
        for step in 1..1000 {
            assert!(course.reaches(NOW_MS + step * STEP_MS, sure(50_000.0)));
            assert!(course.legs.len() as u64 <= WINDOW_MS / STEP_MS + 1);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nothing_of_its_future() {
        let mut course = Course::new(&[], NOW_MS, sure(50_000.0));
        for step in 1..10 {
            assert!(course.reaches(NOW_MS + step * STEP_MS, sure(50_000.0)));
        }
        assert!(course.reaches(NOW_MS + 3 * STEP_MS, sure(51_000.0)));
        assert!(course.reaches(NOW_MS + 4 * STEP_MS, sure(51_000.0)));
        let usd = course.at(NOW_MS + 9 * STEP_MS).unwrap().price_usd;
        assert_eq!(usd, 51_000.0);
    }

    #[test]
    fn what_was_read_before_the_price_locked_on_elsewhere_makes_no_dots() {
        let before = |steps: u64, usd| (NOW_MS - steps * STEP_MS, sure(usd));
        let past = [
            before(4, 44_000.0),
            before(3, 51_000.0),
            before(2, 50_500.0),
        ];
        let mut course = Course::new(&past, NOW_MS, sure(50_000.0));
        assert_eq!(usd_at(&course, 4), 51_000.0);
        assert_eq!(usd_at(&course, 2), 50_500.0);
        assert!(!course.reaches(NOW_MS + 500, sure(44_000.0)));
        assert!(course.reaches(NOW_MS + 1000, sure(50_000.0)));
    }

    #[test]
    fn an_estimate_of_little_makes_no_dots() {
        let before = |steps: u64, usd, doubt| (NOW_MS - steps * STEP_MS, doubtful(usd, doubt));
        let past = [before(3, 52_000.0, 0.01), before(2, 50_100.0, 0.003)];
        let course = Course::new(&past, NOW_MS, sure(50_000.0));
        assert_eq!(usd_at(&course, 3), 50_100.0);
    }
}

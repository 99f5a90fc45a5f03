//! The clocks: the system's, which may be set, and a steady one, which no setting reaches.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The system clock counts as set if it moved against the steady clock by more than this, milliseconds.
pub const STEP_MS: i64 = 2000;

/// A name of the machine's last start. Source: random(4).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A clock that counts on while the machine sleeps, which `CLOCK_MONOTONIC` does not. Source: clock_gettime(2).
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// The system clock, Unix milliseconds; 0 before 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// A moment of the steady clock, for measuring ages: it never goes back, and goes on while the machine sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady {
    /// Milliseconds since the machine's start.
    ms: u64,
}

impl Steady {
    /// This moment.
    pub fn now() -> Steady {
        let now = clock_gettime(STEADY);
        let (seconds, nanos) = (now.tv_sec.max(0) as u64, now.tv_nsec.max(0) as u64);
        Steady {
            ms: seconds * 1000 + nanos / 1_000_000,
        }
    }

    /// Milliseconds from the machine's start to this moment.
    pub fn since_start_ms(self) -> u64 {
        self.ms
    }

    /// Milliseconds from this moment to now.
    pub fn elapsed_ms(self) -> u64 {
        Steady::now().since_ms(self)
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub fn since_ms(self, earlier: Steady) -> u64 {
        self.ms.saturating_sub(earlier.ms)
    }

    /// The moment `duration` after this one.
    #[must_use]
    pub fn after(self, duration: Duration) -> Steady {
        Steady {
            ms: self.ms + duration.as_millis() as u64,
        }
    }
}

/// A moment in a form to be written down, so that another process can tell how long ago it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// By the system clock, Unix milliseconds.
    pub unix_ms: u64,
    /// By the steady clock, milliseconds since the machine's start.
    pub steady_ms: u64,
    /// The name of the machine's start; empty if the system gives none.
    pub boot: String,
}

impl Moment {
    /// This moment.
    pub fn now() -> Moment {
        let boot = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
        Moment {
            unix_ms: unix_ms(),
            steady_ms: Steady::now().ms,
            boot: boot.trim().to_owned(),
        }
    }

    /// Milliseconds from `earlier` to this moment: by the steady clock if both are of one start of the machine, else by the
    /// system clock; 0 if `earlier` is later.
    pub fn since_ms(&self, earlier: &Moment) -> u64 {
        match !self.boot.is_empty() && self.boot == earlier.boot {
            true => self.steady_ms.saturating_sub(earlier.steady_ms),
            false => self.unix_ms.saturating_sub(earlier.unix_ms),
        }
    }
}

/// A clock of Unix time that goes on steadily, and reports each step of the system clock.
///
/// It follows the steady clock from the system clock's reading at its start, so that times measured by it never jump unnoticed.
/// [`UnixClock::check`] notices a step, and follows the system clock from there on.
#[derive(Clone, Copy, Debug)]
pub struct UnixClock {
    /// Unix time less the steady clock's, milliseconds.
    ahead_ms: i64,
    /// One moment as an `Instant` and by the steady clock, so that other moments can be converted.
    anchor: (Instant, Steady),
}

impl UnixClock {
    /// A clock that is set by the system clock now.
    pub fn start() -> UnixClock {
        UnixClock {
            ahead_ms: system_ahead_ms(),
            anchor: (Instant::now(), Steady::now()),
        }
    }

    /// Unix milliseconds now.
    pub fn now_ms(&self) -> u64 {
        Steady::now().ms.saturating_add_signed(self.ahead_ms)
    }

    /// Unix milliseconds at a moment since the machine last slept.
    pub fn at_ms(&self, moment: Instant) -> u64 {
        let (instant, steady) = self.anchor;
        let at_ms = match moment.checked_duration_since(instant) {
            Some(later) => steady.ms + later.as_millis() as u64,
            None => {
                let earlier = instant.saturating_duration_since(moment);
                steady.ms.saturating_sub(earlier.as_millis() as u64)
            }
        };
        at_ms.saturating_add_signed(self.ahead_ms)
    }

    /// How far the system clock has been set since the last call, milliseconds, if that is over [`STEP_MS`] either way. This
    /// clock moves by as much.
    pub fn check(&mut self) -> Option<i64> {
        self.anchor = (Instant::now(), Steady::now());
        self.follow(system_ahead_ms())
    }

    fn follow(&mut self, ahead_ms: i64) -> Option<i64> {
        let step_ms = ahead_ms - self.ahead_ms;
        let is_step = step_ms.abs() > STEP_MS;
        if is_step {
            self.ahead_ms = ahead_ms;
        }
        is_step.then_some(step_ms)
    }
}

fn system_ahead_ms() -> i64 {
    unix_ms() as i64 - Steady::now().ms as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_once_and_followed() {
        let mut clock = UnixClock {
            ahead_ms: 10_000,
            ..UnixClock::start()
        };
        assert_eq!(
            clock.follow(10_000 + STEP_MS),
            None,
            "small differences are not steps"
        );
        assert_eq!(clock.follow(10_000 - 3_600_000), Some(-3_600_000));
        assert_eq!(clock.follow(10_000 - 3_600_000), None);
        assert_eq!(clock.follow(10_000), Some(3_600_000));
    }

    #[test]
    fn it_agrees_with_the_system_clock_when_that_is_not_set() {
        let mut clock = UnixClock::start();
        assert!(clock.now_ms().abs_diff(unix_ms()) < 1000);
        assert_eq!(clock.check(), None);
        let now = Instant::now();
        assert!(clock.at_ms(now).abs_diff(clock.now_ms()) < 1000);
    }

    #[test]
    fn since_one_start_of_the_machine_no_setting_of_the_clock_is_seen() {
        let at = |unix_ms, steady_ms, boot: &str| Moment {
            unix_ms,
            steady_ms,
            boot: boot.to_owned(),
        };
        let written = at(9_000_000, 1000, "a");
        assert_eq!(at(5_400_000, 29_000, "a").since_ms(&written), 28_000);
        assert_eq!(at(9_060_000, 500, "b").since_ms(&written), 60_000);
        assert_eq!(at(5_400_000, 500, "b").since_ms(&written), 0);
        let unnamed = at(9_000_000, 1000, "");
        assert_eq!(at(9_060_000, 500, "").since_ms(&unnamed), 60_000);
        let now = Moment::now();
        assert!(Moment::now().since_ms(&now) < 5000);
    }

    #[test]
    fn ages_never_go_back() {
        let began = Steady::now();
        let later = began.after(Duration::from_secs(5));
        assert_eq!((later.since_ms(began), began.since_ms(later)), (5000, 0));
        assert!(began.elapsed_ms() < 5000);
    }
}

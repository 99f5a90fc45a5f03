//! The stand-in's clock: it runs at a multiple of real time, or is set by the messages that are played.

use std::time::{Duration, SystemTime, SystemTimeError, UNIX_EPOCH};

use tokio::time::Instant;

use crate::settings::Speed;

/// The system clock, Unix seconds with their fraction.
///
/// # Errors
/// When the system clock shows a time before 1970.
pub fn unix_seconds() -> Result<f64, SystemTimeError> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

/// A clock that tells when, in real time, a moment of the stand-in's time comes.
#[derive(Clone, Copy, Debug)]
pub struct PlayClock {
    anchor: Instant,
    anchor_time: f64,
    speed: Speed,
}

impl PlayClock {
    /// A clock that shows `time` (Unix seconds) now.
    pub fn new(time: f64, speed: Speed) -> PlayClock {
        PlayClock {
            anchor: Instant::now(),
            anchor_time: time,
            speed,
        }
    }

    /// The time that it shows now, Unix seconds. At full speed it stands where it was set.
    pub fn now(&self) -> f64 {
        match self.speed {
            Speed::Times(factor) => self.anchor_time + self.anchor.elapsed().as_secs_f64() * factor,
            Speed::Max => self.anchor_time,
        }
    }

    /// When it will show `time`; a moment that has passed already, or any at full speed, is now.
    pub fn when(&self, time: f64) -> Instant {
        match self.speed {
            Speed::Times(factor) => {
                let seconds = ((time - self.anchor_time) / factor).max(0.0);
                let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
                self.anchor.checked_add(wait).unwrap_or(self.anchor)
            }
            Speed::Max => Instant::now(),
        }
    }

    /// Sets it to `time`.
    pub fn set(&mut self, time: f64) {
        *self = PlayClock::new(time, self.speed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_its_speed() {
        let clock = PlayClock::new(1000.0, Speed::Times(4.0));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!((clock.now() - 1012.0).abs() < 1e-6);
        assert_eq!(clock.when(1020.0) - Instant::now(), Duration::from_secs(2));
        assert!(clock.when(900.0) <= Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn at_full_speed_it_stands_until_it_is_set() {
        let mut clock = PlayClock::new(1000.0, Speed::Max);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now().to_bits(), 1000_f64.to_bits());
        assert_eq!(clock.when(5000.0), Instant::now());
        clock.set(5000.0);
        assert_eq!(clock.now().to_bits(), 5000_f64.to_bits());
    }
}

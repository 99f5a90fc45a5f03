//! When a journal that cannot be written is tried again, and how often that is logged.

use std::time::{Duration, Instant};

/// The pause after a first failure. Each failure doubles it, up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// After this time without a failure, the next failure counts as a first one again.
const FORGOTTEN: Duration = Duration::from_mins(5);
/// The shortest time between two log lines.
const BETWEEN_LINES: Duration = Duration::from_mins(1);

/// A pause that grows with each failure.
#[derive(Debug, Default)]
pub struct Retry {
    failures: u32,
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Retry {
    /// Whether the pause is over.
    pub fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// Begins the pause after a failure, and returns its length.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let is_old = |last: Instant| now.saturating_duration_since(last) > FORGOTTEN;
        if self.last.is_some_and(is_old) {
            self.failures = 0;
        }
        let pause = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures += 1;
        self.last = Some(now);
        self.next = Some(now + pause);
        pause
    }

    /// Ends the pause.
    pub fn at_once(&mut self) {
        self.next = None;
    }
}

/// A gate that lets one log line a minute through.
#[derive(Debug, Default)]
pub struct Complaint {
    last: Option<Instant>,
    held_back: u64,
    is_open: bool,
}

impl Complaint {
    /// The number of lines held back since the last one; `None` if no line may be written now.
    pub fn pass(&mut self, now: Instant) -> Option<u64> {
        let is_recent = |last: Instant| now.saturating_duration_since(last) < BETWEEN_LINES;
        if self.last.is_some_and(is_recent) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        self.is_open = true;
        Some(std::mem::take(&mut self.held_back))
    }

    /// Whether a line was written about the trouble that goes on now.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Notes that the trouble is over.
    pub fn close(&mut self) {
        self.is_open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_again_after_a_quiet_time() {
        let (mut retry, mut now) = (Retry::default(), Instant::now());
        assert!(retry.is_due(now));
        let mut pause = || {
            let pause = retry.failed(now);
            assert!(!retry.is_due(now) && retry.is_due(now + pause));
            now += pause;
            pause.as_secs()
        };
        assert_eq!([(); 8].map(|()| pause()), [1, 2, 4, 8, 16, 32, 60, 60]);
        now += FORGOTTEN * 2;
        assert_eq!(retry.failed(now), FIRST);
    }

    #[test]
    fn a_line_is_written_once_a_minute() {
        let (mut complaint, now) = (Complaint::default(), Instant::now());
        assert_eq!(complaint.pass(now), Some(0));
        assert_eq!(complaint.pass(now + BETWEEN_LINES / 2), None);
        complaint.close();
        assert_eq!(complaint.pass(now + BETWEEN_LINES / 2), None);
        assert!(!complaint.is_open());
        assert_eq!(complaint.pass(now + BETWEEN_LINES), Some(2));
        assert!(complaint.is_open());
    }
}

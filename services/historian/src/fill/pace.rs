//! The time that the remaining blocks take, at the pace of the last minutes.

use std::{collections::VecDeque, time::Duration};

/// The time over which the pace is measured.
const SPAN: Duration = Duration::from_mins(10);
/// The pace is unknown until samples span this time.
const LEAST: Duration = Duration::from_secs(10);
/// Time between two samples.
const EVERY: Duration = Duration::from_secs(5);

/// Samples of how many blocks had been read at which moment.
#[derive(Debug, Default)]
pub struct Pace {
    samples: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Records how many blocks have been read at a moment, which is given as the time since any fixed one. A lower
    /// number than before restarts the measurement.
    pub fn note(&mut self, at: Duration, read: u64) {
        if self
            .samples
            .back()
            .is_some_and(|(_, before)| read < *before)
        {
            self.samples.clear();
        }
        let is_due = self
            .samples
            .back()
            .is_none_or(|(last, _)| at >= *last + EVERY);
        if is_due {
            self.samples.push_back((at, read));
        }
        while self
            .samples
            .front()
            .is_some_and(|(first, _)| at > *first + SPAN)
        {
            self.samples.pop_front();
        }
    }

    /// Seconds until `left` more blocks are read; `None` if none is left or the pace is unknown.
    pub fn left_seconds(&self, left: u64) -> Option<u64> {
        let ((from, before), (to, after)) = (self.samples.front()?, self.samples.back()?);
        let (took, read) = (to.saturating_sub(*from), after - before);
        let is_known = left > 0 && read > 0 && took >= LEAST;
        is_known.then(|| (took.as_secs_f64() * left as f64 / read as f64).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_the_last_minutes_say() {
        let mut pace = Pace::default();
        let second = Duration::from_secs;
        pace.note(second(0), 0);
        assert_eq!(pace.left_seconds(100), None);
        for at in 1..=1200 {
            // Ten a second at first, one a second at last.
            pace.note(second(at), 10 * at.min(600) + at.saturating_sub(600));
        }
        assert_eq!(pace.left_seconds(3600), Some(3600));
        assert_eq!(pace.left_seconds(0), None);
        assert!(pace.samples.len() <= 121);
        pace.note(second(1201), 5);
        assert_eq!(
            pace.left_seconds(3600),
            None,
            "counted anew after a step back"
        );
    }
}

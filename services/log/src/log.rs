//! The log itself: bounded by age and by bytes, read from any position that is still held.

use std::collections::VecDeque;

use crate::event::{Entry, Event, Position};

/// How much of the past is kept for readers to resume from.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Entries older than this, by their stamps against the newest, are dropped; milliseconds.
    pub age_ms: u64,
    /// The most memory that the entries may take, in bytes; beyond it the oldest are dropped.
    pub bytes: usize,
}

/// Room that is kept for entries in any case.
const LEAST_ROOM: usize = 1024;

/// The newest entries, in order.
#[derive(Debug)]
pub struct EventLog {
    epoch: u64,
    limits: LogLimits,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The sequence of the newest entry ever written; 0 before the first.
    newest: u64,
}

impl EventLog {
    /// An empty log of a new epoch.
    pub fn new(epoch: u64, limits: LogLimits) -> EventLog {
        EventLog {
            epoch,
            limits,
            entries: VecDeque::new(),
            bytes: 0,
            newest: 0,
        }
    }

    /// Writes an entry, and drops the oldest ones that are over the limits.
    #[inline]
    pub fn push(&mut self, time_ms: u64, event: Event) -> &Entry {
        self.newest += 1;
        self.bytes += event.bytes();
        self.entries.push_back(Entry {
            position: self.head(),
            time_ms,
            event,
        });
        while self.over_limits(time_ms) {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.event.bytes();
            }
        }
        // The memory for the thousands of entries of a start is not kept for ever.
        if self.entries.capacity() > 8 * self.entries.len().max(LEAST_ROOM) {
            self.entries.shrink_to(2 * self.entries.len());
        }
        &self.entries[self.entries.len() - 1]
    }

    /// The position of the newest entry; sequence 0 before the first.
    pub fn head(&self) -> Position {
        Position {
            epoch: self.epoch,
            sequence: self.newest,
        }
    }

    /// The entries after `position`, oldest first; `None` if they are not (or no longer) held, or `position` is of another
    /// epoch.
    pub fn after(&self, position: Position) -> Option<impl Iterator<Item = &Entry>> {
        let first_held = self.newest - self.entries.len() as u64 + 1;
        let known = position.epoch == self.epoch
            && position.sequence <= self.newest
            && position.sequence + 1 >= first_held;
        known.then(|| {
            let skip = (position.sequence + 1 - first_held) as usize;
            self.entries.range(skip..)
        })
    }

    /// About how many bytes the entries take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    fn over_limits(&self, now_ms: u64) -> bool {
        let too_old = |entry: &Entry| entry.time_ms + self.limits.age_ms < now_ms;
        self.entries.len() > 1
            && (self.bytes > self.limits.bytes || self.entries.front().is_some_and(too_old))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::RemovalReason;

    fn event(number: u8) -> Event {
        Event::Removed([number; 32], RemovalReason::Unknown)
    }

    fn log(age_ms: u64, entries: usize) -> EventLog {
        let bytes = event(0).bytes() * entries;
        EventLog::new(7, LogLimits { age_ms, bytes })
    }

    fn at(sequence: u64) -> Position {
        Position { epoch: 7, sequence }
    }

    fn sequences(log: &EventLog, position: Position) -> Option<Vec<u64>> {
        Some(
            log.after(position)?
                .map(|entry| entry.position.sequence)
                .collect(),
        )
    }

    #[test]
    fn a_reader_gets_exactly_what_followed() {
        let mut log = log(1000, 100);
        assert_eq!(sequences(&log, at(0)), Some(vec![]));
        for number in 1..=4 {
            log.push(u64::from(number), event(number));
        }
        assert_eq!(sequences(&log, at(0)), Some(vec![1, 2, 3, 4]));
        assert_eq!(sequences(&log, at(3)), Some(vec![4]));
        assert_eq!(sequences(&log, at(4)), Some(vec![]));
    }

    #[test]
    fn what_is_not_held_is_not_known() {
        let mut log = log(1000, 3);
        for number in 1..=5 {
            log.push(0, event(number));
        }
        assert_eq!(sequences(&log, at(1)), None);
        assert_eq!(sequences(&log, at(2)), Some(vec![3, 4, 5]));
        assert_eq!(sequences(&log, at(6)), None, "from the future");
        let other = Position {
            epoch: 8,
            sequence: 4,
        };
        assert_eq!(sequences(&log, other), None, "of another epoch");
    }

    #[test]
    fn old_entries_leave_by_their_stamps() {
        let mut log = log(1000, 100);
        log.push(5000, event(1));
        log.push(5900, event(2));
        log.push(6500, event(3));
        assert_eq!(sequences(&log, at(0)), None);
        assert_eq!(sequences(&log, at(1)), Some(vec![2, 3]));
    }
}

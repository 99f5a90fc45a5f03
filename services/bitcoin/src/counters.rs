//! The topics' own counters: the only sign that the node's queue dropped a message.

use std::collections::HashMap;

use crate::frame::Topic;

/// The last counter of each topic.
#[derive(Debug, Default)]
pub struct TopicCounters(HashMap<Topic, u32>);

/// The relation of a counter to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It is the next, or the first of its topic.
    Next,
    /// This many messages are missing.
    Gap(u32),
    /// The counter went back: the publisher has started again.
    Restart,
}

impl TopicCounters {
    /// Takes the counter of a message.
    pub fn take(&mut self, topic: Topic, counter: u32) -> Continuity {
        let Some(last) = self.0.insert(topic, counter) else {
            return Continuity::Next;
        };
        match counter.wrapping_sub(last) {
            1 => Continuity::Next,
            ahead @ 2..=0x7fff_ffff => Continuity::Gap(ahead - 1),
            _ => Continuity::Restart,
        }
    }

    /// Forgets all counters, because a new connection may begin anywhere.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_restarts_are_told_apart() {
        let mut counters = TopicCounters::default();
        assert_eq!(counters.take(Topic::RawTx, 4_294_967_295), Continuity::Next);
        assert_eq!(counters.take(Topic::RawTx, 0), Continuity::Next);
        assert_eq!(counters.take(Topic::Sequence, 9), Continuity::Next);
        assert_eq!(counters.take(Topic::RawTx, 3), Continuity::Gap(2));
        assert_eq!(counters.take(Topic::RawTx, 3), Continuity::Restart);
        assert_eq!(counters.take(Topic::RawTx, 0), Continuity::Restart);
    }
}

//! Publishing: the tracker's decisions go into the journal first, then to the log and the window, and so to the subscribers.

pub mod service;
pub mod store;
mod wire;

use std::time::Instant;

use satscope_log::{Event, EventLog};

use crate::{
    journal::Journal,
    metrics::Metrics,
    tracker::{Outbox, Record},
};

/// A target that events are written to: the log, with or without the window.
pub trait Sink {
    /// Writes events, each with its stamp in Unix milliseconds, and wakes the subscribers; `events` is empty afterwards.
    fn publish(&self, events: &mut Vec<(u64, Event)>);
}

/// A log without a window, for measuring.
impl Sink for std::cell::RefCell<EventLog> {
    fn publish(&self, events: &mut Vec<(u64, Event)>) {
        let mut log = self.borrow_mut();
        for (time_ms, event) in events.drain(..) {
            log.push(time_ms, event);
        }
    }
}

/// The writer of the tracker's outboxes.
#[derive(Debug)]
pub struct Publisher {
    journal: Option<Journal<Record>>,
    /// The last outbox, emptied, so that its memory is used again.
    spare: Outbox,
}

impl Publisher {
    /// A publisher without a journal.
    pub fn new() -> Publisher {
        Publisher {
            journal: None,
            spare: Outbox::default(),
        }
    }

    /// Writes to this journal from now on.
    pub fn keep(&mut self, journal: Journal<Record>) {
        self.journal = Some(journal);
    }

    /// An empty outbox that reuses the memory of the last one.
    pub fn spare(&mut self) -> Outbox {
        std::mem::take(&mut self.spare)
    }

    /// Publishes an outbox: into the journal first, so that a killed process forgets nothing that a subscriber was told. Keeps
    /// the outbox's memory.
    pub fn publish(
        &mut self,
        mut out: Outbox,
        now_ms: u64,
        sink: &impl Sink,
        metrics: &mut Metrics,
    ) {
        if let Some(journal) = &mut self.journal {
            journal.append(now_ms, &out.records);
        }
        metrics.first_seen(&out.sights);
        metrics.left_unpublished(&out.unpublished);
        metrics.happened(&out.events);
        sink.publish(&mut out.events);
        out.clear();
        self.spare = out;
    }

    /// Lets the journal do what is due; `known` has records of the whole picture at `now_ms`.
    pub fn keep_journal(&mut self, now_ms: u64, known: impl Iterator<Item = Record>) {
        if let Some(journal) = &mut self.journal {
            journal.keep(Instant::now(), now_ms, known);
        }
    }

    /// Lets a new journal be begun, because the stamps in this one are outdated.
    pub fn outdate_journal(&mut self, now_ms: u64, known: impl Iterator<Item = Record>) {
        if let Some(journal) = &mut self.journal {
            journal.outdate();
            journal.keep(Instant::now(), now_ms, known);
        }
    }
}

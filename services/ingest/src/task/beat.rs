//! The heartbeat at each whole half second: time passes, undecided stamps are decided, the status is published.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{info, warn};

use satscope_kit::clock::Steady;

use super::{Task, answers::Failure, unix_ms};
use crate::{
    clock::StampClock,
    resync::ask::BATCH,
    stamp::{Gate, Shift},
};

/// Milliseconds between beats; on the system's clock, beats lie on whole multiples of it.
const EVERY_MS: u64 = 500;
/// A beat that is later than this after the last one shows that the process stood still, milliseconds.
const STANDSTILL_MS: u64 = 1500;
/// The node's clock is compared with ours by the entry time of a live entry. One is asked for at each of the first
/// `FIRST_SAMPLES` beats, then every `SAMPLE_EVERY` beats.
const FIRST_SAMPLES: u64 = 12;
const SAMPLE_EVERY: u64 = 60;

impl Task {
    /// Lets time pass in all parts of the task, and publishes the status. The status has the stamp 0 before a stand-in's first
    /// word, when nothing has happened yet.
    pub(super) fn beat(&mut self) {
        if let Some(step_ms) = self.source.clock.check_step() {
            self.clock_was_set(step_ms);
        }
        let now_ms = self.beat_ms();
        let last_beat = std::mem::replace(&mut self.last_beat, Steady::now());
        if last_beat.elapsed_ms() > STANDSTILL_MS {
            self.gate.stood_still(now_ms);
        }
        self.set_next_beat();
        self.beats += 1;
        if let Some(why) = self
            .reading
            .as_ref()
            .and_then(|reading| reading.overdue(Instant::now()))
        {
            self.fail_reading(why, Failure::Silent);
        }
        if let Some(reading) = self.reading.as_ref().filter(|_| self.is_poll) {
            let began = reading.began();
            self.source.link.polling(began, Instant::now());
        }
        // While the node is being read, the messages that wait must be taken before time passes.
        if self.reading.is_none() {
            let asked = self.tracker.tick(now_ms, &mut self.gate);
            self.to_ask.extend(asked);
        }
        self.ask_entry_times();
        if self.source.link.is_refused() && self.asker.has_new_login() {
            self.source.link.try_again();
        }
        if matches!(self.gate, Gate::Loading)
            && self.beats.is_multiple_of(2)
            && self.reading.is_none()
        {
            self.asker.loaded();
        }
        let status = self.metrics.status(
            self.tracker.mempool_len(),
            self.source.link.hops(),
            self.source.clock.simulation(),
        );
        self.tracker.status(now_ms, Arc::new(status));
        self.source.report();
        self.flush();
        self.metrics.active(self.store.active());
        self.publisher.keep_journal(now_ms, self.tracker.records());
    }

    fn beat_ms(&self) -> u64 {
        let newest_ms = self.source.clock.newest().unwrap_or(0);
        match self.source.clock {
            StampClock::System(_) => newest_ms - newest_ms % EVERY_MS,
            StampClock::Awaited(_) | StampClock::StandIn(_) => newest_ms,
        }
    }

    fn set_next_beat(&mut self) {
        let left_ms = match &self.source.clock {
            StampClock::System(clock) => EVERY_MS - clock.now_ms() % EVERY_MS,
            StampClock::Awaited(_) | StampClock::StandIn(_) => EVERY_MS,
        };
        self.next_beat = tokio::time::Instant::now() + Duration::from_millis(left_ms);
    }

    /// Asks for a batch of the entry times on which stamps depend, and for that of a live entry if a sample is due.
    pub(super) fn ask_entry_times(&mut self) {
        if self.is_asking || !self.gate.may_ask() || !self.asker.has_rpc() {
            return;
        }
        let is_sample_due = self.beats < FIRST_SAMPLES || self.beats.is_multiple_of(SAMPLE_EVERY);
        let sample = self
            .tracker
            .take_live()
            .filter(|_| is_sample_due || self.node_clock.is_learning());
        let asked = self.to_ask.len().min(BATCH);
        let mut batch: Vec<_> = self.to_ask.drain(..asked).collect();
        self.metrics.asked(batch.len());
        batch.extend(sample);
        if !batch.is_empty() {
            self.is_asking = true;
            self.asker.entry_times(batch);
        }
    }

    /// Moves the stamps since the machine's start by `step_ms`, by which the system clock was set, and begins a new epoch.
    fn clock_was_set(&mut self, step_ms: i64) {
        warn!(
            "the system clock was set by {:.1} s; stamps are made anew",
            step_ms as f64 / 1000.0
        );
        self.metrics.clock_step(step_ms);
        self.gate.shift(step_ms);
        let before_ms = unix_ms().saturating_add_signed(-step_ms);
        let booted_ms = before_ms.saturating_sub(Steady::now().since_start_ms());
        let shift = self.node_clock.was_set(step_ms, booted_ms);
        self.begin_epoch(shift);
    }

    /// Begins a new epoch, because the node's clock differs from ours by another amount than was believed.
    pub(super) fn node_clock_differs(&mut self, shift: Shift) {
        info!(
            "the node's clock differs from this machine's by {:.1} s more than was believed; its entry times are read so",
            shift.unread_ms as f64 / 1000.0
        );
        self.begin_epoch(shift);
    }

    /// Moves the stamps by `shift` and begins a new epoch, with which all subscribers begin again. The node is read again,
    /// because other transactions may lie in the window now.
    fn begin_epoch(&mut self, shift: Shift) {
        let now_ms = self.source.clock.newest().unwrap_or(0);
        self.publish();
        self.tracker.shift(shift, now_ms);
        self.epoch = unix_ms().max(self.epoch + 1);
        let mut out = self.tracker.take_outbox(self.publisher.spare());
        self.store.begin(self.epoch, &mut out.events);
        self.publisher
            .publish(out, now_ms, self.store.as_ref(), &mut self.metrics);
        self.publisher
            .outdate_journal(now_ms, self.tracker.records());
        if self.asker.has_rpc() {
            self.abandon_reading();
            self.source.link.missed_something();
        }
    }
}

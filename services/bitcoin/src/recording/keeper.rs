//! The recording's own thread: takes entries out of a bounded queue, and keeps them until the disk has them.

use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use serde_json::{Map, Value, json};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    WriteError, Writer,
    report::{BYTES, FAILURES, FILES, GAPS, MESSAGES, QUEUE},
};
use crate::{
    counters::{Continuity, TopicCounters},
    frame::Frame,
};

/// Interval between writes to the disk; a crash costs the messages of this time at most.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_mins(1);
/// The pause before the disk is tried again, and how long tries may go on once it is time to stop.
const RETRY: Duration = Duration::from_millis(250);
const LAST_TRIES: Duration = Duration::from_secs(2);
/// The most entries taken from the queue at once.
const AT_ONCE: usize = 256;

/// A thing to be recorded, and when it came, Unix milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum ToRecord {
    /// A message of the node.
    Frame(u64, Frame),
    /// An incident: its text, and further fields.
    Note(u64, String, Map<String, Value>),
}

impl ToRecord {
    /// A note with these fields.
    pub fn note<const N: usize>(stamp_ms: u64, text: &str, fields: [(&str, Value); N]) -> ToRecord {
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        ToRecord::Note(stamp_ms, text.to_owned(), Map::from_iter(fields))
    }
}

/// Writes the queue's entries until its other end is dropped. Blocks: give it a thread of its own.
///
/// A disk that takes nothing is tried again and again; the queue fills meanwhile. Once `stop` is cancelled, the disk is given
/// up after 2 s.
///
/// # Errors
/// When the disk had to be given up.
pub fn keep(
    writer: Writer,
    mut queue: mpsc::Receiver<ToRecord>,
    handle: &Handle,
    stop: &CancellationToken,
) -> Result<(), WriteError> {
    let mut keeper = Keeper::new(writer, stop.clone());
    let mut batch = Vec::with_capacity(AT_ONCE);
    loop {
        let due = FLUSH_EVERY.saturating_sub(keeper.flushed.elapsed());
        let taken = async { timeout(due, queue.recv_many(&mut batch, AT_ONCE)).await };
        let taken = handle.block_on(taken);
        for entry in batch.drain(..) {
            keeper.add(entry)?;
        }
        gauge!(QUEUE).set(queue.len() as f64);
        keeper.flush_if_due()?;
        keeper.report_if_due();
        if taken == Ok(0) {
            keeper.flush()?;
            return keeper.writer.finish();
        }
    }
}

struct Keeper {
    writer: Writer,
    counters: TopicCounters,
    stop: CancellationToken,
    flushed: Instant,
    reported: Instant,
    messages: u64,
    bytes: usize,
}

impl Keeper {
    fn new(writer: Writer, stop: CancellationToken) -> Keeper {
        gauge!(FILES).set(writer.files() as f64);
        Keeper {
            writer,
            counters: TopicCounters::default(),
            stop,
            flushed: Instant::now(),
            reported: Instant::now(),
            messages: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, entry: ToRecord) -> Result<(), WriteError> {
        match entry {
            ToRecord::Frame(stamp_ms, frame) => {
                if let Some(gap) = self.gap(stamp_ms, &frame) {
                    self.add(gap)?;
                }
                self.messages += 1;
                counter!(MESSAGES, "topic" => frame.topic.name()).increment(1);
                self.trying(|writer| writer.frame(stamp_ms, &frame))?;
            }
            ToRecord::Note(stamp_ms, text, fields) => {
                self.trying(|writer| writer.note(stamp_ms, &text, &fields))?;
            }
        }
        match self.writer.is_full() {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// A note if the counters show that messages are missing before this one.
    fn gap(&mut self, stamp_ms: u64, frame: &Frame) -> Option<ToRecord> {
        let (topic, before) = (frame.topic.name(), frame.counter);
        let (text, lost) = match self.counters.take(frame.topic, before) {
            Continuity::Next => return None,
            Continuity::Gap(lost) => ("messages lost", json!(lost)),
            Continuity::Restart => ("counter restarted", Value::Null),
        };
        warn!(topic, before, %lost, "recording: {text}");
        counter!(GAPS, "topic" => topic).increment(1);
        let fields = [
            ("topic", json!(topic)),
            ("before", json!(before)),
            ("lost", lost),
        ];
        Some(ToRecord::note(stamp_ms, text, fields))
    }

    fn flush_if_due(&mut self) -> Result<(), WriteError> {
        match self.flushed.elapsed() >= FLUSH_EVERY {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes everything out, and waits for the disk as long as necessary.
    fn flush(&mut self) -> Result<(), WriteError> {
        self.flushed = Instant::now();
        let written = self.trying(Writer::flush)?;
        self.bytes += written;
        counter!(BYTES).increment(written as u64);
        gauge!(FILES).set(self.writer.files() as f64);
        Ok(())
    }

    /// Repeats `act` on the writer until it succeeds, or until the disk is given up after a stop.
    fn trying<T>(
        &mut self,
        mut act: impl FnMut(&mut Writer) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        let mut failed: Option<Instant> = None;
        let mut stopping: Option<Instant> = None;
        loop {
            let error = match act(&mut self.writer) {
                Ok(done) => {
                    if let Some(since) = failed {
                        info!("recording goes on after {:?}", since.elapsed());
                    }
                    return Ok(done);
                }
                Err(error) => error,
            };
            counter!(FAILURES).increment(1);
            if failed.is_none() {
                warn!("recording waits for the disk: {error}");
                failed = Some(Instant::now());
            }
            if self.stop.is_cancelled()
                && stopping.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES
            {
                return Err(error);
            }
            std::thread::sleep(RETRY);
        }
    }

    fn report_if_due(&mut self) {
        if self.reported.elapsed() >= REPORT_EVERY {
            self.reported = Instant::now();
            info!(
                messages = self.messages,
                bytes = self.bytes,
                files = self.writer.files(),
                "recording"
            );
        }
    }
}

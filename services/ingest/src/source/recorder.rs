//! Ingest's own recording of the node's messages. Without RPC, a start fills the window from it.
//!
//! The recorder never holds ingest up: messages that its queue has no room for are left out, counted, and noted in the
//! recording.

use std::path::Path;

use anyhow::Context as _;
use satscope_bitcoin::{
    frame::Frame,
    recording::{
        CONNECTED, DISCONNECTED, RecordingLimits, ToRecord, Writer, describe_metrics, keep,
        left_out,
    },
};
use satscope_kit::Context;
use serde_json::{Value, json};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
};

/// Messages that may wait for the writing thread.
const QUEUE: usize = 16_384;

/// Ingest's end of the recording; without a folder, it keeps nothing.
#[derive(Debug, Default)]
pub struct Recorder {
    entries: Option<mpsc::Sender<ToRecord>>,
    /// Notes that wait for a clock.
    notes: Vec<(&'static str, String)>,
    /// Entries that found the queue full, since the last note about it.
    left_out: u64,
}

impl Recorder {
    /// Starts the thread that writes the recording in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub async fn start(
        folder: &Path,
        limits: RecordingLimits,
        context: &Context,
    ) -> anyhow::Result<Recorder> {
        describe_metrics();
        let folder = folder.to_path_buf();
        let opened = tokio::task::spawn_blocking(move || Writer::open(&folder, limits));
        let writer = opened.await?.context("record")?;
        let (entries, queue) = mpsc::channel(QUEUE);
        let stop = context.tasks.stop();
        let keeping = move || keep(writer, queue, &Handle::current(), &stop);
        context.tasks.spawn_blocking("recording", keeping).await;
        Ok(Recorder {
            entries: Some(entries),
            ..Recorder::default()
        })
    }

    /// Records a message of the node that was stamped with `stamp_ms`, Unix milliseconds.
    pub fn frame(&mut self, stamp_ms: u64, frame: &Frame) {
        if self.entries.is_some() {
            self.write_notes(stamp_ms);
            self.put(ToRecord::Frame(stamp_ms, frame.clone()));
        }
    }

    /// Notes a new connection; `now_ms` is `None` while a stand-in has not said the time.
    pub fn connected(&mut self, now_ms: Option<u64>, endpoint: &str) {
        self.note(now_ms, CONNECTED, endpoint);
    }

    /// Notes a lost connection; `now_ms` is `None` while a stand-in has not said the time.
    pub fn disconnected(&mut self, now_ms: Option<u64>, endpoint: &str) {
        self.note(now_ms, DISCONNECTED, endpoint);
    }

    fn note(&mut self, now_ms: Option<u64>, text: &'static str, endpoint: &str) {
        if self.entries.is_some() {
            self.notes.push((text, endpoint.to_owned()));
        }
        if let Some(now_ms) = now_ms {
            self.write_notes(now_ms);
        }
    }

    fn write_notes(&mut self, stamp_ms: u64) {
        for (text, endpoint) in std::mem::take(&mut self.notes) {
            self.put(ToRecord::note(
                stamp_ms,
                text,
                [("endpoint", json!(endpoint))],
            ));
        }
        if self.left_out > 0 {
            let fields = [("messages", Value::from(self.left_out))];
            if self.try_put(ToRecord::note(stamp_ms, "not recorded", fields)) {
                self.left_out = 0;
            }
        }
    }

    fn put(&mut self, entry: ToRecord) {
        if !self.try_put(entry) {
            self.left_out += 1;
            left_out("queue_full");
        }
    }

    /// Queues an entry; false if there is no room.
    fn try_put(&mut self, entry: ToRecord) -> bool {
        let Some(entries) = &self.entries else {
            return true;
        };
        match entries.try_send(entry) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Closed(_)) => {
                // The thread has said why; its end stops the process.
                self.entries = None;
                true
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_bitcoin::frame::Topic;

    use super::*;

    fn frame() -> Frame {
        Frame {
            topic: Topic::RawTx,
            body: vec![1],
            counter: 7,
        }
    }

    fn recorder(room: usize) -> (Recorder, mpsc::Receiver<ToRecord>) {
        let (entries, queue) = mpsc::channel(room);
        let recorder = Recorder {
            entries: Some(entries),
            ..Recorder::default()
        };
        (recorder, queue)
    }

    #[test]
    fn a_note_waits_for_a_clock() {
        let (mut recorder, mut queue) = recorder(8);
        recorder.connected(None, "tcp://node:1");
        assert!(queue.try_recv().is_err());
        recorder.frame(6, &frame());
        let note = ToRecord::note(6, CONNECTED, [("endpoint", json!("tcp://node:1"))]);
        assert_eq!(queue.try_recv().unwrap(), note);
        assert_eq!(queue.try_recv().unwrap(), ToRecord::Frame(6, frame()));
        recorder.disconnected(Some(7), "tcp://node:1");
        assert!(
            matches!(queue.try_recv().unwrap(), ToRecord::Note(7, text, _) if text == DISCONNECTED)
        );
    }

    #[test]
    fn what_finds_no_room_is_counted_and_noted_when_there_is_room_again() {
        let (mut recorder, mut queue) = recorder(2);
        for stamp_ms in 0..5 {
            recorder.frame(stamp_ms, &frame());
        }
        queue.try_recv().unwrap();
        queue.try_recv().unwrap();
        recorder.frame(9, &frame());
        let note = ToRecord::note(9, "not recorded", [("messages", json!(3))]);
        assert_eq!(queue.try_recv().unwrap(), note);
        assert!(matches!(queue.try_recv().unwrap(), ToRecord::Frame(9, _)));
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let mut recorder = Recorder::default();
        recorder.connected(None, "tcp://node:1");
        recorder.frame(1, &frame());
        assert!(recorder.notes.is_empty());
    }
}

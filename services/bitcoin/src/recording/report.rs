//! The metrics of a recording.

use metrics::{counter, describe_counter, describe_gauge};

pub(super) const MESSAGES: &str = "satscope_recording_messages_total";
pub(super) const BYTES: &str = "satscope_recording_bytes_total";
pub(super) const GAPS: &str = "satscope_recording_gaps_total";
pub(super) const FAILURES: &str = "satscope_recording_failures_total";
pub(super) const FILES: &str = "satscope_recording_files";
pub(super) const QUEUE: &str = "satscope_recording_queue_messages";
const LEFT_OUT: &str = "satscope_recording_left_out_total";

/// Describes the metrics of a recording.
pub fn describe() {
    describe_counter!(
        MESSAGES,
        "Messages of the node that were recorded, by topic."
    );
    describe_counter!(BYTES, "Compressed bytes written to recordings.");
    describe_counter!(GAPS, "Times that a topic's counter jumped or began again.");
    describe_counter!(FAILURES, "Writes that failed; each is tried again.");
    describe_counter!(
        LEFT_OUT,
        "Messages that are not in the recording, by reason."
    );
    describe_gauge!(FILES, "Recordings in the folder.");
    describe_gauge!(QUEUE, "Messages waiting to be recorded.");
}

/// Counts a message that is not in the recording.
pub fn left_out(reason: &'static str) {
    counter!(LEFT_OUT, "reason" => reason).increment(1);
}

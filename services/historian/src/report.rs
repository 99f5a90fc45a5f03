//! The historian's metrics.

use std::time::Duration;

use satscope_kit::named_metrics;

use crate::{
    progress::{Doing, Report},
    store::{Coverage, StoreError},
};

/// The reasons for which an estimate or minute is left out, as labels.
pub const LEFT_OUT: [&str; 4] = ["other_node", "older_minute", "no_history", "refused"];

named_metrics! {
    Gauge BLOCKS = "satscope_historian_blocks", "Blocks with a price in the history's file.";
    Gauge MINUTE_ROWS = "satscope_historian_minute_rows", "Minutes in the history's file.";
    Gauge FILE_BYTES = "satscope_historian_file_bytes",
        "Size of the history's file, and of what is not in it yet.";
    Gauge FINAL_PERIODS = "satscope_historian_final_periods",
        "Periods of 2,016 blocks whose prices no longer change.";
    Gauge FILLED_RATIO = "satscope_historian_filled_ratio",
        "Blocks that have been read, of those that are to be read; absent until the node has answered.";
    Gauge LEFT_SECONDS = "satscope_historian_left_seconds",
        "Seconds until all blocks have been read, at the pace of the last minutes; 0 if none is left or that is unknown.";
    Gauge BEHIND_BLOCKS = "satscope_historian_behind_blocks",
        "Blocks from the newest with a price to the node's best; absent until the node has answered and there is a price.";
    Gauge NEWEST_BLOCK = "satscope_historian_newest_block_timestamp_seconds",
        "Time of the newest block with a price, Unix seconds.";
    Gauge NEWEST_MINUTE = "satscope_historian_newest_minute_timestamp_seconds",
        "Start of the newest minute in the history's file, Unix seconds.";
    Gauge STATE = "satscope_historian_state", "1 for what the historian does, else 0.";
    Counter STORE_FAILURES = "satscope_historian_store_failures_total",
        "Times that the history's file could not be opened, read or written, by reason.";
    Counter ESTIMATES_LEFT_OUT = "satscope_historian_left_out_total",
        "Estimates or minutes that are in no file, by reason: of another node than the file's, of a minute that was in the file \
         before the clock was set back, while there was no file to write, or refused because they cannot be true.";
    Counter UPSTREAM_LOST = "satscope_historian_upstream_lost_total",
        "Times that the stream from the analyzer was lost or could not be had.";
    Histogram ANSWER_SECONDS = "satscope_historian_answer_seconds",
        "Time from a question to its answer, by question.";
}

/// Registers counters at zero, so that they appear before their first event.
pub fn start() {
    describe();
    UPSTREAM_LOST.get().increment(0);
    for reason in StoreError::LABELS {
        STORE_FAILURES.of(&[("reason", reason)]).increment(0);
    }
    for reason in LEFT_OUT {
        ESTIMATES_LEFT_OUT.of(&[("reason", reason)]).increment(0);
    }
}

/// Counts a failure to open, read or write the file, by its reason.
pub fn failed(error: &StoreError) {
    STORE_FAILURES.of(&[("reason", error.label())]).increment(1);
}

/// Counts an estimate or minute that was left out, for a reason of [`LEFT_OUT`].
pub fn left_out(reason: &'static str) {
    ESTIMATES_LEFT_OUT.of(&[("reason", reason)]).increment(1);
}

/// Counts a loss of the stream from the analyzer.
pub fn upstream_lost() {
    UPSTREAM_LOST.get().increment(1);
}

/// Records the time that the answer to a question took.
pub fn answered(question: &'static str, took: Duration) {
    ANSWER_SECONDS
        .of(&[("question", question)])
        .record(took.as_secs_f64());
}

/// Sets the metrics of the historian's progress.
pub fn progress(report: &Report) {
    let (shown, _) = report.shown();
    for (doing, label) in Doing::ALL {
        let holds = u8::from(shown == doing);
        STATE.of(&[("state", label)]).set(holds);
    }
    LEFT_SECONDS
        .get()
        .set(report.left_seconds.unwrap_or(0) as f64);
    if report.wanted_blocks > 0 {
        let ratio = report.read_blocks as f64 / report.wanted_blocks as f64;
        FILLED_RATIO.get().set(ratio);
    }
}

/// Sets the metrics of the file's content, and of its size in bytes.
pub fn file(coverage: &Coverage, bytes: u64, tip_height: Option<u32>) {
    BLOCKS.get().set(coverage.blocks as f64);
    MINUTE_ROWS.get().set(coverage.minutes as f64);
    FINAL_PERIODS.get().set(coverage.final_periods as f64);
    FILE_BYTES.get().set(bytes as f64);
    if let Some(minute) = coverage.last_minute {
        NEWEST_MINUTE.get().set(minute as f64);
    }
    let Some(last) = coverage.last else {
        return;
    };
    NEWEST_BLOCK.get().set(last.time as f64);
    if let Some(tip) = tip_height {
        BEHIND_BLOCKS.get().set(tip.saturating_sub(last.height));
    }
}

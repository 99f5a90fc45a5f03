//! The historian's metrics.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::{
    progress::{Doing, Report},
    store::{Coverage, StoreError},
};

/// Why an estimate was left out of its minute, by its label.
pub const LEFT_OUT: [&str; 4] = ["other_node", "older_minute", "no_history", "refused"];

/// Says what each metric means.
pub fn describe() {
    describe_gauge!(
        "satscope_historian_blocks",
        "Blocks with a price in the history's file."
    );
    describe_gauge!(
        "satscope_historian_minute_rows",
        "Minutes in the history's file."
    );
    describe_gauge!(
        "satscope_historian_file_bytes",
        "Size of the history's file, and of what is not in it yet."
    );
    describe_gauge!(
        "satscope_historian_final_periods",
        "Periods of 2,016 blocks whose prices no longer change."
    );
    describe_gauge!(
        "satscope_historian_filled_ratio",
        "Blocks that have been read, of those that are to be read; absent until the node has answered."
    );
    describe_gauge!(
        "satscope_historian_left_seconds",
        "Seconds until all blocks have been read, at the pace of the last minutes; 0 if none is left or that is unknown."
    );
    describe_gauge!(
        "satscope_historian_behind_blocks",
        "Blocks from the newest with a price to the node's best; absent until the node has answered and there is a price."
    );
    describe_gauge!(
        "satscope_historian_newest_block_timestamp_seconds",
        "Time of the newest block with a price, Unix seconds."
    );
    describe_gauge!(
        "satscope_historian_newest_minute_timestamp_seconds",
        "Start of the newest minute in the history's file, Unix seconds."
    );
    describe_gauge!(
        "satscope_historian_state",
        "1 for what the historian does, else 0."
    );
    describe_counter!(
        "satscope_historian_store_failures_total",
        "Times that the history's file could not be opened, read or written, by reason."
    );
    describe_counter!(
        "satscope_historian_left_out_total",
        "Estimates or minutes that are in no file, by reason: of another node than the file's, of a minute that was in the file \
         before the clock was set back, while there was no file to write, or refused because they cannot be true."
    );
    describe_counter!(
        "satscope_historian_upstream_lost_total",
        "Times that the stream from the analyzer was lost or could not be had."
    );
    describe_histogram!(
        "satscope_historian_answer_seconds",
        "Time from a question to its answer, by question."
    );
}

/// Registers counters at zero, so that they appear before their first event.
pub fn start() {
    describe();
    counter!("satscope_historian_upstream_lost_total").increment(0);
    for reason in StoreError::LABELS {
        counter!("satscope_historian_store_failures_total", "reason" => reason).increment(0);
    }
    for reason in LEFT_OUT {
        counter!("satscope_historian_left_out_total", "reason" => reason).increment(0);
    }
}

/// The file could not be opened, read or written.
pub fn failed(error: &StoreError) {
    counter!("satscope_historian_store_failures_total", "reason" => error.label()).increment(1);
}

/// An estimate went into no minute, for a reason of [`LEFT_OUT`].
pub fn left_out(reason: &'static str) {
    counter!("satscope_historian_left_out_total", "reason" => reason).increment(1);
}

/// The stream from the analyzer was lost.
pub fn upstream_lost() {
    counter!("satscope_historian_upstream_lost_total").increment(1);
}

/// A question was answered.
pub fn answered(question: &'static str, took: Duration) {
    histogram!("satscope_historian_answer_seconds", "question" => question)
        .record(took.as_secs_f64());
}

/// How far the historian has come.
pub fn progress(report: &Report) {
    let (shown, _) = report.shown();
    for (doing, label) in Doing::ALL {
        let holds = u8::from(shown == doing);
        gauge!("satscope_historian_state", "state" => label).set(holds);
    }
    gauge!("satscope_historian_left_seconds").set(report.left_seconds.unwrap_or(0) as f64);
    if report.wanted_blocks > 0 {
        let ratio = report.read_blocks as f64 / report.wanted_blocks as f64;
        gauge!("satscope_historian_filled_ratio").set(ratio);
    }
}

/// What the file has, and its size in bytes.
pub fn file(coverage: &Coverage, bytes: u64, tip_height: Option<u32>) {
    gauge!("satscope_historian_blocks").set(coverage.blocks as f64);
    gauge!("satscope_historian_minute_rows").set(coverage.minutes as f64);
    gauge!("satscope_historian_final_periods").set(coverage.final_periods as f64);
    gauge!("satscope_historian_file_bytes").set(bytes as f64);
    if let Some(minute) = coverage.last_minute {
        gauge!("satscope_historian_newest_minute_timestamp_seconds").set(minute as f64);
    }
    let Some(last) = coverage.last else {
        return;
    };
    gauge!("satscope_historian_newest_block_timestamp_seconds").set(last.time as f64);
    if let Some(tip) = tip_height {
        gauge!("satscope_historian_behind_blocks").set(tip.saturating_sub(last.height));
    }
}

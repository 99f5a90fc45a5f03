//! The analyzer's metrics.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::state::State;

/// Says what each metric means.
pub fn describe() {
    describe_gauge!(
        "satscope_price_usd",
        "The estimate, USD for one BTC; absent before the first."
    );
    describe_gauge!("satscope_price_low_usd", "Lower end of the 90 % interval.");
    describe_gauge!("satscope_price_high_usd", "Upper end of the 90 % interval.");
    describe_gauge!(
        "satscope_price_confidence",
        "Confidence in the estimate, 0 to 1."
    );
    describe_gauge!(
        "satscope_analyzer_window_transactions",
        "Accepted transactions of the last three hours."
    );
    describe_gauge!(
        "satscope_analyzer_newest_payment_age_seconds",
        "Age of the newest payment that the estimate rests on."
    );
    describe_gauge!(
        "satscope_analyzer_subscribers",
        "Streams of price updates being served."
    );
    describe_histogram!(
        "satscope_analyzer_estimate_seconds",
        "Time that one estimate took."
    );
    describe_counter!(
        "satscope_analyzer_malformed_total",
        "Events of ingest that could not be read."
    );
    describe_counter!(
        "satscope_analyzer_upstream_lost_total",
        "Times that the stream from ingest was lost or could not be had."
    );
}

/// Begins at 0 what else would be missing until it happens first.
pub fn start() {
    describe();
    gauge!("satscope_analyzer_subscribers").set(0);
    counter!("satscope_analyzer_malformed_total").increment(0);
    counter!("satscope_analyzer_upstream_lost_total").increment(0);
}

/// An estimate was made.
pub fn estimated(took: Duration, state: &State) {
    histogram!("satscope_analyzer_estimate_seconds").record(took.as_secs_f64());
    gauge!("satscope_analyzer_window_transactions").set(state.active() as f64);
    let Some((estimate, _)) = state.price() else {
        return;
    };
    gauge!("satscope_price_usd").set(estimate.price_usd);
    gauge!("satscope_price_low_usd").set(estimate.low_usd);
    gauge!("satscope_price_high_usd").set(estimate.high_usd);
    gauge!("satscope_price_confidence").set(estimate.confidence);
    let age_ms = state
        .time_ms()
        .saturating_sub(estimate.evidence.newest_payment_ms);
    gauge!("satscope_analyzer_newest_payment_age_seconds").set(age_ms as f64 / 1000.0);
}

/// An event could not be read.
pub fn malformed() {
    counter!("satscope_analyzer_malformed_total").increment(1);
}

/// The stream from ingest was lost.
pub fn upstream_lost() {
    counter!("satscope_analyzer_upstream_lost_total").increment(1);
}

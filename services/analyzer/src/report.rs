//! The analyzer's metrics.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use satscope_oracle::Estimate;
use satscope_proto::v1::StaleReason;

/// Each reason for a stale price, by its label.
const STALE_REASONS: [(StaleReason, &str); 4] = [
    (StaleReason::UpstreamLost, "upstream_lost"),
    (StaleReason::Resyncing, "resyncing"),
    (StaleReason::NoEstimate, "no_estimate"),
    (StaleReason::NoPayments, "no_payments"),
];

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
        "Age of the newest payment that the price rests on; it grows while ingest is silent too."
    );
    describe_gauge!(
        "satscope_analyzer_event_timestamp_seconds",
        "The event clock, Unix seconds: the stamp of the newest event, by the clock of ingest or of a stand-in."
    );
    describe_gauge!(
        "satscope_analyzer_price_stale",
        "1 for the reason why the price is stale, else 0."
    );
    describe_counter!(
        "satscope_analyzer_last_price_failures_total",
        "Times that the last price could not be written to state_dir."
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

/// Registers counters at zero, and reasons as not given, so that they appear before their first event.
pub fn start() {
    describe();
    gauge!("satscope_analyzer_subscribers").set(0);
    counter!("satscope_analyzer_malformed_total").increment(0);
    counter!("satscope_analyzer_upstream_lost_total").increment(0);
    counter!("satscope_analyzer_last_price_failures_total").increment(0);
    for (_, label) in STALE_REASONS {
        gauge!("satscope_analyzer_price_stale", "reason" => label).set(0);
    }
}

/// An estimate was made of this many transactions.
pub fn estimated(took: Duration, active: usize) {
    histogram!("satscope_analyzer_estimate_seconds").record(took.as_secs_f64());
    gauge!("satscope_analyzer_window_transactions").set(active as f64);
}

/// The estimate was published.
pub fn price(estimate: &Estimate) {
    gauge!("satscope_price_usd").set(estimate.price_usd);
    gauge!("satscope_price_low_usd").set(estimate.low_usd);
    gauge!("satscope_price_high_usd").set(estimate.high_usd);
    gauge!("satscope_price_confidence").set(estimate.confidence);
}

/// How the price is at this moment: the event clock in Unix milliseconds, the age of its newest payment in milliseconds if
/// there is a price, and why it is stale, if it is.
pub fn standing(event_ms: u64, age_ms: Option<u64>, stale: Option<StaleReason>) {
    gauge!("satscope_analyzer_event_timestamp_seconds").set(event_ms as f64 / 1000.0);
    if let Some(age_ms) = age_ms {
        gauge!("satscope_analyzer_newest_payment_age_seconds").set(age_ms as f64 / 1000.0);
    }
    for (reason, label) in STALE_REASONS {
        let holds = u8::from(stale == Some(reason));
        gauge!("satscope_analyzer_price_stale", "reason" => label).set(holds);
    }
}

/// The reason's label, as metrics, messages and the log have it.
pub fn stale_label(reason: StaleReason) -> &'static str {
    let labelled = STALE_REASONS.iter().find(|(known, _)| *known == reason);
    labelled.map_or("", |(_, label)| label)
}

/// The last price could not be written.
pub fn last_price_failed() {
    counter!("satscope_analyzer_last_price_failures_total").increment(1);
}

/// An event could not be read.
pub fn malformed() {
    counter!("satscope_analyzer_malformed_total").increment(1);
}

/// The stream from ingest was lost.
pub fn upstream_lost() {
    counter!("satscope_analyzer_upstream_lost_total").increment(1);
}

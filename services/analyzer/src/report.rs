//! The analyzer's metrics.

use std::time::Duration;

use satscope_kit::named_metrics;
use satscope_oracle::Estimate;
use satscope_proto::v1::StaleReason;

/// Each reason for a stale price, by its label.
const STALE_REASONS: [(StaleReason, &str); 4] = [
    (StaleReason::UpstreamLost, "upstream_lost"),
    (StaleReason::Resyncing, "resyncing"),
    (StaleReason::NoEstimate, "no_estimate"),
    (StaleReason::NoPayments, "no_payments"),
];

named_metrics! {
    Gauge PRICE = "satscope_price_usd", "The estimate, USD for one BTC; absent before the first.";
    Gauge LOW = "satscope_price_low_usd", "Lower end of the 90 % interval.";
    Gauge HIGH = "satscope_price_high_usd", "Upper end of the 90 % interval.";
    Gauge CONFIDENCE = "satscope_price_confidence", "Confidence in the estimate, 0 to 1.";
    Gauge WINDOW = "satscope_analyzer_window_transactions", "Accepted transactions of the last three hours.";
    Gauge NEWEST_PAYMENT_AGE = "satscope_analyzer_newest_payment_age_seconds",
        "Age of the newest payment that the price rests on; it grows while ingest is silent too.";
    Gauge EVENT_CLOCK = "satscope_analyzer_event_timestamp_seconds",
        "The event clock, Unix seconds: the stamp of the newest event, by the clock of ingest or of a stand-in.";
    Gauge PRICE_STALE = "satscope_analyzer_price_stale", "1 for the reason why the price is stale, else 0.";
    Counter LAST_PRICE_FAILURES = "satscope_analyzer_last_price_failures_total",
        "Times that the last price could not be written to state_dir.";
    Gauge SUBSCRIBERS = "satscope_analyzer_subscribers", "Streams of price updates being served.";
    Histogram ESTIMATE_SECONDS = "satscope_analyzer_estimate_seconds", "Time that one estimate took.";
    Counter MALFORMED = "satscope_analyzer_malformed_total", "Events of ingest that could not be read.";
    Counter UPSTREAM_LOST = "satscope_analyzer_upstream_lost_total",
        "Times that the stream from ingest was lost or could not be had.";
}

/// Registers counters at zero, and reasons as not given, so that they appear before their first event.
pub fn start() {
    describe();
    SUBSCRIBERS.get().set(0);
    MALFORMED.get().increment(0);
    UPSTREAM_LOST.get().increment(0);
    LAST_PRICE_FAILURES.get().increment(0);
    for (_, label) in STALE_REASONS {
        PRICE_STALE.of(&[("reason", label)]).set(0);
    }
}

/// Records how long an estimate of `active` transactions took.
pub fn estimated(took: Duration, active: usize) {
    ESTIMATE_SECONDS.get().record(took.as_secs_f64());
    WINDOW.get().set(active as f64);
}

/// Sets the metrics of the published estimate.
pub fn price(estimate: &Estimate) {
    PRICE.get().set(estimate.price_usd);
    LOW.get().set(estimate.low_usd);
    HIGH.get().set(estimate.high_usd);
    CONFIDENCE.get().set(estimate.confidence);
}

/// Sets the metrics of the price at this moment. `event_ms` is the event clock, Unix milliseconds; `age_ms` is the
/// newest payment's age, milliseconds, `None` without a price; `stale` is why the price is stale.
pub fn standing(event_ms: u64, age_ms: Option<u64>, stale: Option<StaleReason>) {
    EVENT_CLOCK.get().set(event_ms as f64 / 1000.0);
    if let Some(age_ms) = age_ms {
        NEWEST_PAYMENT_AGE.get().set(age_ms as f64 / 1000.0);
    }
    for (reason, label) in STALE_REASONS {
        let holds = u8::from(stale == Some(reason));
        PRICE_STALE.of(&[("reason", label)]).set(holds);
    }
}

/// The reason's label, as metrics, messages and the log have it.
pub fn stale_label(reason: StaleReason) -> &'static str {
    let labelled = STALE_REASONS.iter().find(|(known, _)| *known == reason);
    labelled.map_or("", |(_, label)| label)
}

/// Counts a subscriber that came.
pub fn subscribed() {
    SUBSCRIBERS.get().increment(1.0);
}

/// Counts a subscriber that left.
pub fn unsubscribed() {
    SUBSCRIBERS.get().decrement(1.0);
}

/// Counts a last price that could not be written.
pub fn last_price_failed() {
    LAST_PRICE_FAILURES.get().increment(1);
}

/// Counts an event that could not be read.
pub fn malformed() {
    MALFORMED.get().increment(1);
}

/// Counts a loss of the stream from ingest.
pub fn upstream_lost() {
    UPSTREAM_LOST.get().increment(1);
}

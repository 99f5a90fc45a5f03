//! The gateway's metrics: their names and meanings, once.

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// Watchers now, by `transport`.
pub const WATCHERS: &str = "satscope_gateway_watchers";
/// Messages handed to watchers, by `kind`.
pub const MESSAGES: &str = "satscope_gateway_watcher_messages_total";
/// Handshakes and event streams refused, by `transport` and `reason`.
pub const REFUSED: &str = "satscope_gateway_watchers_refused_total";
/// Watchers that have ended, by `transport` and `reason`.
pub const CLOSED: &str = "satscope_gateway_watchers_closed_total";
/// The `transport` of a watcher on a WebSocket.
pub const WEBSOCKET: &str = "websocket";
/// The `transport` of a watcher on an event stream.
pub const EVENT_STREAM: &str = "event_stream";
/// Connections now.
pub const CONNECTIONS: &str = "satscope_gateway_connections";
/// Connections, and requests of trusted proxies, turned away, by `reason`.
pub const REFUSED_CONNECTIONS: &str = "satscope_gateway_connections_refused_total";
/// Connections that waited for their turn.
pub const DELAYED_CONNECTIONS: &str = "satscope_gateway_connections_delayed_total";
/// Connections cut off before their clients left, by `reason`.
pub const CUT_CONNECTIONS: &str = "satscope_gateway_connections_cut_total";
/// HTTP requests answered, by `path` and `status`.
pub const REQUESTS: &str = "satscope_gateway_http_requests_total";
/// Watchers that there is room for.
pub const WATCHERS_MAX: &str = "satscope_gateway_watchers_max";
/// Time until an answer began, by `path`.
pub const REQUEST_SECONDS: &str = "satscope_gateway_http_request_seconds";
/// Subscriptions to the analyzer that were accepted.
pub const UPSTREAM_CONNECTIONS: &str = "satscope_gateway_upstream_connections_total";
/// Subscriptions lost, and attempts that failed.
pub const UPSTREAM_LOSSES: &str = "satscope_gateway_upstream_losses_total";
/// Updates taken from the analyzer.
pub const UPSTREAM_UPDATES: &str = "satscope_gateway_upstream_updates_total";
/// Parts of updates that could not be used, by `reason`.
pub const UPSTREAM_REJECTED: &str = "satscope_gateway_upstream_rejected_total";
/// Questions that the historian was asked, by `outcome`.
pub const HISTORIAN_QUESTIONS: &str = "satscope_gateway_historian_questions_total";
/// Age of the newest payment that the price rests on.
pub const PRICE_AGE: &str = "satscope_gateway_price_age_seconds";
/// Whether the price is stale, by `reason`.
pub const PRICE_STALE: &str = "satscope_gateway_price_stale";

/// Tells the recorder what they mean.
pub fn describe() {
    describe_gauge!(
        WATCHERS,
        "Watchers now, by transport: websocket or event_stream."
    );
    describe_gauge!(CONNECTIONS, "Connections open now, those of watchers too.");
    describe_counter!(
        REFUSED_CONNECTIONS,
        "Connections, and requests of trusted proxies, turned away: full is all that there may be, address all of one \
         address, pace one whose turn (see delayed) is over 10 s away."
    );
    describe_counter!(
        DELAYED_CONNECTIONS,
        "Connections that waited for their turn, because their address opens them faster than one may \
         (gateway_max_new_connections_per_address)."
    );
    describe_counter!(
        CUT_CONNECTIONS,
        "HTTP connections cut off: idle sent no request, slow_head only a part of one, head_too_large too much, \
         not_http something else, and stuck did not take the answer."
    );
    describe_counter!(
        MESSAGES,
        "Messages handed to watchers: news is serialised once for all, catch_up for one \
         watcher that missed some, greeting holds the newest points."
    );
    describe_counter!(
        REFUSED,
        "WebSocket handshakes and event streams refused, by transport and reason."
    );
    describe_counter!(
        CLOSED,
        "Watchers that have ended, by transport and reason: left is by themselves, stuck took nothing for too long."
    );
    describe_counter!(
        REQUESTS,
        "HTTP requests answered, by route (\"other\" is the page and what is unknown)."
    );
    describe_histogram!(
        REQUEST_SECONDS,
        "Time until the answer to an HTTP request began, by route."
    );
    describe_gauge!(
        WATCHERS_MAX,
        "Watchers that there is room for (gateway_max_clients)."
    );
    describe_counter!(
        UPSTREAM_CONNECTIONS,
        "Subscriptions that the analyzer has accepted; all but the first are reconnections."
    );
    describe_counter!(
        UPSTREAM_LOSSES,
        "Subscriptions to the analyzer that were lost, and attempts that failed."
    );
    describe_counter!(UPSTREAM_UPDATES, "Price updates taken from the analyzer.");
    describe_counter!(
        UPSTREAM_REJECTED,
        "Parts of price updates that could not be used and were left out."
    );
    describe_counter!(
        HISTORIAN_QUESTIONS,
        "Questions that the historian was asked, by outcome: answered, none (it has no price there), unanswered (it could \
         not be reached, or gave no answer in 2 s), rejected (its answer could not be used)."
    );
    describe_gauge!(
        PRICE_AGE,
        "Age of the newest payment that the price rests on; it grows while the analyzer is silent too. Absent before the \
         first price."
    );
    describe_gauge!(
        PRICE_STALE,
        "1 for the reason why the price is stale, or why there is none, else 0."
    );
}

/// Registers counters at zero, and reasons as not given, so that they appear before their first event.
pub fn start(max_clients: u32) {
    describe();
    gauge!(CONNECTIONS).set(0);
    gauge!(WATCHERS_MAX).set(max_clients);
    for transport in [WEBSOCKET, EVENT_STREAM] {
        gauge!(WATCHERS, "transport" => transport).set(0);
        for reason in ["full", "stopping", "after"] {
            counter!(REFUSED, "transport" => transport, "reason" => reason).increment(0);
        }
        for reason in ["left", "stuck", "stopping"] {
            counter!(CLOSED, "transport" => transport, "reason" => reason).increment(0);
        }
    }
    for reason in ["origin", "handshake"] {
        counter!(REFUSED, "transport" => WEBSOCKET, "reason" => reason).increment(0);
    }
    for reason in ["full", "address", "pace"] {
        counter!(REFUSED_CONNECTIONS, "reason" => reason).increment(0);
    }
    counter!(DELAYED_CONNECTIONS).increment(0);
    for reason in ["slow_head", "idle", "head_too_large", "not_http", "stuck"] {
        counter!(CUT_CONNECTIONS, "reason" => reason).increment(0);
    }
    for kind in ["news", "catch_up", "greeting"] {
        counter!(MESSAGES, "kind" => kind).increment(0);
    }
    counter!(UPSTREAM_LOSSES).increment(0);
    for outcome in ["answered", "none", "unanswered", "rejected"] {
        counter!(HISTORIAN_QUESTIONS, "outcome" => outcome).increment(0);
    }
}

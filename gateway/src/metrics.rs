//! The gateway's metrics: their names and meanings, once.

use satscope_kit::named_metrics;

/// The `transport` of a watcher on a WebSocket.
pub const WEBSOCKET: &str = "websocket";
/// The `transport` of a watcher on an event stream.
pub const EVENT_STREAM: &str = "event_stream";

named_metrics! {
    Gauge WATCHERS = "satscope_gateway_watchers", "Watchers now, by transport: websocket or event_stream.";
    Gauge CONNECTIONS = "satscope_gateway_connections", "Connections open now, those of watchers too.";
    Counter REFUSED_CONNECTIONS = "satscope_gateway_connections_refused_total",
        "Connections, and requests of trusted proxies, turned away: full is all that there may be, address all of one \
         address, pace one whose turn (see delayed) is over 10 s away.";
    Counter DELAYED_CONNECTIONS = "satscope_gateway_connections_delayed_total",
        "Connections that waited for their turn, because their address opens them faster than one may \
         (gateway_max_new_connections_per_address).";
    Counter CUT_CONNECTIONS = "satscope_gateway_connections_cut_total",
        "HTTP connections cut off: idle sent no request, slow_head only a part of one, head_too_large too much, \
         not_http something else, and stuck did not take the answer.";
    Counter MESSAGES = "satscope_gateway_watcher_messages_total",
        "Messages handed to watchers: news is serialised once for all, catch_up for one \
         watcher that missed some, greeting holds the newest points.";
    Counter REFUSED = "satscope_gateway_watchers_refused_total",
        "WebSocket handshakes and event streams refused, by transport and reason.";
    Counter CLOSED = "satscope_gateway_watchers_closed_total",
        "Watchers that have ended, by transport and reason: left is by themselves, stuck took nothing for too long.";
    Counter REQUESTS = "satscope_gateway_http_requests_total",
        "HTTP requests answered, by route (\"other\" is the page and what is unknown).";
    Histogram REQUEST_SECONDS = "satscope_gateway_http_request_seconds",
        "Time until the answer to an HTTP request began, by route.";
    Gauge WATCHERS_MAX = "satscope_gateway_watchers_max",
        "Watchers that there is room for (gateway_max_clients).";
    Counter UPSTREAM_CONNECTIONS = "satscope_gateway_upstream_connections_total",
        "Subscriptions that the analyzer has accepted; all but the first are reconnections.";
    Counter UPSTREAM_LOSSES = "satscope_gateway_upstream_losses_total",
        "Subscriptions to the analyzer that were lost, and attempts that failed.";
    Counter UPSTREAM_UPDATES = "satscope_gateway_upstream_updates_total",
        "Price updates taken from the analyzer.";
    Counter UPSTREAM_REJECTED = "satscope_gateway_upstream_rejected_total",
        "Parts of price updates that could not be used and were left out.";
    Counter HISTORIAN_QUESTIONS = "satscope_gateway_historian_questions_total",
        "Questions that the historian was asked, by outcome: answered, none (it has no price there), unanswered (it could \
         not be reached, or gave no answer in 2 s), rejected (its answer could not be used).";
    Gauge FX_CURRENCIES = "satscope_gateway_fx_currencies",
        "Currencies of fx_file, by rate: any are those with a rate of any date, live those with a rate for a price of now. \
         Absent without fx_file.";
    Gauge FX_FILE_AGE = "satscope_gateway_fx_file_age_seconds",
        "Time since the last change of the content of fx_file that is in use. Absent before there is one.";
    Gauge FX_FILE_USED = "satscope_gateway_fx_file_used",
        "1 if the newest content of fx_file is in use, 0 if it was refused. Absent without fx_file.";
    Counter FX_READS = "satscope_gateway_fx_reads_total",
        "Contents of fx_file that were read, by outcome: used, or refused, after which the last good content stays in use.";
    Gauge PRICE_AGE = "satscope_gateway_price_age_seconds",
        "Age of the newest payment that the price rests on; it grows while the analyzer is silent too. Absent before the \
         first price.";
    Gauge PRICE_STALE = "satscope_gateway_price_stale",
        "1 for the reason why the price is stale, or why there is none, else 0.";
}

/// Registers counters at zero, and reasons as not given, so that they appear before their first event.
pub fn start(max_clients: u32) {
    describe();
    CONNECTIONS.get().set(0);
    WATCHERS_MAX.get().set(max_clients);
    for transport in [WEBSOCKET, EVENT_STREAM] {
        WATCHERS.of(&[("transport", transport)]).set(0);
        for reason in ["full", "stopping", "after"] {
            REFUSED
                .of(&[("transport", transport), ("reason", reason)])
                .increment(0);
        }
        for reason in ["left", "stuck", "stopping"] {
            CLOSED
                .of(&[("transport", transport), ("reason", reason)])
                .increment(0);
        }
    }
    for reason in ["origin", "handshake"] {
        REFUSED
            .of(&[("transport", WEBSOCKET), ("reason", reason)])
            .increment(0);
    }
    for reason in ["full", "address", "pace"] {
        REFUSED_CONNECTIONS.of(&[("reason", reason)]).increment(0);
    }
    DELAYED_CONNECTIONS.get().increment(0);
    for reason in ["slow_head", "idle", "head_too_large", "not_http", "stuck"] {
        CUT_CONNECTIONS.of(&[("reason", reason)]).increment(0);
    }
    for kind in ["news", "catch_up", "greeting"] {
        MESSAGES.of(&[("kind", kind)]).increment(0);
    }
    UPSTREAM_LOSSES.get().increment(0);
    for outcome in ["answered", "none", "unanswered", "rejected"] {
        HISTORIAN_QUESTIONS.of(&[("outcome", outcome)]).increment(0);
    }
}

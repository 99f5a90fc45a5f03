"""Makes deploy/grafana/dashboards/satscope.json: run it after a change here. The check fails when the two differ."""

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef

PLACE = Path(__file__).parents[2] / "deploy/grafana/dashboards/satscope.json"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
WIDTH = 24
RATE = "[$__rate_interval]"


def quantile(part, metric, by):
    return f"histogram_quantile({part}, sum by (le, {by}) (rate({metric}_bucket{RATE})))"


# Each row with its panels: kind, title, explanation, unit, width in 24ths, and queries with their
# legends.
STAT, LINES = Stat, TimeSeries
ROWS = [
    ("Overview", [
        (STAT, "Price", "The estimate, USD for one BTC.", "currencyUSD", 4, [("max(satscope_price_usd)", "price")]),
        (STAT, "Confidence", "0 to 1; the page calls less than 0.5 low.", "percentunit", 4,
         [("min(satscope_price_confidence)", "confidence")]),
        (STAT, "Newest payment", "Age of the newest payment that the oldest price at a gateway rests on.", "s", 4,
         [("max(satscope_gateway_price_age_seconds)", "age")]),
        (STAT, "Links", "Links that are up, of all: the node, and each part's upstream.", "percentunit", 4,
         [("avg(satscope_condition_met)", "up")]),
        (STAT, "Watchers", "Watchers of all gateways, by WebSocket and event stream.", "short", 4,
         [("sum(satscope_gateway_watchers)", "watchers")]),
        (STAT, "Parts up", "Processes that Prometheus reaches.", "short", 4, [('sum(up{job=~"satscope.*"})', "up")]),
        (LINES, "Price", "The estimate and its 90 % interval.", "currencyUSD", 12,
         [("max(satscope_price_usd)", "price"), ("max(satscope_price_low_usd)", "low"),
          ("max(satscope_price_high_usd)", "high")]),
        (LINES, "Memory", "Resident memory of each process.", "bytes", 6,
         [('process_resident_memory_bytes{job=~"satscope.*"}', "{{job}} {{instance}}")]),
        (LINES, "CPU", "Cores that each process uses.", "short", 6,
         [(f'rate(process_cpu_seconds_total{{job=~"satscope.*"}}{RATE})', "{{job}} {{instance}}")]),
        (LINES, "What is missing", "1 where a part waits for something, or its price is stale, by reason.", "short", 12,
         [("1 - satscope_condition_met", "{{condition}} of {{job}}"),
          ("satscope_analyzer_price_stale or satscope_gateway_price_stale", "stale at {{job}}: {{reason}}")]),
        (STAT, "Versions", "What runs.", "short", 6,
         [("count by (version, commit) (satscope_build_info)", "{{version}} {{commit}}")]),
        (STAT, "Youngest process", "Time since the last start of any part.", "s", 6,
         [('time() - max(process_start_time_seconds{job=~"satscope.*"})', "uptime")]),
    ]),
    ("Ingest", [
        (LINES, "Transactions", "First seen, by what the filter said and why.", "cps", 12,
         [(f"sum by (outcome, reason) (rate(satscope_ingest_transactions_total{RATE}))", "{{outcome}} {{reason}}")]),
        (LINES, "Mempool and window", "Transactions held.", "short", 12,
         [("satscope_ingest_mempool_transactions", "mempool"), ("satscope_ingest_window_transactions", "window")]),
        (LINES, "Lost messages", "Times that a topic's counter showed a gap, each minute.", "short", 6,
         [(f"60 * sum by (topic) (rate(satscope_ingest_zmq_gaps_total{RATE}))", "{{topic}}")]),
        (LINES, "Resyncs", "Times that the node was read anew, each hour.", "short", 6,
         [(f"3600 * sum by (outcome) (rate(satscope_ingest_resyncs_total{RATE}))", "{{outcome}}")]),
        (LINES, "Queue", "Messages of the node that wait.", "short", 6,
         [("satscope_ingest_queue_messages", "messages")]),
        (LINES, "Malformed messages", "What could not be read, by reason.", "cps", 6,
         [(f"sum by (reason) (rate(satscope_ingest_malformed_total{RATE})) or vector(0)", "{{reason}}")]),
        (LINES, "Blocks", "Connected and disconnected, each hour.", "short", 6,
         [(f"3600 * sum by (change) (rate(satscope_ingest_blocks_total{RATE}))", "{{change}}")]),
        (LINES, "Removed from the mempool", "Accepted transactions that left it unconfirmed, by reason.", "cps", 6,
         [(f"sum by (reason) (rate(satscope_ingest_removed_total{RATE})) or vector(0)", "{{reason}}")]),
        (LINES, "Journal", "Its size on disk.", "bytes", 6, [("satscope_ingest_journal_bytes", "journal")]),
        (LINES, "Subscribers", "Streams of transactions served.", "short", 6,
         [("satscope_ingest_subscribers", "streams")]),
    ]),
    ("Oracle", [
        (LINES, "Confidence", "Below 0.5 the price is not to be trusted.", "percentunit", 8,
         [("satscope_price_confidence", "confidence")]),
        (LINES, "Width of the interval", "Of the 90 % interval, in parts of the price.", "percentunit", 8,
         [("(satscope_price_high_usd - satscope_price_low_usd) / satscope_price_usd", "width")]),
        (LINES, "Age of the newest payment", "It grows when nothing new comes.", "s", 8,
         [("satscope_analyzer_newest_payment_age_seconds", "analyzer"),
          ("satscope_gateway_price_age_seconds", "gateway {{instance}}")]),
        (LINES, "Lag of the event clock", "Prometheus's clock less that of the events; of a stand-in it is any.", "s", 8,
         [("time() - satscope_analyzer_event_timestamp_seconds", "lag")]),
        (LINES, "Time of one estimate", "Median and 99th percentile.", "s", 8,
         [(f"histogram_quantile(0.5, sum by (le) (rate(satscope_analyzer_estimate_seconds_bucket{RATE})))", "p50"),
          (f"histogram_quantile(0.99, sum by (le) (rate(satscope_analyzer_estimate_seconds_bucket{RATE})))", "p99")]),
        (LINES, "Estimates", "Two a second while something changes.", "cps", 8,
         [(f"rate(satscope_analyzer_estimate_seconds_count{RATE})", "estimates")]),
        (LINES, "Window and subscribers", "Transactions that the estimate rests on; streams served.", "short", 8,
         [("satscope_analyzer_window_transactions", "window"), ("satscope_analyzer_subscribers", "streams")]),
    ]),
    ("Gateway", [
        (LINES, "Watchers", "Of each gateway, by transport, and the most that it takes.", "short", 8,
         [("satscope_gateway_watchers", "{{transport}} {{instance}}"),
          ("max(satscope_gateway_watchers_max)", "limit")]),
        (LINES, "Messages", "catch_up went to one watcher that had missed some; news to all that kept up.", "cps", 8,
         [(f"sum by (kind) (rate(satscope_gateway_watcher_messages_total{RATE}))", "{{kind}}")]),
        (LINES, "Watchers refused and ended", "By transport and reason; stuck is one that took nothing for too long.", "cps", 8,
         [(f"sum by (transport, reason) (rate(satscope_gateway_watchers_refused_total{RATE}))",
           "{{transport}} refused: {{reason}}"),
          (f"sum by (transport, reason) (rate(satscope_gateway_watchers_closed_total{RATE}))",
           "{{transport}} ended: {{reason}}")]),
        (LINES, "Connections", "Open now, those of watchers too.", "short", 8,
         [("satscope_gateway_connections", "{{instance}}")]),
        (LINES, "Connections refused and cut",
         "By reason: address is too many of one, pace too many in a short time; the others are in the metrics' help. Delayed ones "
         "waited for their turn.", "cps", 8,
         [(f"sum by (reason) (rate(satscope_gateway_connections_refused_total{RATE}))", "refused: {{reason}}"),
          (f"sum(rate(satscope_gateway_connections_delayed_total{RATE}))", "delayed"),
          (f"sum by (reason) (rate(satscope_gateway_connections_cut_total{RATE}))", "cut: {{reason}}")]),
        (LINES, "HTTP requests", "By route.", "reqps", 8,
         [(f"sum by (path) (rate(satscope_gateway_http_requests_total{RATE}))", "{{path}}")]),
        (LINES, "HTTP errors", "By route and status.", "reqps", 8,
         [(f'sum by (path, status) (rate(satscope_gateway_http_requests_total{{status=~"[45].."}}{RATE})) or vector(0)',
           "{{path}} {{status}}")]),
        (LINES, "Time of an HTTP answer", "99th percentile, by route.", "s", 8,
         [(quantile(0.99, "satscope_gateway_http_request_seconds", "path"), "{{path}}")]),
        (LINES, "Upstream", "Updates from the analyzer, and losses of it.", "cps", 8,
         [(f"rate(satscope_gateway_upstream_updates_total{RATE})", "updates {{instance}}"),
          (f"rate(satscope_gateway_upstream_losses_total{RATE})", "losses {{instance}}")]),
        (LINES, "Open files", "Each client is one.", "short", 8,
         [('process_open_fds{job=~"satscope.*"}', "{{job}} {{instance}}")]),
        (LINES, "Currencies", "Of fx_file: with a rate of any date, and with one for a price of now; empty without the file.", "short", 8,
         [("min by (rate) (satscope_gateway_fx_currencies)", "{{rate}}")]),
        (LINES, "Age of the exchange rates", "Since the last change of fx_file that is in use; an undated rate holds for 7 days.", "s", 8,
         [("max(satscope_gateway_fx_file_age_seconds)", "oldest at a gateway")]),
    ]),
    ("Historian", [
        (STAT, "History filled", "Blocks that have been read, of those that the node has to be read.", "percentunit", 4,
         [("max(satscope_historian_filled_ratio)", "filled")]),
        (STAT, "Time left", "Until the past is filled, at the pace of the last minutes; 0 if it is, or that is unknown.", "s", 4,
         [("max(satscope_historian_left_seconds)", "left")]),
        (STAT, "Blocks with a price", "In the history's file.", "short", 4, [("max(satscope_historian_blocks)", "blocks")]),
        (STAT, "Final periods", "Of 2,016 blocks each; their prices do not change any more.", "short", 4,
         [("max(satscope_historian_final_periods)", "periods")]),
        (STAT, "Blocks behind", "From the newest with a price to the node's best.", "short", 4,
         [("max(satscope_historian_behind_blocks)", "blocks")]),
        (STAT, "History's file", "Its size, with what is not in it yet.", "bytes", 4,
         [("max(satscope_historian_file_bytes)", "file")]),
        (LINES, "What the historian does", "1 for what it does: stuck cannot use its file.", "short", 6,
         [("satscope_historian_state", "{{state}}")]),
        (LINES, "Blocks read", "While it fills, as fast as node and CPU allow, by source.", "cps", 6,
         [(f"sum by (source) (rate(satscope_historian_blocks_read_total{RATE}))", "{{source}}")]),
        (LINES, "Time of a historian's answer", "99th percentile, by question.", "s", 6,
         [(quantile(0.99, "satscope_historian_answer_seconds", "question"), "{{question}}")]),
        (LINES, "What failed", "Each minute: uses of the file, questions to the node, minutes left out, and gateways' questions.",
         "short", 6,
         [(f"60 * sum by (reason) (rate(satscope_historian_store_failures_total{RATE}))", "file: {{reason}}"),
          (f"60 * rate(satscope_historian_node_faults_total{RATE})", "node"),
          (f"60 * sum by (reason) (rate(satscope_historian_left_out_total{RATE}))", "minutes: {{reason}}"),
          (f'60 * sum(rate(satscope_gateway_historian_questions_total{{outcome=~"unanswered|rejected"}}{RATE}))',
           "gateways' questions")]),
    ]),
    ("gRPC", [
        (LINES, "Calls", "Begun, by method.", "reqps", 8,
         [(f"sum by (method) (rate(satscope_grpc_requests_total{RATE}))", "{{method}}")]),
        (LINES, "Calls that ended badly", "By method and code.", "reqps", 8,
         [(f'sum by (method, code) (rate(satscope_grpc_responses_total{{code!~"Ok|Gone"}}{RATE})) or vector(0)',
           "{{method}} {{code}}")]),
        (LINES, "Time until the answer began", "99th percentile, by method.", "s", 8,
         [(quantile(0.99, "satscope_grpc_response_seconds", "method"), "{{method}}")]),
    ]),
]


def panel(kind, title, text, unit, queries):
    made = kind().title(title).description(text).unit(unit).datasource(SOURCE)
    for number, (expression, legend) in enumerate(queries):
        made.with_target(Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number)))
    return made


def dashboard():
    made = (
        Dashboard("Satscope")
        .uid("satscope")
        .description("A live BTC/USD price, read out of Bitcoin's own transactions: what each part does.")
        .tags(["satscope", "bitcoin"])
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for title, panels in ROWS:
        made.with_row(Row(title))
        for kind, name, text, unit, width, queries in panels:
            made.with_panel(panel(kind, name, text, unit, queries).span(width).height(4 if kind is STAT else 8))
    model = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for number, one in enumerate(model["panels"], start=1):
        one["id"] = number
        one["options"] = one.get("options") or {}
    return json.dumps(model, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    PLACE.write_text(dashboard())

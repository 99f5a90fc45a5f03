"""What clients, operators and Prometheus are answered."""

import base64
import json
import os
import random
import re
import time
import urllib.error
import urllib.parse

from checks import direct, get, note, output, require, run, within

# An empty request of grpc.health.v1.Health/Check, and the answer whose field 1 is SERVING. Source: gRPC over HTTP/2,
# Length-Prefixed-Message; grpc/health/v1/health.proto.
EMPTY = bytes(5)
SERVING = bytes([0, 0, 0, 0, 2, 8, 1])
# Curl on loopback, whatever proxy is set for other machines.
CURL = ("curl", "--silent", "--noproxy", "*")


def port(name):
    return os.environ[f"{name}_PORT"]


def gateway(path):
    return f"http://127.0.0.1:{port('GATEWAY')}{path}"


def asked(url):
    """The JSON that a URL answers with; its text is noted."""
    text = get(url)
    note(text)
    return json.loads(text)


def price():
    return asked(gateway("/api/v1/price"))


def has_found_the_hidden_price():
    """The price is within 2 % of the simulator's, which travels with the estimate for display."""
    answer = price()
    require(answer.get("simulated"), "the price is not marked as simulated")
    is_near(answer, answer.get("hidden_price_usd"))


def has_found(price_usd):
    """The price is within 2 % of that of a node that is taken for a real one."""
    answer = price()
    require(not answer.get("simulated") and answer.get("hidden_price_usd") is None, "the price is marked as simulated")
    is_near(answer, price_usd)


def is_near(answer, price_usd):
    found = answer.get("price")
    is_there = found is not None and price_usd is not None
    require(is_there and abs(found / price_usd - 1) < 0.02, f"the price is {found}; expected {price_usd} within 2 %")


def show_the_page():
    page = get(gateway("/"), timeout=2)
    require("<!doctype html" in page.lower(), f"no page: {page[:200]}")


def serve_grpc(at):
    """The part whose gRPC port is `at` says SERVING."""
    answer = output(
        *CURL, "--max-time", "2", "--http2-prior-knowledge", "--data-binary", "@-", "--header", "content-type: application/grpc",
        "--header", "te: trailers", f"http://127.0.0.1:{at}/grpc.health.v1.Health/Check", given=EMPTY, may_fail=True,
    )
    require(answer == SERVING, f"the answer is {answer.hex()}; expected {SERVING.hex()}")


def has_live_prices():
    """A WebSocket client gets at least 3 prices in 4 s through the balancer."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
    given = [part for header in headers for part in ("--header", header)]
    # Curl does not know when to end, and its exit code is that of a timeout.
    heard = output(
        *CURL, "--http1.1", "--no-buffer", "--max-time", "4", "--output", "-", *given, gateway("/ws/mempool"), may_fail=True,
    )
    seen = len(re.findall(rb'"type":"mempool_update"', heard))
    require(seen >= 3, f"{seen} messages in 4 s; expected 3")


def has_currencies(expected):
    """The currencies beside the dollar are these."""
    found = [rate["currency"] for rate in asked(gateway("/api/v1/exchange-rates"))["rates"]]
    require(found == expected, f"the currencies are {found}; expected {expected}")


def coverage():
    """What the gateway says of how far the past is known."""
    return asked(gateway("/api/v1/history/coverage"))


def past_status():
    """The status of a question about the past that was not asked before, so that no earlier answer is given again."""
    moment = int(time.time()) - 86_400 - random.randrange(32_768)
    try:
        with direct.open(gateway(f"/api/v1/historical-price?currency=USD&timestamp={moment}"), timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def past_is(expected):
    status = past_status()
    require(status == expected, f"a question about the past: {status}; expected {expected}")


def has_a_past():
    """A whole period of the past is final, and more may come."""
    known = coverage()
    is_known = known["blocks"] > 3000 and known["final_height"] is not None
    require(is_known, "the coverage has too few blocks, or none that is final; expected over 3000 blocks and a final_height")
    past_is(200)


def periods(container):
    """What the historian in a container says of its files, one dictionary each."""
    return json.loads(run("docker", "exec", container, "satscope", "history", "status", "--format", "json"))


def digests(container):
    """The digests of a historian's final periods."""
    return {period["digest"] for file in periods(container) for period in file["periods"] if period.get("digest")}


def reads_the_node(project):
    """The historian's file is named and begun once the node has told its chain. This stand-in has no past, and counts as real."""
    files = periods(project.container("historian"))
    is_its_own = len(files) == 1 and files[0]["chain"] == "main" and not files[0].get("simulated")
    require(is_its_own, "the historian has other files; expected one of the chain main, of no stand-in")


def prometheus(path):
    return asked(f"http://127.0.0.1:{port('PROMETHEUS')}/api/v1/{path}")["data"]


def answers(expression, expected):
    """Prometheus answers with one series of this value."""
    found = prometheus(f"query?{urllib.parse.urlencode({'query': expression})}")["result"]
    value = found[0]["value"][1] if found else None
    require(value == str(expected), f"{expression} is {value}; expected {expected}")


def has_quiet_alerts():
    """The alerts are loaded, and none fires: nothing is wrong."""
    rules = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
    loud = [rule["name"] for rule in rules if rule.get("state") != "inactive" or rule.get("health") == "err"]
    require(len(rules) > 5 and not loud, f"{len(rules)} alerts, not quiet: {loud}; expected over 5, all quiet")


def share_out_requests(gateways):
    """Each of many requests is answered, and each gateway has answered some."""
    for _ in range(30):
        price()
    within(30, answers, 'count(satscope_gateway_http_requests_total{path="/api/v1/price",status="200"} > 0)', gateways)

"""Metrics, alerts and the dashboard: each against the real programs."""

import json
import re

import dashboard
import yaml
from chain import PARTS
from checks import ROOT, Failure, require, run, until

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
METRIC = re.compile(r"\b(?:satscope|process)_[a-z0-9_]+|\bup\b")


def check_files(checks):
    """What needs no running program."""
    checks.run("the alert rules are valid", run, "promtool", "check", "rules", ALERTS)
    checks.run("the alerts fire when they should", run, "promtool", "test", "rules", ALERTS.with_suffix(".test.yml"))
    checks.run("each alert has a test and a runbook", has_test_and_runbook)
    checks.run("the Prometheus configuration is valid", run, "promtool", "check", "config",
               ROOT / "deploy/prometheus/prometheus.yml")
    checks.run("the dashboard is the one that dashboard.py makes", is_generated)
    checks.run("the dashboard's panels stand side by side and use the provisioned source", is_well_laid)


def check_live(checks, chain):
    chain.watch(2)
    chain.ask()
    for part in PARTS:
        checks.run(f"promtool finds no fault in the metrics of the {part}",
                   lambda part=part: run("promtool", "check", "metrics", given=chain.metrics(part)))
        checks.run(f"no metric of the {part} has many series", has_few_series, chain, part)
    checks.run("Prometheus reaches each part", until, 30, "up",
               lambda: len(chain.query("up == 1")) == len(PARTS))
    checks.run("the historian reads the past, and `satscope history status` tells the same", fills_the_past, chain)
    checks.run("each query of the dashboard is answered", each_panel_has_data, chain)
    checks.run("each metric of the alerts is there", each_alert_has_metrics, chain)
    checks.run("no alert fires while nothing is wrong", is_quiet, chain)


def alerts():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def has_test_and_runbook():
    tests = yaml.safe_load(ALERTS.with_suffix(".test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    quiet = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    headings = {line[4:].strip().lower() for line in (ROOT / "docs/operations.md").read_text().splitlines()
                if line.startswith("### ")}
    for alert in alerts():
        name = alert["alert"]
        require(name in fires, f"no test in which {name} fires")
        require(name in quiet, f"no test in which {name} is quiet")
        link = alert["annotations"]["runbook"]
        require(link == f"docs/operations.md#{name.lower()}", f"{name} links to {link}")
        require(name.lower() in headings, f"docs/operations.md has no section ### {name}")


def is_generated():
    require(dashboard.PLACE.read_text() == dashboard.dashboard(),
            "deploy/grafana/dashboards/satscope.json is stale: run scripts/operations/dashboard.py")


def panels():
    return [panel for panel in json.loads(dashboard.PLACE.read_text())["panels"] if panel["type"] != "row"]


def is_well_laid():
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    uid = source["datasources"][0]["uid"]
    taken = {}
    for panel in json.loads(dashboard.PLACE.read_text())["panels"]:
        place = panel["gridPos"]
        require(place["x"] + place["w"] <= 24, f"{panel['title']} is too wide")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                require(other == panel["title"], f"{panel['title']} covers {other}")
    for panel in panels():
        require(panel["datasource"]["uid"] == uid, f"{panel['title']} uses another data source than {uid}")
        require(panel.get("description"), f"{panel['title']} has no description")


def has_few_series(chain, part):
    series = {}
    for line in chain.metrics(part).splitlines():
        if line and not line.startswith("#"):
            name = re.split(r"[{ ]", line)[0]
            if not name.endswith("_bucket"):
                series[name] = series.get(name, 0) + 1
    many = {name: count for name, count in series.items() if count > 40}
    require(not many, f"too many series: {many}")


def each_panel_has_data(chain):
    wanted = [(panel["title"], target["expr"].replace("$__rate_interval", "30s"))
              for panel in panels() for target in panel["targets"]]

    def unanswered():
        # Questions are asked again and again, because a quantile has data only if something happens
        # between two scrapes.
        chain.ask()
        return [f"{title}: {expression}" for title, expression in wanted if not numbers(chain, expression)]

    try:
        until(60, "an answer to each query", lambda: not unanswered())
    except Failure as failure:
        raise Failure("\n".join(unanswered())) from failure


def fills_the_past(chain):
    """Until it follows the tip: then its file holds as many blocks with a price as its metrics say."""
    until(240, "the past", lambda: chain.query('satscope_historian_state{state="following"} == 1'))

    def agree():
        told = json.loads(run(chain.binary, "history", "status", "--state-dir", chain.folder / "history", "--format", "json"))
        require(len(told) == 1 and told[0]["simulated"], f"other files than one of a stand-in: {told}")
        metric = {name: int(chain.query(f"satscope_historian_{name}")[0]["value"][1])
                  for name in ("blocks", "final_periods")}
        finals = sum(period["state"] == "final" for period in told[0]["periods"])
        return finals > 0 and metric == {"blocks": told[0]["blocks"], "final_periods": finals}

    # A block may come between the two questions.
    until(30, "the same numbers", agree)


def numbers(chain, expression):
    """Series with a number: a quantile of nothing is NaN."""
    return [one for one in chain.query(expression) if one["value"][1] != "NaN"]


def each_alert_has_metrics(chain):
    for alert in alerts():
        names = set(METRIC.findall(alert["expr"]))
        for name in names:
            require(chain.query(name), f"{alert['alert']} asks for {name}, which is not there")


def is_quiet(chain):
    rules = chain.rules()
    require(len(rules) == len(alerts()), f"{len(rules)} rules are loaded of {len(alerts())}")

    def odd():
        found = [rule for rule in chain.rules() if (rule["state"], rule["health"]) != ("inactive", "ok")]
        return [f"{rule['name']} is {rule['state']}: {rule.get('lastError', rule['health'])}" for rule in found]

    try:
        # An alert on something that was missing at the first evaluation, such as a price, may be
        # pending until the next.
        until(30, "quiet", lambda: not odd())
    except Failure as failure:
        raise Failure("\n".join(odd())) from failure

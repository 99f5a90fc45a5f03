"""Each client of docs/clients.md: how it asks, and how it reads the answer. Recipes are taken from the document itself."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import servers

HERE = Path(__file__).parent
DOCUMENT = (HERE / "../../docs/clients.md").read_text()
# The gateway in the recipes.
EXAMPLE = "http://localhost:8000"


@dataclass
class Place:
    base: str
    metrics: str
    folder: Path
    eur: float

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=10) as answer:
            return answer.read().decode()

    def json(self, path):
        return json.loads(self.get(path))

    def recipe(self, heading, kind, nth=0):
        """The nth block of code of this kind below a heading, with this gateway's address."""
        section = DOCUMENT.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
        blocks = [part.split("\n```", 1)[0] for part in section.split(f"```{kind}\n")[1:]]
        return blocks[nth].replace(EXAMPLE, self.base)


def require(is_so, what):
    if not is_so:
        raise AssertionError(what)


def near(one, other, share=0.02):
    return abs(one / other - 1) < share


def liana(place):
    """Its reader takes unsigned integers alone."""
    prices = place.json("/api/v1/prices")
    require(all(type(value) is int and value > 0 for value in prices.values()), prices)
    require(near(prices["EUR"], prices["USD"] * place.eur), prices)


def zeus(place):
    """It takes the element of a currency by its code; a host with a slash at the end is asked too."""
    rates = place.json("/api/rates?storeId=any")
    rate = {one["code"]: one["rate"] for one in rates}
    require(near(rate["EUR"], rate["USD"] * place.eur), rates)
    require(all(one["currencyPair"] == f"BTC_{one['code']}" and one["cryptoCode"] == "BTC" for one in rates), rates)


def satsigner(place):
    """It reads a currency of the first element, and multiplies `exchangeRates`."""
    require(place.json("/api/v1/prices")["EUR"] > 0, "no price in euros")
    days_ago = int(time.time()) - 5 * 86_400
    answers = {code: place.json(f"/api/v1/historical-price?currency={code}&timestamp={days_ago}") for code in ("USD", "EUR")}
    price = {code: answer["prices"][0][code] for code, answer in answers.items()}
    require(near(price["EUR"], price["USD"] * place.eur, 0.001), price)
    rates = {key.replace("USD", ""): rate for key, rate in answers["USD"]["exchangeRates"].items()}
    require(rates == {"EUR": place.eur}, rates)


def home_assistants_mempool(place):
    """Its sensor reads a field of the prices, and its service the rows of hours."""
    rows = place.json("/api/v1/historical-price?currency=EUR")["prices"]
    require(len(rows) > 24 and all(row["EUR"] > 0 for row in rows[:24]), rows[:2])
    require(all(one["time"] > next_one["time"] for one, next_one in zip(rows, rows[1:])), "not newest first")


def of_package(script, package):
    """Runs a script that needs a Python package, by the interpreter that the environment names for it."""
    python = os.environ.get(f"{package.upper()}_PYTHON", sys.executable)

    def ask(place):
        # The packages write into the folder that they are started in.
        run_here = {"capture_output": True, "text": True, "cwd": place.folder, "timeout": 300}
        if subprocess.run([python, "-c", f"import {package}"], **run_here).returncode != 0:
            return f"left out: no Python package {package}"
        done = subprocess.run([python, HERE / script, place.base, str(place.eur)], **run_here)
        require(done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
        return done.stdout.strip().splitlines()[-1]

    return ask


def grafana_sqlite(place):
    now = int(time.time() * 1000)
    query = place.recipe("SQLite source", "sql")
    query = query.replace("$__from", str(now - 2 * 86_400_000)).replace("$__to", str(now))
    file = next((place.folder / "state").glob("history-*.sqlite"))
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        rows = connection.execute(query).fetchall()
    require(len(rows) > 100, f"{len(rows)} rows")
    require(all(time * 1000 <= now and low <= price <= high for time, price, low, high in rows), rows[:3])


def grafana_json(place):
    url = DOCUMENT.split("| URL | `" + EXAMPLE)[2].split("`")[0]
    now = int(time.time())
    path = url.replace("${__from:date:seconds}", str(now - 7 * 86_400)).replace("${__to:date:seconds}", str(now))
    rows = place.json(path)["prices"]
    require(len(rows) > 500 and all(row["interval"]["low"] <= row["price"] <= row["interval"]["high"] for row in rows), rows[:2])


def curl(place):
    for line in place.recipe("curl", "sh").splitlines():
        told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout
        require(float(told) > 0, told)
    prompt = place.recipe("curl", "sh", 1)
    asks = f"export XDG_RUNTIME_DIR={place.folder}\n{prompt}\n__price >/dev/null; wait; sleep 1; echo \"${{PS1@P}}\""
    told = subprocess.run(["bash", "--norc", "-c", asks], capture_output=True, text=True, check=True).stdout
    require(told.split()[0].isdigit(), told)


def spreadsheet(place):
    path = "/api/v1/candles?step=1d&format=csv"
    rows = list(csv.DictReader(io.StringIO(place.get(path))))
    require(len(rows) > 10 and float(rows[-2]["close"]) > 0, rows[-2:])
    if shutil.which("soffice") is None:
        return "read as CSV; no LibreOffice here"
    file = place.folder / "candles.csv"
    file.write_text(place.get(path))
    formats = ["--infilter=CSV:44,34,76,1", "--convert-to", "xlsx"]
    subprocess.run(["soffice", f"-env:UserInstallation=file://{place.folder}/office", "--headless", *formats,
                    "--outdir", place.folder, file], capture_output=True, check=True, timeout=120)
    require((place.folder / "candles.xlsx").stat().st_size > 4000, "an empty sheet")
    return "LibreOffice turned the CSV into a sheet"


def refusal(place):
    """A question that cannot be answered is refused in words."""
    try:
        place.get("/api/rates?currencyPairs=x")
    except urllib.error.HTTPError as refused:
        require(refused.code == 400 and "expected pairs" in json.load(refused)["detail"], refused)


def run(place):
    """Tries all; returns how many failed."""
    trials = {
        "LNbits": of_package("lnbits_asks.py", "lnbits"),
        "Zeus": zeus,
        "satsigner": satsigner,
        "Home Assistant, REST sensor": of_package("home_assistant_asks.py", "homeassistant"),
        "Home Assistant, mempool integration": home_assistants_mempool,
        "a mempool instance with Satscope's prices": servers.nginx,
        "Grafana, SQLite source": grafana_sqlite,
        "Grafana, JSON source": grafana_json,
        "Prometheus": servers.prometheus,
        "curl": curl,
        "a spreadsheet": spreadsheet,
        "Liana's reader": liana,
        "a refusal": refusal,
    }
    failed = 0
    for name, ask in trials.items():
        try:
            print(f"ok      {name}: {ask(place) or 'read'}", flush=True)
        except Exception as fault:
            failed += 1
            print(f"FAILED  {name}: {fault!r}", flush=True)
    return failed

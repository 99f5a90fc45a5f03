"""Starts a demo with a file of exchange rates, and lets each client read its answers."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import clients
from servers import free_port

# Seconds for the demo to have a price, and blocks with prices.
PATIENCE = 120
# A rate of now, and one of the last days: prices of the past need a date.
EUR = 0.92
# Ports of the demo, in the order of their settings.
PORTS = ("GATEWAY_LISTEN", "INGEST_LISTEN", "ANALYZER_LISTEN", "HISTORIAN_LISTEN", "METRICS_LISTEN")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def within(what, ask):
    """Waits until `ask` returns something true."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            if ask():
                return
        except (urllib.error.URLError, OSError, KeyError, IndexError):
            pass
        time.sleep(0.5)
    sys.exit(f"{what} did not come within {PATIENCE} s")


def days(back):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - back * 86400))


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        rates = Path(folder) / "fx.csv"
        rates.write_text(f"EUR,{EUR}\n" + "".join(f"EUR,{EUR},{days(back)}\n" for back in range(0, 40, 7)))
        ports = {name: free_port() for name in PORTS}
        own = {name: value for name, value in os.environ.items() if not name.startswith("SATSCOPE_")}
        own |= {f"SATSCOPE_{name}": f"127.0.0.1:{port}" for name, port in ports.items()}
        own |= {"SATSCOPE_FX_FILE": str(rates), "SATSCOPE_HISTORY_DAYS": "20", "SATSCOPE_STATE_DIR": f"{folder}/state"}
        log = open(Path(folder) / "log", "w")
        demo = subprocess.Popen([binary, "demo"], env=own, cwd=folder, stderr=log, stdout=log)
        base = f"http://127.0.0.1:{ports['GATEWAY_LISTEN']}"
        try:
            within("a price in euros", lambda: get(f"{base}/api/v1/prices")["EUR"])
            within("prices of blocks", lambda: get(f"{base}/api/v1/history?range=7d&source=block")["prices"][100])
            place = clients.Place(base=base, metrics=f"http://127.0.0.1:{ports['METRICS_LISTEN']}/metrics",
                                  folder=Path(folder), eur=EUR)
            return clients.run(place)
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

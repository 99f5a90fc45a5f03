"""Runs the whole chain for a long time, a process a part, and writes down how it is: a row of CSV at each interval.

Memory and open files come from /proc, the rest from /metrics and from one WebSocket client that reads everything. The
lag is how far the newest message of that client is behind the node's clock, in seconds of real time.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

HERE = Path(__file__).parent
PARTS = ("ingest", "analyzer", "gateway")
FREE = "127.0.0.1:0"
# Payments a second as on main, and blocks so rare that the mempool never empties.
TRAFFIC = ("--rate=7", "--block-interval=900")
STARTUP_SECONDS = 300
COUNTED = {
    "mempool": ("ingest", "satscope_ingest_mempool_transactions"),
    "window": ("ingest", "satscope_ingest_window_transactions"),
    "queue": ("ingest", "satscope_ingest_queue_messages"),
    "gaps": ("ingest", "satscope_ingest_zmq_gaps_total"),
    "resyncs": ("ingest", "satscope_ingest_resyncs_total"),
    "received": ("ingest", "satscope_ingest_transactions_total"),
    "price_usd": ("analyzer", "satscope_price_usd"),
}


class Process:
    """A process whose log goes to a file."""

    def __init__(self, folder, name, arguments):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)

    def find(self, pattern):
        """Waits for the first line that matches; its groups."""
        end = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < end:
            found = re.search(pattern, self.log.read_text())
            if found:
                return found.groups()
            if self.process.poll() is not None:
                sys.exit(f"{self.name} ended too early; see {self.log}")
            time.sleep(0.1)
        sys.exit(f"{self.name} wrote no line with {pattern!r}; see {self.log}")

    def listening(self, setting):
        return self.find(rf"{setting}: listening on (\S+)")[0]

    def usage(self):
        """Resident memory in MB, the part of it that is this process's own (what several share, such as the program's
        text, is divided among them: only that can be added up), its peak, and open files."""
        folder = Path(f"/proc/{self.process.pid}")
        text = (folder / "status").read_text() + (folder / "smaps_rollup").read_text()
        megabytes = {name: int(value) / 1024 for name, value in re.findall(r"(?m)^(VmRSS|Pss|VmHWM):\s+(\d+) kB", text)}
        return megabytes["VmRSS"], megabytes["Pss"], megabytes["VmHWM"], len(list((folder / "fd").iterdir()))

    def end(self):
        self.process.terminate()
        return self.process.wait(timeout=30)


class Client(threading.Thread):
    """A WebSocket client that reads everything and remembers the newest."""

    def __init__(self, gateway, node_time, speed):
        super().__init__(daemon=True)
        self.url = f"ws://{gateway}/ws/mempool"
        self.node_time, self.speed = node_time, speed
        self.messages = self.losses = 0
        self.lags = []
        self.newest = {}
        self.ended = False

    def run(self):
        while not self.ended:
            try:
                with connect(self.url, max_size=None) as socket:
                    for text in socket:
                        self.take(json.loads(text)["data"])
            except OSError as error:
                print(f"the WebSocket: {error}", file=sys.stderr)
            if not self.ended:
                self.losses += 1
            time.sleep(1)

    def take(self, data):
        self.messages += 1
        self.newest = data
        if data.get("timestamp"):
            self.lags.append((self.node_time() - data["timestamp"]) / self.speed)

    def take_lag(self):
        """The longest lag since the last call; none when no message has come."""
        lags, self.lags = self.lags, []
        return max(lags, default=None)


def metrics(address):
    """The sum of each metric's samples."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    sums = {}
    for name, value in re.findall(r"^([a-z_]+)(?:\{.*\})? (\S+)$", text, re.MULTILINE):
        sums[name] = sums.get(name, 0) + float(value)
    return sums


class Node(Process):
    """The stand-in node."""

    def __init__(self, folder, options):
        super().__init__(folder, "node", [
            options.binary, "simulate", *TRAFFIC, f"--backlog={options.mempool}", f"--speed={options.speed}",
            "--standin-zmq-listen=tcp://127.0.0.1:*", f"--standin-rpc-listen={FREE}", "--standin-rpc-no-auth",
        ])
        self.zmq, self.rpc = self.find(r"stand-in node is up zmq=(\S+) rpc=(\S+)")

    def call(self, method):
        request = json.dumps({"method": method, "params": [], "id": 1}).encode()
        with urllib.request.urlopen(f"http://{self.rpc}", request, timeout=30) as answer:
            return json.load(answer)["result"]

    def time(self):
        return self.call("standinstatus")["time"]


def start(folder, options, node):
    """Ingest, analyzer and gateway, and the address of each one's metrics."""
    def part(name, *flags):
        listen = [f"--{name}-listen", FREE, "--metrics-listen", FREE]
        process = Process(folder, name, [options.binary, name, *flags, *listen])
        addresses[name] = process.listening("metrics_listen")
        return process, process.listening(f"{name}_listen")

    addresses = {}
    ingest, address = part("ingest", "--node-is-standin", f"--zmq-endpoint={node.zmq}", f"--rpc-url=http://{node.rpc}",
                           f"--state-dir={folder / 'state'}")
    analyzer, address = part("analyzer", f"--ingest-url=http://{address}")
    gateway, address = part("gateway", f"--analyzer-url=http://{address}")
    return (ingest, analyzer, gateway), addresses, address


def sample(processes, addresses, client, node, began):
    row = {"seconds": round(time.monotonic() - began), "node_time": round(node.time())}
    for process in processes:
        rss, share, peak, files = process.usage()
        row |= {f"{process.name}_mb": round(rss, 1), f"{process.name}_share_mb": round(share, 1)}
        row |= {f"{process.name}_peak_mb": round(peak, 1), f"{process.name}_files": files}
    said = {name: metrics(address) for name, address in addresses.items()}
    row |= {column: said[part].get(metric, 0) for column, (part, metric) in COUNTED.items()}
    lag = client.take_lag()
    row |= {
        "lag_seconds": "" if lag is None else round(lag, 3),
        "messages": client.messages,
        "losses": client.losses,
        "hidden_price_usd": client.newest.get("hidden_price_usd", ""),
    }
    return row


def run(options, folder):
    node = Node(folder, options)
    parts, addresses, gateway = start(folder, options, node)
    client = Client(gateway, node.time, options.speed)
    client.start()
    began = time.monotonic()
    table = folder / "soak.csv"
    with table.open("w", newline="") as file:
        writer = None
        while time.monotonic() - began < options.hours * 3600 / options.speed:
            time.sleep(options.every)
            row = sample((*parts, node), addresses, client, node, began)
            if writer is None:
                writer = csv.DictWriter(file, row)
                writer.writeheader()
            writer.writerow(row)
            file.flush()
    listed = metrics(addresses["ingest"])["satscope_ingest_mempool_transactions"]
    print(f"mempool at the end: {listed:.0f} here, {node.call('getmempoolinfo')['size']} at the node")
    client.ended = True
    codes = {process.name: process.end() for process in (*reversed(parts), node)}
    print("exit codes:", codes)
    return table


def summary(table):
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    half = rows[len(rows) // 2:]
    for name in (*PARTS, "node"):
        memory = [float(row[f"{name}_mb"]) for row in half]
        files = [int(row[f"{name}_files"]) for row in rows]
        print(f"{name:>9}: {min(memory):6.1f} to {max(memory):6.1f} MB in the second half, peak {half[-1][f'{name}_peak_mb']}; "
              f"{min(files)} to {max(files)} files")
    together = [sum(float(row[f"{name}_share_mb"]) for name in PARTS) for row in half]
    lags = sorted(float(row["lag_seconds"]) for row in rows if row["lag_seconds"])
    print(f"all parts, what they share counted once: {min(together):.1f} to {max(together):.1f} MB; longest lag of an interval: median {lags[len(lags) // 2]:.2f} s, "
          f"worst {lags[-1]:.2f} s; {rows[-1]['messages']} messages, {rows[-1]['losses']} losses, {rows[-1]['gaps']} gaps")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24, help="of the node's time")
    parser.add_argument("--speed", type=float, default=60, help="how many times faster than real time the node runs")
    parser.add_argument("--mempool", type=int, default=300_000, help="transactions that wait in the mempool from the start")
    parser.add_argument("--every", type=float, default=5, help="seconds of real time between samples")
    parser.add_argument("--binary", default="target/release/satscope")
    parser.add_argument("--out", default="target/soak", help="the folder for logs, table and plot")
    options = parser.parse_args()
    folder = Path(options.out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    table = run(options, folder)
    summary(table)
    subprocess.run([sys.executable, HERE / "soak-plot.py", table, folder / "soak.png"], check=True)


main()

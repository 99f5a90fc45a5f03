"""What a watcher, a gateway and the parts cost while nothing happens but payments: the figures of docs/scaling.md.

    ~/.cache/satscope/python/bin/python scripts/operations/traffic.py BINARY     takes 13 minutes

All on loopback, on a simulated node with as many payments as on main.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chain import PARTS, Chain
from checks import require

# Long enough for a block or two, each of which confirms thousands of payments.
SECONDS = 600
RATE = 7
# All that the analyzer takes: 64, of which the gateway and the historian have one each.
SUBSCRIPTIONS = 62
SECONDS_WITH_MANY = 60
SUBSCRIBE = "satscope.v1.PriceService/PriceUpdates"


def main(binary):
    with tempfile.TemporaryDirectory(prefix="satscope-traffic-") as folder, Chain(binary, folder, RATE) as chain:
        time.sleep(5)
        first = subscription(chain, 5)
        alone = cpu(chain)
        chain.watch(1)
        time.sleep(2)
        greeting = chain.callers[0].bytes
        began = time.monotonic()
        whole = subscription(chain, SECONDS)
        took = time.monotonic() - began
        news = (chain.callers[0].bytes - greeting) / took
        used = {part: (now - alone[part]) / took for part, now in cpu(chain).items()}
        print(f"payments a second                      {RATE}")
        print(f"a watcher's first message              {greeting:,} bytes")
        print(f"and then                               {news:,.0f} bytes/s")
        print(f"a gateway's subscription, at first     {first:,} bytes")
        print(f"and then                               {(whole - first) / took:,.0f} bytes/s")
        print(f"blocks meanwhile                       {blocks(chain, SECONDS)}")
        for path in ("/", "/api/v1/points", "/api/v1/points?format=columns", "/api/v1/price"):
            print(f"{path:<38} {size(chain, path):,} bytes, gzip")
        for part in PARTS:
            print(f"CPU of the {part:<27} {100 * used[part]:.1f} % of a core")
        print_memory(chain)
        print(f"CPU of the analyzer with {SUBSCRIPTIONS:<13} {100 * analyzer_with_many(chain):.1f} % of a core")
        print("after all of these joined at once:")
        print_memory(chain)
        print(f"payments in the window                 {value(chain, 'satscope_analyzer_window_transactions'):,.0f}")
        print(f"ingest's journal                       {value(chain, 'satscope_ingest_journal_bytes'):,.0f} bytes")


def value(chain, expression):
    return float(chain.query(expression)[0]["value"][1])


def print_memory(chain):
    for part in PARTS:
        held = value(chain, f'process_resident_memory_bytes{{job="satscope-{part}"}}')
        print(f"memory of the {part:<24} {held / 1e6:.0f} MB")


def cpu(chain):
    """Seconds of CPU that each part has used."""
    ticks = os.sysconf("SC_CLK_TCK")
    stat = {part: Path(f"/proc/{chain.processes[part].pid}/stat").read_text().split() for part in PARTS}
    return {part: (int(fields[13]) + int(fields[14])) / ticks for part, fields in stat.items()}


def subscriber(chain, seconds, output):
    """A gateway's subscription, for that long."""
    return subprocess.Popen(
        ["curl", "--silent", "--max-time", str(seconds), "--http2-prior-knowledge", "--data-binary", "@-",
         "--header", "content-type: application/grpc", "--header", "te: trailers", "--output", output,
         f"http://127.0.0.1:{chain.ports['grpc_analyzer']}/{SUBSCRIBE}"],
        stdin=subprocess.PIPE,
    )


def subscription(chain, seconds):
    """The bytes of one."""
    output = chain.folder / "updates"
    subscriber(chain, seconds, output).communicate(b"\0\0\0\0\0")
    return output.stat().st_size


def analyzer_with_many(chain):
    """What share of a core the analyzer takes with many subscriptions, once they have the window."""
    many = [subscriber(chain, 20 + SECONDS_WITH_MANY, "/dev/null") for _ in range(SUBSCRIPTIONS)]
    for one in many:
        one.stdin.write(b"\0\0\0\0\0")
        one.stdin.close()
    time.sleep(15)
    left_out = value(chain, 'sum(satscope_grpc_refused_total{job="satscope-analyzer"}) or vector(0)')
    require(left_out == 0, f"the analyzer refused {left_out:.0f} of {SUBSCRIPTIONS} subscriptions")
    before = cpu(chain)["analyzer"]
    time.sleep(SECONDS_WITH_MANY)
    used = (cpu(chain)["analyzer"] - before) / SECONDS_WITH_MANY
    for one in many:
        one.wait()
    return used


def blocks(chain, seconds):
    return round(value(chain, f'increase(satscope_ingest_blocks_total{{change="connected"}}[{seconds}s])'))


def size(chain, path):
    return int(subprocess.run(
        ["curl", "--silent", "--compressed", "--output", "/dev/null", "--write-out", "%{size_download}",
         chain.url("gateway", path)], text=True, capture_output=True, check=True).stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

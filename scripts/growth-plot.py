"""Plots how an estimate's cost grows with the window, from what its benchmark prints (Python 3 with matplotlib).

    cargo bench --bench oracle | python3 scripts/growth-plot.py PNG
"""

import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

MICROSECONDS = {"ns": 1e-3, "µs": 1, "ms": 1e3, "s": 1e6}
COLUMNS = ["putting one in", "an estimate, p50", "p99", "p99, with old payments", "the baseline method"]
COLOURS = ["tab:gray", "tab:blue", "tab:orange", "tab:red", "tab:green"]


def microseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(\D+)", text).groups()
    return float(number) * MICROSECONDS[unit]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = [match.groups() for match in re.finditer(r"^ *(\d+) +([0-9.]+) MB +(.*)$", sys.stdin.read(), re.M)]
    if not rows:
        sys.exit("no row of the benchmark on standard input")
    outputs = [int(count) for count, _, _ in rows]
    times = [[microseconds(word) for word in rest.split()] for _, _, rest in rows]
    figure, (cost, memory) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(2, 1))
    for at, name in enumerate(COLUMNS):
        cost.plot(outputs, [row[at] for row in times], marker="o", color=COLOURS[at], label=name)
    cost.set(xscale="log", yscale="log", xlabel="outputs in the window", ylabel="µs")
    cost.grid(alpha=0.3)
    cost.legend()
    memory.plot(outputs, [float(megabytes) for _, megabytes, _ in rows], marker="o", color="tab:purple")
    memory.set(xscale="log", xlabel="outputs in the window", ylabel="memory of the window (MB)")
    memory.set_ylim(bottom=0)
    memory.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(sys.argv[1], dpi=90)


main()

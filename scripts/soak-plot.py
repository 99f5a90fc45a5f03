"""Plots what `scripts/soak` wrote down (Python 3 with matplotlib).

    python3 scripts/soak-plot.py SOAK_CSV PNG
"""

import csv
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PARTS = {"ingest": "tab:blue", "analyzer": "tab:orange", "gateway": "tab:green"}
MOST_MB = 150


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], newline="") as file:
        rows = list(csv.DictReader(file))

    def column(name):
        return [float(row[name]) if row[name] else float("nan") for row in rows]

    began = float(rows[0]["node_time"])
    hours = [(time - began) / 3600 for time in column("node_time")]
    figure, (memory, files, lag, counts) = plt.subplots(4, 1, figsize=(10, 11), sharex=True, height_ratios=(2, 1, 1, 1))
    memory.stackplot(hours, *(column(f"{name}_share_mb") for name in PARTS), labels=PARTS, colors=PARTS.values(), alpha=0.7)
    memory.axhline(MOST_MB, color="black", linewidth=0.8, linestyle="--")
    memory.set_ylabel("resident memory (MB)")
    for name, colour in PARTS.items():
        files.plot(hours, column(f"{name}_files"), color=colour)
    files.set_ylabel("open files")
    lag.plot(hours, column("lag_seconds"), color="tab:red", linewidth=0.8)
    lag.set_ylabel("longest lag (s)")
    counts.plot(hours, column("mempool"), color="tab:purple", label="mempool")
    counts.plot(hours, column("window"), color="tab:brown", label="window")
    counts.set_ylabel("transactions")
    counts.set_xlabel("hours of the node's time")
    for axes in (memory, files, lag, counts):
        axes.set_ylim(bottom=0)
    memory.legend(loc="lower right")
    counts.legend(loc="center right")
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=90)


main()

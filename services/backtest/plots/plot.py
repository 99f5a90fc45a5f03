"""Draws the error plots of docs/ACCURACY.md from what `satscope backtest` printed (Python 3 with matplotlib).

    python3 services/backtest/plots/plot.py BLOCKS_CSV DAYS_CSV
"""

import csv
import sys
from datetime import datetime, timezone
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent


def rows(path):
    with open(path, newline="") as file:
        return [row for row in csv.DictReader(file) if row["error_percent"]]


def interval_percent(row):
    """The ends of the 90 % interval, as errors in percent."""
    reference = float(row["reference_price_usd"])
    return [100 * (float(row[end]) / reference - 1) for end in ("low_usd", "high_usd")]


def draw(found, title, name, limit):
    """Errors over time with their 90 % intervals, and how they are distributed."""
    figure, (over_time, spread) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=(3, 1), sharey=True)
    for row in found:
        when = datetime.fromtimestamp(int(row["time"]), timezone.utc)
        error = float(row["error_percent"])
        trusted = float(row["confidence"]) >= 0.5
        colour = "tab:blue" if trusted else "tab:orange"
        shown = max(-limit, min(limit, error))
        if len(found) < 200 and abs(error) < limit:
            over_time.plot([when, when], interval_percent(row), color=colour, alpha=0.35, linewidth=1)
        over_time.plot(when, shown, "." if abs(error) <= limit else "^", color=colour, markersize=5)
    spread.hist(
        [float(row["error_percent"]) for row in found],
        bins=61, range=(-limit, limit), orientation="horizontal", color="tab:blue",
    )
    for axes in (over_time, spread):
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_ylim(-1.05 * limit, 1.05 * limit)
    over_time.set_ylabel("error (%), orange: confidence under 0.5")
    over_time.set_title(title, loc="left")
    spread.set_xlabel("estimates")
    figure.autofmt_xdate()
    figure.tight_layout()
    figure.savefig(HERE / name, dpi=110)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    draw(rows(sys.argv[1]), "Single blocks, cold; a triangle lies further off", "blocks.png", 1.5)
    draw(rows(sys.argv[2]), "Days, each hour from 04:00 UTC (semi-synthetic)", "days.png", 2.5)


main()

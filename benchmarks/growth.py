"""How the cost of a training grows: ten times the rows, four times the width, eight times the batch.

    python benchmarks/growth.py --write

Each point is one `goodfit.train` in a process of its own, the first epoch left out; the least of several
runs counts. With --write the table goes into RESULTS.md and the plot to growth.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from results import machine, table, write_section

PLOT = Path(__file__).parent / "growth.svg"
INPUTS, CLASSES, SEED = 50, 10, 0
EPOCHS = 4


@dataclass(frozen=True)
class Size:
    """A size of training."""

    rows: int = 10_000
    width: int = 64
    batch_size: int = 64

    @property
    def operations(self) -> float:
        """Operations of the matrix products of an epoch, about."""
        weights = INPUTS * self.width + self.width**2 + self.width * CLASSES
        return 6.0 * weights * self.rows


START = Size()
GROWTHS: dict[str, list[Size]] = {
    "rows": [replace(START, rows=rows) for rows in (1_000, 3_000, 10_000, 30_000, 100_000)],
    "width": [replace(START, width=width) for width in (16, 32, 64, 128, 256)],
    "batch_size": [replace(START, batch_size=size) for size in (8, 16, 32, 64, 128, 256, 512)],
}
FACTORS = {"rows": (10_000, 100_000), "width": (64, 256), "batch_size": (32, 256)}
TITLES = {"rows": "training rows", "width": "units of each hidden layer", "batch_size": "batch size"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--write", action="store_true", help="put the table into RESULTS.md, the plot beside it"
    )
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(train(Size(**given.one))))
        return
    about = machine()
    measured = measure(given.runs)
    text = section(measured, given.runs)
    print(f"{text}\n\n{about}")
    if given.write:
        draw(measured)
        write_section("growth", f"{text}\n\n![Cost of an epoch]({PLOT.name})\n\n{about}")


def measure(runs: int) -> dict[Size, dict[str, float]]:
    """Return the least seconds of an epoch, and the threads used, of each size; the sizes take turns."""
    found: dict[Size, dict[str, float]] = {}
    sizes = dict.fromkeys(size for growth in GROWTHS.values() for size in growth)
    for _ in range(runs):
        for size in sizes:
            command = [sys.executable, __file__, "--one", json.dumps(size.__dict__)]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
            )
            result = json.loads(done.stdout)
            if size not in found or result["seconds"] < found[size]["seconds"]:
                found[size] = result
    return found


def train(size: Size) -> dict[str, float]:
    """Train a size and return the seconds of its fastest epoch."""
    import numpy as np
    from torch import nn

    import goodfit

    random = np.random.default_rng(SEED)
    x = random.standard_normal((size.rows + 1_000, INPUTS), dtype=np.float32)
    y = (x @ random.standard_normal((INPUTS, CLASSES), dtype=np.float32)).argmax(1)
    network = nn.Sequential(
        nn.Linear(INPUTS, size.width), nn.ReLU(),
        nn.Linear(size.width, size.width), nn.ReLU(),
        nn.Linear(size.width, CLASSES),
    )  # fmt: skip
    run = goodfit.train(
        (x[:-1_000], y[:-1_000]),
        valid=(x[-1_000:], y[-1_000:]),
        model=network,
        loss="cross_entropy",
        batch_size=size.batch_size,
        epochs=EPOCHS,
        patience=None,
        vitals=False,
        diagnose=False,
    )
    seconds = np.diff(run.history["seconds"])
    return {"seconds": float(seconds.min()), "threads": float(run.environment.get("threads") or 0)}


def section(measured: dict[Size, dict[str, float]], runs: int) -> str:
    """Return a row for each size, and how much more time the three growths take."""
    rows = []
    for name, growth in GROWTHS.items():
        for size in growth:
            seconds = measured[size]["seconds"]
            steps = -(-size.rows // size.batch_size)
            rows.append(
                [
                    TITLES[name], f"{size.rows:,}", str(size.width), str(size.batch_size),
                    f"{seconds * 1e3:,.3g}", f"{seconds / steps * 1e6:,.0f}", f"{size.rows / seconds:,.0f}",
                ]
            )  # fmt: skip
    factors = []
    for name, (low, high) in FACTORS.items():
        one, other = (measured[replace(START, **{name: value})]["seconds"] for value in (low, high))
        factors.append(f"{TITLES[name]} x {high // low}: time of an epoch x {other / one:.2g}")
    return "\n\n".join(
        [
            "## Growth: how the cost of an epoch grows",
            f"`goodfit.train` on {INPUTS} inputs and {CLASSES} classes, two hidden layers, Adam, 1,000 "
            f"validation rows; the fastest epoch after the first, of {runs} processes.",
            table(
                ("what grows", "rows", "width", "batch", "ms an epoch", "µs a step", "rows a second"), rows
            ),
            "; ".join(factors) + ".",
        ]
    )


def draw(measured: dict[Size, dict[str, float]]) -> None:
    """Draw the time of an epoch against what grows, beside the arithmetic alone."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    mpl.rcParams.update({"svg.hashsalt": "goodfit", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes: Any = figure.subplots(1, len(GROWTHS), sharey=True)
    for ax, (name, growth) in zip(axes, GROWTHS.items(), strict=True):
        values = [getattr(size, name) for size in growth]
        seconds = [measured[size]["seconds"] for size in growth]
        work = [size.operations for size in growth]
        scaled = [seconds[-1] * value / work[-1] for value in work]
        ax.loglog(values, [value * 1e3 for value in seconds], marker="o", label="measured")
        ax.loglog(
            values, [value * 1e3 for value in scaled], "--", color="0.6", label="as the arithmetic grows"
        )
        ax.set_xticks(values, [f"{value:,}" for value in values])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel(TITLES[name])
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("ms an epoch")
    axes[0].legend(frameon=False)
    figure.savefig(PLOT, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()

"""Whether torch.compile pays: how long it takes, what each update gains, and after how many it is even.

    python benchmarks/compiling.py --write

Each measurement is two trainings of a process of their own, with and without compile, without validation
rows. Needs a C++ compiler where there is no accelerator.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from itertools import pairwise

from results import machine, spread, table, write_section

SIZES = {
    "2-10-2, batch 32": ((2, 10, 2), 32),
    "50-64-64-10, batch 64": ((50, 64, 64, 10), 64),
    "50-256-256-10, batch 256": ((50, 256, 256, 10), 256),
    "a deep one: 50-64x12-10, batch 64": ((50, *[64] * 12, 10), 64),
    "convolutions 16-32 on 28x28, batch 64": ((), 64),
}
ROWS, SEED, SHORT, LONG = 6_400, 0, 2, 8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], given.one[1] == "compiled")))
        return
    about = machine()
    rows = []
    for title in SIZES:
        plain, compiled = [], []
        for _ in range(given.runs):
            plain.append(run(title, "plain"))
            compiled.append(run(title, "compiled"))
        rows.append(row(title, plain, compiled))
    head = ("network", "µs an update", "compiled", "seconds to compile", "even after updates")
    text = "\n\n".join(
        [
            "## Compiling: when torch.compile pays",
            f"{given.runs} processes each, in turn; {ROWS:,} synthetic rows, Adam.",
            table(head, rows),
        ]
    )
    print(f"{text}\n\n{about}")
    if given.write:
        write_section("compiling", f"{text}\n\n{about}")


def row(title: str, plain: list[dict[str, float]], compiled: list[dict[str, float]]) -> list[str]:
    """Return a line of the table."""
    gain = statistics.median(item["update"] for item in plain) - statistics.median(
        item["update"] for item in compiled
    )
    start = [with_it["first"] - without["first"] for with_it, without in zip(compiled, plain, strict=True)]
    even = f"{statistics.median(start) / gain:,.0f}" if gain > 0 else "never"
    updates = [spread([1e6 * item["update"] for item in items]) for items in (plain, compiled)]
    return [title, *updates, spread(start), even]


def run(title: str, how: str) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--one", title, how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(title: str, compiled: bool) -> dict[str, float]:
    """Return the seconds of the first short training, and of an update once all is compiled."""
    import numpy as np
    import torch
    from torch import nn

    import goodfit

    layers, batch_size = SIZES[title]
    random = np.random.default_rng(SEED)
    shape = (layers[0],) if layers else (1, 28, 28)
    x = random.standard_normal((ROWS, *shape), dtype=np.float32)
    classes = layers[-1] if layers else 10
    y = random.integers(0, classes, ROWS)
    torch.manual_seed(SEED)
    net: list[nn.Module] = []
    for inputs, units in pairwise(layers):
        net += [nn.Linear(inputs, units), nn.ReLU()]
    if layers:
        net.pop()
    else:
        for inputs, units in ((1, 16), (16, 32)):
            net += [nn.Conv2d(inputs, units, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        net += [nn.Flatten(), nn.Linear(32 * 49, 10)]
    model = nn.Sequential(*net)

    def seconds(epochs: int) -> tuple[float, float]:
        trained = goodfit.train(
            (x, y),
            model=model,
            loss="cross_entropy",
            monitor="running_loss",
            batch_size=batch_size,
            epochs=epochs,
            patience=None,
            keep_going=True,
            compile=compiled,
            vitals=False,
            diagnose=False,
        )
        times = trained.history["seconds"]
        return float(times[-1]), float(np.diff(times).min()) if epochs > 1 else 0.0

    first, _ = seconds(SHORT)
    _, epoch = seconds(LONG)
    return {"first": first, "update": epoch / (ROWS // batch_size)}


if __name__ == "__main__":
    main()

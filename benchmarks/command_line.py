"""How long goodfit's commands take from start to end, on a table of 1,143 rows and 11 numbers.

    python benchmarks/command_line.py

Every measurement is a process of its own. "After imports" is the same command a second time in a process
that has done it once before with a single epoch, so that everything it needs is imported.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from results import machine, table
from speed_peers import judged

ROWS, COLUMNS, SEED = 1_143, 11, 0
RECIPE = ["--hidden", "64,64", "--epochs", "100", "--patience", "none", "--force"]
LIMITS = {
    "`import goodfit`": 0.3,
    "`goodfit --help`": 0.5,
    "`goodfit train`, 100 epochs of an MLP 64-64, after imports": 3.0,
    "`goodfit demo`, to the finished report": 30.0,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--twice", nargs=2, metavar=("TABLE", "RUN"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.twice:
        train_twice(*given.twice)
    else:
        print(f"{machine()}\n\n{command_line_section(given.runs)}")


def command_line_section(runs: int) -> str:
    """Measure the commands and return their part of the results."""
    found: dict[str, list[float]] = {text: [] for text in LIMITS}
    whole = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "table.csv"
        write_table(data)
        program = [sys.executable, "-m", "goodfit"]
        output = ["--output", f"{folder}/run"]
        for _ in range(runs):
            times = (
                seconds([sys.executable, "-c", "import goodfit"]),
                seconds([*program, "--help"]),
                float(run([sys.executable, __file__, "--twice", data, f"{folder}/run"]).split()[-1]),
                seconds([*program, "demo", "--force", *output]),
            )
            for values, value in zip(found.values(), times, strict=True):
                values.append(value)
            whole.append(seconds([*program, "train", data, "--target", "quality", *output, *RECIPE]))
    rows = [[text, *judged(found[text], most=limit)] for text, limit in LIMITS.items()]
    rows.append(["`goodfit train`, imports included", judged(whole, most=0.0)[0], "", ""])
    return "\n\n".join(
        [
            f"## Speed, command line: a table of {ROWS:,} rows and {COLUMNS} numbers",
            f"Synthetic rows, six classes. {runs} processes each, in turn; from start to end, the start of "
            "Python included except where it says after imports.",
            table(("seconds", "found", "aimed at", ""), rows),
        ]
    )


def write_table(path: Path) -> None:
    """Write a table of the shape of the wine quality data."""
    random = np.random.default_rng(SEED)
    numbers = random.lognormal(size=(ROWS, COLUMNS)).round(3)
    quality = np.digitize(np.log(numbers[:, :3]).sum(1) + random.normal(size=ROWS), [-4, -2, 0, 2, 4]) + 3
    lines = [",".join([*(f"x{column}" for column in range(COLUMNS)), "quality"])]
    lines += [",".join([*map(str, row), str(value)]) for row, value in zip(numbers, quality, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def train_twice(data: str, output: str) -> None:
    """Train once with a single epoch, then as it should be, and print the seconds of that."""
    from goodfit.cli.main import app

    command = ["train", data, "--target", "quality", "--output", output, *RECIPE]
    with contextlib.redirect_stdout(io.StringIO()):
        app([*command, "--epochs", "1"], standalone_mode=False)
        start = time.perf_counter()
        app(command, standalone_mode=False)
        taken = time.perf_counter() - start
    print(taken)


def seconds(command: Sequence[str | Path]) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def run(command: Sequence[str | Path]) -> str:
    """Run a command and return what it printed; end with what went wrong if it failed."""
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()

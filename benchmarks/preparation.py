"""How fast, and in how much memory, a large CSV becomes tensors, against polars' own time to read it.

    python benchmarks/preparation.py --runs 5

A table of 1,000,000 rows and 30 columns, half numbers, half categories of 2 to 10,000 values, 3 % of
the cells missing, and a target. Each measurement is a process of its own. Aims: at most 4 times the time
polars needs to read the file, and at a peak above the imports of at most 4 times the float32 tensors.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from results import machine, spread, table, write_section
from speed_peers import judged

COLUMNS = 30
LEVELS = (2, 3, 5, 7, 10, 20, 40, 60, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
MISSING = 0.03
SEED = 0
AIM = 4.0


def make_table(path: Path, rows: int) -> None:
    import numpy as np
    import polars as pl

    random = np.random.default_rng(SEED)
    columns: dict[str, pl.Series] = {}
    makers = (
        lambda: random.normal(0, 1, rows).round(4),
        lambda: random.lognormal(0, 1, rows).round(3),
        lambda: random.integers(0, 1_000, rows).astype(float),
    )
    for number in range(COLUMNS // 2):
        values = makers[number % 3]()
        values[random.random(rows) < MISSING] = np.nan
        columns[f"number{number}"] = pl.Series(values).fill_nan(None)
    for number, levels in enumerate(LEVELS):
        codes = (random.zipf(1.3, rows) % levels).astype(np.int32)
        names = pl.Series([f"value {level}" for level in range(levels)])
        absent = pl.Series(random.random(rows) < MISSING)
        columns[f"category{number}"] = names.gather(codes).set(absent, None)
    columns["target"] = pl.Series(random.integers(0, 2, rows))
    pl.DataFrame(columns).write_csv(path)


def read_with_polars(path: Path) -> dict[str, float]:
    import polars as pl

    before, start = _peak(), time.perf_counter()
    frame = pl.read_csv(path)
    return {"seconds": time.perf_counter() - start, "peak": _peak() - before, "rows": frame.height}


def prepare_with_goodfit(path: Path) -> dict[str, float]:
    from goodfit.data.applying import apply_preparation
    from goodfit.data.casting import cast
    from goodfit.data.fitting import fit_preparation
    from goodfit.data.profile import profile
    from goodfit.data.read import read
    from goodfit.data.split import split
    from goodfit.data.targets import encode_target

    times: dict[str, float] = {}
    peaks: dict[str, float] = {}
    before = _peak()
    start = last = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        times[name], peaks[f"peak after {name}"] = now - last, _peak() - before
        last = now

    table = read(path)
    lap("read")
    known = profile(table, "target")
    lap("profile")
    typed = cast(table, known)
    del table
    lap("cast")
    parts = split(typed.frame, known)
    lap("split")
    preparation = fit_preparation(typed.frame, known, parts.train)
    lap("fit")
    inputs = apply_preparation(preparation, typed.frame)
    made = inputs.numbers.nbytes + inputs.categories.nbytes
    encode_target(preparation.target, typed.frame)
    lap("apply")
    columns = len(known.used)
    return {
        "seconds": time.perf_counter() - start,
        "peak": _peak() - before,
        "rows": len(inputs),
        "columns": columns,
        "made": made,
        **times,
        **peaks,
    }


def _peak() -> float:
    """Largest resident memory of this process so far, in bytes (Linux counts it in kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


READERS = {"polars": read_with_polars, "goodfit": prepare_with_goodfit}


def run(task: str, path: Path, *more: str) -> dict[str, Any]:
    """Run a task in a process of its own, whose peak would start at this one's: so this one stays small."""
    done = subprocess.run(
        [sys.executable, __file__, "--task", task, "--file", str(path), *more],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    arguments.add_argument("--task", choices=["make", *READERS], help=argparse.SUPPRESS)
    arguments.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.task == "make":
        make_table(given.file, given.rows)
        print("{}")
    elif given.task:
        print(json.dumps(READERS[given.task](given.file)))
    else:
        about, text = machine(), compare(given.rows, given.runs)
        print(f"{about}\n\n{text}")
        if given.write:
            write_section("preparation", f"{text}\n\n{about}")


def compare(rows: int, runs: int) -> str:
    """Measure and return the part of the results."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        run("make", path, "--rows", str(rows))
        size = path.stat().st_size / 1e6
        polars, goodfit = [], []
        for _ in range(runs):
            polars.append(run("polars", path))
            goodfit.append(run("goodfit", path))
    lines = [["polars reads", *_row(polars, "seconds", "peak")]]
    lines.append(["goodfit reads and prepares", *_row(goodfit, "seconds", "peak")])
    for step in ("read", "profile", "cast", "split", "fit", "apply"):
        lines.append([f"of that: {step}", *_row(goodfit, step, f"peak after {step}")])
    ratios = [ours["seconds"] / theirs["seconds"] for ours, theirs in zip(goodfit, polars, strict=True)]
    memory = [item["peak"] / (rows * COLUMNS * 4) for item in goodfit]
    made = [item["peak"] / item["made"] for item in goodfit]
    aims = [
        ["time, in times polars' own", *judged(ratios, most=AIM)],
        [f"peak, in times {COLUMNS} columns in float32", *judged(memory, most=AIM)],
        ["peak, in times the tensors made, indicators of missing values included", spread(made), "", ""],
    ]
    return "\n\n".join(
        [
            f"## Preparation: {rows:,} rows x {COLUMNS} columns, a CSV of {size:.0f} MB",
            f"Half numbers, half categories, 3 % missing, seed {SEED}. {runs} processes each, in turn.",
            table(("", "seconds", "peak so far, MB"), lines),
            table(("", "found", "aimed at", ""), aims),
        ]
    )


def _row(results: list[dict[str, Any]], seconds: str, peak: str) -> list[str]:
    return [spread([item[seconds] for item in results]), spread([item[peak] / 1e6 for item in results])]


if __name__ == "__main__":
    main()

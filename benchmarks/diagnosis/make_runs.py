"""Make the runs: every data set, several sizes, networks, optimizers, rates and lengths, 8 seeds each.

    python benchmarks/diagnosis/make_runs.py RUNS_FOLDER [--data TABLES_FOLDER] [--share 1/2]

Within a group five learning rates, a decade apart, are trained to four times the longest length. One
group so holds the runs of every length (the first epochs of a longer run, where the rate is constant) and
what becomes of them with 4 x the epochs, with a tenth and ten times the rate, and with 4 x the width.
Groups already in the folder are not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from many_networks import Design, train
from tasks import Task, divide, load, names, sizes

NETWORKS = ((4,), (16,), (64,), (32, 32))
RATES = {
    "sgd": (1e-3, 1e-2, 1e-1, 1e0, 1e1),
    "momentum": (1e-4, 1e-3, 1e-2, 1e-1, 1e0),
    "adam": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
}
LENGTHS = {80: (8, 15, 30, 60, 120), 300: (8, 15, 30, 60, 120), 1500: (8, 15, 40)}
COSINE_LENGTHS = {80: (15, 60), 300: (15, 60), 1500: (10, 40)}
SENSIBLE = ((64,), (32, 32), (128,))


def designs(rows: int, rng: np.random.Generator, count: int) -> Iterator[Design]:
    """Draw the groups of one data set and size."""
    picks = rng.permutation(len(NETWORKS))[:count]
    for pick in picks:
        optimizer = str(rng.choice(["sgd", "momentum", "adam"], p=[0.25, 0.3, 0.45]))
        shift = 10 ** rng.uniform(-0.3, 0.3)
        cosine = rng.random() < 0.25
        lengths = COSINE_LENGTHS[rows] if cosine else LENGTHS[rows]
        yield Design(
            hidden=NETWORKS[pick],
            optimizer=optimizer,
            rates=tuple(float(f"{rate * shift:.3g}") for rate in RATES[optimizer]),
            batch_size=int(rng.choice([16, 32, 128] if rows < 1500 else [32, 128])),
            epochs=4 * lengths[-1],
            schedule="cosine" if cosine else "constant",
            dropout=float(rng.choice([0, 0, 0, 0, 0.2, 0.5])),
            weight_decay=float(rng.choice([0, 0, 0, 1e-4, 1e-2])),
            every=lengths[-1],
            also=tuple(4 * length for length in lengths),
        )


def sensible(rows: int, rng: np.random.Generator) -> Design:
    """Draw a group of the kind that somebody with experience would try first."""
    shift = 10 ** rng.uniform(-0.3, 0.3)
    lengths = COSINE_LENGTHS[rows]
    return Design(
        hidden=SENSIBLE[rng.integers(len(SENSIBLE))],
        optimizer="adam",
        rates=tuple(float(f"{rate * shift:.3g}") for rate in (1e-4, 1e-3, 1e-2)),
        batch_size=32 if rows < 1500 else 64,
        epochs=4 * lengths[-1],
        schedule="cosine",
        dropout=float(rng.choice([0, 0, 0.2])),
        weight_decay=1e-2,
        every=lengths[-1],
        also=tuple(4 * length for length in lengths),
    )


def make_group(task: Task, design: Design, lengths: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Train a group; names are `<which>/<curve>`, `which` being `base-<epochs>` or `wide-<epochs>`."""
    wider = replace(design, hidden=tuple(4 * width for width in design.hidden))
    if design.schedule == "cosine":
        runs = {f"base-{e}": replace(design, epochs=e) for e in sorted({*lengths, *(4 * e for e in lengths)})}
        runs |= {f"wide-{e}": replace(wider, epochs=e) for e in lengths}
    else:
        runs = {f"base-{design.epochs}": design, f"wide-{lengths[-1]}": replace(wider, epochs=lengths[-1])}
    return {
        f"{which}/{curve}": values
        for which, each in runs.items()
        for curve, values in train(task, each).items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="folder with further tables, one folder each")
    parser.add_argument("--share", default="1/1", help="which share of the groups to make, such as 1/2")
    parser.add_argument(
        "--per-size", type=int, default=2, help="groups per data set and size, and one sensible"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    share, shares = map(int, options.share.split("/"))
    wanted = []
    for name in names(options.data):
        data = load(name, options.data)
        for rows in sizes(len(data[0])):
            rng = np.random.default_rng([rows, *name.encode()])
            wanted += [
                (name, rows, number, design)
                for number, design in enumerate(designs(rows, rng, options.per_size))
            ]
            if rows > 80:
                wanted.append(
                    (name, rows, 10, sensible(rows, np.random.default_rng([10, rows, *name.encode()])))
                )
    wanted.sort(key=lambda item: item[2])
    for at, (name, rows, number, design) in enumerate(wanted):
        file = options.folder / f"{name}-{rows}-{number}.npz"
        if at % shares != share - 1 or file.exists():
            continue
        start = time.perf_counter()
        task = divide(name, load(name, options.data), rows, seed=number)
        lengths = (COSINE_LENGTHS if design.schedule == "cosine" else LENGTHS)[rows]
        group = make_group(task, design, lengths)
        facts = {
            "data": name,
            "part": task.part,
            "kind": task.kind,
            "classes": task.classes,
            "train_rows": rows,
            "valid_rows": len(task.valid[1]),
            "test_rows": len(task.test[1]),
            "prior_loss": task.prior_loss,
            "lengths": lengths,
            "design": asdict(design),
        }
        partial = file.with_suffix(".part.npz")
        np.savez_compressed(partial, facts=json.dumps(facts), **group)
        partial.rename(file)
        print(f"{at + 1}/{len(wanted)} {file.stem} {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()

"""What a search finds in equal time: `python benchmarks/tuning.py --data DIR --peers-env DIR [--write]`.

Each search has the whole machine, one after another, the searchers taking turns. They get the same training
and validation rows, prepared by goodfit (categories as columns of 0 and 1 for the others), the same space,
AdamW, at most 100 epochs, patience 20, and ``--budget`` seconds of search. What counts is the lowest
validation loss found; goodfit's clock runs while it reads its file, too.

goodfit         `goodfit.tune`: TPE, populations, successive halving, a worker on each core
optuna-loop     Optuna's TPE with successive halving around the leanest loop on resident tensors
optuna-loops    the same in two processes that share their trials through a journal file
optuna-skorch   Optuna's TPE with successive halving around skorch
keras-tuner     KerasTuner's Hyperband on Keras with JAX

``--threads 1`` gives PyTorch one thread in all of them: where the machine has other work too, two threads
that wait for each other make these networks several times slower. ``--keep FILE`` adds the searches to those
of earlier calls, and makes the tables of them all.

``--data DIR`` has a folder for each table with a manifest.json that names its file and target;
``--peers-env`` is a virtual environment for skorch and KerasTuner, made and filled if it is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.data.batches import first_tensor
from goodfit.recipe import Recipe
from goodfit.workflow.choices import completed
from goodfit.workflow.tables import TableOptions, divided, read_table
from results import machine, table, write_section
from speed import make_environment

FOLDER = Path(__file__).parent / "tuning_jobs"
OTHERS = ("optuna", "keras-tuner", "six")  # keras-tuner needs six and does not say so
TABLES = ("pima_diabetes", "wine_quality_white", "telco_churn", "california_housing", "adult", "diamonds")
SEARCHERS = {
    "goodfit": ("goodfit_tune.py", False),
    "optuna-loop": ("optuna_loop.py", False),
    "optuna-loops": ("optuna_loop.py", False),
    "optuna-skorch": ("optuna_skorch.py", True),
    "keras-tuner": ("keras_hyperband.py", True),
}
"""Who searches: its file, and whether it lives in the peers' environment."""
SHARES = (0.1, 0.25, 0.5, 1.0)
SHAPES = ((500, ["8", "16", "32", "64", "32,32"]), (5000, ["16", "32", "64", "64,64", "128,128"]))
LARGE = ["32", "64,64", "128,128", "256,256", "128,128,128"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--peers-env", type=Path, metavar="DIR")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of each search")
    parser.add_argument("--runs", type=int, default=1, help="searches of each, with seeds of their own")
    parser.add_argument("--first-run", type=int, default=0, help="the seed of the first")
    parser.add_argument("--threads", type=int, help="of PyTorch in each process")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="JSON with the searches so far")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), metavar="NAME")
    parser.add_argument("--searchers", nargs="+", choices=list(SEARCHERS), default=list(SEARCHERS))
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    given = parser.parse_args()
    about = machine()
    print(about, flush=True)
    others = None if given.peers_env is None else make_environment(given.peers_env)
    if others is not None:
        subprocess.run([others, "-m", "pip", "install", "--quiet", *OTHERS], check=True)
    there = [name for name in given.searchers if others is not None or not SEARCHERS[name][1]]
    found: dict[str, dict[str, list[Any]]] = {}
    if given.keep is not None and given.keep.exists():
        found = json.loads(given.keep.read_text())
    if given.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(given.threads)
    for run in range(given.first_run, given.first_run + given.runs):
        for name in given.tables:
            with tempfile.TemporaryDirectory() as folder:
                prepare(given.data / name, Path(folder), run, given.budget)
                for who in there:
                    python = str(others) if SEARCHERS[who][1] else sys.executable
                    result = searched(python, who, Path(folder), given.budget)
                    found.setdefault(name, {}).setdefault(who, []).append(result)
                    print(name, who, run, at(result["course"], 1.0, given.budget), flush=True)
                    if given.keep is not None:
                        given.keep.write_text(json.dumps(found))
    there = [who for who in SEARCHERS if any(who in by for by in found.values())]
    text = section(found, there, given.budget)
    print(f"\n{text}")
    if given.write:
        write_section("tuning", f"{text}\n\n{about}")


def prepare(source: Path, folder: Path, seed: int, budget: float) -> None:
    """Write what every searcher gets: the rows as arrays, and what is asked for as JSON."""
    told = json.loads((source / "manifest.json").read_text())
    file = source / told["files"][0]
    recipe = Recipe(seed=seed)
    parts = divided(read_table(str(file), told["target"], options=TableOptions()), recipe)
    recipe = completed(recipe.replace(model="mlp"), parts, {}, None)
    assert parts.table is not None
    assert parts.valid is not None
    arrays: dict[str, Any] = {}
    for name, part in (("x", parts.train), ("valid_x", parts.valid)):
        arrays[name] = dense(part.content[0], parts.table.preparation.levels)
        arrays[name.replace("x", "y")] = part.content[1].numpy()
    np.savez(folder / "rows.npz", **arrays)
    rows = len(arrays["x"])
    asked = {
        "file": str(file),
        "target": told["target"],
        "seed": seed,
        "budget": budget,
        "classes": len(parts.classes),
        "batch_size": recipe.batch_size,
        "epochs": 100,
        "patience": 20,
        "learning_rate": [3e-4, 0.03],
        "weight_decay": [1e-6, 0.3],
        "dropout": [0.0, 0.5, 0.1],
        "hidden": next((shapes for most, shapes in SHAPES if rows <= most), LARGE),
        "schedule": ["constant", "cosine"],
    }
    (folder / "asked.json").write_text(json.dumps(asked))


def dense(inputs: Any, levels: Any) -> NDArray[np.float32]:
    """Return numbers and categories as one matrix, a column of 0 and 1 for each level."""
    numbers = first_tensor(inputs).numpy()
    if not levels:
        return np.asarray(numbers, dtype=np.float32)
    codes = inputs[1].numpy()
    columns = [np.eye(count, dtype=np.float32)[codes[:, place]] for place, count in enumerate(levels)]
    return np.concatenate([numbers, *columns], axis=1).astype(np.float32)


def searched(python: str, who: str, folder: Path, budget: float) -> dict[str, Any]:
    """Return what a searcher reports: its course, [second, lowest validation loss so far], and its trials."""
    file = FOLDER / SEARCHERS[who][0]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONWARNINGS": "ignore"}
    numbers = [["0"], ["1"]] if who == "optuna-loops" else [[]]
    processes = [
        subprocess.Popen(
            [python, str(file), str(folder), *number], stdout=PIPE, stderr=PIPE, text=True, env=environment
        )
        for number in numbers
    ]
    course: list[list[float]] = []
    trials = 0
    for process in processes:
        said, complaints = process.communicate(timeout=20 * budget + 600)
        if process.returncode:
            print(f"{who} failed:\n{complaints[-1000:]}", file=sys.stderr, flush=True)
            continue
        told = json.loads(said.splitlines()[-1])
        course, trials = sorted([*course, *told["course"]]), trials + told["trials"]
    return {"course": course, "trials": trials}


def at(course: list[list[float]], share: float, budget: float) -> float:
    """Return the lowest loss that was known after a share of the budget."""
    known = [value for second, value in course if second <= share * budget]
    return min(known, default=float("nan"))


def section(found: dict[str, dict[str, list[Any]]], there: list[str], budget: float) -> str:
    """Return the tables of the results."""
    lowest, courses = [], []
    lower = {who: [0, 0] for who in there}
    for name, by in found.items():
        ends = {who: [at(run["course"], 1.0, budget) for run in runs] for who, runs in by.items()}
        lowest.append(
            [name, *(" / ".join(f"{end:.4g}" for end in ends.get(who, ())) or "–" for who in there)]
        )
        for who, runs in by.items():
            known = [at(runs[0]["course"], share, budget) for share in SHARES]
            values = ["–" if np.isnan(value) else f"{value:.4g}" for value in known]
            courses.append([f"{name}, {who}", *values, str(runs[0]["trials"])])
            pairs = list(zip(ends[who], ends.get("goodfit", ()), strict=False))
            lower[who][0] += sum(other < ours for other, ours in pairs)
            lower[who][1] += len(pairs)
    others = [who for who in there if who != "goodfit"]
    paired = [[name, *(_against(by, who, budget) for who in others)] for name, by in found.items()]
    beaten = ", ".join(f"{who} in {n} of {of}" for who, (n, of) in lower.items() if who != "goodfit")
    seconds = [f"{share * budget:g} s" for share in SHARES]
    return "\n\n".join(
        [
            f"## Tuning: the lowest validation loss found in {budget:g} s",
            table(["", *there], lowest),
            "Each run divides the rows anew, so compare within it. Aim: goodfit's is always the lowest; "
            f"searches that found a lower one on the same rows: {beaten}.",
            "What goodfit found beside each of the others: by how much its mean over the runs that both have "
            "is lower (-) or higher (+), and in how many of them it is lower:",
            table(["", *others], paired),
            "The course of the first run, and how many trials were begun:",
            table(["", *seconds, "trials"], courses),
        ]
    )


def _against(by: dict[str, list[Any]], who: str, budget: float) -> str:
    """Return how much lower goodfit's mean is than another's, and how often."""
    runs = zip(by.get("goodfit", ()), by.get(who, ()), strict=False)
    pairs = [tuple(at(run["course"], 1.0, budget) for run in both) for both in runs]
    if not pairs:
        return "–"
    ours, theirs = np.mean(pairs, axis=0)
    lower = sum(mine < other for mine, other in pairs)
    return f"{100 * (ours / theirs - 1):+.1f} %, {lower} of {len(pairs)}"


if __name__ == "__main__":
    main()

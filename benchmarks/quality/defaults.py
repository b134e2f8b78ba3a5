"""What one network and the average of five are worth, by variants of tabm, on the development tables.

python benchmarks/quality/defaults.py --data TABLES_FOLDER [--rows 1000] [--splits 1] [--write]

Of each table three quarters of ``--rows`` rows are learned from and up to 5,000 others judged on. The rows
learned from are divided as a run's are, and dealt out anew for the other networks of a bag
(`goodfit.workflow.bagging`); one network's score is the mean over the five. Everything that was measured is
kept in the cache, so that a run that was stopped goes on where it was. Seconds are those of one
processor core.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tables import TABLES, Division, QualityTable

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from results import machine, table  # noqa: E402

NETWORKS = 5
MOST_JUDGED = 5000
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "8 members, batch 128": {"members": 8, "batch_size": 128},
    "4 members, batch 128": {"members": 4, "batch_size": 128},
    "4 members, batch 64": {"members": 4, "batch_size": 64},
    "4 members, batch 64, averaged weights": {"members": 4, "batch_size": 64, "ema": 0.95},
    "4 members, batch 64, no dropout": {"members": 4, "batch_size": 64, "dropout": 0.0},
    "4 members, batch 64, rate 0.004": {"members": 4, "batch_size": 64, "learning_rate": 0.004},
    "8 members, batch 64": {"members": 8, "batch_size": 64},
}
REFERENCE = next(iter(VARIANTS))
TOLD = ("table", "one network", "average of five", "linear, fitted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with tables, one folder each")
    parser.add_argument("--cache", type=Path, default=HERE / "defaults.jsonl")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--variant", action="append", choices=list(VARIANTS), help="all by default")
    parser.add_argument("--write", action="store_true", help="write DEFAULTS.md")
    options = parser.parse_args()
    rows = (
        [json.loads(line) for line in options.cache.read_text("utf-8").splitlines()]
        if options.cache.exists()
        else []
    )
    known = {(row["variant"], row["table"], row["split"], row["rows"]) for row in rows}
    for variant in options.variant or VARIANTS:
        for split in range(options.splits):
            for one in TABLES:
                key = (variant, one.name, split, options.rows)
                if one.group != "development" or key in known:
                    continue
                found = measured(one, options.data, VARIANTS[variant], split, options.rows)
                rows.append(
                    {"variant": variant, "table": one.name, "split": split, "rows": options.rows, **found}
                )
                with options.cache.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
                print(rows[-1], file=sys.stderr, flush=True)
    text = report(
        [row for row in rows if row["rows"] == options.rows and row["split"] < options.splits], options
    )
    print(text)
    if options.write:
        (HERE / "DEFAULTS.md").write_text(text + "\n", encoding="utf-8")


def divided(one: QualityTable, folder: Path, split: int, rows: int) -> Division:
    """Return three quarters of ``rows`` rows to learn from, and up to 5,000 others to judge on."""
    from sklearn.model_selection import train_test_split

    frame = one.load({"development": folder, "held-out": None})
    classes = None if one.task == "regression" else frame[one.target].astype(str)
    learned = int(0.75 * min(len(frame), rows))
    judged = min(len(frame) - learned, MOST_JUDGED)
    parts = train_test_split(
        frame, train_size=learned, test_size=judged, random_state=100 + split, stratify=classes
    )
    train, test = (part.reset_index(drop=True) for part in parts)
    return Division(train, test, one.target, one.task)


def measured(
    one: QualityTable, folder: Path, fields: Mapping[str, Any], split: int, rows: int
) -> dict[str, float]:
    """Return the scores of one network (mean over five), of their average, and of the fitted linear model."""
    import torch

    from goodfit.judging import arrays_of
    from goodfit.models.ensemble import averaged
    from goodfit.predicting import outputs_of
    from goodfit.recipe import Recipe
    from goodfit.training.attention import Attention
    from goodfit.training.loop import train
    from goodfit.training.losses import to_predictions
    from goodfit.training.randomness import undisturbed
    from goodfit.training.weights import load_weights
    from goodfit.workflow.bagging import other_parts
    from goodfit.workflow.choices import completed
    from goodfit.workflow.finishing import baselines_of
    from goodfit.workflow.job import make_job
    from goodfit.workflow.tables import TableOptions, table_parts

    division = divided(one, folder, split, rows)
    recipe = Recipe(seed=split, model="tabm", **fields)
    options = TableOptions(division.task)
    parts = table_parts(division.train, division.target, recipe=recipe, test=division.test, options=options)
    assert parts.test is not None
    inputs, target = parts.test.content
    begun, outputs, job = time.process_time(), [], None
    for place, its in enumerate([parts, *other_parts(parts, NETWORKS, recipe.rows_seed)]):
        with undisturbed():
            whole = completed(recipe.replace(seed=split + place), its, {}, None)
            job, state = make_job(replace(its, test=None), whole, None, {})
            train(replace(job, vitals=False, sample=None), state, Attention(), lambda row: None)
        if state.best_weights is not None:
            load_weights(job.model, state.best_weights)
        outputs.append(outputs_of(job.model.eval(), inputs))
    seconds = time.process_time() - begun
    assert job is not None
    together = averaged(torch.stack(outputs), job.loss.facts.predictions)
    each = [to_predictions(job.loss, one).float().numpy() for one in (*outputs, together)]
    baselines = baselines_of(parts, split)
    scores = [score(said, target.numpy(), bool(parts.classes)) for said in each]
    linear = score(np.asarray(baselines["linear"](arrays_of(inputs))), target.numpy(), bool(parts.classes))
    return {"one": statistics.mean(scores[:-1]), "average": scores[-1], "linear": linear, "seconds": seconds}


def score(said: Any, actual: Any, classes: bool) -> float:
    """Return the log loss, or the root of the mean squared error in deviations of the target."""
    from goodfit.evaluation.classification import log_loss_rows
    from goodfit.predicting import of_each_class

    if classes:
        return float(log_loss_rows(actual, of_each_class(said)).mean())
    return float(np.sqrt(np.mean(np.square(said.reshape(len(actual), -1) - actual.reshape(len(actual), -1)))))


def report(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    """Return DEFAULTS.md."""
    by: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        cell = by.setdefault(row["variant"], {}).setdefault(row["table"], {})
        for name in ("one", "average", "linear", "seconds"):
            cell[name] = cell.get(name, 0.0) + row[name]
    base = by.get(REFERENCE, {})
    lines = []
    for variant in VARIANTS:
        shared = [name for name in by.get(variant, {}) if name in base]
        if not shared:
            continue
        cells = [variant]
        for what in ("one", "average"):
            ratios = [by[variant][name][what] / base[name]["one"] for name in shared]
            worse = sum(by[variant][name][what] > base[name]["linear"] for name in shared)
            cells += [
                f"{statistics.median(ratios):.3f}",
                f"{statistics.geometric_mean(ratios):.3f}",
                str(worse),
            ]
        took = [by[variant][name]["seconds"] / NETWORKS / base[name]["seconds"] * NETWORKS for name in shared]
        lines.append([*cells, f"{statistics.median(took):.2f}", str(len(shared))])
    head = ["variant", "one: median", "one: geometric mean", "one: worse than linear"]
    head += ["five: median", "five: geometric mean", "five: worse than linear", "time", "tables"]
    each = [
        [name, *(f"{cell[what]:.4g}" for what in ("one", "average", "linear"))]
        for name, cell in by.get("4 members, batch 64", {}).items()
    ]
    return "\n\n".join(
        [
            "# Variants of the default network on the development tables",
            f"Written by `defaults.py --write`; its docstring says how. Rows learned from: 750 at most of "
            f"{options.rows:,}; splits: {options.splits}. Scores (log loss; root mean squared error) as "
            f"shares of those of one network of '{REFERENCE}' (below 1 is better), as is the time.",
            machine(),
            table(head, lines),
            "The scores of '4 members, batch 64', which a table that is not large gets five of:",
            table(TOLD, each),
        ]
    )


if __name__ == "__main__":
    main()

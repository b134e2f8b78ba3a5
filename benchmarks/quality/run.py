"""How good goodfit's default is on tables, beside others as shipped: measure what is missing, report.

python benchmarks/quality/run.py --data TABLES_FOLDER --peers-env FOLDER [--splits 5] [--rows 10000] --write

Everything that was measured is kept in the cache, one JSON line for each model, table and split, so that a
run that was stopped goes on where it was. The peers live in an environment of their own, made if it is
missing. The development group is what defaults are chosen on; the held-out group is for the report alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from results import machine, table  # noqa: E402

REQUIREMENTS = ("torch", "pandas", "scikit-learn", "xgboost", "lightgbm", "catboost", "pytabkit")
OWN = ("goodfit", "goodfit-mlp", "goodfit-resnet", "goodfit-tabm", "goodfit-linear")
PEERS = (
    *("sklearn-mlp", "hist-gradient-boosting", "xgboost", "lightgbm", "catboost"),
    *("realmlp-td", "tabm-d"),
)
NETWORKS = ("goodfit", "sklearn-mlp", "realmlp-td", "tabm-d")
LINEAR = "goodfit+linear"
EVEN = 0.005
"""Scores of two models that differ by less than this share are called even in the list of misses."""

Row = Mapping[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with tables, one folder each")
    parser.add_argument("--peers-env", type=Path, help="environment of the peers")
    parser.add_argument("--cache", type=Path, default=HERE / "cache.jsonl")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000, help="most rows of a table")
    parser.add_argument("--group", action="append", help="development or held-out; both by default")
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
    """Run measure.py for each model, goodfit's in this environment."""
    wanted = options.model or [*OWN, *PEERS]
    peers = None
    if options.peers_env is not None and set(wanted) & set(PEERS):
        peers = peers_python(options.peers_env)
    shared = ["--cache", str(options.cache), "--splits", str(options.splits), "--rows", str(options.rows)]
    shared += [] if options.data is None else ["--data", str(options.data)]
    shared += [word for group in options.group or () for word in ("--group", group)]
    for model in wanted:
        python = sys.executable if model in OWN else peers
        if python is not None:
            subprocess.run([str(python), str(HERE / "measure.py"), "--model", model, *shared], check=True)


def peers_python(folder: Path) -> Path:
    """Return the Python of the peers' environment, made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    return python


def report(rows: Sequence[Row], options: argparse.Namespace) -> str:
    """Return RESULTS.md."""
    whole = [
        "# Quality on tables",
        "Written by `run.py --write`; its docstring says how. Of every table at most "
        f"{options.rows:,} rows, drawn anew for each of {options.splits} splits; three quarters to fit on, "
        "one quarter to judge on, the same rows for every model. Classes: log loss; numbers: RMSE; both are "
        "better when lower. Everything as shipped, nothing tuned; RealMLP with what its authors set where "
        "log loss counts. A rank is a table's, by the mean over its splits, among the models that have all. "
        "Seconds are those of one processor core, fit and predict, the median over tables.",
        machine(),
    ]
    for group in options.group or ("development", "held-out"):
        some = [row for row in rows if row["group"] == group]
        if some:
            whole += [f"## {_title(group)}", *_group(some)]
    return "\n\n".join(whole)


def _title(group: str) -> str:
    about = {
        "development": "Development group: defaults were chosen on these tables",
        "held-out": "Held-out group: not looked at before the defaults were fixed",
    }
    return about[group]


def _group(rows: Sequence[Row]) -> list[str]:
    scored = by_table(rows)
    splits = {name: max(len(found) for found in models.values()) for name, models in scored.items()}
    means = {
        name: {model: statistics.mean(found) for model, found in models.items() if len(found) == splits[name]}
        for name, models in scored.items()
    }
    models = [model for model in (*OWN, *PEERS, LINEAR) if any(model in found for found in means.values())]
    return [
        _overview(models, means, rows),
        _each_table(models, means),
        "### Misses of `goodfit`",
        _misses(models, means, rows, scored),
    ]


def by_table(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Return by table and model the main score of each split, in the splits' order."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in sorted(rows, key=lambda row: row["split"]):
        if "scores" in row:
            score = row["scores"].get("log_loss", row["scores"].get("rmse"))
            found.setdefault(row["table"], {}).setdefault(row["model"], []).append(score)
    return found


def _overview(models: Sequence[str], means: Mapping[str, Mapping[str, float]], rows: Sequence[Row]) -> str:
    others = [model for model in models if model not in OWN[1:]]
    ranks: dict[str, list[int]] = {}
    for found in means.values():
        order = sorted((found[model], model) for model in others if model in found)
        for place, (_, model) in enumerate(order, start=1):
            ranks.setdefault(model, []).append(place)
    lines = []
    for model in models:
        both = [found for found in means.values() if model in found and "goodfit" in found]
        won = sum(found["goodfit"] < found[model] for found in both)
        ratio = [found[model] / found["goodfit"] for found in both if found["goodfit"] > 0]
        seconds = [row["seconds"] for row in rows if row["model"] == model]
        lines.append(
            [
                f"**{model}**" if model == "goodfit" else model,
                f"{statistics.mean(ranks[model]):.2f}" if model in ranks else "",
                "" if model == "goodfit" else f"{won} of {len(both)}",
                "" if model == "goodfit" or not ratio else f"{statistics.median(ratio):.3f}",
                "" if model == LINEAR else f"{statistics.median(seconds):.1f}",
                str(len(both)),
            ]
        )
    lines.sort(key=lambda line: (not line[1], line[1].rjust(6)))
    head = ["model", "mean rank", "goodfit better on", "its score / goodfit's", "seconds", "tables"]
    return table(head, lines)


def _each_table(models: Sequence[str], means: Mapping[str, Mapping[str, float]]) -> str:
    shown = [model for model in models if model not in OWN[1:]]
    lines = []
    for name, found in means.items():
        best = min((found[model] for model in shown if model in found), default=None)
        cells = [
            "–"
            if model not in found
            else f"**{found[model]:.4g}**"
            if found[model] == best
            else f"{found[model]:.4g}"
            for model in shown
        ]
        lines.append([name, *cells])
    return table(["table", *shown], lines)


def _misses(
    models: Sequence[str],
    means: Mapping[str, Mapping[str, float]],
    rows: Sequence[Row],
    scored: Mapping[str, Mapping[str, Sequence[float]]],
) -> str:
    said = []
    sizes = {row["table"]: row["train"] + row["test"] for row in rows}
    for against, aim in (
        ("sklearn-mlp", "scikit-learn's MLP (aim: better on at least 90 %)"),
        (LINEAR, "its own linear baseline (aim: none of at most 1,000 rows)"),
        ("catboost", "CatBoost (aim: at least even)"),
        ("realmlp-td", "RealMLP-TD"),
        ("tabm-d", "TabM-D"),
    ):
        both = [name for name, found in means.items() if "goodfit" in found and against in found]
        lost = [name for name in both if means[name]["goodfit"] > means[name][against]]
        told = [_lost(name, against, means[name], scored[name], sizes[name]) for name in lost]
        if both:
            count = f"- Against {aim}: better on {len(both) - len(lost)} of {len(both)}."
            said.append(count + (f" Worse on {'; '.join(told)}." if told else ""))
    failed = [row for row in rows if "failed" in row]
    said += [
        f"- {row['model']} failed on {row['table']}, split {row['split']}: {row['failed']}" for row in failed
    ]
    lacking = [
        f"{model} ({', '.join(missing)})"
        for model in models
        if (missing := [name for name, found in means.items() if model not in found])
    ]
    said += [f"- Not measured on every split, and left out there: {'; '.join(lacking)}."] if lacking else []
    return "\n".join(said)


def _lost(
    name: str, against: str, means: Mapping[str, float], scored: Mapping[str, Sequence[float]], rows: int
) -> str:
    more = means["goodfit"] / means[against] - 1
    pairs = list(zip(scored["goodfit"], scored[against], strict=False))
    splits = sum(ours > theirs for ours, theirs in pairs)
    even = ", even" if more < EVEN else ""
    return f"{name} (+{100 * more:.1f} %, on {splits} of {len(pairs)} splits, {rows:,} rows{even})"


if __name__ == "__main__":
    main()

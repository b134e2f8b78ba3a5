"""What the scaling of numbers is worth: the same network on the same rows, with each scaling told for all.

    python benchmarks/scalings.py hour.csv:cnt:casual,registered creditcard.csv:Class:Time --seeds 3

A table is given as PATH:TARGET, or PATH:TARGET:COLUMNS with columns to leave out. A seed is a division of the
rows and a beginning of the network (`--model`, by default mlp); "chosen" is what goodfit does unasked. The
score is the log loss or the RMSE on the test rows; the comparisons are paired by seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from results import machine, spread, table, write_section

SCALINGS = ("chosen", "standard", "minmax", "robust", "quantile")


def score(path: Path, target: str, left_out: list[str], scaling: str, seed: int, model: str) -> float:
    import goodfit

    told: dict[str, str] = {}
    if scaling != "chosen":
        columns = goodfit.profile(path, target).columns
        numbers = [each.name for each in columns if each.column.kind == "number"]
        told = {name: scaling for name in numbers if name not in left_out}
    run = goodfit.train(
        path,
        target=target,
        model=model,
        seed=seed,
        scale=told,
        columns=dict.fromkeys(left_out, "drop"),
        diagnose=False,
        vitals=False,
    )
    assert run.evaluation is not None
    metrics = run.evaluation.metrics
    return float((metrics["log_loss"] if "log_loss" in metrics else metrics["rmse"]).value)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("tables", nargs="+", metavar="PATH:TARGET[:COLUMNS]")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--model", default="mlp")
    arguments.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    given = arguments.parse_args()
    about, rows = machine(), []
    for text in given.tables:
        path, target, *left_out = text.split(":")
        names = left_out[0].split(",") if left_out else []
        found = {
            scaling: [
                score(Path(path), target, names, scaling, seed, given.model) for seed in range(given.seeds)
            ]
            for scaling in SCALINGS
        }
        for scaling, scores in found.items():
            better = sum(one < other for one, other in zip(scores, found["standard"], strict=True))
            rows.append([Path(path).stem, scaling, spread(scores, 4), f"{better} of {given.seeds}"])
            print(" | ".join(rows[-1]), flush=True)
    head = ["table", "scaling", "score, lower is better", "better than standard"]
    text = f"{given.model}, {given.seeds} seeds.\n\n{table(head, rows)}"
    print(f"{about}\n\n{text}")
    if given.write:
        write_section("scalings", f"{text}\n\n{about}")


if __name__ == "__main__":
    main()

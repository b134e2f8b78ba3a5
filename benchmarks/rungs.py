"""When recipes can be judged: `python benchmarks/rungs.py --data DIR [--write]`.

Random recipes of the default space are trained to their ends (100 epochs, patience 20). For some epochs: the
rank correlation (Spearman) of what each had reached by then with what it reached in the end, and the place,
from 1, that the best one in the end had then. `goodfit.improvement.halving` goes by this.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import goodfit
from results import machine, table, write_section

TABLES = ("bank_marketing", "bike_sharing", "creditcard_fraud_subset", "nyc_taxis")
AFTER = (1, 3, 6, 12, 25, 50)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--recipes", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), metavar="NAME")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    given = parser.parse_args()
    about, rows = machine(), []
    for name in given.tables:
        told = json.loads((given.data / name / "manifest.json").read_text())
        tuning = goodfit.tune(
            str(given.data / name / told["files"][0]),
            target=told["target"],
            sampler="random",
            trials=given.recipes,
            halving=None,
            seeds=1,
            workers=given.workers,
            model="mlp",
            epochs=100,
            patience=20,
        )
        curves = [trial.curve["valid_loss"] for trial in tuning.trials if trial.state == "finished"]
        ends = ranks([min(curve) for curve in curves])
        cells = []
        for epoch in AFTER:
            then = ranks([min(curve[:epoch]) for curve in curves])
            correlation = np.corrcoef(then, ends)[0, 1]
            cells.append(f"{correlation:.2f} ({then[np.argmin(ends)] + 1:.0f})")
        rows.append([f"{name}, {len(curves)} recipes", *cells])
        print(rows[-1], flush=True)
    head = ["", *(f"{epoch} epoch{'s' * (epoch > 1)}" for epoch in AFTER)]
    text = f"## When recipes can be judged: rank correlation with the end\n\n{table(head, rows)}"
    text += "\n\nIn brackets: the place that the best one in the end had then."
    print(f"\n{text}")
    if given.write:
        write_section("rungs", f"{text}\n\n{about}")


def ranks(values: list[float]) -> np.ndarray:
    return np.argsort(np.argsort(values))


if __name__ == "__main__":
    main()

"""goodfit.tune on the file itself; finals left out, as the others have none."""

from __future__ import annotations

import json

from asked import ASKED

import goodfit


def main() -> None:
    (low, high), (least, most) = ASKED["learning_rate"], ASKED["weight_decay"]
    first, last, step = ASKED["dropout"]
    tuning = goodfit.tune(
        ASKED["file"],
        target=ASKED["target"],
        space={
            "learning_rate": {"low": low, "high": high, "log": True},
            "weight_decay": {"low": least, "high": most, "log": True},
            "hidden": [[int(units) for units in shape.split(",")] for shape in ASKED["hidden"]],
            "dropout": {"low": first, "high": last, "step": step},
            "schedule": ASKED["schedule"],
        },
        time_budget=ASKED["budget"],
        model="mlp",
        optimizer="adamw",
        initialization="default",
        epochs=ASKED["epochs"],
        patience=ASKED["patience"],
        seed=ASKED["seed"],
        seeds=1,
    )
    course = tuning.best_so_far()
    pairs = list(zip(course["seconds"].tolist(), course["value"].tolist(), strict=True))
    print(json.dumps({"course": pairs, "trials": len(tuning.trials)}))


main()

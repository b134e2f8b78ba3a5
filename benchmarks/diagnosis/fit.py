"""Fit the learned judgement to the development runs and write src/goodfit/diagnosis/judgement.json.

    python benchmarks/diagnosis/fit.py RUNS_FOLDER [--output judgement.json]

Nothing of the held-out data sets is looked at. Thresholds come from predictions on development data sets
left out in turn: from the false alarms that are allowed there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, training_cases
from labels import CODES
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.traits import TRAITS, traits

OUTPUT = Path(__file__).parents[2] / "src/goodfit/diagnosis/judgement.json"
# Of the runs that a change would not have helped by 1 %, the share that may be told otherwise.
FALSE_ALARMS = {
    "overfitting": 0.01,
    "not-converged": 0.08,
    "underfitting": 0.03,
    "learning-rate-too-high": 0.02,
    "learning-rate-too-low": 0.03,
}
HEALTHY_WARNED = 0.02  # of the healthy runs, the share that may be warned of anything
QUANTILES = {"low": 0.05, "middle": 0.5, "high": 0.95}
FURTHEST = 3.0  # natural logarithms; a loss that falls or grows further than that counts as this much


def valid_curve(case: Case) -> Curve:
    found = curve_of(case.observations().history, "valid_loss")
    assert found is not None
    return found


def table(cases: list[Case]) -> tuple[NDArray, list[Case]]:
    """Return the traits of the cases that can be judged, and those cases."""
    rows, kept = [], []
    for case in cases:
        observations = case.observations()
        history = observations.history
        valid = curve_of(history, "valid_loss")
        if valid is None or len(valid) < 4:
            continue
        found = traits(
            valid, curve_of(history, "train_loss"), history.get("learning_rate"), observations.valid_rows
        )
        rows.append([found[name] for name in TRAITS])
        kept.append(case)
    return np.array(rows), kept


SHAPE = {"max_depth": 3, "max_iter": 80, "learning_rate": 0.1, "min_samples_leaf": 40, "max_features": 0.3}


def fit_chance(inputs: NDArray, cases: list[Case], code: str) -> tuple[dict[str, Any], NDArray]:
    """Return start, trees and threshold for one code, and the chances of all cases when left out.

    Runs that would gain between 1 and 5 % count as not helped, so that the chance is that of 5 %.
    """
    labels = [case.run.labels.get(code, "unknown") for case in cases]
    known = np.array([label != "unknown" for label in labels])
    target = np.array([label is True for label in labels])
    negative = np.array([label is False for label in labels])
    model = HistGradientBoostingClassifier(l2_regularization=5.0, random_state=0, **SHAPE)
    left_out = np.zeros(len(cases))
    for train, test in folds(cases):
        chosen = train[known[train]]
        left_out[test] = model.fit(inputs[chosen], target[chosen]).predict_proba(inputs[test])[:, 1]
    threshold = float(np.quantile(left_out[negative], 1 - FALSE_ALARMS[code]))
    model.fit(inputs[known], target[known])
    recall = np.mean(left_out[target] > threshold)
    print(f"{code}: threshold {threshold:.3f}, recall on data sets left out {recall:.3f}")
    return {"threshold": round(threshold, 4), **plain(model)}, left_out


def fit_later(inputs: NDArray, cases: list[Case]) -> dict[str, Any]:
    """Return trees for the quantiles of log(validation loss after 4 x the epochs / last), and their margin.

    The margin makes the interval hold 90 % on data sets left out (conformalized quantile regression,
    Romano, Patterson & Candes 2019).
    """
    last = np.array([valid_curve(case).last for case in cases])
    ahead = np.array([case.run.later[case.seed] for case in cases], float)
    truth = np.log(np.where(ahead > 0, ahead, np.nan)) - np.log(np.where(last > 0, last, np.nan))
    known = np.flatnonzero(np.isfinite(truth))
    truth = np.clip(truth, -FURTHEST, FURTHEST)
    models = {
        name: HistGradientBoostingRegressor(
            loss="quantile", quantile=share, l2_regularization=1.0, random_state=0, **SHAPE
        )
        for name, share in QUANTILES.items()
    }
    outside = np.zeros(len(cases))
    for train, test in folds(cases):
        chosen = np.intersect1d(train, known)
        low, high = (
            models[name].fit(inputs[chosen], truth[chosen]).predict(inputs[test]) for name in ("low", "high")
        )
        outside[test] = np.maximum(low - truth[test], truth[test] - high)
    margin = float(np.quantile(outside[known], 0.9))
    print(f"later: margin {margin:.3f}")
    fitted = {name: plain(model.fit(inputs[known], truth[known])) for name, model in models.items()}
    return {"margin": round(margin, 4), **fitted}


def folds(cases: list[Case]) -> list[tuple[NDArray, NDArray]]:
    groups = np.array([case.data for case in cases])
    return list(GroupKFold(10).split(groups, groups=groups))


def plain(model: Any) -> dict[str, Any]:
    """Return a boosted model as plain numbers."""
    start = round(float(np.ravel(model._baseline_prediction)[0]), 5)
    return {"start": start, "trees": [tree(stage[0].nodes) for stage in model._predictors]}


def tree(nodes: NDArray) -> list[list[float]]:
    """Return the nodes as numbers: a leaf is [value], a branch [trait, threshold, below, above, NaN]."""
    plain = []
    for node in nodes:
        if node["is_leaf"]:
            plain.append([float(f"{node['value']:.4g}")])
        else:
            below, above = int(node["left"]), int(node["right"])
            missing = below if node["missing_go_to_left"] else above
            threshold = min(float(f"{node['num_threshold']:.8g}"), 1e300)
            plain.append([int(node["feature_idx"]), threshold, below, above, missing])
    return plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    inputs, cases = table(training_cases(options.folder))
    sets = sorted({case.data for case in cases})
    print(f"{len(cases)} cases of {len({case.run.name for case in cases})} runs on {len(sets)} data sets")
    fitted = {code: fit_chance(inputs, cases, code) for code in CODES}
    highest = np.max([left_out for _, left_out in fitted.values()], axis=0)
    healthy = np.array([case.run.healthy for case in cases])
    sure = float(np.quantile(highest[healthy], 1 - HEALTHY_WARNED))
    print(f"sure: {sure:.3f}")
    model = {
        "traits": TRAITS,
        "data_sets": sets,
        "sure": round(sure, 4),
        "codes": {code: found for code, (found, _) in fitted.items()},
        "later": fit_later(inputs, cases),
    }
    options.output.write_text(json.dumps(model, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()

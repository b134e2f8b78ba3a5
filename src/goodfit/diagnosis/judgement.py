"""Learned judgement: from the traits of learning curves to the chance that a change would have helped.

The numbers in ``judgement.json`` are boosted regression trees (Friedman 2001), fitted by
``benchmarks/diagnosis/fit.py`` to runs of which it is known what really helped their test loss:
4 x the epochs, a tenth or ten times the learning rate, 4 x the width, stopping at the best epoch. Each
chance is that the change would have improved the test loss by more than 5 %.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from goodfit.diagnosis.curves import curve_of
from goodfit.diagnosis.traits import FEWEST, traits
from goodfit.finding import Severity
from goodfit.observations import Observations

__all__ = ["chances", "judge", "later", "likely", "severity"]

PLAIN = 0.4


@lru_cache(maxsize=4)
def judge(observations: Observations) -> Mapping[str, float]:
    """Return the chance of each judged code; empty where there is no validation loss to judge by."""
    values = _values(observations)
    return {} if values is None else chances(values)


def likely(observations: Observations, code: str) -> float | None:
    """Return the chance of ``code`` where it reaches the level at which it is worth a finding, else None."""
    chance = judge(observations).get(code)
    return None if chance is None or chance < _model()["codes"][code]["threshold"] else chance


def severity(chance: float, seen: float = 0.0) -> Severity:
    """Return warning where a finding is sure, or its harm is plain to see in the curve itself.

    Sure is a chance that at most some 2 % of healthy development runs reach with any code; `seen` is how much
    the validation loss visibly rose, or still fell over the second half, as a share of its last value.
    """
    return "warning" if chance >= _model()["sure"] or seen > PLAIN else "info"


def later(observations: Observations) -> tuple[float, float, float] | None:
    """Return how the validation loss is expected to change with 4 x the epochs: 5 %, 50 % and 95 % quantiles.

    Changes are relative to the last loss: -0.2 is a fifth less. Quantile regression trees, their interval
    widened until it held 90 % of the outcomes on data sets left out.
    """
    values = _values(observations)
    if values is None:
        return None
    model = _model()
    known = _rounded(values)
    low, middle, high = (_score(model["later"][name], known) for name in ("low", "middle", "high"))
    margin = model["later"]["margin"]
    ends = sorted((low - margin, middle, high + margin))
    return math.expm1(ends[0]), math.expm1(ends[1]), math.expm1(ends[2])


@lru_cache(maxsize=4)
def _values(observations: Observations) -> Mapping[str, float] | None:
    history = observations.history
    valid = curve_of(history, "valid_loss")
    if valid is None or len(valid) < FEWEST:
        return None
    train = curve_of(history, "train_loss") or curve_of(history, "running_loss")
    return traits(valid, train, history.get("learning_rate"), observations.valid_rows)


def chances(found: Mapping[str, float]) -> dict[str, float]:
    """Return the chance of each code, given the `traits` of a run."""
    model = _model()
    values = _rounded(found)
    return {code: _chance(judged, values) for code, judged in model["codes"].items()}


def _rounded(found: Mapping[str, float]) -> list[float]:
    """Return the traits in the model's order, without the last digits, where the loss's unit shows."""
    return [float(f"{found[name]:.9g}") for name in _model()["traits"]]


def _chance(judged: Mapping[str, Any], values: list[float]) -> float:
    return 1 / (1 + math.exp(-_score(judged, values)))


def _score(model: Mapping[str, Any], values: list[float]) -> float:
    return float(model["start"] + sum(_leaf(tree, values) for tree in model["trees"]))


def _leaf(tree: list[list[float]], values: list[float]) -> float:
    """Walk a tree: a leaf is [value], a branch [trait, threshold, below, above, where NaN goes]."""
    node = tree[0]
    while len(node) > 1:
        value = values[int(node[0])]
        branch = node[4] if math.isnan(value) else node[2] if value <= node[1] else node[3]
        node = tree[int(branch)]
    return node[0]


@cache
def _model() -> Any:
    return json.loads(files("goodfit.diagnosis").joinpath("judgement.json").read_text("utf-8"))

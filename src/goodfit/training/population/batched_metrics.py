"""Metrics of many members at once where their formulas allow it, one by one where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.evaluation.classification import Counts
from goodfit.evaluation.metrics import METRICS, Metric, measure
from goodfit.training.losses import Loss, to_predictions
from goodfit.training.predicted import predicted_and_actual

__all__ = ["measure_members"]

Array = NDArray[Any]
Decode = Callable[[Array], Array] | None


def measure_members(
    metrics: Sequence[Metric],
    losses: Sequence[Loss],
    decodes: Sequence[Decode],
    outputs: Tensor,
    target: Tensor,
) -> dict[str, NDArray[np.float64]]:
    """Return each metric of each member, (members,), as `measure` gives it for one.

    Parameters
    ----------
    losses, decodes
        Each member's loss, and what brings its numbers back to the data's units.
    outputs
        (members, units, rows).
    target
        (members or 1, rows) or (members or 1, rows, targets), as the loss takes it.
    """
    loss, found = losses[0], {}
    together = [item for item in metrics if METRICS.get(item.name) is item]
    kind = loss.facts.target
    if kind == "labels" and loss.ignored is None and outputs.shape[1] > 1:
        found = _of_labels(together, to_predictions(loss, outputs), target)
    elif kind == "binary" and outputs.shape[1] == 1:
        found = _of_labels(together, to_predictions(loss, outputs), target.reshape(len(target), -1))
    elif kind in ("values", "counts"):
        predicted = to_predictions(loss, outputs).transpose(1, 2)
        found = _of_values(together, decodes, predicted, target.reshape(*target.shape[:2], -1))
    rest = [item for item in metrics if item.name not in found]
    return found | (_one_by_one(rest, losses, decodes, outputs, target) if rest else {})


def _of_labels(
    metrics: Sequence[Metric], probabilities: Tensor, target: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Return the metrics that need predicted classes alone.

    Parameters
    ----------
    probabilities
        (members, classes, rows); with one unit, of the second class.
    """
    wanted = [item for item in metrics if item.name == "accuracy" or item.needs == "counts"]
    if not wanted or not probabilities.shape[2]:
        return {}
    members, units, _ = probabilities.shape
    if target.ndim == 3:
        target = target.argmax(2)
    if units <= 2:
        labels = probabilities[:, -1] > (0.5 if units == 1 else probabilities[:, 0])
    else:
        labels = probabilities.argmax(1)
    said = labels.long()
    actual = ((target > 0.5).long() if target.is_floating_point() else target).expand(members, -1)
    right = said == actual
    valid = np.where(probabilities.amin((1, 2)).isnan().cpu().numpy(), np.nan, 1.0)
    found = {}
    counted: Counts | None = None
    for item in wanted:
        if item.name == "accuracy":
            found[item.name] = right.double().mean(1).cpu().numpy() * valid
            continue
        if counted is None:
            counted = _counts(said, actual, right, max(units, 2))
        found[item.name] = np.asarray(item.function(counted), dtype=np.float64) * valid
    return found


def _counts(said: Tensor, actual: Tensor, right: Tensor, classes: int) -> Counts:
    members = len(said)
    begin = torch.arange(members, device=said.device).unsqueeze(1) * classes

    def count(labels: Tensor, chosen: Tensor | None = None) -> Array:
        places = labels + begin
        places = places.flatten() if chosen is None else places[chosen]
        return torch.bincount(places, minlength=members * classes).view(members, classes).cpu().numpy()

    return Counts(count(actual, right), count(actual), count(said), binary=classes == 2)


def _of_values(
    metrics: Sequence[Metric], decodes: Sequence[Decode], predicted: Tensor, target: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of numbers, from (members, rows, targets)."""
    wanted = [item for item in metrics if item.name in _ERRORS]
    if not wanted or not target.shape[1]:
        return {}
    shape = predicted.shape
    guesses = _in_units(decodes, predicted.cpu().numpy())
    actual = _in_units(decodes[: len(target)], target.cpu().numpy())
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.subtract(guesses, actual, dtype=np.float64).reshape(shape)
        return {item.name: _ERRORS[item.name](error, actual) for item in wanted}


def _in_units(decodes: Sequence[Decode], values: Array) -> Array:
    """Return values in the data's units; members of one decoding go through it together."""
    if decodes[0] is None:
        return values
    tables = [id(getattr(decode, "keywords", {}).get("table", decode)) for decode in decodes]
    decoded = np.empty(values.shape, dtype=np.float64)
    for table in dict.fromkeys(tables):
        places = [place for place, other in enumerate(tables) if other == table]
        decode = decodes[places[0]]
        assert decode is not None
        part = values[places]
        decoded[places] = np.reshape(decode(part.reshape(-1, part.shape[2])), part.shape)
    return decoded


def _r2(error: Array, actual: Array) -> Array:
    if actual.shape[1] < 2:
        return np.full(len(error), np.nan)
    centred = actual - actual.mean(axis=1, keepdims=True, dtype=np.float64)
    left, total = (error * error).sum(axis=1), (centred * centred).sum(axis=1)
    varies = (actual != actual[:, :1]).any(axis=1) & (total > 0)
    total, varies = np.broadcast_to(total, left.shape), np.broadcast_to(varies, left.shape)
    share = np.divide(left, total, out=np.asarray(left != 0, dtype=np.float64), where=varies)
    return np.asarray(np.where(np.isnan(left), np.nan, 1 - share).mean(axis=1))


_ERRORS: Mapping[str, Callable[[Array, Array], Array]] = {
    "rmse": lambda error, _: np.sqrt((error * error).mean(axis=1)).mean(axis=1),
    "mse": lambda error, _: (error * error).mean(axis=(1, 2)),
    "mae": lambda error, _: np.abs(error).mean(axis=(1, 2)),
    "max_error": lambda error, _: np.abs(error).max(axis=1).mean(axis=1),
    "r2": _r2,
}


def _one_by_one(
    metrics: Sequence[Metric],
    losses: Sequence[Loss],
    decodes: Sequence[Decode],
    outputs: Tensor,
    target: Tensor,
) -> dict[str, NDArray[np.float64]]:
    rows = []
    for member, (loss, decode) in enumerate(zip(losses, decodes, strict=True)):
        own = target[member if len(target) > 1 else 0]
        output = outputs[member].T
        if own.ndim == 1 and loss.facts.target != "labels":
            output = output[:, 0]
        predicted, actual = predicted_and_actual(loss, output, own)
        guesses, true = predicted.cpu().numpy(), actual.cpu().numpy()
        if decode is not None:
            guesses, true = decode(guesses), decode(true)
        rows.append(measure(metrics, true, guesses))
    return {item.name: np.array([row[item.name] for row in rows]) for item in metrics}

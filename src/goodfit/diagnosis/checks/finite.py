"""Losses that are not numbers."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.remedies import lower_rate, without_fields
from goodfit.finding import Cause, Finding
from goodfit.observations import History, Observations

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "non-finite-loss": (
        "diverging",
        "not-learning",
        "overfitting",
        "underfitting",
        "not-converged",
        "converged-early",
        "learning-rate-too-high",
        "loss-spikes",
        "oscillating",
        "noisy-validation",
    )
}
LOSSES = ("running_loss", "train_loss", "valid_loss")


def find(observations: Observations) -> list[Finding]:
    """Find losses that became NaN or infinite, and in which curve it is seen first.

    NaN also stands for "not measured", so it counts only where a loss was measured in every row before,
    and from there to the end no loss is a number, or where the history says what ended the training.
    """
    history = observations.history
    first = min(
        (
            (row, position, name)
            for position, name in enumerate(LOSSES)
            if (row := _first_row(history, name)) is not None
        ),
        default=None,
    )
    if first is None:
        if history.ended_by != "non-finite-loss" or not len(history):
            return []
        first = (len(history) - 1, 0, "running_loss")
    row, _, column = first
    epoch = float(history["epoch"][row]) if "epoch" in history else float(row + 1)
    grew = _was_growing(history, column, row)
    causes: tuple[Cause, ...] = (
        Cause("learning-rate-too-high", 0.7 if grew else 0.5),
        Cause("unscaled-inputs", 0.2),
    )
    recipe = observations.recipe
    origin = observations.non_finite
    evidence: dict[str, str | int] = {"column": column, "finite_epochs": int(row)}
    remedies = (lower_rate(recipe), without_fields("check-inputs"))
    if origin is not None:
        evidence |= {"name": origin.name, "updates": origin.step if origin.step is not None else -1}
        if origin.where != "weights":
            causes = ()
            remedies = remedies[::-1]
    return [
        Finding(
            "non-finite-loss",
            "error",
            0.99,
            epoch if np.isfinite(epoch) else None,
            evidence,
            causes,
            remedies=remedies,
            variant=None if origin is None else origin.where,
        )
    ]


def _first_row(history: History, name: str) -> int | None:
    values = history.columns.get(name)
    if values is None or not len(values):
        return None
    infinite = np.flatnonzero(np.isinf(values))
    measured = np.flatnonzero(np.isfinite(values))
    end = int(measured[-1]) + 1 if len(measured) else 0
    dense = end == len(measured)
    lost = end if dense and end < len(values) else None
    rows = [int(infinite[0])] if len(infinite) else []
    if lost is not None and _others_end_too(history, name, lost):
        rows.append(lost)
    return min(rows, default=None)


def _others_end_too(history: History, name: str, row: int) -> bool:
    """Say whether no loss is measured as a number from ``row`` on, or the history blames the loss."""
    if history.ended_by == "non-finite-loss":
        return True
    losses = [history[other][row:] for other in LOSSES if other in history and other != name]
    return not any(np.isfinite(values).any() for values in losses)


def _was_growing(history: History, column: str, row: int) -> bool:
    before = history[column][:row] if column in history else np.array([])
    before = before[np.isfinite(before)]
    return len(before) > 2 and bool(before[-1] > 1.2 * before.min())

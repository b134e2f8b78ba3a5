"""Reading the vitals of layers: which have weights, in which order, and how they compare across depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodfit.vitals import Vitals

__all__ = ["at_start", "last_known", "later", "relative_gradients", "weight_layers"]

Array = NDArray[np.float64]


def weight_layers(vitals: Vitals) -> list[int]:
    """Return the columns of the layers with weights that rows pass through, from the inputs on.

    Normalisations are no such layers: they scale what the others give.
    """
    weighted = ~np.isnan(vitals["weight_norm"]).all(axis=0)
    passed = ~np.isnan(vitals["alike"]).all(axis=0)
    return [int(column) for column in np.flatnonzero(weighted & passed)]


def at_start(vitals: Vitals, quantity: str) -> Array | None:
    """Return a quantity of every layer before the first update, or None where it was not measured then."""
    rows = np.flatnonzero(vitals.epochs == 0)
    return vitals[quantity][rows[0]] if len(rows) else None


def last_known(vitals: Vitals, quantity: str) -> Array:
    """Return the last measured value of every layer, NaN where there is none."""
    found = np.full(len(vitals.layers), np.nan)
    for row in vitals[quantity]:
        found = np.where(np.isnan(row), found, row)
    return found


def later(vitals: Vitals, quantity: str) -> Array:
    """Return a quantity after each measured epoch, without the start: shape (epochs, layers)."""
    return vitals[quantity][vitals.epochs > 0]


def relative_gradients(vitals: Vitals, rows: NDArray[np.bool_]) -> Array:
    """Return the norm of each layer's gradient as a share of its weights', the median over measured epochs.

    Not a number for layers without weights or gradients.
    """
    gradients, weights = vitals["gradient_norm"][rows], vitals["weight_norm"][rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(weights > 0, gradients / weights, np.nan)
    medians = np.full(shares.shape[1], np.nan)
    for column, values in enumerate(shares.T):
        known = values[~np.isnan(values)]
        if len(known):
            medians[column] = float(np.median(known))
    return medians

"""Observations with known faults in their layers, data and outputs, beside curves that suit them."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.diagnosis.curves_for_tests import converged, observe

from goodfit.observations import Observations
from goodfit.vitals import to_vitals

LEARNS = {"task": "binary", "prior_loss": 0.69, "classes": 2}
STUCK = 0.694


def learning(**facts: Any) -> Observations:
    """A network that learns well, with whatever else was observed."""
    train, valid = converged()
    return observe({**LEARNS, **facts}, train_loss=train, valid_loss=valid)


def stuck(**facts: Any) -> Observations:
    """A network no better than always giving the same answer."""
    flat = np.full(30, STUCK)
    return observe({**LEARNS, **facts}, train_loss=flat, valid_loss=flat)


def layers(*rows: dict[str, Any], epochs: tuple[int, ...] = (0, 1, 2, 3)) -> Any:
    """Vitals of layers that are the same at every epoch, but for values given as a list."""
    table = []
    for number, epoch in enumerate(epochs):
        for name, row in enumerate(rows):
            values = {key: value[number] if isinstance(value, list) else value for key, value in row.items()}
            table.append({"epoch": float(epoch), "layer": str(name), "kind": "Linear", **values})
    return to_vitals(table)


def linear(**values: Any) -> dict[str, Any]:
    """A sound layer with weights."""
    sound = {"gradient_norm": 0.1, "weight_norm": 3.0, "update_norm": 0.01, "spread": 0.6, "alike": 0.0}
    return sound | values

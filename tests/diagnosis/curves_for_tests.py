"""Learning curves with known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.diagnose import diagnose
from goodfit.observations import History, Observations

Array = NDArray[np.float64]


def noisy(values: Array, share: float, seed: int = 0) -> Array:
    """Multiply by 1 plus normal noise."""
    return values * (1 + share * np.random.default_rng(seed).normal(size=len(values)))


def observe(facts: dict[str, Any] | None = None, /, **columns: Any) -> Observations:
    """Observations of curves alone; `facts` are history's and the observations' other fields."""
    facts = dict(facts or {})
    of_history = {name: facts.pop(name) for name in ("monitor", "best_epoch", "ended_by") if name in facts}
    length = len(next(iter(columns.values())))
    columns = {"epoch": np.arange(1.0, length + 1)} | columns
    return Observations(History({n: np.asarray(v, float) for n, v in columns.items()}, **of_history), **facts)


def codes(observations: Observations, least: str = "info") -> list[str]:
    order = ("info", "warning", "error")
    return [f.code for f in diagnose(observations) if order.index(f.severity) >= order.index(least)]


def time(epochs: int) -> Array:
    return np.arange(1.0, epochs + 1)


def converged(epochs: int = 60) -> tuple[Array, Array]:
    """Training and validation loss that level out at once."""
    t = time(epochs)
    return 0.30 + 0.7 * np.exp(-t / 5), 0.33 + 0.67 * np.exp(-t / 5)


def falling(epochs: int = 60) -> tuple[Array, Array]:
    """Losses that still fall as a power of the time."""
    t = time(epochs)
    return 0.05 + t**-0.5, 0.08 + t**-0.5


def overfitted(epochs: int = 60, slope: float = 0.01) -> tuple[Array, Array]:
    """Validation loss that rises from about epoch 12 while the training loss falls."""
    t = time(epochs)
    return np.exp(-t / 15), 0.4 + 0.8 * np.exp(-t / 4) + slope * t

"""How an error falls with the number of rows learned from: a power law, and what it says of more rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation.scores import Score

__all__ = ["Forecast", "PowerLaw", "fit_power_law", "forecast"]

Array = NDArray[np.float64]

EXPONENTS = np.geomspace(0.05, 2.0, 60)
RESAMPLES = 1000


@dataclass(frozen=True)
class PowerLaw:
    """``floor + scale * rows ** -exponent``: the error that so many rows lead to."""

    floor: float
    scale: float
    exponent: float

    def __call__(self, rows: Any) -> Any:
        """Return the error for a number of rows, or for an array of them."""
        return self.floor + self.scale * np.asarray(rows, dtype=np.float64) ** -self.exponent

    def to_dict(self) -> dict[str, float]:
        """Return it as plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Forecast:
    """What a power law says of more rows.

    Parameters
    ----------
    rows
        So many rows.
    error
        The error they would lead to.
    gain
        By how much that is below the law's error for all rows there are.
    """

    rows: int
    error: Score
    gain: Score


def fit_power_law(rows: Sequence[float] | Array, errors: Sequence[float] | Array) -> PowerLaw:
    """Return the power law with a floor that is nearest to the errors, relative to their size.

    Of the forms in use it is the one that fits learning curves most often (Viering and Loog, *The shape of
    learning curves: a review*, 2023; Hestness et al., *Deep learning scaling is predictable, empirically*,
    2017). For each of 60 exponents floor and scale follow by least squares, neither below zero.

    Parameters
    ----------
    rows, errors
        Numbers of rows, and the mean error of the trainings on so many, above zero; shape (N,).

    Examples
    --------
    >>> rows = np.array([100.0, 200, 400, 800, 1600])
    >>> law = fit_power_law(rows, 0.1 + 3 * rows**-0.5)
    >>> bool(abs(law(3200) - 0.153) < 0.001)
    True
    """
    floor, scale, exponent = _fits(np.asarray(rows, dtype=np.float64), np.asarray(errors)[None, :])
    return PowerLaw(float(floor[0]), float(scale[0]), float(exponent[0]))


def forecast(
    sizes: Sequence[int], errors: Sequence[Sequence[float]], rows: int, *, seed: int = 0
) -> Forecast:
    """Return what so many rows would bring, with 95 % intervals.

    The law is fitted again and again to means that stray from it as far as the trainings of a size differ, or
    as far as the sizes' means lie off the law where that is more, with Student's t for how little is known of
    it (a parametric bootstrap; on laws and noise made up it held the truth in 92 to 98 of 100 cases). The
    interval is about the trainings and the rows they were given: that the same test rows were used for all,
    and that the law may be another beyond the rows there are, is not in it.

    Parameters
    ----------
    sizes
        Rows learned from, ascending.
    errors
        For each size the errors of its trainings, finite and above zero.
    rows
        How many rows the forecast is for.
    """
    random = np.random.default_rng(seed)
    means = np.array([np.mean(each) for each in errors])
    counts = np.array([len(each) for each in errors])
    law, known = fit_power_law(sizes, means), np.asarray(sizes, dtype=np.float64)
    spare = max(len(sizes) - 3, 1)
    off = math.sqrt(float(np.sum((means / law(known) - 1) ** 2)) / spare)
    freedom = int((counts - 1).sum())
    squares = sum(float(((np.asarray(each) / np.mean(each) - 1) ** 2).sum()) for each in errors)
    spread = math.sqrt(squares / max(freedom, 1))
    strayed = random.standard_t(freedom or spare, (RESAMPLES, len(sizes)))
    drawn = law(known) * (1 + np.maximum(spread / np.sqrt(counts), off) * strayed)
    floor, scale, exponent = _fits(known, np.maximum(drawn, law(known) / 100))
    there, then = (floor + scale * float(size) ** -exponent for size in (sizes[-1], rows))
    return Forecast(
        rows, _score(float(law(rows)), then), _score(float(law(sizes[-1]) - law(rows)), there - then)
    )


def _score(value: float, strayed: Array) -> Score:
    low, high = np.quantile(strayed, (0.025, 0.975))
    return Score(value, float(low), float(high))


def _fits(rows: Array, errors: Array) -> tuple[Array, Array, Array]:
    """Return floor, scale and exponent for each row of ``errors``, shape (fits, sizes)."""
    ones = 1 / errors[:, None, :]
    x = rows[None, None, :] ** -EXPONENTS[None, :, None] * ones
    xx, x1, oo = (x * x).sum(2), (x * ones).sum(2), (ones * ones).sum(2)
    xy, oy = x.sum(2), ones.sum(2)
    determinant = np.maximum(xx * oo - x1 * x1, 1e-300)
    scale, floor = (xy * oo - x1 * oy) / determinant, (xx * oy - x1 * xy) / determinant
    no_floor, no_scale = floor < 0, scale < 0
    scale = np.where(no_floor, xy / xx, np.where(no_scale, 0.0, scale))
    floor = np.where(no_floor, 0.0, np.where(no_scale, oy / oo, floor))
    missed = ((scale[..., None] * x + floor[..., None] * ones - 1) ** 2).sum(2)
    best, each = missed.argmin(1), np.arange(len(errors))
    return floor[each, best], scale[each, best], EXPONENTS[best]

"""Statistics on learning curves: smoothing, noise, and what longer training would bring.

All of them are equivariant to the unit of the loss: multiplying a curve by a positive number multiplies
what comes out of it, or leaves it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from goodfit.observations import History

__all__ = [
    "Curve",
    "Extrapolation",
    "curve_of",
    "extrapolate",
    "level_from",
    "noise",
    "relative_change",
    "smooth",
    "thin",
]

Array = NDArray[np.float64]

MOST_POINTS = 256
BANDWIDTHS = ((0.5, 0.0), (0.8, 0.02), (1.0, 0.05), (1.5, 0.1), (2.5, 0.2), (4.0, 0.35))


@dataclass(frozen=True, eq=False)
class Curve:
    """One quantity over training: the points where it was measured and finite.

    Parameters
    ----------
    epochs
        Shape (n,), increasing.
    values
        Shape (n,), finite.
    smooth
        Shape (n,), the values without their noise.
    noise
        Standard deviation of the noise about the smooth curve, over its second half.
    """

    epochs: Array
    values: Array
    smooth: Array
    noise: float

    def __len__(self) -> int:
        return len(self.values)

    @property
    def unit(self) -> float:
        """What changes are measured by: the last value, or the curve's range where a loss can be negative."""
        if (self.values > 0).all():
            return float(abs(self.smooth[-1])) or 1.0
        return float(np.ptp(self.smooth)) or 1.0

    @property
    def first(self) -> float:
        """The first value."""
        return float(self.values[0])

    @property
    def last(self) -> float:
        """The last value, without its noise."""
        return float(self.smooth[-1])

    @property
    def lowest(self) -> float:
        """The lowest value, without its noise."""
        return float(self.smooth.min())

    @property
    def lowest_at(self) -> int:
        """Position of the lowest value."""
        return int(self.smooth.argmin())

    def at(self, epoch: float) -> float:
        """Return the smooth value at ``epoch``, interpolated."""
        return float(np.interp(epoch, self.epochs, self.smooth))


@lru_cache(maxsize=16)
def curve_of(history: History, name: str) -> Curve | None:
    """Return a column of ``history`` as a `Curve`, or None where it holds no finite value.

    Points come in the order of training; where the epochs do not increase, rows are counted instead.
    Long curves are thinned to `MOST_POINTS`.
    """
    column = history.get(name)
    if column is None:
        return None
    epochs = history["epoch"] if "epoch" in history else np.arange(1.0, len(history) + 1)
    kept = np.isfinite(column)
    if not kept.any():
        return None
    if not (np.isfinite(epochs[kept]).all() and (np.diff(epochs[kept]) > 0).all()):
        epochs = np.arange(1.0, len(history) + 1)
    epochs, values = thin(epochs[kept], column[kept])
    level = smooth(values)
    return Curve(epochs, values, level, noise(values, level))


def thin(epochs: Array, values: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """Return at most ``most`` points: means of neighbouring ones, the first point kept as it is.

    Bins widen with time as learning curves flatten, so the steep beginning keeps its shape.

    Examples
    --------
    >>> epochs, values = thin(np.arange(1000.0), np.ones(1000), most=10)
    >>> len(epochs), float(values.sum())
    (10, 10.0)
    """
    count = len(values)
    if count <= most:
        return epochs, values
    spare = count - most
    widening = np.sqrt(np.linspace(0, spare, most + 1) * np.geomspace(1, spare, most + 1))
    edges = np.arange(most + 1) + widening.round(6).astype(int)
    edges[1] = 1
    sizes = np.diff(edges)
    starts = edges[:-1]
    return np.add.reduceat(epochs, starts) / sizes, np.add.reduceat(values, starts) / sizes


def smooth(values: Array) -> Array:
    """Return ``values`` without their noise, by local linear regression.

    The window widens with time (a learning curve is steep early and level late). How much it widens is
    chosen by generalised cross-validation (Craven & Wahba 1979), so a clean curve stays as it is.
    A single outlier is first replaced by the median of its neighbourhood (Hampel's filter).

    Examples
    --------
    >>> smooth(np.array([4.0, 3.0, 2.0, 1.0])).round(6).tolist()
    [4.0, 3.0, 2.0, 1.0]
    """
    count = len(values)
    if count < 4:
        return values.copy()
    clean = _without_outliers(values)
    best, best_score = clean, np.inf
    for rows, share in BANDWIDTHS:
        weights, freedom = _local_linear(count, rows, share)
        level = weights @ clean
        left = 1 - freedom / count
        if left < 0.1:
            continue
        score = float(np.mean((clean - level) ** 2)) / left**2
        if score < best_score * (1 - 1e-9):
            best, best_score = level, score
    return best


def noise(values: Array, level: Array | None = None) -> float:
    """Return the standard deviation of the noise about a curve, robustly, over its second half.

    The larger of two estimates: from second differences, which no slow trend disturbs, and from what is
    left about ``level``, which noise with a memory does not deceive.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> 0.08 < noise(np.linspace(2, 1, 400) + 0.1 * rng.normal(size=400)) < 0.12
    True
    """
    if len(values) < 5:
        return 0.0
    start = max(0, min(len(values) // 2, len(values) - 8))
    tail = values[start:]
    bends = tail[1:-1] - (tail[:-2] + tail[2:]) / 2
    estimate = float(np.sqrt(2 / 3) * 1.4826 * np.median(np.abs(bends)))
    if level is not None:
        estimate = max(estimate, 1.4826 * float(np.median(np.abs(tail - level[start:]))))
    return estimate


def relative_change(before: float, after: float, unit: float) -> float:
    """Return ``(after - before) / unit``, 0 where the unit vanishes."""
    return (after - before) / unit if unit > 0 else 0.0


def level_from(curve: Curve, within: float) -> int:
    """Return the first position from which the smooth curve stays within ``within`` units of its lowest."""
    beyond = np.flatnonzero(curve.smooth > curve.lowest + within * curve.unit)
    after = beyond[beyond < curve.lowest_at]
    return int(after[-1]) + 1 if len(after) else 0


@dataclass(frozen=True)
class Extrapolation:
    """What a curve is expected to reach if training goes on.

    Parameters
    ----------
    epoch
        Where it was extrapolated to.
    expected, low, high
        Mean and 90 % interval of the value there.
    gains, weights
        The possible relative gains over the last value and the belief in each; shape (m,).
    """

    epoch: float
    expected: float
    low: float
    high: float
    gains: Array
    weights: Array

    def probability(self, gain: float) -> float:
        """Return the belief that more than ``gain`` (relative to the last value) is gained."""
        return float(self.weights[self.gains > gain].sum())

    @property
    def gain(self) -> float:
        """The expected relative gain."""
        return float(self.gains @ self.weights)


def extrapolate(curve: Curve, times: float = 4.0, tail: float = 0.25) -> Extrapolation | None:
    """Return what the curve is expected to reach at ``times`` its present length.

    Power laws ``c + a t^-b`` and exponentials ``c + a exp(-b t)`` are fitted to the tail of the curve: the
    shape ``b`` on a grid, level and amplitude by least squares with ``a >= 0`` (and ``c >= 0`` where every
    value is positive). The fits are averaged with the weights that their likelihoods give them, so that
    the interval holds what the curve cannot tell. After Domhan, Springenberg & Hutter, "Speeding up
    automatic hyperparameter optimization of deep neural networks by extrapolation of learning curves",
    IJCAI 2015; on the choice of laws see Viering & Loog, "The shape of learning curves: a review",
    TPAMI 2022.

    Parameters
    ----------
    times
        How many times as long training would be.
    tail
        Share of the training so far that is left out as the transient before the law holds.

    Returns
    -------
    Extrapolation or None
        None where fewer than 5 points are left to fit.
    """
    length = float(curve.epochs[-1])
    kept = curve.epochs >= tail * length
    if kept.sum() < 5:
        kept = np.arange(len(curve)) >= len(curve) - max(5, len(curve) - 1)
    if kept.sum() < 5 or length <= 0:
        return None
    when = curve.epochs[kept] / length
    values = _without_outliers(curve.values[kept])
    shapes, ahead = _laws(when, times)
    level, slope, errors = _nonnegative_lines(shapes, values, positive=bool((curve.values > 0).all()))
    future = level + slope * ahead
    present = level + slope * _laws(np.array([1.0]), times)[0][:, 0]
    count = len(values)
    floor = (5e-4 * curve.unit) ** 2
    variance = max(errors.min() / max(count - 3, 1), curve.noise**2, floor)
    # Neighbouring epochs err together: a curve is worth some 30 independent points, however many it has.
    worth = min(1.0, 30 / count)
    weights = np.exp(-(errors - errors.min()) * worth / (2 * variance))
    weights /= weights.sum()
    order = np.argsort(future)
    cumulated = np.cumsum(weights[order])
    low, high = (
        float(future[order][np.searchsorted(cumulated, p).clip(0, len(order) - 1)]) for p in (0.05, 0.95)
    )
    gains = (present - future) / curve.unit
    return Extrapolation(times * length, float(weights @ future), low, high, gains, weights)


def _laws(when: Array, times: float) -> tuple[Array, Array]:
    powers = np.geomspace(0.05, 4, 16)[:, None]
    rates = np.geomspace(0.05, 20, 20)[:, None]
    shapes = np.concatenate([when**-powers, np.exp(-rates * (when - 1))])
    ahead = np.concatenate([times**-powers, np.exp(-rates * (times - 1))])[:, 0]
    return shapes, ahead


def _nonnegative_lines(shapes: Array, values: Array, positive: bool) -> tuple[Array, Array, Array]:
    """Fit values = level + slope * shape for each row of shapes; return levels, slopes, squared errors."""
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    slope = (centred @ values) / np.maximum((centred**2).sum(axis=1), 1e-300)
    level = values.mean() - slope * shapes.mean(axis=1)
    if positive:
        through_zero = (shapes @ values) / (shapes**2).sum(axis=1)
        below = level < 0
        slope = np.where(below, through_zero, slope)
        level = np.where(below, 0.0, level)
    rising = slope < 0
    slope = np.where(rising, 0.0, slope)
    level = np.where(rising, values.mean(), level)
    errors = ((level[:, None] + slope[:, None] * shapes - values) ** 2).sum(axis=1)
    return level, slope, errors


def _without_outliers(values: Array) -> Array:
    if len(values) < 5:
        return values
    padded = np.pad(values, 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
    middle = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - middle[:, None]), axis=1)
    bends = np.abs(np.diff(values, 2))
    spread = np.maximum(spread, 1.4826 * np.median(bends))
    outlying = np.abs(values - middle) > 4 * spread
    outlying[0] = False
    return np.where(outlying, middle, values)


@lru_cache(maxsize=64)
def _local_linear(count: int, rows: float, share: float) -> tuple[Array, float]:
    """Return the smoothing matrix, shape (count, count), and its trace."""
    position = np.arange(count, dtype=float)
    width = rows + share * position
    offset = position[None, :] - position[:, None]
    kernel = np.exp(-0.5 * (offset / width[:, None]) ** 2)
    s0 = kernel.sum(axis=1, keepdims=True)
    s1 = (kernel * offset).sum(axis=1, keepdims=True)
    s2 = (kernel * offset**2).sum(axis=1, keepdims=True)
    weights = kernel * (s2 - s1 * offset) / np.maximum(s0 * s2 - s1**2, 1e-300)
    return weights, float(np.trace(weights))

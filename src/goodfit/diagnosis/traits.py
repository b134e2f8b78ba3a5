"""What can be read off a pair of learning curves, as a few dozen numbers that no unit changes.

Differences are between logarithms, so that 0.05 is about 5 %; slopes are per e-fold of training time. A
loss that can be negative is measured by its range instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.curves import Curve, extrapolate

__all__ = ["TRAITS", "swing", "traits"]

Array = NDArray[np.float64]

FEWEST = 4
OF_VALID = (
    "rise",
    "rise_of_last",
    "rise_above_best",
    "lowest_at",
    "drop",
    "slope_half",
    "slope_quarter",
    "slope_tenth",
    "turn",
    "fall_second_half",
    "fall_second_quarter",
    "noise",
    "jitter",
    "memory",
)
OF_TRAIN = (
    "drop",
    "rise",
    "slope_half",
    "slope_quarter",
    "slope_tenth",
    "fall_second_half",
    "fall_since_best",
    "noise",
    "jitter",
)
TRAITS = (
    "points",
    *(f"valid_{name}" for name in OF_VALID),
    "ahead_gain",
    "ahead_chance",
    "ahead_spread",
    *(f"train_{name}" for name in OF_TRAIN),
    "gap",
    "gap_growth_half",
    "gap_growth_since_best",
    "rate_left",
    "valid_rows",
)


def traits(
    valid: Curve, train: Curve | None = None, rates: Array | None = None, valid_rows: int | None = None
) -> dict[str, float]:
    """Return the traits of a validation curve beside its training curve, NaN where they are not known.

    Parameters
    ----------
    valid, train
        The curves; `valid` has at least 4 points.
    rates
        The learning rate over time, if it was logged: ``rate_left`` is its last share of the largest.
    valid_rows
        Rows of validation, if known; their logarithm is the trait.
    """
    found = dict.fromkeys(TRAITS, float("nan"))
    found["points"] = float(np.log(len(valid)))
    when, level, raw = _in_logs(valid)
    best = int(level.argmin())
    middle = float(np.exp(when[-1])) / 2
    found |= {f"valid_{name}": value for name, value in _course(when, level, raw).items() if name in OF_VALID}
    found["valid_rise_of_last"] = float(np.median(raw[-3:]) - level.min())
    found["valid_rise_above_best"] = float(raw[-1] - raw.min())
    found["valid_lowest_at"] = float(when[best] - when[-1])
    found["valid_turn"] = found["valid_slope_quarter"] - _slope(when, level, 0.25, 0.5)
    found["valid_fall_second_quarter"] = float(_at(when, level, middle / 2) - _at(when, level, middle))
    found["valid_memory"] = _memory(raw - level)
    ahead = extrapolate(valid)
    if ahead is not None:
        found["ahead_gain"] = ahead.gain
        found["ahead_chance"] = ahead.probability(0.05)
        found["ahead_spread"] = (ahead.high - ahead.low) / valid.unit
    if train is not None and len(train) >= FEWEST:
        t_when, t_level, t_raw = _in_logs(train)
        found |= {f"train_{name}": value for name, value in _course(t_when, t_level, t_raw).items()}
        then = _at(t_when, t_level, float(np.exp(when[best])))
        found["train_fall_since_best"] = float(then - t_level[-1])
        if (valid.values > 0).all() == (train.values > 0).all():
            now = float(level[-1] - t_level[-1])
            found["gap"] = now
            found["gap_growth_half"] = now - float(_at(when, level, middle) - _at(t_when, t_level, middle))
            found["gap_growth_since_best"] = now - float(level[best] - then)
    measured = rates[np.isfinite(rates)] if rates is not None else np.array([])
    if len(measured) and measured.max() > 0:
        found["rate_left"] = float(measured[-1] / measured.max())
    if valid_rows:
        found["valid_rows"] = float(np.log(valid_rows))
    return found


def swing(curve: Curve) -> float:
    """Return the mean change from one epoch to the next in the later half, as a share of the last value."""
    tail = curve.values[max(0, min(len(curve) // 2, len(curve) - 6)) :]
    return float(np.mean(np.abs(np.diff(tail)))) / curve.unit if len(tail) > 1 else 0.0


def _in_logs(curve: Curve) -> tuple[Array, Array, Array]:
    """Return log time, smooth values and values: logarithms, or shares of the range if some are negative."""
    when = np.log(curve.epochs - curve.epochs[0] + np.median(np.diff(curve.epochs)))
    if (curve.values > 0).all():
        smallest = float(curve.values.min())
        return when, np.log(np.maximum(curve.smooth, smallest)), np.log(curve.values)
    return when, curve.smooth / curve.unit, curve.values / curve.unit


def _course(when: Array, level: Array, raw: Array) -> dict[str, float]:
    tail = slice(max(0, min(len(raw) // 2, len(raw) - 6)), None)
    steps = np.diff(raw[tail])
    return {
        "drop": float(level[0] - level.min()),
        "rise": float(level[-1] - level.min()),
        "slope_half": _slope(when, level, 0.5, 1.0),
        "slope_quarter": _slope(when, level, 0.75, 1.0),
        "slope_tenth": _slope(when, level, 0.9, 1.0),
        "fall_second_half": float(_at(when, level, float(np.exp(when[-1])) / 2) - level[-1]),
        "noise": float(np.std(raw[tail] - level[tail])),
        "jitter": float(np.mean(np.abs(steps))),
    }


def _slope(when: Array, level: Array, start: float, end: float) -> float:
    """Return the slope between two shares of the time, over at least three points."""
    time = np.exp(when - when[-1])
    kept = (time >= start - 1e-9) & (time <= end + 1e-9)
    if kept.sum() < 3:
        middle = int(np.abs(time - (start + end) / 2).argmin())
        low = int(np.clip(middle - 1, 0, len(when) - 3))
        kept = np.zeros(len(when), bool)
        kept[low : low + 3] = True
    x = when[kept] - when[kept].mean()
    return float(x @ level[kept] / (x @ x))


def _at(when: Array, level: Array, time: float) -> float:
    return float(np.interp(np.log(max(time, 1e-12)), when, level))


def _memory(rest: Array) -> float:
    """Return the correlation of neighbouring residuals."""
    if len(rest) < 5 or float(np.std(rest)) < 1e-12:
        return 0.0
    return (
        float(np.clip(np.corrcoef(rest[:-1], rest[1:])[0, 1], -1, 1))
        if np.std(rest[:-1]) * np.std(rest[1:])
        else 0.0
    )

"""What a network must beat: predicting the prior, and a linear model on the same prepared rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation.linear import Inputs, Linear, fit_linear

__all__ = ["Inputs", "Linear", "Predictor", "Prior", "fit_baselines", "predictor_from_dict", "prior_loss"]

Array = NDArray[Any]
Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, eq=False)
class Prior:
    """Predicts the same for every row: the classes' shares of the training rows, or the target's mean.

    Parameters
    ----------
    constant
        Probabilities (C,); or the mean, shape () or (T,).
    """

    constant: Array

    def __call__(self, inputs: Inputs) -> Array:
        """Return probabilities (N, C), or values (N,) or (N, T)."""
        return np.tile(self.constant, (len(inputs[0]), *(1,) * self.constant.ndim))

    def to_dict(self) -> dict[str, Any]:
        """Return the predictor as plain numbers."""
        return {"kind": "prior", "constant": self.constant.tolist()}


Predictor = Prior | Linear


def predictor_from_dict(data: Mapping[str, Any]) -> Predictor:
    """Rebuild a predictor from its ``to_dict``."""
    if data["kind"] == "prior":
        return Prior(np.asarray(data["constant"], dtype=np.float64))
    return Linear.from_dict(data)


def fit_baselines(
    train_inputs: Inputs,
    train_target: Array,
    valid_inputs: Inputs,
    valid_target: Array,
    *,
    task: Task,
    levels: Sequence[int] = (),
    n_classes: int | None = None,
    seed: int = 0,
) -> dict[str, Predictor]:
    """Fit what a network must beat, on the rows that the network was trained on.

    The linear model is that of `goodfit.evaluation.linear.fit_linear`.

    Parameters
    ----------
    train_inputs, valid_inputs
        Numbers (N, n) and category codes (N, c) or None. A code outside 0 to levels - 1 is none of the
        levels.
    train_target, valid_target
        Class codes (N,), or values (N,) or (N, T) in any unit.
    task
        What is to be learned.
    levels
        Number of levels of each category column.
    n_classes
        Number of classes; by default as many as the codes say.
    seed
        Chooses the rows where there are too many.

    Returns
    -------
    dict
        ``prior``, and ``linear`` where there is something to fit: columns, two classes, finite numbers.
    """
    train_target, valid_target = np.asarray(train_target), np.asarray(valid_target)
    if task == "regression":
        n_classes = None
        prior = Prior(np.asarray(train_target.mean(axis=0, dtype=np.float64)))
    else:
        train_target, valid_target = train_target.astype(np.int64), valid_target.astype(np.int64)
        n_classes = n_classes or int(max(train_target.max(), valid_target.max(initial=0))) + 1
        prior = Prior(np.bincount(train_target, minlength=n_classes) / len(train_target))
    linear = fit_linear(
        (train_inputs, train_target),
        (valid_inputs, valid_target),
        levels=tuple(levels),
        n_classes=n_classes,
        seed=seed,
    )
    return {"prior": prior} if linear is None else {"prior": prior, "linear": linear}


def _cross_entropy(given: Array) -> float:
    return float(-np.log(np.clip(given, np.finfo(np.float64).eps, None)).mean())


def prior_loss(
    target_train: Array,
    target_valid: Array,
    *,
    task: Task,
    loss: str,
    loss_options: Mapping[str, Any] | None = None,
) -> float | None:
    """Return the validation loss of the best constant prediction, learned from the training rows.

    Cross-entropy: of the training rows' class shares; squared error: of their mean; absolute error: of
    their median; Huber: of the constant that minimises it; Poisson: of the logarithm of the mean.

    Parameters
    ----------
    target_train, target_valid
        As the loss sees them: class codes (N,), or values (N,) or (N, T) in the loss's units.
    task
        What is being learned.
    loss
        Name of the loss.
    loss_options
        The loss's options: ``delta`` of huber.

    Returns
    -------
    float or None
        None for a loss that is not known here, or without rows.
    """
    train, valid = np.asarray(target_train), np.asarray(target_valid)
    if not len(train) or not len(valid):
        return None
    if task != "regression":
        if loss not in ("cross_entropy", "nll", "bce"):
            return None
        train, valid = train.astype(np.int64).ravel(), valid.astype(np.int64).ravel()
        shares = np.bincount(train, minlength=int(valid.max()) + 1) / len(train)
        return _cross_entropy(shares[valid])
    train, valid = train.astype(np.float64), valid.astype(np.float64)
    if loss == "mse":
        return float(np.square(valid - train.mean(axis=0)).mean())
    if loss == "mae":
        return float(np.abs(valid - np.median(train, axis=0)).mean())
    if loss == "huber":
        delta = float((loss_options or {}).get("delta", 1.0))
        return float(_huber(valid - _huber_centre(train, delta), delta).mean())
    if loss == "poisson":
        mean = np.maximum(train.mean(axis=0), np.finfo(np.float64).eps)
        return float((mean - valid * np.log(mean)).mean())
    return None


def _huber(error: Array, delta: float) -> Array:
    size = np.abs(error)
    return np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))


def _huber_centre(values: Array, delta: float) -> Array:
    """Find the constant where the clipped errors sum to zero; their sum falls as it grows."""
    low, high = values.min(axis=0), values.max(axis=0)
    for _ in range(60):
        middle = (low + high) / 2
        below = np.clip(values - middle, -delta, delta).sum(axis=0) > 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)

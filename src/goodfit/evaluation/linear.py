"""The linear model that a network is compared with: fitted by scikit-learn, kept as plain numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_NUMBERS", "MOST_ROWS", "MOST_ROWS_TO_CHOOSE", "PENALTIES", "Inputs", "Linear", "fit_linear"]

Array = NDArray[Any]
Inputs = tuple[Array, Array | None]

MOST_ROWS = 100_000
MOST_NUMBERS = 20_000_000
MOST_ROWS_TO_CHOOSE = 10_000
PENALTIES = (100.0, 10.0, 1.0, 0.1, 0.01)
_MOST_COLUMNS_FOR_NEWTON = 200


@dataclass(frozen=True, eq=False)
class Linear:
    """A fitted linear model: logistic regression for classes, ridge regression for values.

    Parameters
    ----------
    weights
        Of the numbers, shape (n, K): K classes or targets.
    tables
        For each category column the weights of its levels, shape (levels, K).
    bias
        Shape (K,); minus infinity for a class that the training rows do not have.
    classes
        Whether the outputs are logits of classes.
    flat
        Whether the one target's values are to be of shape (N,) and not (N, 1).
    penalty
        The strength of the L2 penalty that the validation rows chose: scikit-learn's ``alpha``, 1 / ``C``.
    rows
        How many rows it was fitted on.
    """

    weights: Array
    tables: tuple[Array, ...]
    bias: Array
    classes: bool
    flat: bool
    penalty: float
    rows: int

    def __call__(self, inputs: Inputs) -> Array:
        """Return probabilities (N, C), or values (N,) or (N, T), for rows prepared like the training ones."""
        numbers, categories = inputs
        scores: Array = np.asarray(numbers, dtype=np.float64) @ self.weights + self.bias
        for column, table in enumerate(self.tables):
            assert categories is not None
            known, codes = _known(categories[:, column], len(table))
            scores += table[codes] * known[:, None]
        if not self.classes:
            return scores[:, 0] if self.flat else scores
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain numbers (None: minus infinity)."""
        return {
            "kind": "linear",
            "weights": self.weights.tolist(),
            "tables": [table.tolist() for table in self.tables],
            "bias": [value if np.isfinite(value) else None for value in self.bias.tolist()],
            "classes": self.classes,
            "flat": self.flat,
            "penalty": self.penalty,
            "rows": self.rows,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Linear:
        """Rebuild a model from `to_dict`."""
        bias = np.asarray([-np.inf if value is None else value for value in data["bias"]], dtype=np.float64)
        return cls(
            weights=np.asarray(data["weights"], dtype=np.float64).reshape(-1, len(bias)),
            tables=tuple(
                np.asarray(table, dtype=np.float64).reshape(-1, len(bias)) for table in data["tables"]
            ),
            bias=bias,
            **{name: data[name] for name in ("classes", "flat", "penalty", "rows")},
        )


def fit_linear(
    train: tuple[Inputs, Array],
    valid: tuple[Inputs, Array],
    *,
    levels: tuple[int, ...],
    n_classes: int | None,
    seed: int,
) -> Linear | None:
    """Fit scikit-learn's ``LogisticRegression`` (or without ``n_classes`` ``Ridge``).

    Numbers are standardised, categories one-hot encoded; the validation rows choose the penalty among
    `PENALTIES`, with models of at most `MOST_ROWS_TO_CHOOSE` rows; the last model is fitted on at
    most `MOST_ROWS` rows and `MOST_NUMBERS` numbers.

    Returns
    -------
    Linear or None
        None where there is nothing to fit: no columns, fewer than two rows or classes, or numbers that
        are not finite.
    """
    (numbers, categories), target = train
    rows = _sample(len(target), min(MOST_ROWS, MOST_NUMBERS // max(numbers.shape[1], 1) + 1), seed)
    numbers, target = numbers[rows], target[rows]
    categories = None if categories is None else categories[rows]
    if not _can_fit(numbers, target, levels, n_classes):
        return None
    centre, scale = _moments(numbers)
    design = _design((numbers - centre) / scale, categories, levels)

    def fitted(rows: Array | slice, penalty: float) -> Linear:
        fit = _ridge if n_classes is None else _logistic
        coefficients, bias = fit(design[rows], target[rows], n_classes or 0, penalty)
        weights, *tables = np.split(coefficients, np.cumsum((numbers.shape[1], *levels))[:-1])
        weights = weights / scale[:, None]
        return Linear(
            weights=weights,
            tables=tuple(tables),
            bias=bias - centre @ weights,
            classes=n_classes is not None,
            flat=target.ndim == 1,
            penalty=penalty,
            rows=len(target[rows]),
        )

    penalty = PENALTIES[1]
    part = _sample(len(target), MOST_ROWS_TO_CHOOSE, seed + 1)
    if len(valid[1]) and (n_classes is None or len(np.unique(target[part])) > 1):
        models = [fitted(part, each) for each in PENALTIES]
        losses = [_loss(model(valid[0]), valid[1], n_classes) for model in models]
        if np.isfinite(losses).any():
            best = int(np.nanargmin(losses))
            penalty = PENALTIES[best]
            if models[best].rows == len(target):
                return models[best]
    return fitted(slice(None), penalty)


def _sample(rows: int, most: int, seed: int) -> Array | slice:
    if rows <= most:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _can_fit(numbers: Array, target: Array, levels: tuple[int, ...], n_classes: int | None) -> bool:
    if not numbers.shape[1] + len(levels) or len(target) < 2 or not np.isfinite(numbers).all():
        return False
    return bool(np.isfinite(target).all()) if n_classes is None else len(np.unique(target)) > 1


def _moments(numbers: Array) -> tuple[Array, Array]:
    """Return centre and scale of each column; one without a finite spread is scaled away."""
    with np.errstate(over="ignore", invalid="ignore"):
        centre, scale = numbers.mean(axis=0, dtype=np.float64), numbers.std(axis=0, dtype=np.float64)
    usable = np.isfinite(scale) & (scale > 1e-12 * np.abs(centre))
    return np.where(usable, centre, 0.0), np.where(usable, scale, np.inf)


def _design(numbers: Array, categories: Array | None, levels: tuple[int, ...]) -> Any:
    """Return numbers and one-hot categories side by side, sparse where there are categories."""
    if categories is None or not levels:
        return numbers
    from scipy import sparse

    rows, wide = numbers.shape
    each = wide + len(levels)
    values = np.empty((rows, each))
    columns = np.empty((rows, each), dtype=np.int32)
    values[:, :wide], columns[:, :wide] = numbers, np.arange(wide)
    start = wide
    for column, count in enumerate(levels):
        known, codes = _known(categories[:, column], count)
        values[:, wide + column], columns[:, wide + column] = known, start + codes
        start += count
    ends = np.arange(0, rows * each + 1, each, dtype=np.int32)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), ends), shape=(rows, start))


def _known(codes: Array, levels: int) -> tuple[Array, Array]:
    known = (codes >= 0) & (codes < levels)
    return known, np.where(known, codes, 0).astype(np.int64)


def _ridge(design: Any, target: Array, n_classes: int, penalty: float) -> tuple[Array, Array]:
    from sklearn.linear_model import Ridge

    values = target.reshape(len(target), -1).astype(np.float64)
    centre, scale = _moments(values)
    scale = np.where(np.isfinite(scale), scale, 1.0)
    solver = "cholesky" if isinstance(design, np.ndarray) else "sparse_cg"
    model = Ridge(penalty, solver=solver, tol=1e-6, max_iter=1000).fit(design, (values - centre) / scale)
    coefficients = model.coef_.reshape(values.shape[1], -1)
    return coefficients.T * scale, model.intercept_ * scale + centre


def _logistic(design: Any, target: Array, n_classes: int, penalty: float) -> tuple[Array, Array]:
    from scipy import linalg
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(target)
    newton = len(present) == 2 and design.shape[1] <= _MOST_COLUMNS_FOR_NEWTON
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky" if newton else "lbfgs", max_iter=300)
    with warnings.catch_warnings():
        # Stopped after 300 steps it is a slightly more regularised model, and as good a yardstick; where
        # Newton's equations are ill-conditioned, scikit-learn goes on with L-BFGS.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", linalg.LinAlgWarning)
        # Classes of a row or two are classes all the same: that was decided long before.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(design, target)
    weights, bias = np.zeros((design.shape[1], n_classes)), np.full(n_classes, -np.inf)
    if len(present) == 2:
        weights[:, present[1]] = model.coef_[0]
        bias[present] = 0.0, model.intercept_[0]
    else:
        weights[:, present] = model.coef_.T
        bias[present] = model.intercept_
    return weights, bias


def _loss(prediction: Array, target: Array, n_classes: int | None) -> float:
    """Return the log loss, or the mean squared error in units of each target's variance."""
    if n_classes is not None:
        given = prediction[np.arange(len(target)), target]
        return float(-np.log(np.clip(given, np.finfo(np.float64).eps, None)).mean())
    error, values = (prediction - target).reshape(len(target), -1), target.reshape(len(target), -1)
    spread = values.std(axis=0, dtype=np.float64)
    return float((np.square(error).mean(axis=0) / np.where(spread > 0, spread, 1) ** 2).mean())

"""What short texts say of anything else: a linear model of their character runs, tried on other rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.text_vectors import weighted_runs

__all__ = ["MOST_ROWS", "told_by_texts"]

MOST_ROWS = 5_000
MOST_OUTPUTS = 20
MISSING = "∅"
"""What a missing text is written as, so that it tells what it does."""
STEPS = 15
"""Steps of conjugate gradients: enough for what the runs plainly say, and too few to fit noise."""

Values = NDArray[np.float64]


def told_by_texts(texts: pl.Series, wanted: Values, *, classes: bool) -> Values:
    """Return what texts alone say of each row's target, by a model fitted on the other half of the rows.

    Ridge regression on the weights of character runs (`goodfit.data.text_vectors.fit_text`, before its SVD).

    Parameters
    ----------
    texts
        At most some thousand rows: time and memory go with their length.
    wanted
        Numbers, or with ``classes`` codes from 0; then of the 20 most frequent classes and all others as one.

    Returns
    -------
    Values
        The predicted numbers, shape ``(rows,)``; of two classes how much it speaks for code 1, about 0 to 1;
        of more the predicted class's code.
    """
    runs = weighted_runs(texts.cast(pl.String).fill_null(MISSING))
    kept = None
    if classes:
        counts = np.bincount(wanted.astype(np.int64))
        kept = np.array([1]) if len(counts) <= 2 else np.argsort(-counts, kind="stable")[:MOST_OUTPUTS]
    outputs = wanted[:, None] if kept is None else (wanted[:, None] == kept).astype(np.float64)
    half = np.random.default_rng(0).random(len(wanted)) < 0.5
    said = np.empty(outputs.shape)
    for inside in (half, ~half):
        if not inside.any():
            continue
        middle = outputs[inside].mean(axis=0)
        weights = _ridge(runs[inside], outputs[inside] - middle)
        said[~inside] = runs[~inside] @ weights + middle
    if kept is None or len(kept) == 1:
        return said[:, 0]
    return np.asarray(kept[said.argmax(axis=1)].astype(np.float64))


def _ridge(matrix: Any, outputs: Values) -> Values:
    """Return weights of a ridge regression with penalty 1, by conjugate gradients on the normal equations."""
    weights = np.zeros((matrix.shape[1], outputs.shape[1]))
    residual = matrix.T @ outputs
    direction, square = residual.copy(), np.square(residual).sum(axis=0)
    for _ in range(STEPS):
        curved = matrix.T @ (matrix @ direction) + direction
        step = square / np.maximum((direction * curved).sum(axis=0), 1e-300)
        weights += step * direction
        residual -= step * curved
        before, square = square, np.square(residual).sum(axis=0)
        direction = residual + square / np.maximum(before, 1e-300) * direction
    return weights

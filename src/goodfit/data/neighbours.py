"""Whether labels go with those of the nearest rows: how labels that are wrong, or on wrong rows, show.

Where classes overlap, rows whose neighbours agree with each other are labelled like them. Labels that are
wrong at random contradict their neighbours there as often as anywhere else; that share is the noise floor.
Compare confident learning (Northcutt, Jiang and Chuang 2021) and edited nearest neighbours (Wilson 1972).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodfit.data.summarizing import Rows, r2
from goodfit.probes import LabelProbe

__all__ = ["NEIGHBOURS", "probe_labels"]

Array = NDArray[np.float64]

NEIGHBOURS = 10
SURE_SHARE = 0.25
"""Share of the rows, those whose neighbours agree best, on which the noise floor is measured."""
FEWEST_ROWS = 60


def probe_labels(
    train: Rows,
    valid: Rows | None,
    predicted: NDArray[np.int64] | None = None,
    judged: tuple[Array, NDArray[np.bool_]] | None = None,
) -> LabelProbe | None:
    """Return whether labels go with their neighbours', or None for too few rows.

    Parameters
    ----------
    train, valid
        Rows whose target is there; features of any scale.
    predicted
        The class that the network gives each training row, None for values.
    judged
        How sure the network is of each validation row, and whether it is right.
    """
    if train.target is None or len(train) < FEWEST_ROWS:
        return None
    deviation = train.features.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0) * np.sqrt(train.features.shape[1])
    centre = train.features.mean(axis=0)
    inside = (train.features - centre) / scale
    votes = _votes(inside, inside, train.target, same=True)
    chance = 0.0 if train.target.ndim == 2 else float(np.bincount(train.target).max() / len(train))
    valid_score = crossed = None
    if valid is not None and valid.target is not None and len(valid) >= FEWEST_ROWS:
        outside = (valid.features - centre) / scale
        valid_score = _score(_votes(outside, outside, valid.target, same=True), valid.target)
        crossed = _score(_votes(outside, inside, train.target, same=False), valid.target)
    probe = LabelProbe(len(train), _score(votes, train.target), valid_score, crossed, chance)
    if train.target.ndim == 2:
        return probe
    wrong = votes.argmax(axis=1) != train.target
    agreement = votes.max(axis=1)
    floor, sure_rows = _floor(agreement, wrong)
    network_error = network_floor = None
    if judged is not None and len(judged[0]) >= FEWEST_ROWS:
        network_error = float((~judged[1]).mean())
        network_floor, _ = _floor(judged[0], ~judged[1])
    unanimous = wrong & (agreement >= 0.9)
    doubted = unanimous if predicted is None else unanimous & (predicted != train.target)
    return LabelProbe(
        probe.rows,
        probe.train_score,
        probe.valid_score,
        probe.crossed_score,
        probe.chance_score,
        error=float(wrong.mean()),
        floor=floor,
        floor_low=_wilson_low(floor, sure_rows),
        network_error=network_error,
        network_floor=network_floor,
        doubted=int(doubted.sum()),
    )


def _floor(sureness: Array, wrong: NDArray[np.bool_]) -> tuple[float, int]:
    """Return the share of wrong ones among the surest, and how many these are."""
    surest = np.argsort(-sureness, kind="stable")[: max(30, int(SURE_SHARE * len(wrong)))]
    return float(wrong[surest].mean()), len(surest)


def _votes(rows: Array, known: Array, target: NDArray[np.int64] | Array, *, same: bool) -> Array:
    """Return for each row the shares of its neighbours' classes, or the mean of their values."""
    distance = (rows**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * rows @ known.T
    if same:
        np.fill_diagonal(distance, np.inf)
    count = min(NEIGHBOURS, len(known) - 1)
    nearest = np.argpartition(distance, count, axis=1)[:, :count]
    if target.ndim == 2:
        return np.asarray(target[nearest].mean(axis=1))
    return np.asarray(np.eye(int(target.max()) + 1)[target[nearest]].mean(axis=1))


def _score(votes: Array, target: NDArray[np.int64] | Array) -> float:
    if target.ndim == 2:
        return r2(np.asarray(target, dtype=np.float64), votes)
    return float((votes.argmax(axis=1) == target).mean())


def _wilson_low(share: float, count: int, z: float = 1.96) -> float:
    """Return the lower end of the Wilson interval (1927) of a share."""
    middle = share + z * z / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return float((middle - half) / (1 + z * z / count))

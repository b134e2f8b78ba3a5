"""Which of a few recipes is the best, and how sure that is: seeds and validation rows, compared in pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from goodfit.data.batches import TensorBatches
from goodfit.errors import InputError
from goodfit.evaluation.intervals import bootstrap, interval
from goodfit.evaluation.scores import Score
from goodfit.predicting import outputs_of
from goodfit.recipe import Recipe
from goodfit.training.losses import convert_target
from goodfit.training.predicted import predicted_and_actual
from goodfit.workflow.members import Member
from goodfit.workflow.weighted import losses_of_rows

__all__ = ["Finalist", "ranked"]

Array = NDArray[np.float64]
RESAMPLES = 1000
MOST_ROWS = 10_000
"""Validation rows that are resampled; of more, a random part, whose spread is scaled."""


@dataclass(frozen=True)
class Finalist:
    """A recipe that was trained with several seeds on the same rows.

    Parameters
    ----------
    recipe
        With the seed of the search.
    trial
        Number of the trial that it comes from; None for what is trained without a search.
    values
        The best monitored value of each seed.
    mean
        Of the values.
    behind
        By how much its mean is worse than the first one's, with the 95 % interval of the paired difference
        over seeds and validation rows; None for the first one.
    chance
        Share of the resamples in which it is the best of all.
    """

    recipe: Recipe
    trial: int | None
    values: tuple[float, ...]
    mean: float
    behind: Score | None = None
    chance: float = math.nan


def ranked(
    recipes: Sequence[tuple[int | None, Recipe]],
    members: Sequence[Sequence[Member]],
    *,
    higher: bool,
    seed: int = 0,
) -> list[Finalist]:
    """Return the recipes as finalists, the best first.

    Rows and seeds are resampled together, the same for all recipes (a bootstrap of two crossed factors: Owen,
    *The pigeonhole bootstrap*, 2007). The seeds' part is widened by the root of S / (S - 1), as few seeds
    stray from their own mean by too little.

    Parameters
    ----------
    recipes
        Number of the trial, and recipe.
    members
        For each recipe, its trained members: two seeds at least, the same ones in the same order.
    """
    values = np.array([[member.state.best.value for member in each] for each in members], dtype=np.float64)
    values = np.where(np.isfinite(values), values, -np.inf if higher else np.inf)
    sign = -1.0 if higher else 1.0
    losses = sign * values.mean(1)
    order = np.argsort(losses, kind="stable")
    found = [
        Finalist(
            recipes[place][1], recipes[place][0], tuple(values[place].tolist()), float(sign * losses[place])
        )
        for place in order
    ]
    if not np.isfinite(values).all():
        return found
    strayed = sign * _strayed(members, values, seed)[order]
    resampled = losses[order][:, None] + strayed
    chances = np.bincount(resampled.argmin(0), minlength=len(found)) / RESAMPLES
    behind = [
        interval(float(losses[place] - losses[order[0]]), each - strayed[0])
        for place, each in zip(order, strayed, strict=True)
    ]
    return [
        replace(finalist, chance=float(chance), behind=None if place == 0 else score)
        for place, (finalist, chance, score) in enumerate(zip(found, chances, behind, strict=True))
    ]


def _strayed(members: Sequence[Sequence[Member]], values: Array, seed: int) -> Array:
    """Return how far each recipe's mean strays in each resample of rows and seeds, (recipes, resamples)."""
    seeds = values.shape[1]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds  # (resamples, seeds)
    by_seed = (values - values.mean(1, keepdims=True)) @ drawn.T * math.sqrt(seeds / (seeds - 1))
    rows = _rows_strayed([member for each in members for member in each], seed)
    if rows is None:
        return np.asarray(by_seed)
    return np.asarray(by_seed + np.einsum("fsr,rs->fr", rows.reshape(*values.shape, RESAMPLES), drawn))


def _rows_strayed(members: Sequence[Member], seed: int) -> Array | None:
    """Return how far each member's value strays when rows are resampled, (members, resamples).

    None where the value is not one over rows that are at hand, such as ``train_loss`` or a loader's.
    """
    job = members[0].job
    if not isinstance(job.valid, TensorBatches) or job.valid.target is None:
        return None
    if job.recipe.monitor == "valid_loss":
        losses = _losses(members)
        return None if losses is None else _means_strayed(losses, seed)
    name = job.recipe.monitor.removeprefix("valid_")
    metric = next((metric for metric in job.metrics if metric.name == name), None)
    if metric is None or name == job.recipe.monitor:
        return None
    said = {str(place): _predictions(member) for place, member in enumerate(members)}
    strayed = bootstrap(
        said["0"][1],
        {key: predicted for key, (predicted, _) in said.items()},
        (metric,),
        resamples=RESAMPLES,
        seed=seed,
    )
    rows: Array = np.nan_to_num(np.stack([strayed[key][name] for key in said]))
    return rows


def _losses(members: Sequence[Member]) -> Array | None:
    """Return the loss of each validation row, scaled so that its mean is the loss, (members, rows)."""
    found = []
    for member in members:
        loss = member.job.loss
        outputs, target = _outputs(member)
        try:
            rows = losses_of_rows(loss, outputs, target).double()
        except InputError:  # a loss of one's own that needs many rows
            return None
        found.append((rows * (len(rows) / float(loss.weight(outputs, target)))).numpy())
    return np.stack(found)


def _means_strayed(losses: Array, seed: int) -> Array:
    """Return how far means over resampled rows stray from the mean over all, (members, resamples)."""
    rng = np.random.default_rng((seed, 1))
    rows, scale = losses.shape[1], 1.0
    if rows > MOST_ROWS:
        losses, scale = losses[:, rng.permutation(rows)[:MOST_ROWS]], math.sqrt(MOST_ROWS / rows)
        rows = MOST_ROWS
    centred = (losses - losses.mean(1, keepdims=True)) * scale
    found = np.empty((len(losses), RESAMPLES))
    for resample in range(RESAMPLES):
        found[:, resample] = centred @ np.bincount(rng.integers(0, rows, rows), minlength=rows) / rows
    return found


def _predictions(member: Member) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    decode = member.job.decode or (lambda values: values)
    predicted, actual = predicted_and_actual(member.job.loss, *_outputs(member))
    return decode(predicted.numpy()), decode(actual.numpy())


@torch.no_grad()
def _outputs(member: Member) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the outputs for the validation rows, and what was true, as the loss takes it."""
    valid = member.job.valid
    assert isinstance(valid, TensorBatches)
    assert valid.target is not None
    outputs = outputs_of(member.job.model, valid.inputs).float()
    return outputs, convert_target(member.job.loss, valid.target.cpu(), outputs)

"""Whether a linear model serves a small table as well as a network does, found out before the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.evaluation.baselines import fit_baselines
from goodfit.evaluation.classification import log_loss_rows
from goodfit.judging import arrays_of
from goodfit.messages import Message
from goodfit.predicting import of_each_class, predict_rows
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.loop import train
from goodfit.training.randomness import undisturbed
from goodfit.training.threads import threads_of, using_threads
from goodfit.training.weights import load_weights
from goodfit.workflow.choices import completed
from goodfit.workflow.fitted_linear import FITTED
from goodfit.workflow.job import make_job
from goodfit.workflow.parts import Part, Parts, pick
from goodfit.workflow.table_defaults import is_open

__all__ = ["Comparison", "compare_with_linear", "decided_recipe", "simplest_that_serves"]

SERVING: Mapping[str, Any] = {"initialization": FITTED, "learning_rate": 1e-4, "patience": 10}
"""How the linear model is trained that serves: from the fitted one, a little further if that helps."""
MOST_ROWS = 1000
FEWEST_ROWS = 30
FOLDS = 3
INNER_VALID = 0.2
CLEAR = 3.0
"""Standard errors of the mean difference that settle it before all folds are done."""
SHARE_OF_BUDGET = 0.08
"""Share of a time budget that the comparison may take."""


@dataclass(frozen=True)
class Comparison:
    """The losses of both models on rows that neither was fitted on.

    Parameters
    ----------
    network, linear
        Mean over the rows: log loss, or squared error in variances of the target.
    rows
        Rows compared on.
    """

    network: float
    linear: float
    rows: int

    @property
    def linear_serves(self) -> bool:
        """Whether the linear model's loss is no greater than the network's."""
        return not self.linear > self.network

    def message(self, *, classes: bool) -> Message:
        """Return what is said where the linear model serves."""
        values = {
            "rows": self.rows,
            "linear": f"{self.linear:.4g}",
            "network": f"{self.network:.4g}",
        }
        if classes:
            return Message("training.note.linear-serves-classes", values)
        return Message("training.note.linear-serves-numbers", values)


def decided_recipe(
    asked: Recipe, parts: Parts, functions: Mapping[str, Any], model: Any
) -> tuple[Recipe, tuple[Message, ...]]:
    """Return the recipe with everything decided for these data, and what is to be said of that."""
    whole = completed(asked, parts, functions, model)
    if functions:
        return whole, ()
    recipe, simplest = simplest_that_serves(asked, whole, parts, model)
    return recipe, () if simplest is None else (simplest,)


def simplest_that_serves(
    asked: Recipe, recipe: Recipe, parts: Parts, model: Any
) -> tuple[Recipe, Message | None]:
    """Return the recipe; on a small table whose network nobody described the linear one, if it does as well.

    Parameters
    ----------
    asked
        As the user gave it.
    recipe
        With every ``"auto"`` decided.

    Returns
    -------
    Recipe, Message or None
        What is trained, and what is said of it where it is the linear model.
    """
    if model is not None or not is_open(asked) or not _is_small(parts):
        return recipe, None
    with undisturbed():
        comparison = compare_with_linear(parts, recipe, {})
    if comparison is None or not comparison.linear_serves:
        return recipe, None
    return completed(asked.replace(model="linear", **SERVING), parts, {}, None), comparison.message(
        classes=bool(parts.classes)
    )


def _is_small(parts: Parts) -> bool:
    """Say whether the table is one of at most 1,000 rows whose models can be compared."""
    if parts.table is None or parts.valid is None or parts.task is None or parts.train.kind != "tensors":
        return False
    rows = len(parts.train.content[1]) + len(parts.valid.content[1])
    return rows >= FEWEST_ROWS and parts.table.profile.rows <= MOST_ROWS


def compare_with_linear(parts: Parts, recipe: Recipe, functions: Mapping[str, Any]) -> Comparison | None:
    """Compare the recipe's network with the linear baseline by cross-validation, without the test rows.

    Folds that a clear difference makes needless are left out.

    Parameters
    ----------
    parts
        A small table's (`is_small`).
    recipe
        With every ``"auto"`` decided.

    Returns
    -------
    Comparison or None
        None where no linear model can be fitted.
    """
    assert parts.valid is not None
    content = _joined(parts.train.content, parts.valid.content)
    target: NDArray[Any] = content[1].numpy()
    order = np.random.default_rng([recipe.seed, 7]).permutation(len(target))
    if parts.classes:  # each fold its share of every class
        order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), dtype=np.int64)
    fold[order] = np.arange(len(target)) % FOLDS
    budget = None if recipe.time_budget is None else recipe.time_budget * SHARE_OF_BUDGET / FOLDS
    recipe = recipe.replace(time_budget=budget)
    network, linear = np.zeros(len(target)), np.zeros(len(target))
    for number in range(FOLDS):
        held, rest = np.flatnonzero(fold == number), order[fold[order] != number]
        inner = np.arange(len(rest)) % round(1 / INNER_VALID) == 0
        some = {"train": rest[~inner], "valid": rest[inner], "held": held}
        train_rows, valid_rows, held_rows = (pick(content, torch.from_numpy(rows)) for rows in some.values())
        found = _losses(parts, recipe, functions, train_rows, valid_rows, held_rows)
        if found is None:
            return None
        network[held], linear[held] = found
        seen = fold <= number
        if _is_clear(network[seen] - linear[seen]):
            break
    return Comparison(float(network[seen].mean()), float(linear[seen].mean()), int(seen.sum()))


def _is_clear(differences: NDArray[np.float64]) -> bool:
    """Say whether a mean is so many standard errors from zero that more rows would not change its sign."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(abs(differences.mean()) > CLEAR * error)


def _losses(
    parts: Parts, recipe: Recipe, functions: Mapping[str, Any], train_rows: Any, valid_rows: Any, held: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the loss of each held-out row: the network's, the linear model's."""
    assert parts.table is not None
    assert parts.task is not None
    baselines = fit_baselines(
        arrays_of(train_rows[0]),
        train_rows[1].numpy(),
        arrays_of(valid_rows[0]),
        valid_rows[1].numpy(),
        task=parts.task,
        levels=parts.table.preparation.levels,
        n_classes=len(parts.classes) or None,
        seed=recipe.seed,
    )
    if "linear" not in baselines:
        return None
    divided = replace(parts, train=Part("tensors", train_rows), valid=Part("tensors", valid_rows), test=None)
    job, state = make_job(divided, recipe, None, functions, tried=True)
    with using_threads(threads_of(job)):
        ended = train(replace(job, vitals=False, sample=None), state, Attention(), lambda row: None)
    if ended == "interrupted":
        raise KeyboardInterrupt
    if state.best_weights is not None:
        load_weights(job.model, state.best_weights)
    inputs, target = held
    actual: NDArray[Any] = target.numpy()
    by_network = predict_rows(job.model, job.loss, inputs).astype(np.float64)
    by_linear = np.asarray(baselines["linear"](arrays_of(inputs)), dtype=np.float64)
    if parts.classes:
        return log_loss_rows(actual, of_each_class(by_network)), log_loss_rows(actual, by_linear)
    spread = np.where(actual.std(axis=0) > 0, actual.std(axis=0), 1.0)
    return (
        np.square((by_network - actual) / spread).reshape(len(actual), -1).mean(axis=1),
        np.square((by_linear - actual) / spread).reshape(len(actual), -1).mean(axis=1),
    )


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    return tuple(_joined(one, other) for one, other in zip(first, second, strict=True))

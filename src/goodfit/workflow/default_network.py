"""What is trained where nothing is said: a bag of networks on a small table, or the linear model it needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation.classification import log_loss_rows
from goodfit.judging import arrays_of
from goodfit.messages import Message
from goodfit.predicting import of_each_class, predict_rows
from goodfit.recipe import Recipe
from goodfit.workflow.bag_training import train_beforehand, train_others
from goodfit.workflow.bagging import Bag, Division, check_bag
from goodfit.workflow.choices import completed
from goodfit.workflow.finishing import baselines_of
from goodfit.workflow.fitted_linear import FITTED
from goodfit.workflow.parts import Parts, rows_of
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.stacked import as_one, weights_by_network
from goodfit.workflow.table_defaults import bagged, leaves_all_open

__all__ = ["Comparison", "Decided", "compare_with_linear", "decided"]

SERVING: Mapping[str, Any] = {"initialization": FITTED, "learning_rate": 1e-4, "patience": 10}
"""How the linear model is trained that serves: from the fitted one, a little further if that helps."""


SMALL = 1000
"""Rows of a table, all together, up to which a network that is no better than a linear model is not taken."""


class Decided(NamedTuple):
    """The recipe with everything decided for the data, what is said of that, and what is trained already.

    Parameters
    ----------
    bag
        The networks of the recipe's bag but the ordinary one.
    """

    recipe: Recipe
    notes: tuple[Message, ...] = ()
    bag: Bag = Bag()


@dataclass(frozen=True)
class Comparison:
    """The losses of networks and linear models on rows that neither was fitted on.

    Parameters
    ----------
    network, linear
        Mean over the rows: log loss, or squared error in variances of the target.
    error
        Standard error of the mean difference.
    rows
        Rows compared on.
    """

    network: float
    linear: float
    error: float
    rows: int

    @property
    def linear_serves(self) -> bool:
        """Whether the networks are not better by more than a standard error: the simpler model serves then.

        Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984, section 3.4.3.
        """
        return not self.network < self.linear - self.error

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


def decided(
    asked: Recipe,
    parts: Parts,
    functions: Mapping[str, Any],
    model: Any,
    shown: PopulationProgress | None = None,
    ends_at: float = math.inf,
) -> Decided:
    """Decide everything for the data, and train all networks of a bag but the ordinary one.

    A small table of whose network nothing is said gets a bag. Each of its networks is compared with a linear
    model fitted to the same rows on the rows that both left out, and where the linear models do as well, as
    many linear models are what is trained. The test rows have no part in it. A small table whose rows cannot
    be dealt out for a bag, as groups or time divide them, has its ordinary network trained for that
    comparison.

    Parameters
    ----------
    asked
        As the user gave it.
    shown
        Shows how far the networks are.
    ends_at
        When all of them must be trained, by ``time.perf_counter``.
    """
    recipe = completed(asked, parts, functions, model)
    plain = leaves_all_open(asked, functions, model)
    if plain:
        recipe = bagged(recipe, parts)
    check_bag(recipe, parts)
    bag = train_others(parts, recipe, functions, model, shown, ends_at)
    compared = bag.others
    if plain and recipe.bag == 1 and _is_small(parts):
        compared = (train_beforehand(parts, recipe, shown, ends_at),)
    comparison = compare_with_linear(compared, recipe.seed) if plain and compared else None
    if comparison is None or not comparison.linear_serves:
        return Decided(recipe.replace(stack=bag.stack), (), bag)
    linear = completed(asked.replace(model="linear", bag=recipe.bag, **SERVING), parts, {}, None)
    said = comparison.message(classes=bool(parts.classes))
    return Decided(linear, (said,), train_others(parts, linear, {}, None, shown, ends_at))


def _is_small(parts: Parts) -> bool:
    rows = (rows_of(parts.train) or 0) + (rows_of(parts.valid) or 0) + (rows_of(parts.test) or 0)
    return parts.table is not None and parts.valid is not None and rows <= SMALL


def compare_with_linear(divisions: Sequence[Division], seed: int) -> Comparison | None:
    """Compare networks with linear models fitted to the same rows, each on the rows that it left out.

    Returns
    -------
    Comparison or None
        None where no linear model can be fitted.
    """
    weights = weights_by_network(divisions)
    found = [_losses(one, weights, seed) for one in divisions]
    known = [losses for losses in found if losses is not None]
    if len(known) < len(divisions):
        return None
    network, linear = (np.concatenate(losses) for losses in zip(*known, strict=True))
    error = float((network - linear).std(ddof=1) / math.sqrt(len(network)))
    return Comparison(float(network.mean()), float(linear.mean()), error, len(network))


def _losses(
    one: Division, weights: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the loss of each row left out: the networks', the linear model's."""
    parts, whole = one.parts, as_one([one], weights)
    assert parts.valid is not None
    target, (held_inputs, held_target) = parts.train.content[1], parts.valid.content
    baselines = baselines_of(parts, seed)
    if "linear" not in baselines:
        return None
    actual: NDArray[Any] = held_target.numpy()
    by_network = predict_rows(whole.model, whole.loss, held_inputs).astype(np.float64)
    by_linear = np.asarray(baselines["linear"](arrays_of(held_inputs)), dtype=np.float64)
    if parts.classes:
        return log_loss_rows(actual, of_each_class(by_network)), log_loss_rows(actual, by_linear)
    spread = np.where(target.numpy().std(axis=0) > 0, target.numpy().std(axis=0), 1.0)
    return (
        np.square((by_network - actual) / spread).reshape(len(actual), -1).mean(axis=1),
        np.square((by_linear - actual) / spread).reshape(len(actual), -1).mean(axis=1),
    )

"""What is trained where nothing is said: a network or several, or the linear models that do as well."""

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
from goodfit.workflow.bagging import Division
from goodfit.workflow.choices import completed
from goodfit.workflow.finishing import baselines_of
from goodfit.workflow.fitted_linear import FITTED
from goodfit.workflow.parts import Parts, rows_of
from goodfit.workflow.stacked import as_one, weights_by_network
from goodfit.workflow.table_defaults import LEAVES_OPEN, bagged, leaves_all_open

__all__ = ["Comparison", "Plan", "compare_with_linear", "linear_plan", "planned"]

SERVING: Mapping[str, Any] = {"initialization": FITTED, "learning_rate": 1e-4, "patience": 10}
"""How the linear model is trained that serves: from the fitted one, a little further if that helps."""


SMALL = 1000
"""Rows of a table, all together, up to which a linear model is compared whatever the network is."""


class Plan(NamedTuple):
    """What is to be trained.

    Parameters
    ----------
    recipe
        With everything decided for the data.
    compared
        Whether a linear model is trained after all, if the networks are no better than one.
    notes
        What is to be said of how it was decided.
    """

    recipe: Recipe
    compared: bool = False
    notes: tuple[Message, ...] = ()


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


def planned(asked: Recipe, parts: Parts, functions: Mapping[str, Any], model: Any) -> Plan:
    """Decide what is trained on the data.

    A table of whose network nothing is said gets tabm where there is time for it, and a bag of it where there
    is more. It will be compared with linear models that are fitted to the same rows, on the rows that both
    left out, and where these do as well, as many of them are what is trained. The test rows have no part in
    it. So is the multilayer perceptron of a table that is small, but too wide for tabm.

    Parameters
    ----------
    asked
        As the user gave it.
    """
    recipe = completed(asked, parts, functions, model)
    if not leaves_all_open(asked, functions, model):
        return Plan(recipe)
    if parts.table is None or parts.valid is None:
        return Plan(recipe)
    recipe = bagged(recipe, parts)
    rows = (rows_of(parts.train) or 0) + (rows_of(parts.valid) or 0) + (rows_of(parts.test) or 0)
    return Plan(recipe, recipe.model == "tabm" or rows <= SMALL)


def linear_plan(networks: Recipe, parts: Parts, comparison: Comparison) -> Plan:
    """Return what is trained where linear models do as well as the ``networks``: as many of them."""
    said = {name: getattr(networks, name) for name in LEAVES_OPEN - {"model", "stack"}}
    recipe = completed(Recipe(model="linear", **said, **SERVING), parts, {}, None)
    return Plan(recipe, notes=(comparison.message(classes=bool(parts.classes)),))


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

"""A bag: networks of a table that each leave out other rows for their validation, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goodfit.choice import unknown_name
from goodfit.errors import InputError
from goodfit.models.build import MODELS
from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.repeats import Repeat, Repeats
from goodfit.training.job import Job
from goodfit.workflow.parts import Part, Parts, pick

__all__ = ["Bag", "Division", "can_bag", "check_bag", "other_parts", "repeats_of"]


@dataclass(frozen=True)
class Division:
    """The trained networks of a bag that share rows to learn from and rows to validate on.

    Parameters
    ----------
    jobs
        That of the recipe's ``model``, and those that are stacked with it in the order of ``stack``.
    history
        The curves of the first.
    """

    parts: Parts
    jobs: tuple[Job, ...]
    history: History


@dataclass(frozen=True)
class Bag:
    """What a bag has besides its ordinary network; of a single network nothing.

    Parameters
    ----------
    others
        The divisions of the rows but the ordinary one.
    beside
        What is stacked with the ordinary network, trained on its rows.
    """

    others: tuple[Division, ...] = ()
    beside: tuple[Job, ...] = ()

    @property
    def stack(self) -> tuple[str, ...]:
        """The networks that are stacked: those of the recipe that could be trained."""
        return tuple(job.recipe.model for job in self.beside)

    def divisions(self, parts: Parts, job: Job, history: History) -> tuple[Division, ...]:
        """Return all divisions, the ordinary one first, once its network is trained."""
        return (Division(parts, (job, *self.beside), history), *self.others)


def can_bag(parts: Parts) -> bool:
    """Say whether the rows of a table that learn and validate can be dealt out anew, row by row."""
    table = parts.table
    if table is None or parts.valid is None or not len(table.split.valid):
        return False
    return table.profile.group_column is None and table.profile.time_column is None


def check_bag(recipe: Recipe, parts: Parts) -> None:
    """Refuse a bag where the rows that validate cannot be dealt out anew.

    Raises
    ------
    InputError
    """
    if recipe.bag == 2:  # one of the two would learn from the validation rows alone
        raise InputError("training.bag-two")
    if recipe.bag > 1 and not can_bag(parts):
        raise InputError("training.bag", bag=recipe.bag)
    if recipe.bag > 1 and len(parts.train.content[1]) < 2 * recipe.bag:
        raise InputError("training.bag-too-few-rows", bag=recipe.bag, rows=len(parts.train.content[1]))
    if recipe.stack and recipe.bag == 1:
        raise InputError("training.stack-without-bag", stack=list(recipe.stack))
    wrong = [name for name in recipe.stack if name not in MODELS]
    if wrong:
        raise unknown_name(wrong[0], MODELS, "model")
    if recipe.stack and recipe.model not in MODELS:
        raise InputError("training.stack-own-network", stack=list(recipe.stack))
    networks = [recipe.model, *recipe.stack]
    if len(set(networks)) < len(networks):
        raise InputError("training.stack-twice", networks=networks)


def other_parts(parts: Parts, bag: int, seed: int) -> list[Parts]:
    """Return the divisions of all networks of a bag but the ordinary one.

    The ordinary training rows are dealt into ``bag - 1`` folds, each class in proportion. Each network
    validates on one of them and learns from the others and the ordinary validation rows. So each row is left
    out by exactly one network of the bag. Columns are prepared as for the ordinary one.
    """
    assert parts.valid is not None
    rows, target = parts.train.content, np.asarray(parts.train.content[1].numpy())
    order = np.random.default_rng([seed % 2**63, bag]).permutation(len(target))
    if parts.classes:
        order = order[np.argsort(target[order].reshape(-1), kind="stable")]
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.arange(len(order)) % (bag - 1)
    found = []
    for number in range(bag - 1):
        left_out = torch.from_numpy(np.flatnonzero(fold == number))
        learned = torch.from_numpy(np.flatnonzero(fold != number))
        train = _joined(pick(rows, learned), parts.valid.content)
        valid = pick(rows, left_out)
        found.append(
            replace(
                parts,
                train=Part("tensors", train),
                valid=Part("tensors", valid),
                test=None,
                held_out=None,
                shaping=parts.train,
            )
        )
    return found


def repeats_of(divisions: Sequence[Division]) -> Repeats:
    """Return the trainings of a bag's first network, the ordinary one first."""
    histories = [one.history for one in divisions]
    return Repeats("bag", tuple(Repeat(place, one) for place, one in enumerate(histories, 1)), True)


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    return tuple(_joined(one, other) for one, other in zip(first, second, strict=True))

"""A bag: networks of a small table that each leave out other rows for their validation, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from goodfit.errors import InputError
from goodfit.models.ensemble import Ensemble
from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.repeats import Repeat, Repeats
from goodfit.training.job import Job
from goodfit.workflow.deciding import HeldOut, held_out
from goodfit.workflow.parts import Part, Parts, pick

__all__ = ["Bagged", "as_one", "can_bag", "check_bag", "other_parts", "repeats_of", "said_of_held_out"]


class Bagged(NamedTuple):
    """A network of a bag that has been trained, the rows it was trained on, and its curves."""

    job: Job
    parts: Parts
    history: History


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


def as_one(job: Job, others: Sequence[Bagged]) -> Job:
    """Return the job with the average of all networks as its network; without others as it is."""
    if not others:
        return job
    networks = [job.model, *(one.job.model for one in others)]
    return replace(job, model=Ensemble(networks, job.loss.facts.predictions).eval())


def said_of_held_out(job: Job, parts: Parts, others: Sequence[Bagged]) -> HeldOut | None:
    """Return what is said of each row that validates by the network that did not learn from it."""
    own = held_out(job, parts)
    each = [held_out(one.job, one.parts) for one in others]
    known = [one for one in (own, *each) if one is not None]
    if len(known) < 1 + len(others):
        return None
    return HeldOut(*(np.concatenate(values) for values in zip(*known, strict=True)))


def repeats_of(own: History, others: Sequence[Bagged]) -> Repeats:
    """Return the trainings of a bag, the ordinary one first."""
    histories = [own, *(one.history for one in others)]
    return Repeats("bag", tuple(Repeat(place, one) for place, one in enumerate(histories, 1)), True)


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    return tuple(_joined(one, other) for one, other in zip(first, second, strict=True))

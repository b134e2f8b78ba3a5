"""The networks of a bag as one model: what each counts, and what is said of the rows each left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.evaluation.stacking import stacking_weights
from goodfit.messages import Message
from goodfit.models.ensemble import Ensemble, averaged
from goodfit.predicting import of_each_class, outputs_of
from goodfit.training.job import Job
from goodfit.training.losses import to_predictions
from goodfit.workflow.bagging import Division
from goodfit.workflow.deciding import HeldOut, held_out

__all__ = ["as_one", "together", "weights_by_network"]


def weights_by_network(divisions: Sequence[Division]) -> NDArray[np.float64]:
    """Return what each kind of network counts, shape (kinds,), by the rows that each left out."""
    if len(divisions[0].jobs) == 1:
        return np.ones(1)
    said = np.stack([outputs.numpy() for outputs in _said(divisions, predicted=True)])
    classes = bool(divisions[0].parts.classes)
    if classes:
        said = np.stack([of_each_class(one) for one in said])
    return stacking_weights(said, _target(divisions), classes=classes)


def as_one(divisions: Sequence[Division], weights: NDArray[np.float64]) -> Job:
    """Return the ordinary network's job with the weighted average of all as its network."""
    job = divisions[0].jobs[0]
    networks = [one.jobs[kind].model for kind in range(len(weights)) for one in divisions]
    if len(networks) == 1:
        return job
    each = None if len(weights) == 1 else (weights / len(divisions)).repeat(len(divisions)).tolist()
    return replace(job, model=Ensemble(networks, job.loss.facts.predictions, each).eval())


def together(divisions: Sequence[Division]) -> tuple[Job, HeldOut | None, tuple[Message, ...]]:
    """Return all networks as one, what is said of the rows that each left out, and what each kind counts."""
    first = divisions[0]
    held = held_out(first.jobs[0], first.parts)
    if len(divisions) == 1:
        return first.jobs[0], held, ()
    weights = weights_by_network(divisions)
    held = None if held is None else _left_out(divisions, weights)
    names = [job.recipe.model for job in first.jobs]
    shares = [f"{name} {weight:.1%}" for name, weight in zip(names, weights, strict=True)]
    told = (Message("training.note.stacked", {"shares": shares}),) if len(names) > 1 else ()
    return as_one(divisions, weights), held, told


def _left_out(divisions: Sequence[Division], weights: NDArray[np.float64]) -> HeldOut:
    """Return the outputs for each row that validates, by the networks that did not learn from it."""
    predictions = divisions[0].jobs[0].loss.facts.predictions
    outputs = averaged(torch.stack(_said(divisions)), predictions, torch.from_numpy(weights))
    return HeldOut(outputs.numpy(), _target(divisions))


def _said(divisions: Sequence[Division], *, predicted: bool = False) -> list[Tensor]:
    """Return by kind what its networks say of the rows they left out: outputs, or predictions."""
    found = []
    for kind in range(len(divisions[0].jobs)):
        outputs = []
        for one in divisions:
            assert one.parts.valid is not None
            said = outputs_of(one.jobs[kind].model, one.parts.valid.content[0]).float()
            outputs.append(to_predictions(one.jobs[kind].loss, said) if predicted else said)
        found.append(torch.cat(outputs))
    return found


def _target(divisions: Sequence[Division]) -> NDArray[np.generic]:
    targets = [one.parts.valid.content[1] for one in divisions if one.parts.valid is not None]
    return torch.cat(targets).numpy()

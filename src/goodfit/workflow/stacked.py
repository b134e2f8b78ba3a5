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
from goodfit.workflow.deciding import HeldOut, has_held_out, held_out

__all__ = ["as_one", "together", "weights_by_network"]


def weights_by_network(divisions: Sequence[Division]) -> NDArray[np.float64]:
    """Return what each kind of network counts, shape (kinds,), by the rows that each left out."""
    if len(divisions[0].jobs) == 1:
        return np.ones(1)
    return _weights(divisions, _outputs(divisions))


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
    job, parts = divisions[0].jobs[0], divisions[0].parts
    if len(divisions) == 1:
        return job, held_out(job, parts), ()
    kinds = [one.recipe.model for one in divisions[0].jobs]
    if len(kinds) == 1 and not has_held_out(job, parts):
        return as_one(divisions, np.ones(1)), None, ()
    outputs = _outputs(divisions)
    weights = _weights(divisions, outputs)
    held = None
    if has_held_out(job, parts):
        mean = averaged(outputs, job.loss.facts.predictions, torch.from_numpy(weights))
        held = HeldOut(mean.numpy(), _target(divisions))
    shares = [f"{name} {weight:.1%}" for name, weight in zip(kinds, weights, strict=True)]
    told = (Message("training.note.stacked", {"shares": shares}),) if len(kinds) > 1 else ()
    return as_one(divisions, weights), held, told


def _weights(divisions: Sequence[Division], outputs: Tensor) -> NDArray[np.float64]:
    jobs, classes = divisions[0].jobs, bool(divisions[0].parts.classes)
    said = [to_predictions(job.loss, one).numpy() for job, one in zip(jobs, outputs, strict=True)]
    if classes:
        said = [of_each_class(one) for one in said]
    return stacking_weights(np.stack(said), _target(divisions), classes=classes)


def _outputs(divisions: Sequence[Division]) -> Tensor:
    """Return what each kind of network says of the rows it left out, shape (kinds, rows, outputs)."""
    kinds = range(len(divisions[0].jobs))
    return torch.stack([torch.cat([_of_left_out(one, kind) for one in divisions]) for kind in kinds])


def _of_left_out(division: Division, kind: int) -> Tensor:
    assert division.parts.valid is not None
    return outputs_of(division.jobs[kind].model, division.parts.valid.content[0]).float()


def _target(divisions: Sequence[Division]) -> NDArray[np.generic]:
    targets = [one.parts.valid.content[1] for one in divisions if one.parts.valid is not None]
    return torch.cat(targets).numpy()

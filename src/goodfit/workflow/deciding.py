"""What is decided on rows held out once the network is trained: temperature and threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from goodfit.evaluation.calibration import Calibration, fit_temperature
from goodfit.evaluation.metrics import measure, metric
from goodfit.evaluation.threshold import Threshold, fit_threshold
from goodfit.messages import Message
from goodfit.predicting import of_each_class, outputs_of
from goodfit.training.class_weights import class_weights
from goodfit.training.job import Job
from goodfit.training.losses import Loss, to_predictions
from goodfit.workflow.parts import Parts

__all__ = ["HeldOut", "calibrated", "decided_notes", "has_held_out", "held_out", "moved_threshold"]

TELLING = 0.001
"""Change of the log loss, as a share, from which on it is told."""


class HeldOut(NamedTuple):
    """A network's outputs for rows of a table that it did not learn from, and their targets."""

    outputs: NDArray[Any]
    target: NDArray[Any]


def has_held_out(job: Job, parts: Parts) -> bool:
    """Say whether there are validation rows of a table's classes."""
    return parts.table is not None and parts.valid is not None and bool(parts.classes) and not job.step


def held_out(job: Job, parts: Parts) -> HeldOut | None:
    """Return what the network says of the validation rows; None where they are not of a table's classes."""
    if not has_held_out(job, parts):
        return None
    assert parts.valid is not None
    inputs, target = parts.valid.content
    return HeldOut(outputs_of(job.model, inputs).float().numpy(), target.numpy())


def calibrated(job: Job, held: HeldOut | None) -> tuple[Loss, Calibration | None]:
    """Return the loss with the temperature that rows held out ask for, and how it was found.

    For classes of a table, where the loss's outputs are logits and each class counts as often as it is there:
    weights and balanced sampling move the probabilities on purpose.
    """
    kind = job.loss.facts.predictions
    plain = kind in ("softmax", "sigmoid") and job.loss.facts.target in ("labels", "binary")
    if held is None or not plain:
        return job.loss, None
    recipe = job.recipe
    if not recipe.calibrate or recipe.class_weight is not None or recipe.sampling is not None:
        return job.loss, None
    found = fit_temperature(*held)
    return (job.loss, None) if found is None else (replace(job.loss, temperature=found.temperature), found)


def moved_threshold(job: Job, held: HeldOut | None, loss: Loss) -> Threshold | None:
    """Return the threshold that the recipe asks for; None for one half."""
    wanted = job.recipe.threshold
    if wanted is None or (held is None and isinstance(wanted, str)):
        return None
    if held is None or not isinstance(wanted, str):
        return Threshold(float(wanted))
    probabilities, target = _of_classes(held, loss)
    return fit_threshold(probabilities[:, 1], target, wanted)


def decided_notes(
    job: Job,
    parts: Parts,
    held: HeldOut | None,
    loss: Loss,
    calibration: Calibration | None,
    threshold: Threshold | None,
) -> tuple[Message, ...]:
    """Return what temperature, threshold, class weights and sampling do to the rows held out, in words."""
    notes = []
    if calibration is not None and calibration.after < calibration.before * (1 - TELLING):
        values = {
            "temperature": f"{calibration.temperature:.2f}",
            "before": f"{calibration.before:.4g}",
            "after": f"{calibration.after:.4g}",
            "rows": calibration.rows,
        }
        sure = calibration.temperature > 1
        notes.append(
            Message("training.note.too-sure", values) if sure else Message("training.note.too-unsure", values)
        )
    if threshold is not None and threshold.before is not None and threshold.after is not None:
        values = {
            "threshold": f"{threshold.value:.3g}",
            "second": str(parts.classes[1]),
            "metric": threshold.metric,
            "before": f"{threshold.before:.4g}",
            "after": f"{threshold.after:.4g}",
            "rows": threshold.rows,
        }
        notes.append(Message("training.note.threshold", values))
    effect = _effect_of_weights(job, parts, held, loss)
    if effect is not None:
        weighted = job.recipe.class_weight is not None
        notes.append(
            Message("training.note.class-weight", effect)
            if weighted
            else Message("training.note.sampling", effect)
        )
    if notes and job.recipe.bag > 1:
        notes.append(Message("training.note.held-out-in-turn", {}))
    return tuple(notes)


def _effect_of_weights(job: Job, parts: Parts, held: HeldOut | None, loss: Loss) -> dict[str, Any] | None:
    """Return scores of the validation rows with class weights or sampling, and with them taken back.

    Weights w multiply the odds of the classes that a network learns, as another share of the classes would;
    so probabilities divided by w are those of the data's own shares (Saerens, Latinne and Decaestecker,
    *Adjusting the outputs of a classifier to new a priori probabilities*, 2002). No second training.
    """
    recipe = job.recipe
    if held is None or len(parts.classes) < 2 or loss.facts.predictions not in ("softmax", "sigmoid"):
        return None
    codes = parts.train.content[1].numpy().reshape(-1).astype(np.int64)
    counts = np.bincount(codes, minlength=len(parts.classes)).tolist()
    weights = np.ones(len(parts.classes))
    for spec in (recipe.class_weight, recipe.sampling):
        weights = weights * (class_weights(spec, parts.classes, counts) or 1.0)
    if np.ptp(weights) == 0:
        return None
    probabilities, target = _of_classes(held, loss)
    back = probabilities / weights
    scores: dict[str, str] = {}
    for name, said in (("with", probabilities), ("without", back / back.sum(axis=1, keepdims=True))):
        found = measure([metric("balanced_accuracy"), metric("accuracy")], target, said)
        scores |= {f"{name}_{which}": f"{value:.3f}" for which, value in found.items()}
    return {"rows": len(target), **scores}


def _of_classes(held: HeldOut, loss: Loss) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the probability of each class, and the codes of the true ones."""
    said = to_predictions(loss, torch.from_numpy(held.outputs)).float().numpy()
    return of_each_class(said), np.asarray(held.target, dtype=np.int64).reshape(-1)

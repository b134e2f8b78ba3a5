"""A training that has ended to a Run: baselines, evaluation, observations, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from goodfit.data.table import Task
from goodfit.diagnosis.diagnose import diagnose
from goodfit.environment import describe_environment
from goodfit.evaluation.baselines import Predictor, fit_baselines, prior_loss
from goodfit.evaluation.scores import Evaluation
from goodfit.evaluation.threshold import Threshold
from goodfit.files import data_name
from goodfit.judging import arrays_of, evaluate_rows
from goodfit.messages import Message
from goodfit.models.build import MODELS
from goodfit.observations import EndedBy, Observations
from goodfit.run import Run
from goodfit.training.job import Job
from goodfit.training.losses import LOSSES, Loss
from goodfit.training.state import TrainingState, to_history
from goodfit.training.threads import threads_of
from goodfit.vitals import to_vitals
from goodfit.workflow.bagging import Bag, repeats_of
from goodfit.workflow.deciding import HeldOut, calibrated, decided_notes, held_out, moved_threshold
from goodfit.workflow.job import network_shape, task_of
from goodfit.workflow.observing import observe
from goodfit.workflow.own_evaluation import evaluate_own
from goodfit.workflow.parts import Parts, evaluation_size, example_target, make_batches, rows_of, target_of
from goodfit.workflow.row_predictions import row_predictions
from goodfit.workflow.stacked import together

__all__ = ["baselines_of", "finish", "judged"]


def finish(
    job: Job,
    parts: Parts,
    state: TrainingState,
    ended: EndedBy,
    *,
    diagnosed: bool = True,
    name: str | None = None,
    notes: tuple[Message, ...] = (),
    baselines: Mapping[str, Predictor] | None = None,
    resamples: int = 1000,
    bag: Bag = Bag(),  # noqa: B008
    interrupted: bool = False,
) -> Run:
    """Judge a training that has ended and return its Run; the model carries the best weights.

    Parameters
    ----------
    baselines
        Those of another training on the same rows, which are fitted only once so; None: to be fitted.
    resamples
        Of the bootstrap that gives the scores of a table their intervals; 0 for none.
    bag
        The other networks of a bag: the Run's model is the average of all, its curves and findings are those
        of this training.
    interrupted
        Whether Ctrl-C ended what was to be trained beside this training, if not itself.
    """
    recipe = job.recipe
    history = to_history(state.rows, monitor=recipe.monitor, best_epoch=state.best.epoch, ended_by=ended)
    baselines = baselines_of(parts, recipe.seed) if baselines is None else baselines
    observations = Observations(
        history=history,
        task=parts.task or _plain_task(job, parts),
        classes=len(parts.classes) or None,
        train_rows=rows_of(parts.train),
        valid_rows=rows_of(parts.valid) or None,
        train_loss_is="at-epoch-end" if job.sample is not None else "running-mean",
        recipe=recipe,
        vitals=to_vitals(state.vitals) if state.vitals else None,
        **_reference_losses(job, parts, baselines),
        **(observe(job, parts, state, ended) if diagnosed else {}),
    )
    network = network_shape(parts, job.loss, recipe) if recipe.model in MODELS else None
    divisions = bag.divisions(parts, job, history)
    whole, held, stacked = together(divisions)
    decided = judged(whole, parts, baselines, resamples, held)
    repeats = repeats_of(divisions) if len(divisions) > 1 else None
    return Run(
        name=name or (data_name(parts.source.name) if parts.source.path else parts.source.name),
        recipe=recipe,
        history=replace(history, ended_by="interrupted") if interrupted else history,
        findings=tuple(diagnose(observations)) if diagnosed else (),
        model=whole.model,
        observations=observations,
        network=network,
        table=parts.table,
        baselines=baselines,
        environment=describe_environment(recipe.device, threads_of(job)),
        held_out=parts.held_out,
        repeats=repeats,
        **{**decided, "notes": (*parts.notes, *notes, *stacked, *decided["notes"])},
    )


def judged(
    job: Job,
    parts: Parts,
    baselines: Mapping[str, Predictor],
    resamples: int = 1000,
    held: HeldOut | None = None,
) -> dict[str, Any]:
    """Return, as fields of the Run, what validation and test rows say of the job's network.

    Its temperature and threshold, decided on the validation rows; the evaluation and the predictions of the
    test rows, seen once; notes on all that. ``held`` is what is said of the rows held out, where not the
    job's network itself says it.
    """
    held = held_out(job, parts) if held is None else held
    loss, calibration = calibrated(job, held)
    threshold = moved_threshold(job, held, loss)
    task, moved = parts.task or _plain_task(job, parts), None if threshold is None else threshold.value
    return {
        "loss": loss,
        "calibration": calibration,
        "threshold": threshold,
        "evaluation": _evaluation(job, parts, baselines, loss, threshold, resamples),
        "test_predictions": row_predictions(job.model, loss, parts, task, moved),
        "notes": decided_notes(job, parts, held, loss, calibration, threshold),
    }


def baselines_of(parts: Parts, seed: int) -> dict[str, Predictor]:
    """Return the baselines fitted to the training rows of a table, by name; none where there is no table."""
    if parts.table is None or parts.task is None:
        return {}
    inputs, target = parts.train.content
    valid_inputs, valid_target = (parts.valid or parts.train).content
    return fit_baselines(
        arrays_of(inputs),
        target.numpy(),
        arrays_of(valid_inputs),
        valid_target.numpy(),
        task=parts.task,
        levels=parts.table.preparation.levels,
        n_classes=len(parts.classes) or None,
        seed=seed,
    )


def _reference_losses(job: Job, parts: Parts, baselines: Mapping[str, Predictor]) -> dict[str, Any]:
    """Return the validation losses of the prior and of the linear model, in the units of the loss."""
    train, valid = target_of(parts.train), target_of(parts.valid)
    task = parts.task or _plain_task(job, parts)
    found: dict[str, Any] = {"prior_loss": None, "linear_loss": None}
    if train is None or valid is None or task is None or job.loss.name not in LOSSES or job.step is not None:
        return found
    if job.recipe.class_weight is not None or set(job.recipe.loss_options) - {"delta"}:
        return found
    if task != "regression" and (train.is_floating_point() and job.loss.name != "bce"):
        return found  # probabilities
    found["prior_loss"] = prior_loss(
        train.numpy(), valid.numpy(), task=task, loss=job.loss.name, loss_options=job.recipe.loss_options
    )
    if "linear" in baselines and parts.valid is not None:
        predicted = torch.from_numpy(np.asarray(baselines["linear"](arrays_of(parts.valid.content[0]))))
        outputs = predicted.clamp_min(1e-12).log() if job.loss.name == "cross_entropy" else predicted
        if job.loss.name in ("cross_entropy", "mse", "mae", "huber"):
            outputs = outputs.to(job.device, torch.float32)
            total, weight = job.loss.sum_and_weight(outputs, valid.to(job.device))
            found["linear_loss"] = float(total) / float(weight)
    return found


def _plain_task(job: Job, parts: Parts) -> Task | None:
    task = task_of(job.loss, example_target(parts.train)) if job.step is None else None
    return None if task == "multilabel" else task


def _evaluation(
    job: Job,
    parts: Parts,
    baselines: Mapping[str, Predictor],
    loss: Loss,
    threshold: Threshold | None,
    resamples: int,
) -> Evaluation | None:
    """Evaluate on the test rows, once."""
    if parts.test is None:
        return None
    if parts.table is not None:
        inputs, target = parts.test.content
        return evaluate_rows(
            job.model,
            loss,
            inputs,
            target,
            table=parts.table,
            baselines=baselines,
            metrics=job.metrics,
            seed=job.recipe.seed,
            threshold=None if threshold is None else threshold.value,
            rows=parts.tested,
            resamples=resamples,
            linear=job.recipe.model == "linear",
        )
    size = evaluation_size(parts.test, None if job.recipe.batch_size is None else int(job.recipe.batch_size))
    batches = make_batches(parts.test, batch_size=size, seed=None, device=job.device)
    return evaluate_own(job, batches, parts.task or task_of(job.loss, example_target(parts.train)))

"""Parts and a Recipe to a Job: network, loss, optimizer and batches, tried before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from goodfit.data.batches import TensorBatches, first_tensor
from goodfit.errors import InputError
from goodfit.evaluation.metrics import Metric, resolve
from goodfit.judging import units
from goodfit.models.build import build_model
from goodfit.models.initialization import initialize
from goodfit.recipe import Recipe
from goodfit.training.averaging import WeightAverage
from goodfit.training.direct import DirectGradients, direct_gradients
from goodfit.training.job import Job
from goodfit.training.losses import Loss, convert_target, make_loss, units_for
from goodfit.training.members import of_members
from goodfit.training.optimizers import make_optimizer, optimizer_facts
from goodfit.training.plateau import make_plateau
from goodfit.training.prior import prior_outputs
from goodfit.training.randomness import undisturbed
from goodfit.training.regularization import penalized_weights
from goodfit.training.schedules import make_schedule
from goodfit.training.state import TrainingState
from goodfit.training.stopping import check_monitor
from goodfit.workflow.choices import check_device
from goodfit.workflow.fitted_linear import FITTED, begin_fitted
from goodfit.workflow.parts import (
    Part,
    Parts,
    evaluation_size,
    example_target,
    first_batches,
    first_of,
    make_batches,
    pick,
    rows_of,
    target_of,
)
from goodfit.workflow.trying import put_weights, refuses_single_rows, try_network

__all__ = ["make_job", "network_shape", "task_of"]

TaskName = Literal["binary", "multiclass", "multilabel", "regression"]
SAMPLE_ROWS = 1000
"""The fixed sample for ``train_loss`` has as many rows as validation, and at least so many."""


def make_job(
    parts: Parts,
    recipe: Recipe,
    model: Any,
    functions: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
    *,
    tried: bool = False,
) -> tuple[Job, TrainingState]:
    """Return all that a training needs, made ready and tried on a few rows, and the state it starts from.

    Parameters
    ----------
    recipe
        With every ``"auto"`` decided.
    model
        A network, a function that builds one, or None for the recipe's named one.
    functions
        What the user gave as functions, by recipe field, and ``step``.
    weights
        What the network begins with, in place of its initialisation.
    tried
        Whether a network like this one has been tried on these rows already.

    Raises
    ------
    InputError
        Whatever cannot train: a wrong input width, labels out of range, unknown names.
    """
    device = check_device(recipe.device)
    step = functions.get("step")
    loss = _with_classes(_loss(parts, recipe, functions, device), parts)
    if parts.table is not None and step is None:
        parts = _suited(parts, loss)
    metrics = _metrics(parts, recipe, functions, loss)
    network = _network(parts, recipe, model, functions, loss).to(device)
    if model is None and recipe.model == "tabm":
        loss = of_members(loss)
    multiplications = 0.0
    for part_name, part in (("train", parts.train), ("valid", parts.valid), ("test", parts.test)):
        if part is not None and not tried:
            taken = try_network(network, loss, part, part_name, device=device, step=step, seed=recipe.seed)
            multiplications = multiplications or taken
    if weights is not None:
        put_weights(network, weights)
    single = refuses_single_rows(network, parts.train, device, recipe, stepped=step is not None)
    train_part, convert = _converted(parts.train, loss, step is not None)
    valid_part = None if parts.valid is None else _converted(parts.valid, loss, step is not None)[0]
    train = make_batches(
        train_part, batch_size=_size(recipe), seed=recipe.seed, device=device, join_single=single
    )
    if recipe.sampling is not None:
        assert isinstance(train, TensorBatches)
        train = replace(train, chances=_chances(parts))
    sample_part = _sample(train_part, valid_part)
    facts = optimizer_facts(functions.get("optimizer", recipe.optimizer))
    if (facts.needs_closure or facts.needs_create_graph) and recipe.precision == "float16":
        raise InputError("training.closure-float16", optimizer=facts.name)
    optimizer = make_optimizer(
        functions.get("optimizer", recipe.optimizer),
        network,
        learning_rate=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        options=recipe.optimizer_options,
    )
    monitored = [
        "running_loss",
        *(["train_loss"] if sample_part else []),
        *(["valid_loss"] if valid_part else []),
    ]
    for name, there in (("train", sample_part), ("valid", valid_part)):
        monitored += [f"{name}_{metric.name}" for metric in metrics] if there is not None else []
    best = check_monitor(
        recipe.monitor, monitored, {metric.name: metric.higher_is_better for metric in metrics}
    )
    average = _average(recipe, network)
    job = Job(
        model=network,
        loss=loss,
        optimizer=optimizer,
        facts=facts,
        recipe=recipe,
        device=device,
        train=train,
        valid=_evaluated(valid_part, recipe, device),
        sample=_evaluated(sample_part, recipe, device),
        metrics=metrics,
        schedule=_schedule(recipe, functions, train.steps()),
        average=average,
        step=step,
        penalized=tuple(penalized_weights(network)) if recipe.l1 else (),
        scaler=torch.amp.GradScaler(device.type) if recipe.precision == "float16" else None,
        classes=len(parts.classes) or None,
        convert=convert,
        direct=_direct(network, loss, train_part, recipe, functions),
        decode=None if parts.table is None or parts.classes else partial(units, table=parts.table),
        multiplications=multiplications,
    )
    plateau = make_plateau(
        functions.get("schedule", recipe.schedule),
        options=recipe.schedule_options,
        higher_is_better=best.higher,
    )
    return job, TrainingState(best=best, plateau=plateau)


def _direct(
    network: nn.Module,
    loss: Loss,
    train: Part,
    recipe: Recipe,
    functions: Mapping[str, Any],
) -> DirectGradients | None:
    """Return the gradients without autograd, where nothing that is asked for needs autograd."""
    special = recipe.accumulate > 1 or recipe.label_noise or recipe.mixup or recipe.precision != "float32"
    facts = optimizer_facts(functions.get("optimizer", recipe.optimizer))
    if special or recipe.compile or "step" in functions or train.kind != "tensors" or facts.needs_closure:
        return None
    if facts.needs_create_graph or facts.has_train_mode:
        return None
    return direct_gradients(network, loss, *train.content)


def _loss(parts: Parts, recipe: Recipe, functions: Mapping[str, Any], device: torch.device) -> Loss:
    if "step" in functions and "loss" not in functions and recipe.loss == "custom":
        return make_loss(lambda outputs, target: outputs)
    target = target_of(parts.train)
    counts = None
    if parts.classes and target is not None:
        counts = torch.bincount(target.long(), minlength=len(parts.classes)).tolist()
    elif recipe.class_weight is not None and target is not None and not target.is_floating_point():
        counts = torch.bincount(target.long()).tolist()
    classes = parts.classes or (tuple(range(len(counts))) if counts else None)
    return make_loss(
        functions.get("loss", recipe.loss),
        options=recipe.loss_options,
        class_weight=recipe.class_weight,
        classes=classes,
        class_counts=counts,
        device=device,
        dtype=_number_type(parts.train),
    )


def _number_type(train: Part) -> torch.dtype:
    """Return what outputs are likely to be: float64 where the inputs are."""
    inputs = first_tensor(train.content[0]) if train.kind == "tensors" else None
    return torch.float64 if isinstance(inputs, Tensor) and inputs.dtype == torch.float64 else torch.float32


def _with_classes(loss: Loss, parts: Parts) -> Loss:
    """Return one's own loss on a table's classes with its outputs understood as logits."""
    if loss.facts.target != "any" or parts.table is None or not parts.classes:
        return loss
    return replace(loss, facts=replace(loss.facts, predictions="softmax"))


def _suited(parts: Parts, loss: Loss) -> Parts:
    """Return a table's parts with the target as the loss takes it; refuse a loss that cannot."""
    column, wants = (
        ", ".join(parts.table.profile.targets if parts.table is not None else ()),
        loss.facts.target,
    )
    if parts.classes and wants in ("values", "counts"):
        raise InputError("training.loss-for-numbers", loss=loss.name, column=column)
    if not parts.classes and wants in ("labels", "binary"):
        raise InputError("training.loss-for-classes", loss=loss.name, column=column)
    if wants != "binary":
        return parts
    if len(parts.classes) != 2:
        raise InputError("training.loss-for-two", loss=loss.name, column=column, classes=len(parts.classes))

    def as_column(part: Part | None) -> Part | None:
        return (
            None if part is None else Part("tensors", (part.content[0], part.content[1].float().unsqueeze(1)))
        )

    train, valid, test = as_column(parts.train), as_column(parts.valid), as_column(parts.test)
    assert train is not None
    return replace(parts, train=train, valid=valid, test=test)


def _metrics(parts: Parts, recipe: Recipe, functions: Mapping[str, Any], loss: Loss) -> tuple[Metric, ...]:
    task = parts.task or task_of(loss, example_target(parts.train))
    if task is None:
        if recipe.metrics != "auto":
            raise InputError("training.metrics-without-task")
        return ()
    return resolve(functions.get("metrics", recipe.metrics), task)


def network_shape(parts: Parts, loss: Loss, recipe: Recipe) -> dict[str, Any]:
    """Return, as plain data, the inputs, levels and outputs by which the recipe's named network is built.

    Raises
    ------
    InputError
        The rows do not lie in memory, or are no rows of numbers.
    """
    if parts.train.kind != "tensors":
        raise InputError("training.named-model-needs-tensors")
    inputs, target = parts.train.content
    if first_tensor(inputs).ndim != 2:
        raise InputError("training.named-model-needs-columns", shape=str(tuple(first_tensor(inputs).shape)))
    classes = len(parts.classes) or (int(target.max()) + 1 if loss.facts.target == "labels" else 0)
    shape: dict[str, Any] = {
        "inputs": first_tensor(inputs).shape[1],
        "levels": list(parts.table.preparation.levels) if parts.table is not None else [],
        "outputs": units_for(loss, classes=classes, targets=1 if target.ndim == 1 else target.shape[1]),
    }
    if "tabm" in (recipe.model, *recipe.stack):
        from goodfit.models.tabm import number_bins

        shaping = (parts.shaping or parts.train).content[0]
        shape |= {"bins": number_bins(first_tensor(shaping)), "predictions": loss.facts.predictions}
    return shape


def task_of(loss: Loss, target: Tensor | None) -> TaskName | None:
    """Return the task that a loss and its target imply, None where neither says."""
    if loss.facts.target == "labels":
        return "multiclass"
    if loss.facts.target == "binary":
        return "multilabel" if target is not None and target.ndim == 2 and target.shape[1] > 1 else "binary"
    return "regression" if loss.facts.target in ("values", "counts") else None


def _network(parts: Parts, recipe: Recipe, model: Any, functions: Mapping[str, Any], loss: Loss) -> nn.Module:
    how = functions.get("initialization", recipe.initialization)
    if model is None:
        shape = network_shape(parts, loss, recipe)
        network = build_model(recipe, **shape)
        inputs, target = parts.train.content
        sample = first_of(inputs, 256) if how == "lsuv" else None
        bias = prior_outputs(loss, convert_target(loss, target), shape["outputs"])
        drawn = "auto" if how == FITTED else how
        initialize(
            network, drawn, activation=recipe.activation, seed=recipe.seed, sample=sample, output_bias=bias
        )
        if how == FITTED:
            begin_fitted(network, parts, recipe.seed)
        return network
    with undisturbed():
        torch.manual_seed(recipe.seed)
        network = model if isinstance(model, nn.Module) else model()
        if not isinstance(network, nn.Module):
            raise InputError("training.model-not-module", kind=type(network).__name__)
        if how != "auto":
            sample = first_of(parts.train.content[0], 256) if parts.train.kind == "tensors" else None
            initialize(network, how, activation=recipe.activation, seed=recipe.seed, sample=sample)
    return network


def _converted(part: Part, loss: Loss, stepped: bool) -> tuple[Part, bool]:
    if stepped:
        return part, False
    if part.kind != "tensors":
        return part, True
    inputs, target = part.content
    return Part("tensors", (inputs, convert_target(loss, target))), False


def _sample(train: Part, valid: Part | None) -> Part | None:
    """Return the fixed part of the training rows that ``train_loss`` is measured on."""
    rows = max(rows_of(valid) or 0, SAMPLE_ROWS)
    if train.kind == "loader":
        return Part("loader", first_batches(train.content, rows))
    known = rows_of(train)
    if known is not None and known <= rows:
        return train
    generator = torch.Generator().manual_seed(0)
    index = torch.randperm(known or rows, generator=generator)[:rows].sort().values
    if train.kind == "dataset":
        return Part("dataset", torch.utils.data.Subset(train.content, index.tolist()))
    return Part("tensors", pick(train.content, index))


def _chances(parts: Parts) -> Tensor:
    """Return how likely each training row is to be drawn, so that every class is drawn as often."""
    codes = parts.train.content[1].reshape(-1).long()
    return 1.0 / torch.bincount(codes, minlength=len(parts.classes)).clamp_min(1)[codes]


def _size(recipe: Recipe) -> int | None:
    return None if recipe.batch_size is None else int(recipe.batch_size)


def _evaluated(part: Part | None, recipe: Recipe, device: torch.device) -> Any:
    if part is None:
        return None
    size = evaluation_size(part, _size(recipe))
    return make_batches(part, batch_size=size, seed=None, device=device)


def _average(recipe: Recipe, network: nn.Module) -> WeightAverage | None:
    if recipe.ema is not None and recipe.swa is not None:
        raise InputError("training.ema-and-swa")
    if recipe.ema is None and recipe.swa is None:
        return None
    return WeightAverage(network, recipe.ema)


def _schedule(recipe: Recipe, functions: Mapping[str, Any], steps: int | None) -> Any:
    spec = functions.get("schedule", recipe.schedule)
    if spec == "constant" and not recipe.warmup and not recipe.schedule_options:
        return None
    if steps is None:
        raise InputError("training.schedule-needs-length", schedule=recipe.schedule)
    updates = -(-steps // recipe.accumulate)
    return make_schedule(
        spec,
        options=recipe.schedule_options,
        epochs=recipe.epochs,
        steps_per_epoch=updates,
        warmup=recipe.warmup,
    )

"""Probing a trained network: what its outputs look like, and whether training and evaluation mode agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.data.batches import Batch, count_rows, head
from goodfit.probes import ModeProbe, OutputProbe, ParameterFacts
from goodfit.training.losses import Loss
from goodfit.training.predicted import predicted_and_actual

__all__ = [
    "Measure",
    "mark_reached",
    "parameter_facts",
    "predicted_classes",
    "probe_modes",
    "probe_outputs",
    "reached_parameters",
]

Measure = Callable[[Batch], tuple[Any, Any, Any, Any]]
"""A batch to its summed loss, the weight of its rows, outputs and target (None where there are none)."""

ALONE = 8
"""Rows that are sent without the others, to see whether their outputs change."""
PASSES = 3
"""Passes in training mode."""


def parameter_facts(model: nn.Module, optimizers: Iterable[Optimizer]) -> tuple[ParameterFacts, ...]:
    """Return what became of each parameter: call it while the last gradients are still there."""
    optimized = {
        id(weight)
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    return tuple(
        ParameterFacts(
            name, weight.numel(), weight.requires_grad, id(weight) in optimized, weight.grad is not None
        )
        for name, weight in model.named_parameters()
        if weight.numel()
    )


def reached_parameters(model: nn.Module) -> list[str]:
    """Return the names of the parameters that the last gradient reached."""
    return [name for name, weight in model.named_parameters() if weight.grad is not None]


def mark_reached(model: nn.Module, names: Collection[str]) -> None:
    """Give a network that was trained elsewhere gradients where `reached_parameters` found some there."""
    for name, weight in model.named_parameters():
        weight.grad = torch.zeros_like(weight) if name in names else None


def probe_outputs(model: nn.Module, loss: Loss, measure: Measure, batch: Batch) -> OutputProbe | None:
    """Return what the network gives for ``batch`` in evaluation mode, None where it gives no tensor."""
    last: list[str] = []
    handles = [
        module.register_forward_hook(lambda module, inputs, output: last.append(type(module).__name__))
        for module in model.modules()
        if not any(True for _ in module.children())
    ]
    try:
        with _mode(model, training=False), torch.no_grad():
            _, _, outputs, target = measure(batch)
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(outputs, Tensor) or not outputs.ndim or not outputs.numel():
        return None
    values = outputs.float()
    units = 1 if values.ndim == 1 else values.shape[1]
    by_row = values.reshape(-1, 1) if values.ndim == 1 else values.movedim(1, -1).reshape(-1, units)
    finite = bool(torch.isfinite(by_row).all())
    within = finite and bool((by_row >= -1e-6).all() and (by_row <= 1 + 1e-6).all())
    sums = by_row.sum(dim=1)
    probe: dict[str, Any] = {
        "rows": count_rows(batch),
        "units": units,
        "loss": loss.name,
        "last_layer": last[-1] if last else "",
        "like_probabilities": within and units > 1 and bool((sums - 1).abs().max() < 1e-4),
        "within_unit": within,
        "span": float(by_row.max() - by_row.min()) if finite else None,
        "varies": not finite or bool(by_row.std(dim=0, correction=0).max() > 0),
        "broadcast": isinstance(target, Tensor) and _broadcasts(outputs, target),
    }
    if not finite or not isinstance(target, Tensor):
        return OutputProbe(classes=None, **probe)
    classes = predicted_classes(loss, outputs, target)
    if classes is not None:
        return OutputProbe(**probe, **_by_class(classes[0], classes[1], units))
    if target.is_complex() or target.numel() != outputs.numel():
        return OutputProbe(classes=None, **probe)
    wanted, given = target.reshape(len(target), -1).double(), values.reshape(len(values), -1).double()
    whole = bool((wanted == wanted.round()).all())
    spread = wanted.var(dim=0, correction=0)
    rest = (wanted - given).square().mean(dim=0)
    varied = spread > 0
    score = float((1 - rest[varied] / spread[varied]).mean()) if bool(varied.any()) else None
    distinct = len(np.unique(wanted.cpu().numpy())) if whole else None
    return OutputProbe(classes=None, **probe, whole_targets=distinct, score=score)


def predicted_classes(loss: Loss, outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return predicted and actual class of each row and how sure it is, None where the target is no class."""
    kind = loss.facts.target
    whole = not target.is_floating_point()
    if kind == "any" and whole and outputs.ndim == 2 and target.ndim == 1 and outputs.shape[1] > 1:
        return outputs.argmax(dim=1), target, outputs.float().softmax(dim=1).amax(dim=1)
    if kind not in ("labels", "binary"):
        return None
    predicted, actual = predicted_and_actual(loss, outputs, target)
    if predicted.ndim == 1:
        return (predicted > 0.5).long(), actual, (predicted - 0.5).abs()
    return (predicted.argmax(dim=1), actual, predicted.amax(dim=1)) if kind == "labels" else None


def probe_modes(model: nn.Module, measure: Measure, batch: Batch) -> ModeProbe | None:
    """Return how training and evaluation mode agree on ``batch``; buffers and modes stay as they were.

    Random states are the caller's to keep.
    """
    if count_rows(batch) < 2 * ALONE:
        return None

    def pass_through(rows: Batch, seed: int) -> tuple[float, Any]:
        torch.manual_seed(seed)
        total, weight, outputs, _ = measure(rows)
        return float(total) / float(weight), outputs

    with torch.no_grad():
        with _mode(model, training=False):
            evaluated, first = pass_through(batch, 0)
            again, second = pass_through(batch, 1)
            few = head(batch, ALONE)
            _, alone = pass_through(few, 0)
        with _mode(model, training=True):
            passes = [pass_through(batch, seed)[0] for seed in range(PASSES)]
    repeated = _difference(first, second)
    company = 0.0
    if isinstance(first, Tensor) and isinstance(alone, Tensor) and len(first) == count_rows(batch):
        company = _difference(first[:ALONE], alone, scale=first)
    finite = bool(np.isfinite(passes).all())
    return ModeProbe(
        train_mode_loss=float(np.mean(passes)) if finite else None,
        eval_mode_loss=evaluated if np.isfinite(evaluated) else None,
        noise=float(np.std(passes)) if finite else 0.0,
        repeated=repeated if np.isfinite(again) else 0.0,
        company=company,
    )


@contextmanager
def _mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Put the model into a mode; its modules' modes and its buffers come back as they were."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()] if training else []
    model.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


def _difference(one: Any, other: Any, scale: Any = None) -> float:
    """Return the root mean square difference as a share of the deviation of the outputs."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or one.shape != other.shape:
        return 0.0
    whole = one if scale is None else scale
    deviation = float(whole.float().std(dim=0, correction=0).mean())
    apart = float((one.float() - other.float()).square().mean().sqrt())
    return apart / deviation if deviation > 0 and np.isfinite(apart) else 0.0


def _broadcasts(outputs: Tensor, target: Tensor) -> bool:
    if outputs.shape == target.shape or (not target.is_floating_point() and outputs.shape[1:].numel() > 1):
        return False
    try:
        together = torch.Size(np.broadcast_shapes(outputs.shape, target.shape))
    except ValueError:
        return False
    return together.numel() > max(outputs.numel(), target.numel())


def _by_class(predicted: Tensor, actual: Tensor, units: int) -> dict[str, Any]:
    given, wanted = predicted.cpu().numpy(), actual.cpu().numpy()
    count = max(int(wanted.max(initial=0)) + 1, units, 2)
    rows = np.bincount(wanted, minlength=count)
    hits = np.bincount(wanted[given == wanted], minlength=count)
    total = max(1, len(wanted))
    return {
        "classes": count,
        "predicted": tuple((np.bincount(given, minlength=count) / total).tolist()),
        "actual": tuple((rows / total).tolist()),
        "recalled": tuple(float(hit / row) if row else None for hit, row in zip(hits, rows, strict=True)),
        "score": float((given == wanted).mean()) if len(wanted) else None,
    }

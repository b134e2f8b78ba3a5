"""Many small networks trained side by side: every layer of every member in one batched product."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from tasks import Task
from torch import Tensor
from torch.nn import functional

CURVES = ("train_loss", "running_loss", "valid_loss", "test_loss", "train_metric", "valid_metric")


@dataclass(frozen=True)
class Design:
    """What the members of a population share; they differ in seed and learning rate."""

    hidden: tuple[int, ...]
    optimizer: str  # sgd | momentum | adam
    rates: tuple[float, ...]
    batch_size: int
    epochs: int
    schedule: str = "constant"  # constant | cosine
    dropout: float = 0.0
    weight_decay: float = 0.0
    seeds: int = 8
    every: int = 120  # epochs up to which each is measured; later only those in `also`
    also: tuple[int, ...] = field(default=())


def train(task: Task, design: Design) -> dict[str, NDArray]:
    """Train and return `epochs` (n,) and each of `CURVES` as (rates, seeds, n)."""
    seeds, rates = design.seeds, len(design.rates)
    members = seeds * rates
    x, y = torch.tensor(task.train[0]), torch.tensor(task.train[1])
    draws = [torch.Generator().manual_seed(1000 + seed) for seed in range(seeds)]
    layers = _initial(task, design, draws)
    rate = torch.tensor(design.rates, dtype=torch.float32).repeat(seeds)[:, None, None]
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in layers]
    rows, size = len(x), min(design.batch_size, len(x))
    per_epoch = max(1, rows // size)
    total = per_epoch * design.epochs
    sample = torch.arange(min(rows, 400))
    parts = {
        "train": (x[sample], y[sample]),
        "valid": tuple(map(torch.tensor, task.valid)),
        "test": tuple(map(torch.tensor, task.test)),
    }
    measured: list[int] = []
    curves: dict[str, list[Tensor]] = {name: [] for name in CURVES}
    step = 0
    for epoch in range(1, design.epochs + 1):
        orders = torch.stack([torch.randperm(rows, generator=draw) for draw in draws])
        running = torch.zeros(members)
        for at in range(per_epoch):
            chosen = orders[:, at * size : (at + 1) * size]
            inputs = _for_members(x[chosen], rates)
            labels = _for_members(y[chosen], rates)
            outputs = _forward(layers, inputs, design.dropout)
            losses = _losses(outputs, labels, task.kind).mean(1)
            grads = torch.autograd.grad(losses.sum(), layers)
            step += 1
            factor = 0.5 * (1 + math.cos(math.pi * step / total)) if design.schedule == "cosine" else 1.0
            with torch.no_grad():
                running += losses.detach()
                _update(layers, grads, moments, rate * factor, step, design)
        if epoch <= design.every or epoch in design.also or epoch == design.epochs:
            measured.append(epoch)
            curves["running_loss"].append(running / per_epoch)
            for name, (inputs, labels) in parts.items():
                loss, metric = _evaluate(layers, inputs, labels, task.kind)
                curves[f"{name}_loss"].append(loss)
                if name != "test":
                    curves[f"{name}_metric"].append(metric)
    stacked = {
        name: torch.stack(values, 1).reshape(seeds, rates, -1).transpose(0, 1)
        for name, values in curves.items()
    }
    return {"epochs": np.array(measured)} | {
        name: values.numpy().astype(np.float32) for name, values in stacked.items()
    }


def _for_members(batch: Tensor, rates: int) -> Tensor:
    return batch.repeat_interleave(rates, 0)


def _initial(task: Task, design: Design, draws: list[torch.Generator]) -> list[Tensor]:
    widths = [task.train[0].shape[1], *design.hidden, task.classes]
    layers = []
    for into, out in pairwise(widths):
        bound = 1 / math.sqrt(into)
        for shape in ((into, out), (1, out)):
            starts = torch.stack([torch.rand(shape, generator=draw) * 2 * bound - bound for draw in draws])
            layers.append(starts.repeat_interleave(len(design.rates), 0).requires_grad_())
    return layers


def _forward(layers: list[Tensor], inputs: Tensor, dropout: float = 0.0) -> Tensor:
    hidden = inputs
    for position in range(0, len(layers), 2):
        hidden = torch.baddbmm(layers[position + 1], hidden, layers[position])
        if position + 2 < len(layers):
            hidden = functional.dropout(torch.relu(hidden), dropout) if dropout else torch.relu(hidden)
    return hidden


def _losses(outputs: Tensor, labels: Tensor, kind: str) -> Tensor:
    if kind == "regression":
        return (outputs[..., 0] - labels) ** 2
    return functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none").view(
        labels.shape
    )


def _evaluate(layers: list[Tensor], inputs: Tensor, labels: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    members = len(layers[0])
    with torch.no_grad():
        outputs = _forward(layers, inputs.expand(members, *inputs.shape))
        labels = labels.expand(members, len(labels))
        losses = _losses(outputs, labels, kind).double().mean(1)
        if kind == "regression":
            return losses, 1 - losses / labels[0].var()
        return losses, (outputs.argmax(-1) == labels).double().mean(1)


def _update(layers, grads, moments, rate, step, design: Design) -> None:
    for parameter, grad, (first, second) in zip(layers, grads, moments, strict=True):
        if design.optimizer == "adam":
            first.lerp_(grad, 0.1)
            second.mul_(0.999).addcmul_(grad, grad, value=0.001)
            move = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt_().add_(1e-8))
            if design.weight_decay:
                parameter.mul_(1 - rate * design.weight_decay)
        else:
            slope = grad + design.weight_decay * parameter
            move = first.mul_(0.9).add_(slope) if design.optimizer == "momentum" else slope
        parameter.sub_(rate * move)

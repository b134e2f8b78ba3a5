"""Harmless variations of a sound training: what looks odd and costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from planted_data import Data
from planted_faults import Plan, linear_layers
from planted_networks import Wrapped, outputs_of, width_of
from torch import nn

__all__ = ["VARIATIONS"]


def plain(plan: Plan, rng: np.random.Generator) -> Plan:
    return plan


def cyclic_rate(plan: Plan, rng: np.random.Generator) -> Plan:
    return plan.change(schedule="cosine_restarts", schedule_options={"period": 6.0}, patience=25)


def few_validation_rows(plan: Plan, rng: np.random.Generator) -> Plan:
    inputs, target = plan.data.valid
    return replace(plan, data=plan.data.replace(valid=(inputs[:60], target[:60])))


def easy(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Classes far apart: every feature tells them."""
    if plan.data.kind != "classes" or plan.data.form != "table":
        return None
    centres = 4 * np.random.default_rng(7).normal(size=(plan.data.classes, width_of(plan.data)))

    def moved(part: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        return ((part[0] + centres[part[1]]) / 4).astype(np.float32), part[1]

    data = plan.data
    return replace(
        plan, data=data.replace(train=moved(data.train), valid=moved(data.valid), test=moved(data.test))
    )


def wide(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Far more weights than rows, where the test loss falls a second time."""
    if plan.data.form != "table":
        return None
    width = width_of(plan.data)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(width, 1024), nn.ReLU(), nn.Linear(1024, outputs_of(plan.data)))
    return replace(plan, network=network).change(learning_rate=1e-3, weight_decay=1e-4, optimizer="adamw")


def mildly_scaled(plan: Plan, rng: np.random.Generator) -> Plan:
    """Inputs between 0 and 20, as grey levels and lengths are."""
    data: Data = plan.data
    parts = {
        name: ((5 * getattr(data, name)[0] + 8).astype(np.float32), getattr(data, name)[1])
        for name in ("train", "valid", "test")
    }
    return replace(plan, data=data.replace(**parts)).change(learning_rate=1e-3)


def momentum(plan: Plan, rng: np.random.Generator) -> Plan:
    return plan.change(optimizer="momentum", learning_rate=0.03)


def frozen_on_purpose(plan: Plan, rng: np.random.Generator) -> Plan:
    """The first layer's weights are kept as they are."""
    first = linear_layers(plan.network)[0]
    if first is linear_layers(plan.network)[-1]:
        return plan
    for weight in first.parameters():
        weight.requires_grad_(False)
    return replace(plan, network=Wrapped(plan.network))


def mild_imbalance(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """The second class a third as frequent as it was."""
    if plan.data.kind != "classes":
        return None
    parts = {}
    for name in ("train", "valid", "test"):
        inputs, target = getattr(plan.data, name)
        kept = (target != 1) | (np.arange(len(target)) % 3 == 0)
        parts[name] = (inputs[kept], target[kept])
    return replace(plan, data=plan.data.replace(**parts))


def overlapping(plan: Plan, rng: np.random.Generator) -> Plan:
    """Inputs with as much noise as signal: the classes overlap."""
    data = plan.data
    parts = {
        name: (
            (getattr(data, name)[0] + rng.normal(size=getattr(data, name)[0].shape)).astype(np.float32),
            getattr(data, name)[1],
        )
        for name in ("train", "valid", "test")
    }
    return replace(plan, data=data.replace(**parts))


def few_levels(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Inputs rounded to a handful of values, so that rows repeat by nature."""
    if plan.data.form != "table" or width_of(plan.data) > 6:
        return None
    data = plan.data
    parts = {
        name: (np.round(2 * getattr(data, name)[0]).astype(np.float32) / 2, getattr(data, name)[1])
        for name in ("train", "valid", "test")
    }
    return replace(plan, data=data.replace(**parts))


def large_batches(plan: Plan, rng: np.random.Generator) -> Plan:
    return plan.change(batch_size=256, epochs=300, learning_rate=0.01, patience=30)


def by_hand(plan: Plan, rng: np.random.Generator) -> Plan:
    """A loop of one's own, watched."""
    return plan.change(by_hand=True, clear=True)


VARIATIONS: dict[str, Callable[[Plan, np.random.Generator], Plan | None]] = {
    "plain": plain,
    "cyclic rate": cyclic_rate,
    "few validation rows": few_validation_rows,
    "easy": easy,
    "wide": wide,
    "mildly scaled": mildly_scaled,
    "momentum": momentum,
    "frozen on purpose": frozen_on_purpose,
    "mild imbalance": mild_imbalance,
    "overlapping classes": overlapping,
    "few levels": few_levels,
    "large batches": large_batches,
    "by hand": by_hand,
}

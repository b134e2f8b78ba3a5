"""The network, the loss and the schedule in plain PyTorch."""

from __future__ import annotations

import math
from typing import Any

import torch
from asked import ASKED
from torch import nn


def network(point: dict[str, Any], inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for units in point["hidden"]:
        layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(point["dropout"])]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def loss() -> nn.Module:
    return nn.CrossEntropyLoss() if ASKED["classes"] else nn.MSELoss()


def target(values: Any) -> torch.Tensor:
    found = torch.from_numpy(values)
    return found.long() if ASKED["classes"] else found.float().reshape(len(found), -1)


def outputs(values: Any) -> int:
    return ASKED["classes"] or target(values).shape[1]


def factor(point: dict[str, Any], step: int, steps: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / steps)) if point["schedule"] == "cosine" else 1.0

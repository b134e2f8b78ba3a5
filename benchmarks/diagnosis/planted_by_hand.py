"""A training loop of one's own, watched as our own loop watches itself: the gradients may stay uncleared."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from planted_faults import Plan
from torch import nn

from goodfit.evaluation.baselines import prior_loss
from goodfit.observations import History, Observations
from goodfit.training.vitals import KeptGradients, layer_rows, measured_at, start_rows, weights_now
from goodfit.vitals import to_vitals

EPOCHS = 50


def train_by_hand(
    plan: Plan, tensors: dict[str, tuple[Any, Any]], *, clear: bool
) -> tuple[Observations, nn.Module]:
    """Train with Adam for some epochs and keep the best weights; ``clear``: whether gradients are cleared."""
    classes = plan.data.kind == "classes"
    loss_of = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    network = plan.network
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.fields["learning_rate"])
    generator = torch.Generator().manual_seed(plan.fields["seed"])
    inputs, target = tensors["train"]
    some = inputs[:256], target[:256]
    network.train()
    rows, _ = start_rows(network, lambda: loss_of(network(some[0]), some[1]))
    best, weights = 0.0, network.state_dict()
    curves: dict[str, list[float]] = {"train_loss": [], "valid_loss": []}
    for epoch in range(1, EPOCHS + 1):
        network.train()
        batches = torch.randperm(len(inputs), generator=generator).split(32)
        for number, chosen in enumerate(batches):
            last = number == len(batches) - 1
            if last and measured_at(epoch):
                before = weights_now(network)
            if clear:
                optimizer.zero_grad()
            kept = KeptGradients(network.parameters()) if last else None
            loss_of(network(inputs[chosen]), target[chosen]).backward()
            optimizer.step()
        found = kept.end() if kept is not None else None
        if measured_at(epoch):
            rows += layer_rows(network, before, lambda: network(some[0]), epoch, found)
        network.eval()
        with torch.no_grad():
            for name in ("train", "valid"):
                curves[f"{name}_loss"].append(float(loss_of(network(tensors[name][0]), tensors[name][1])))
        if curves["valid_loss"][-1] <= min(curves["valid_loss"]):
            best, weights = float(epoch), copy.deepcopy(network.state_dict())
    network.load_state_dict(weights)
    columns = {"epoch": np.arange(1.0, EPOCHS + 1)} | {
        name: np.array(values) for name, values in curves.items()
    }
    task = "regression" if not classes else "binary" if plan.data.classes == 2 else "multiclass"
    reference = prior_loss(
        tensors["train"][1].numpy(),
        tensors["valid"][1].numpy(),
        task=task,
        loss="cross_entropy" if classes else "mse",
    )
    observations = Observations(
        History(columns, best_epoch=best),
        task=task,
        classes=plan.data.classes if classes else None,
        train_rows=len(inputs),
        valid_rows=len(tensors["valid"][0]),
        prior_loss=reference,
        train_loss_is="at-epoch-end",
        vitals=to_vitals(rows),
    )
    return observations, network

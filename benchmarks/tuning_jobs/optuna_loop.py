"""Optuna around the leanest loop on resident tensors."""

from __future__ import annotations

from typing import Any

import optuna
import torch
from asked import ASKED, Clock, OutOfTime, arrays, study, suggest
from torch_parts import factor, loss, network, outputs, target


def main() -> None:
    x, y, valid_x, valid_y = arrays()
    inputs, labels = torch.from_numpy(x), target(y)
    valid_inputs, valid_labels = torch.from_numpy(valid_x), target(valid_y)
    size, measure = ASKED["batch_size"], loss()
    steps = ASKED["epochs"] * -(-len(inputs) // size)
    torch.manual_seed(ASKED["seed"])
    clock = Clock()

    def objective(trial: Any) -> float:
        clock.trials += 1
        point = suggest(trial)
        model = network(point, inputs.shape[1], outputs(y))
        rate, decay = point["learning_rate"], point["weight_decay"]
        optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay, fused=True)
        best, waited, step = float("inf"), 0, 0
        for epoch in range(ASKED["epochs"]):
            model.train()
            order = torch.randperm(len(inputs))
            shuffled, answers = inputs[order], labels[order]
            for rows, right in zip(shuffled.split(size), answers.split(size), strict=True):
                optimizer.param_groups[0]["lr"] = rate * factor(point, step, steps)
                optimizer.zero_grad()
                measure(model(rows), right).backward()
                optimizer.step()
                step += 1
            model.eval()
            with torch.no_grad():
                value = float(measure(model(valid_inputs), valid_labels))
            clock.tell(value)
            waited = 0 if value < best else waited + 1
            best = min(best, value)
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
            if waited >= ASKED["patience"]:
                break
        return best

    try:
        study().optimize(objective)
    except OutOfTime:
        clock.report()


main()

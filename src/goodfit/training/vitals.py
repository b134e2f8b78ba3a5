"""Measuring the vitals: gradients, updates and activations by layer, without disturbing the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.vitals import LayerRow

__all__ = ["VITAL_ROWS", "layer_rows", "measured_at", "weights_now"]

VITAL_ROWS = 256
"""Training rows whose activations are looked at."""
OFTEN = 5
"""Epochs that are measured one by one; later ones ever less often."""
NEAR = 0.01
"""How near to a bound, as a share of the range, an activation counts as saturated."""

_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.Hardtanh)
_BOUNDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
}


def measured_at(epoch: int) -> bool:
    """Say whether the vitals are measured after ``epoch``: the first five, then ever less often.

    >>> [epoch for epoch in range(1, 60) if measured_at(epoch)]
    [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56]
    """
    if epoch <= OFTEN:
        return True
    step = 2 ** max(0, (epoch // 4).bit_length() - 1)
    return bool(epoch % step == 0)


def weights_now(model: nn.Module) -> list[Tensor]:
    """Return copies of the parameters, to compare with after an update."""
    return [weight.detach().clone() for weight in model.parameters()]


def layer_rows(
    model: nn.Module, before: Sequence[Tensor] | None, forward: Callable[[], Any], epoch: int
) -> list[LayerRow]:
    """Return a row for each layer.

    Parameters
    ----------
    model
        The network, its last gradients still in the parameters.
    before
        The parameters before the last update, None where that is not known.
    forward
        Sends a few training rows through the network.
    epoch
        The epoch that has just ended.
    """
    names = {id(module): name or type(module).__name__ for name, module in model.named_modules()}
    norms = _weight_norms(model, before)
    rows: dict[int, LayerRow] = {}

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple) else output
        if id(module) in rows or not isinstance(value, Tensor) or not value.is_floating_point():
            return
        rows[id(module)] = _activations(module, value.detach())

    leaves = [module for module in model.modules() if not any(True for _ in module.children())]
    handles = [module.register_forward_hook(note) for module in leaves]
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            forward()
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    # In the order of the forward pass; layers that it did not reach come last.
    order = [*rows, *(key for key in norms if key not in rows)]
    kinds = {id(module): type(module).__name__ for module in model.modules()}
    return [
        {
            "epoch": float(epoch),
            "layer": names[key],
            "kind": kinds[key],
            **norms.get(key, {}),
            **rows.get(key, {}),
        }
        for key in order
    ]


def _weight_norms(model: nn.Module, before: Sequence[Tensor] | None) -> dict[int, dict[str, float]]:
    """Return the norms of gradients, weights and updates by the module that owns the weights."""
    weights: list[Tensor] = list(model.parameters())
    if not weights:
        return {}
    with torch.no_grad():
        present = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        parts = {"gradient_norm": torch._foreach_norm(present), "weight_norm": torch._foreach_norm(weights)}
        if before is not None:
            parts["update_norm"] = torch._foreach_norm(torch._foreach_sub(weights, [*before]))
        table = torch.stack([torch.stack(list(values)) for values in parts.values()]).double().cpu()
    squared = {id(weight): column for weight, column in zip(weights, table.square().T.tolist(), strict=True)}
    found: dict[int, dict[str, float]] = {}
    for module in model.modules():
        own = [squared[id(weight)] for weight in module.parameters(recurse=False) if id(weight) in squared]
        if own:
            sums = [sum(column) ** 0.5 for column in zip(*own, strict=True)]
            found[id(module)] = dict(zip(parts, sums, strict=True))
    return found


def _activations(module: nn.Module, output: Tensor) -> LayerRow:
    row: LayerRow = {}
    deviation, mean = torch.std_mean(output.float(), correction=0)
    row["mean"], row["deviation"] = float(mean), float(deviation)
    if isinstance(module, _RECTIFIERS) and output.ndim > 1:
        silent = output == 0
        # Units lie along dimension 1 (channels) or the last (sequences); along the other none is all 0.
        shares = [
            silent.movedim(unit, 0).flatten(1).all(dim=1).float().mean() for unit in {1, output.ndim - 1}
        ]
        row["dead"] = float(max(shares))
    if type(module) in _BOUNDS:
        low, high = _BOUNDS[type(module)]
        margin = NEAR * (high - low)
        row["saturated"] = float(((output < low + margin) | (output > high - margin)).float().mean())
    return row

"""Measuring the vitals: gradients, updates and activations by layer, without disturbing the training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.training.compiling import eager
from goodfit.vitals import LayerRow

__all__ = ["VITAL_ROWS", "KeptGradients", "layer_rows", "measured_at", "start_rows", "weights_now"]

VITAL_ROWS = 256
"""Training rows whose activations are looked at."""
OFTEN = 16
"""Epochs up to which four are measured while their number doubles; later two are."""
NEAR = 0.01
"""How near to a bound, as a share of the range, an activation counts as saturated."""
COMPARED_ROWS = 64
"""Rows by which units are compared with each other."""
SAME = 1e-5
"""How far the outputs of two units may differ, as a share of their size, to count as the same."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_LINEAR = (nn.Linear, *_CONVOLUTIONS)
_NORMALIZATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.Hardtanh)
_BOUNDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
}


def compared_at(epoch: int) -> bool:
    """Say whether units are compared with each other after ``epoch``, which costs more than the rest.

    >>> [epoch for epoch in range(100) if compared_at(epoch)]
    [0, 1, 2, 3, 4, 8, 16, 32, 64]
    """
    return epoch <= 3 or epoch & (epoch - 1) == 0


def measured_at(epoch: int) -> bool:
    """Say whether the vitals are measured after ``epoch``: the first eight, then ever less often.

    >>> [epoch for epoch in range(1, 100) if measured_at(epoch)]
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 48, 64, 96]
    """
    parts = 4 if epoch < OFTEN else 2  # of the way to twice the epoch
    step: int = max(1, 2 ** (epoch.bit_length() - 1) // parts)
    return epoch % step == 0


def weights_now(model: nn.Module) -> list[Tensor]:
    """Return copies of the parameters, to compare with after an update."""
    return [weight.detach().clone() for weight in model.parameters()]


class KeptGradients:
    """Notes, for one update, in which parameters old gradients were still there when new ones were added.

    Begin it after the last update and before the next backward pass, with the parameters that an optimizer
    has (nobody clears the others); `end` it after that.
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self._kept: dict[int, bool] = {}
        self._handles = [
            weight.register_hook(partial(self._note, weight))  # type: ignore[no-untyped-call]
            for weight in weights
            if weight.requires_grad
        ]

    def _note(self, weight: Tensor, gradient: Tensor) -> None:
        if id(weight) not in self._kept:  # later passes of the same update may add on purpose
            self._kept[id(weight)] = weight.grad is not None and bool(weight.grad.any())

    def end(self) -> Mapping[int, bool]:
        """Stop noting and return what was found, by the parameters' ids."""
        for handle in self._handles:
            handle.remove()
        return self._kept


def layer_rows(
    model: nn.Module,
    before: Sequence[Tensor] | None,
    forward: Callable[[], Any],
    epoch: int,
    kept: Mapping[int, bool] | None = None,
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
    kept
        What `KeptGradients` found at the last update.
    """
    norms = _weight_norms(model, before, [weight.grad for weight in model.parameters()])
    for module in model.modules():
        own = [kept[id(weight)] for weight in module.parameters(recurse=False) if kept and id(weight) in kept]
        if own:
            norms[id(module)]["kept"] = float(any(own))
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), _noting(model, compared_at(epoch)) as rows:
            forward()
    finally:
        model.train(training)
    return _table(model, norms, rows, epoch)


def start_rows(model: nn.Module, loss_of: Callable[[], Tensor]) -> tuple[list[LayerRow], float]:
    """Return a row for each layer before the first update, and the loss; buffers stay as they were.

    In training mode, since normalisation by running statistics means nothing yet. The gradients are computed
    beside the parameters and not put into them.

    Parameters
    ----------
    loss_of
        Sends a few training rows through the network and returns their loss.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        with torch.enable_grad(), _noting(model, True) as rows:
            loss = loss_of()
        found = torch.autograd.grad(loss, weights, allow_unused=True) if loss.requires_grad else ()
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
    by_weight = {id(weight): gradient for weight, gradient in zip(weights, found, strict=False)}
    norms = _weight_norms(model, None, [by_weight.get(id(weight)) for weight in model.parameters()])
    return _table(model, norms, rows, 0), float(loss.detach())


@contextmanager
def _noting(model: nn.Module, compared: bool) -> Iterator[dict[int, LayerRow]]:
    """Note what each layer gives at its first call inside, in the order of the calls."""
    rows: dict[int, LayerRow] = {}
    weighted: set[int] = set()

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple) and output else output
        if id(module) in rows or not isinstance(value, Tensor) or not value.is_floating_point():
            return
        with torch.no_grad():
            entering = inputs if weighted and compared else None
            rows[id(module)] = _activations(module, entering, value.detach(), compared)
            if isinstance(module, _LINEAR):
                weighted.add(id(module))

    leaves = [module for module in model.modules() if not any(True for _ in module.children())]
    handles = [module.register_forward_hook(note) for module in leaves]
    try:
        with eager(model):
            yield rows
    finally:
        for handle in handles:
            handle.remove()


def _table(
    model: nn.Module, norms: Mapping[int, LayerRow], rows: Mapping[int, LayerRow], epoch: int
) -> list[LayerRow]:
    """Return the rows in the order of the forward pass; layers that it did not reach come last."""
    names = {id(module): name or type(module).__name__ for name, module in model.named_modules()}
    kinds = {id(module): type(module).__name__ for module in model.modules()}
    order = [*rows, *(key for key in norms if key not in rows)]
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


def _weight_norms(
    model: nn.Module, before: Sequence[Tensor] | None, gradients: Sequence[Tensor | None]
) -> dict[int, LayerRow]:
    """Return the norms of gradients, weights and updates by the module that owns the weights."""
    weights: list[Tensor] = list(model.parameters())
    if not weights:
        return {}
    with torch.no_grad():
        pairs = zip(weights, gradients, strict=True)
        present = [torch.zeros_like(weight) if gradient is None else gradient for weight, gradient in pairs]
        parts = {"gradient_norm": torch._foreach_norm(present), "weight_norm": torch._foreach_norm(weights)}
        if before is not None:
            parts["update_norm"] = torch._foreach_norm(torch._foreach_sub(weights, [*before]))
        table = torch.stack([torch.stack(list(values)) for values in parts.values()]).double().cpu()
    squared = {id(weight): column for weight, column in zip(weights, table.square().T.tolist(), strict=True)}
    found: dict[int, LayerRow] = {}
    for module in model.modules():
        own = [squared[id(weight)] for weight in module.parameters(recurse=False) if id(weight) in squared]
        if own:
            sums = [sum(column) ** 0.5 for column in zip(*own, strict=True)]
            found[id(module)] = dict(zip(parts, sums, strict=True))
    return found


def _activations(module: nn.Module, inputs: Any, output: Tensor, compared: bool) -> LayerRow:
    row: LayerRow = {}
    deviation, mean = _std_mean(output)
    row["mean"], row["deviation"] = float(mean), float(deviation)
    if not math.isfinite(row["deviation"]):
        row["non_finite"] = float((~torch.isfinite(output)).float().mean())
    if output.ndim < 2 or not output.numel():
        return row
    weighted = any(True for _ in module.parameters(recurse=False))
    if compared and not weighted:
        row["spread"] = _spread(output)
    if isinstance(module, _RECTIFIERS):
        row["dead"] = _silent(output)
    elif weighted:
        if compared and not isinstance(module, _NORMALIZATIONS):
            row |= _units(module, output)
        # An activation that is no module is seen where its outputs enter the next layer.
        entering = inputs[0] if isinstance(inputs, tuple) and inputs else None
        if isinstance(module, _LINEAR) and isinstance(entering, Tensor) and entering.ndim > 1:
            row["dead"] = _silent(entering)
    if type(module) in _BOUNDS:
        low, high = _BOUNDS[type(module)]
        margin = NEAR * (high - low)
        row["saturated"] = float(((output < low + margin) | (output > high - margin)).float().mean())
    return row


def _std_mean(output: Tensor) -> tuple[Tensor, Tensor]:
    """Return what `torch.std_mean` does, which takes several times as long on a CPU."""
    if output.device.type != "cpu":
        return torch.std_mean(output.float(), correction=0)
    mean = output.mean(dtype=torch.float64)
    distance = torch.linalg.vector_norm(output.float() - mean.float(), dtype=torch.float64)
    return distance / math.sqrt(output.numel()), mean


def _silent(values: Tensor) -> float:
    """Return the share of units that are 0 for every row.

    Units lie along dimension 1 (channels) or the last (sequences); along the other none is all 0.
    """
    sizes = values.abs()
    others = [[d for d in range(values.ndim) if d != along] for along in {1, values.ndim - 1}]
    return max(float((sizes.amax(dim=dims) == 0).float().mean()) for dims in others)


def _spread(output: Tensor) -> float:
    """Return the root mean square over all numbers of a row of their standard deviation over the rows."""
    return float(output[:COMPARED_ROWS].float().var(dim=0, correction=0).mean().sqrt())


def _units(module: nn.Module, output: Tensor) -> LayerRow:
    """Return how much the units vary from row to row, and how many of them do the same."""
    unit = 1 if isinstance(module, _CONVOLUTIONS) else output.ndim - 1
    values = output[:COMPARED_ROWS].float().movedim(unit, -1).flatten(0, -2)
    spread = _spread(output)
    if values.shape[1] < 2 or not math.isfinite(spread):
        return {"spread": spread, "alike": 0.0}
    # Units that give the same have the same sum whatever the rows are weighted by.
    weights = torch.linspace(0.5, 1.5, len(values), device=values.device).cos()
    sums, order = (weights @ values).sort()
    sizes = values.abs().sum(dim=0)[order]
    near = sums.diff() <= SAME * torch.minimum(sizes[1:], sizes[:-1])
    alike = torch.zeros(len(sums), dtype=torch.bool, device=values.device)
    alike[1:] |= near
    alike[:-1] |= near
    return {"spread": spread, "alike": float(alike.float().mean())}

"""What a loss cannot train on is refused before the first step, with a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from goodfit.errors import GoodfitError, InputError
from goodfit.training.loss_table import Loss

__all__ = ["check_loss"]


def check_loss(loss: Loss, outputs: Any, target: Any) -> None:
    """Refuse what ``loss`` cannot train on.

    Parameters
    ----------
    outputs
        The network's outputs for some rows.
    target
        Of all rows that there are (of the same rows at least, for a user's own loss), in the number type that
        `convert_target` gives.

    Raises
    ------
    InputError
        Shapes that would broadcast, a wrong number of output units, labels or values out of range, a user's
        loss that fails or returns nothing that can be differentiated. What is merely unwise passes, NaN too.
    """
    if loss.facts.target == "any":
        return _check_own(loss, outputs, target)
    for what, item in (("outputs", outputs), ("target", target)):
        if not isinstance(item, Tensor):
            raise InputError(f"loss.{what}-no-tensor", loss=loss.name, kind=type(item).__name__)
    if not outputs.is_floating_point():
        raise InputError("loss.outputs-whole", kind=_type(outputs))
    if loss.facts.target == "labels":
        return _check_labels(loss, outputs, target)
    _check_values(loss, outputs, target)
    if loss.facts.target == "binary":
        _check_range(loss, target, low=0, high=1)
    elif loss.facts.target == "counts":
        _check_range(loss, target, low=0, high=None)
    return None


def _check_values(loss: Loss, outputs: Tensor, target: Tensor) -> None:
    network, wanted = outputs.shape[1:], target.shape[1:]
    if network == wanted:
        return
    facts = {"loss": loss.name, "outputs": _shape(outputs), "target": _shape(target)}
    if target.dim() == 1 and outputs.dim() == 2 and outputs.shape[1] == 1:
        raise InputError("loss.target-flat", **facts)
    if outputs.dim() == 1 and target.dim() == 2 and target.shape[1] == 1:
        raise InputError("loss.outputs-flat", **facts)
    if loss.facts.target == "binary" and target.dim() == 1 and outputs.dim() == 2:
        raise InputError("loss.bce-classes", units=outputs.shape[1], **facts)
    if outputs.dim() == 2 and target.dim() <= 2:
        raise InputError(
            "loss.units", units=outputs.shape[1], needed=target.shape[1] if wanted else 1, **facts
        )
    raise InputError("loss.shapes", **facts)


def _check_labels(loss: Loss, outputs: Tensor, target: Tensor) -> None:
    facts = {"loss": loss.name, "outputs": _shape(outputs), "target": _shape(target)}
    whole = not target.is_floating_point()
    if whole and target.dim() == 2 and target.shape[1] == 1 and outputs.dim() == 2:
        raise InputError("loss.labels-column", **facts)
    if outputs.dim() < 2:
        raise InputError(
            "loss.no-class-dimension", needed=max(2, _largest(target) + 1 if whole else 2), **facts
        )
    units = outputs.shape[1]
    if not whole:
        if target.dim() < outputs.dim():
            raise InputError("loss.labels-float", kind=_type(target), **facts)
        if loss.name == "nll":
            raise InputError("loss.nll-probabilities", **facts)
        if target.shape[1:] != outputs.shape[1:]:
            raise InputError("loss.units", units=units, needed=target.shape[1], **facts)
        return _check_range(loss, target, low=0, high=None)
    if target.shape[1:] != outputs.shape[2:]:
        if target.shape[1:] == outputs.shape[1:]:
            raise InputError("loss.labels-one-hot", **facts)
        raise InputError("loss.shapes", **facts)
    kept = target if loss.ignored is None else target[target != loss.ignored]
    needed = max(2, _largest(kept) + 1)
    if units < 2:
        raise InputError("loss.one-unit", needed=needed, **facts)
    wrong = (target < 0) | (target >= units)
    if loss.ignored is not None:
        wrong &= target != loss.ignored
    if not bool(wrong.any()):
        return None
    row = int(wrong.nonzero()[0, 0])
    label = int(target[wrong][0])
    if label < 0:
        raise InputError("loss.label-negative", label=label, row=row, largest=units - 1, **facts)
    raise InputError(
        "loss.label-too-large", label=label, row=row, units=units, largest=units - 1, needed=needed, **facts
    )


def _check_range(loss: Loss, target: Tensor, low: float, high: float | None) -> None:
    wrong = target < low
    if high is not None:
        wrong |= target > high
    if bool(wrong.any()):
        row, value = int(wrong.nonzero()[0, 0]), f"{float(target[wrong][0]):g}"
        raise InputError(f"loss.range-{loss.facts.target}", loss=loss.name, row=row, value=value)


def _check_own(loss: Loss, outputs: Any, target: Any) -> None:
    rows = _length(outputs)
    with torch.enable_grad():
        leaves = _map(
            outputs, lambda item: item.detach().requires_grad_() if item.is_floating_point() else item
        )
        try:
            value = loss(leaves, _map(target, lambda item: item[:rows] if rows and item.dim() else item))
        except GoodfitError:
            raise
        except Exception as error:
            raise InputError(
                "loss.own-failed", loss=loss.name, kind=type(error).__name__, problem=str(error)
            ) from error
    if not isinstance(value, Tensor):
        raise InputError("loss.own-no-tensor", loss=loss.name, kind=type(value).__name__)
    if value.numel() != 1:
        raise InputError("loss.own-not-scalar", loss=loss.name, shape=_shape(value))
    if not value.requires_grad:
        raise InputError("loss.own-no-gradient", loss=loss.name)


def _map(item: Any, change: Any) -> Any:
    if isinstance(item, Tensor):
        return change(item)
    if isinstance(item, Mapping):
        return {key: _map(value, change) for key, value in item.items()}
    if isinstance(item, (list, tuple)) and not hasattr(item, "_fields"):
        return type(item)(_map(value, change) for value in item)
    return item


def _length(item: Any) -> int | None:
    if isinstance(item, Tensor):
        return len(item) if item.dim() else None
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, (list, tuple)) else ()
    return next((length for part in parts if (length := _length(part)) is not None), None)


def _largest(target: Tensor) -> int:
    return int(target.max()) if target.numel() else 0


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")

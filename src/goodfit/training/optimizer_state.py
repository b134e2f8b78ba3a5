"""The state of an optimizer as named tensors and plain data, so that it is saved without pickle."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from goodfit.errors import InputError

__all__ = ["load_optimizer_state", "optimizer_state"]

_KEPT = object()


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the optimizer's state: tensors by name, and plain data for JSON that says where they belong.

    The tensors are the optimizer's own, not copies: write them, or clone them, before the next step.

    Raises
    ------
    InputError
        The state holds objects that are neither tensors nor plain data.
    """
    tensors: dict[str, Tensor] = {}
    facts = [_state_of(part, f"{number}", tensors) for number, part in enumerate(_parts(optimizer))]
    return tensors, {"parts": facts}


def load_optimizer_state(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> None:
    """Put a state from `optimizer_state` into an optimizer made in the same way, exactly.

    Raises
    ------
    InputError
        The optimizer has other groups or parameters than the one that was saved.
    """
    parts = _parts(optimizer)
    if len(parts) != len(facts["parts"]):
        raise InputError("optimizer.other-state", saved=len(facts["parts"]), present=len(parts))
    for part, saved in zip(parts, facts["parts"], strict=True):
        _load_part(part, tensors, saved)


def _parts(optimizer: Optimizer) -> list[Optimizer]:
    """Return the optimizer and those that it wraps and that have a state of their own."""
    parts = [optimizer]
    for value in vars(optimizer).values():
        if isinstance(value, Optimizer) and all(value.state is not part.state for part in parts):
            parts.extend(
                part for part in _parts(value) if all(part.state is not known.state for known in parts)
            )
    return parts


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _state_of(optimizer: Optimizer, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    parameters = _parameters(optimizer)
    groups = [
        {key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups
    ]
    own = {name: value for name, value in vars(optimizer).items() if _is_own(name, value)}
    by_parameter = [optimizer.state.get(parameter, {}) for parameter in parameters]
    keyed: Mapping[Any, Any] = optimizer.state
    others = {key: value for key, value in keyed.items() if isinstance(key, str)}
    return {
        "parameters": [len(group["params"]) for group in optimizer.param_groups],
        "state": [
            _complete(_encode(state, f"{prefix}.{number}", tensors, parameter), state, optimizer)
            for number, (state, parameter) in enumerate(zip(by_parameter, parameters, strict=True))
        ],
        "others": _encode(others, f"{prefix}.others", tensors, parameters[0]),
        "groups": _encode(groups, f"{prefix}.groups", tensors, parameters[0]),
        "own": _encode(own, f"{prefix}.own", tensors, parameters[0]),
    }


def _load_part(optimizer: Optimizer, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    present = [len(group["params"]) for group in optimizer.param_groups]
    if present != facts["parameters"]:
        raise InputError("optimizer.other-state", saved=facts["parameters"], present=present)
    parameters = _parameters(optimizer)
    first = parameters[0]
    optimizer.state.clear()
    for parameter, state in zip(parameters, facts["state"], strict=True):
        if values := _decode(state, tensors, parameter):
            optimizer.state[parameter] = values
    optimizer.state.update(_decode(facts["others"], tensors, first))
    for group, saved in zip(optimizer.param_groups, _decode(facts["groups"], tensors, first), strict=True):
        group.update(saved)
    own = _decode(facts["own"], tensors, first)
    vars(optimizer).update({name: value for name, value in own.items() if name in vars(optimizer)})


def _is_own(name: str, value: Any) -> bool:
    if name in ("defaults", "state", "param_groups") or isinstance(value, torch.nn.Parameter):
        return False
    return isinstance(value, (bool, int, float, str, Tensor)) or value is None


def _encode(value: Any, path: str, tensors: dict[str, Tensor], parameter: Tensor) -> Any:
    if isinstance(value, Tensor):
        alone = value.untyped_storage().nbytes() == value.numel() * value.element_size()
        tensors[path] = value.detach() if alone else value.detach().clone()  # a part of a larger one
        facts = {"tensor": path, "device": "own" if value.device != parameter.device else "parameter"}
        # Products round differently in another layout of the same numbers.
        return (
            facts
            if value.is_contiguous() or 0 in value.stride()
            else {**facts, "strides": list(value.stride())}
        )
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        number = int(value) if isinstance(value, int) else float(value)
        return number if math.isfinite(number) else {"number": str(number)}
    if isinstance(value, Mapping):
        items = [(key, _encode(item, f"{path}.{key}", tensors, parameter)) for key, item in value.items()]
        return {"items": [[key, item] for key, item in items if item is not _KEPT]}
    if isinstance(value, (list, tuple, deque)):
        kind = type(value).__name__ if type(value) in (list, tuple, deque) else "tuple"
        members = [_encode(item, f"{path}.{number}", tensors, parameter) for number, item in enumerate(value)]
        if any(item is _KEPT for item in members):
            return _KEPT
        limit = {"limit": value.maxlen} if isinstance(value, deque) else {}
        return {kind: members, **limit}
    return _KEPT  # a function or a class, which the optimizer was made with and has again


def _complete(saved: Any, state: Mapping[str, Any], optimizer: Optimizer) -> Any:
    if len(saved["items"]) != len(state):
        raise InputError("optimizer.not-resumable", name=type(optimizer).__name__)
    return saved


def _decode(saved: Any, tensors: Mapping[str, Tensor], parameter: Tensor) -> Any:
    if not isinstance(saved, Mapping):
        return saved
    if "tensor" in saved:
        tensor = tensors[saved["tensor"]]
        device = parameter.device if saved["device"] == "parameter" else torch.device("cpu")
        if "strides" in saved:
            return torch.empty_strided(
                tensor.shape, saved["strides"], dtype=tensor.dtype, device=device
            ).copy_(tensor)
        return tensor.to(device, copy=True)
    if "number" in saved:
        return float(saved["number"])
    if "items" in saved:
        return {key: _decode(item, tensors, parameter) for key, item in saved["items"]}
    if "deque" in saved:
        return deque([_decode(item, tensors, parameter) for item in saved["deque"]], maxlen=saved["limit"])
    if "tuple" in saved:
        return tuple(_decode(item, tensors, parameter) for item in saved["tuple"])
    return [_decode(item, tensors, parameter) for item in saved["list"]]

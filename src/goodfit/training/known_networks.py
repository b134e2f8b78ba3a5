"""Networks that can be trained without autograd: nobody watches them, and their weights are plain."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["is_plain"]


def is_plain(model: nn.Module) -> bool:
    """Say whether nothing but the layers themselves decides what a network does.

    Nobody hooked into a module, which only a real call serves; every parameter is float32, is trained, and
    belongs to one layer.
    """
    if any(_watched(module) for module in model.modules()):
        return False
    if any(weight.dtype != torch.float32 or not weight.requires_grad for weight in model.parameters()):
        return False
    return len(list(model.parameters())) == len(list(model.named_parameters(remove_duplicate=False)))


def _watched(module: nn.Module) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name) for name in hooks) or "forward" in vars(module)

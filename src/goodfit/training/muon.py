"""Muon for matrices and AdamW for the rest, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import optim
from torch.optim import Optimizer

from goodfit.errors import InputError

__all__ = ["MuonAndAdamW"]


class MuonAndAdamW(Optimizer):
    """torch's Muon for the groups with ``use_muon``, AdamW for the others.

    Muon's update is scaled to the size of AdamW's (Liu et al. 2025), so that one learning rate serves both.
    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".

    Raises
    ------
    InputError
        This torch has no Muon (it came with 2.9).
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        *,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        matrices = [group for group in self.param_groups if group["use_muon"]]
        rest = [group for group in self.param_groups if not group["use_muon"]]
        self.parts: list[Optimizer] = []
        if matrices:
            muon = getattr(optim, "Muon", None)
            if muon is None:
                raise InputError(
                    "optimizer.torch-version", name="muon", needed="2.9", present=torch.__version__
                )
            settings = {"momentum": momentum, "ns_steps": ns_steps, "adjust_lr_fn": "match_rms_adamw"}
            self.parts.append(muon(matrices, lr=lr, weight_decay=weight_decay, **settings))
        if rest:
            self.parts.append(
                optim.AdamW(rest, lr=lr, weight_decay=weight_decay, betas=betas, eps=eps, fused=True)
            )
        for part in self.parts:
            part.state = self.state

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update every parameter once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            cast(Any, part).step()
        return loss

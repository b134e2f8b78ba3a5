"""Averages of the weights over training: exponential moving average (EMA), and equal (SWA)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from goodfit.errors import InputError

__all__ = ["WeightAverage", "reestimate_batchnorm"]


class WeightAverage:
    """An average of a network's weights, kept beside it.

    Decimal buffers (BatchNorm's statistics) are averaged too, others are copied; for SWA the statistics are
    better estimated anew by `reestimate_batchnorm`.

    Parameters
    ----------
    model
        The network; what it holds now is where the average begins.
    decay
        Share of the old average that stays at an update: an exponential moving average. The first updates
        use ``min(decay, (1 + n) / (10 + n))`` after n updates, so that the start is soon forgotten. None: the
        equal average of the weights at every update (Izmailov et al. 2018, SWA).
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self.decay = decay
        self.updates = 0
        self._model = model
        self._average = {name: tensor.detach().clone() for name, tensor in _tensors(model).items()}
        # Buffers may be replaced by others, parameters stay: what is averaged at every step is found once.
        named = {name: tensor for name, tensor in model.named_parameters() if tensor.is_floating_point()}
        self._weights: list[Tensor] = list(named.values())
        self._averages = [self._average[name] for name in named]
        self._buffers = [name for name in self._average if name not in named]

    @property
    def ready(self) -> bool:
        """Whether there has been an update."""
        return self.updates > 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in what the network now holds."""
        if self.decay is None:
            share = 1 / (self.updates + 1)
        else:
            share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        if self._weights:
            torch._foreach_lerp_(self._averages, self._weights, share)
        if self._buffers:
            now = _tensors(self._model)
            for name in self._buffers:
                average = self._average[name]
                if average.is_floating_point():
                    average.lerp_(now[name], share)
                else:
                    average.copy_(now[name])
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network carries the average inside the block, and its own weights again after it."""
        own = {name: tensor.detach().clone() for name, tensor in _tensors(self._model).items()}
        self.copy_to_model()
        try:
            yield
        finally:
            _fill(self._model, own)

    def copy_to_model(self) -> None:
        """Put the average in the place of the network's weights."""
        _fill(self._model, self._average)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors of the average (not copies) and plain data for JSON."""
        return dict(self._average), {"updates": self.updates, "decay": self.decay}

    def load(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go on from a `state`.

        Raises
        ------
        InputError
            The state is that of another network.
        """
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        wanted = {name: tuple(tensor.shape) for name, tensor in self._average.items()}
        if shapes != wanted:
            differing = sorted(name for name in shapes | wanted if shapes.get(name) != wanted.get(name))
            raise InputError("average.other-network", names=differing[:5])
        for name, tensor in tensors.items():
            self._average[name].copy_(tensor)
        self.updates, self.decay = int(facts["updates"]), facts["decay"]


@torch.no_grad()
def reestimate_batchnorm(model: nn.Module, batches: Iterable[Any]) -> None:
    """Estimate BatchNorm's statistics anew from the inputs of ``batches``, equally weighted.

    Parameters
    ----------
    batches
        Inputs as the network takes them: a tensor, a tuple or list of arguments, or a dict of named ones.
        They are not looked at where the network has no BatchNorm.
    """
    layers = [
        module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not layers:
        return
    modes = [(module, module.training) for module in model.modules()]
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the equal average over batches
        layer.train()
    try:
        for inputs in batches:
            if isinstance(inputs, Mapping):
                model(**inputs)
            elif isinstance(inputs, (tuple, list)):
                model(*inputs)
            else:
                model(inputs)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, mode in modes:
            module.training = mode


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@torch.no_grad()
def _fill(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, tensor in _tensors(model).items():
        tensor.copy_(values[name])

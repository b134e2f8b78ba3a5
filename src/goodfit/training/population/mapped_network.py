"""Any module over stacked weights, through `torch.func`: one call that is mapped over the members."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_flatten, tree_unflatten

from goodfit.training.population.stacked_network import ALIGNED, Leaves, decayed_ids

__all__ = ["MappedNetwork", "can_be_mapped"]


class MappedNetwork:
    """Modules of one kind and shape, trained by autograd through `vmap`; see `StackedNetwork`.

    Parameters
    ----------
    template
        A module whose own weights are not used.
    names
        Parameters in the order in which they lie in ``weights``: those that penalties apply to come first.
    structure
        How the inputs of a batch are nested, once `encode` has seen some.
    """

    predictions, widest = 1, 1

    def __init__(
        self,
        template: nn.Module,
        names: Mapping[str, torch.Size],
        decayed: int,
        weights: Tensor,
        buffers: dict[str, Tensor],
        structure: Any = None,
    ) -> None:
        self.template, self.names, self.decayed = template, names, decayed
        self.weights, self.buffers, self.structure = weights, buffers, structure
        self.multiplications = weights.numel()
        self.gradient = torch.zeros_like(weights)
        views = self._views(weights)
        self._leaves = {name: view.detach().requires_grad_() for name, view in views.items()}
        used = sum(math.prod(shape) for shape in names.values())
        self._tail = weights.new_zeros(len(weights), weights.shape[1] - used)
        self._outputs: Tensor | None = None

    @classmethod
    def of(cls, models: Sequence[nn.Module]) -> MappedNetwork:
        """Stack modules of one kind and shape."""
        decayed = decayed_ids(models[0])
        parameters = dict(models[0].named_parameters())
        first = {name: value.shape for name, value in parameters.items() if id(value) in decayed}
        rest = {name: value.shape for name, value in parameters.items() if name not in first}
        names = {**first, **rest}
        size = sum(math.prod(shape) for shape in names.values())
        device = next(iter(parameters.values())).device
        weights = torch.zeros(len(models), -(-size // ALIGNED) * ALIGNED, device=device)
        buffers = {
            name: torch.stack([dict(model.named_buffers())[name] for model in models])
            for name in dict(models[0].named_buffers())
        }
        count = sum(math.prod(shape) for shape in first.values())
        network = cls(copy.deepcopy(models[0]), names, count, weights, buffers)
        with torch.no_grad():
            for name, view in network._views(weights).items():
                for member, model in enumerate(models):
                    view[member].copy_(model.get_parameter(name))
        return network

    def _views(self, weights: Tensor) -> dict[str, Tensor]:
        found, start = {}, 0
        for name, shape in self.names.items():
            size = math.prod(shape)
            found[name] = weights[:, start : start + size].view(len(weights), *shape)
            start += size
        return found

    def encode(self, inputs: Any) -> Leaves:
        """Return a member's inputs as tensors of rows."""
        leaves, self.structure = tree_flatten(inputs)
        return tuple(leaves)

    def arrange(self, leaves: Leaves) -> Leaves:
        """Return the rows as they are."""
        return leaves

    def slice(self, arranged: Leaves, first: int, last: int) -> Leaves:
        """Return the rows from ``first`` to before ``last``."""
        return tuple(leaf[:, first:last] for leaf in arranged)

    def forward(self, inputs: Leaves, training: bool) -> Tensor:
        """Return the outputs, (members, units, rows)."""
        self.template.train(training)
        shared = all(len(leaf) == 1 for leaf in inputs)
        given = tuple(leaf[0] for leaf in inputs) if shared else inputs
        mapped = vmap(self._call, in_dims=(0, 0, None if shared else 0), randomness="different")
        with torch.set_grad_enabled(training):
            outputs: Tensor = mapped(self._leaves, self.buffers, given)
        self._outputs = outputs if training else None
        outputs = outputs.detach()
        return outputs.unsqueeze(1) if outputs.ndim == 2 else outputs.transpose(1, 2).contiguous()

    def _call(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], leaves: Leaves) -> Tensor:
        inputs = tree_unflatten(list(leaves), self.structure)
        state = {**parameters, **buffers}
        if isinstance(inputs, dict):
            return functional_call(self.template, state, (), inputs)  # type: ignore[no-any-return]
        arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
        return functional_call(self.template, state, arguments)  # type: ignore[no-any-return]

    def backward(self, gradient: Tensor) -> None:
        """Put the gradients of the weights into ``gradient``."""
        assert self._outputs is not None
        back = gradient.squeeze(1) if self._outputs.ndim == 2 else gradient.transpose(1, 2)
        found = torch.autograd.grad(
            self._outputs, tuple(self._leaves.values()), back, allow_unused=True, materialize_grads=True
        )
        torch.cat([*(piece.flatten(1) for piece in found), self._tail], dim=1, out=self.gradient)
        self._outputs = None

    def absent(self) -> None:
        """Return None: all members have all weights."""

    def kept(self, index: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors like the weights (``""``) and buffers for the members ``index`` alone."""
        return {name: value[index] for name, value in tensors.items()}

    def keep(self, index: Tensor) -> MappedNetwork:
        """Return the network of the members ``index`` alone."""
        buffers = self.kept(index, self.buffers)
        return MappedNetwork(
            self.template, self.names, self.decayed, self.weights[index], buffers, self.structure
        )

    def state_of(self, member: int, weights: Tensor, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return one member's parameters and buffers by name."""
        own = self._views(weights[member : member + 1])
        return {name: view[0].clone() for name, view in own.items()} | {
            name: value[member].clone() for name, value in buffers.items()
        }


def can_be_mapped(models: Sequence[nn.Module], inputs: Any) -> bool:
    """Say whether stacked modules give, on a few rows, what each gives alone; nothing is changed by it.

    Parameters
    ----------
    inputs
        A few rows as a batch holds them.
    """
    parameters = list(models[0].parameters())
    if not parameters or any(
        item.dtype != torch.float32 or not item.requires_grad
        for model in models
        for item in model.parameters()
    ):
        return False
    copies = [copy.deepcopy(model) for model in models]
    try:
        network = MappedNetwork.of(copies)
        leaves = tuple(torch.stack([leaf] * len(copies)) for leaf in network.encode(inputs))
        for training in (False, True):
            with torch.no_grad():
                together = network.forward(leaves, training).detach()
                for member, model in enumerate(copies):
                    if not _agrees(together[member], model.train(training), inputs):
                        return False
        outputs = network.forward(leaves, True)
        network.backward(torch.ones_like(outputs))
    except Exception:
        return False
    return True


def _agrees(together: Tensor, model: nn.Module, inputs: Any) -> bool:
    """Say whether a module alone gives what was found; what is drawn at random is not compared."""
    alone = _called(model, inputs)
    if alone.ndim > 2:
        return False
    drawn = model.training and not torch.equal(alone, _called(model, inputs))
    alone = alone.unsqueeze(0) if alone.ndim == 1 else alone.T
    return drawn or torch.allclose(together, alone, rtol=1e-4, atol=1e-5)


def _called(model: nn.Module, inputs: Any) -> Tensor:
    if isinstance(inputs, (tuple, list)):
        return model(*inputs)  # type: ignore[no-any-return]
    return model(**inputs) if isinstance(inputs, dict) else model(inputs)  # type: ignore[no-any-return]

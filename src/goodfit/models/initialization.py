"""How weights start: by name or by a function, reproducible from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.choice import unknown_name
from goodfit.errors import InputError
from goodfit.models.activations import Activation, activation_named
from goodfit.models.mlp import MixedLinear

__all__ = ["INITIALIZATIONS", "Layer", "initialize", "layers_of"]

OUTPUT_GAIN = 0.1
LSUV_TOLERANCE = 0.1
LSUV_STEPS = 10

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, eq=False)
class Layer:
    """A module whose weights are a linear map, with the sizes that initialisation goes by."""

    name: str
    module: nn.Module
    weights: tuple[Tensor, ...]
    bias: Tensor | None
    fan_in: int
    fan_out: int


Draw = Callable[[Tensor, Layer, float, torch.Generator], Tensor]


def _normal(std: Callable[[Layer, float], float]) -> Draw:
    return lambda weight, layer, gain, generator: (
        torch.randn(weight.shape, generator=generator) * std(layer, gain)
    )


def _uniform(std: Callable[[Layer, float], float]) -> Draw:
    def draw(weight: Tensor, layer: Layer, gain: float, generator: torch.Generator) -> Tensor:
        bound = math.sqrt(3) * std(layer, gain)
        return (torch.rand(weight.shape, generator=generator) * 2 - 1) * bound

    return draw


def _he(layer: Layer, gain: float) -> float:
    return gain / math.sqrt(max(layer.fan_in, 1))


def _xavier(layer: Layer, gain: float) -> float:
    return gain * math.sqrt(2 / (layer.fan_in + layer.fan_out))


def _orthogonal(weight: Tensor, layer: Layer, gain: float, generator: torch.Generator) -> Tensor:
    if isinstance(layer.module, MixedLinear) and weight is layer.module.table:
        # A table that is looked up is no map whose columns could be orthogonal.
        return torch.randn(weight.shape, generator=generator) * _he(layer, gain)
    if weight.numel() == 0:
        return torch.empty(weight.shape)
    return nn.init.orthogonal_(torch.empty(weight.shape), gain, generator=generator)


def _zeros(weight: Tensor, layer: Layer, gain: float, generator: torch.Generator) -> Tensor:
    return torch.zeros(weight.shape)


_DRAWS: Mapping[str, Draw] = {
    "xavier_uniform": _uniform(_xavier),
    "xavier_normal": _normal(_xavier),
    "he_uniform": _uniform(_he),
    "he_normal": _normal(_he),
    "orthogonal": _orthogonal,
    "lsuv": _orthogonal,
    "zeros": _zeros,
}
ALIASES: Mapping[str, str] = {
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
    "glorot_uniform": "xavier_uniform",
    "glorot_normal": "xavier_normal",
}
INITIALIZATIONS: tuple[str, ...] = ("auto", "default", *_DRAWS)


def initialize(
    model: nn.Module,
    how: str | Callable[[str, Tensor], Any] = "auto",
    *,
    activation: str = "relu",
    seed: int = 0,
    sample: Tensor | Sequence[Tensor] | None = None,
    output_bias: Tensor | None = None,
) -> None:
    """Draw the parameters of ``model`` anew, in place, from ``seed`` alone.

    Everything is first reset as torch does by default. A named method then draws the weights of linear and
    convolution layers, ``gain * sqrt(1 / fan_in)`` for he and ``gain * sqrt(2 / (fan_in + fan_out))`` for
    xavier as standard deviation, and sets their biases to 0. The gain is that of ``activation``, and 1 in the
    child called ``output``, which no activation follows. Recurrent, attention, embedding and normalisation
    layers keep torch's default.

    ``auto`` is he_normal, xavier_uniform for tanh and sigmoid, with an output layer of a tenth of the size:
    the first predictions then lie near the output layer's bias, so that with ``output_bias`` the loss begins
    at the best constant prediction's instead of above it, while gradients still reach every layer.

    Parameters
    ----------
    how
        A name of `INITIALIZATIONS`, or a function that gets each parameter's name and tensor and fills the
        tensor in place (what it draws from torch's generator follows from ``seed`` too).
    activation
        Name of the activation that follows the hidden layers.
    seed
        Where all random numbers come from; torch's own generators are left as they were.
    sample
        Inputs of some rows, for ``lsuv``: a tensor, or a sequence of arguments.
    output_bias
        What the bias of the child ``output`` starts at, such as log odds; shape (outputs,).

    Raises
    ------
    InputError
        An unknown name, ``lsuv`` without a sample, or a function that fails.

    References
    ----------
    Glorot & Bengio 2010 (xavier); He et al. 2015 (he); Saxe et al. 2014 (orthogonal); Mishkin & Matas 2016,
    "All you need is a good init" (lsuv).
    """
    how = ALIASES.get(how, how) if isinstance(how, str) else how
    if isinstance(how, str) and how not in INITIALIZATIONS:
        raise unknown_name(how, INITIALIZATIONS, "initialization")
    if how == "lsuv" and sample is None:
        raise InputError("initialization.lsuv-sample")
    follows = activation_named(activation)
    seed = _own_seed(seed)
    with torch.no_grad(), _seeded(model, seed):
        _reset(model)
        if callable(how):
            for name, parameter in model.named_parameters():
                try:
                    how(name, parameter)
                except Exception as error:
                    raise InputError(
                        "initialization.function-failed", name=name, problem=str(error)
                    ) from error
        elif how != "default":
            _draw(model, how, follows, torch.Generator().manual_seed(seed))
        if how == "lsuv":
            assert sample is not None
            _unit_variance(model, (sample,) if isinstance(sample, Tensor) else tuple(sample))
        output = getattr(model, "output", None)
        if output_bias is not None and isinstance(getattr(output, "bias", None), Tensor):
            output.bias.copy_(output_bias)  # type: ignore[union-attr]


def _own_seed(seed: int) -> int:
    # Data that were made with the same seed must not be the weights' own random numbers.
    return int.from_bytes(sha256(f"initialization {seed}".encode()).digest()[:7], "big")


def layers_of(model: nn.Module) -> list[Layer]:
    """Return the linear and convolution layers of ``model``, in the order they were registered."""
    found = []
    for name, module in model.named_modules():
        if isinstance(module, MixedLinear):
            weights: tuple[Tensor, ...] = (module.weight, module.table)
            fan_in, fan_out = module.fan_in, len(module.bias)
        elif isinstance(module, (nn.Linear, *_CONVOLUTIONS, *_TRANSPOSED)):
            weights = (module.weight,)
            first, second, *kernel = module.weight.shape
            field, first = math.prod(kernel), first // getattr(module, "groups", 1)
            transposed = isinstance(module, _TRANSPOSED)
            fan_in, fan_out = (
                (first * field, second * field) if transposed else (second * field, first * field)
            )
        else:
            continue
        found.append(Layer(name, module, weights, module.bias, fan_in, fan_out))
    return found


def _reset(model: nn.Module) -> None:
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
    whole = getattr(model, "after_reset", None)
    if callable(whole):
        whole()


def _draw(model: nn.Module, how: str, activation: Activation, generator: torch.Generator) -> None:
    draw = _DRAWS[("xavier_uniform" if activation.saturates else "he_normal") if how == "auto" else how]
    for layer in layers_of(model):
        gain = 1.0 if layer.name == "output" or how == "lsuv" else activation.gain
        for weight in layer.weights:
            if how == "auto" and layer.name == "output":
                values = _normal(_he)(weight, layer, OUTPUT_GAIN, generator)
            else:
                values = draw(weight, layer, gain, generator)
            weight.copy_(values)
        if layer.bias is not None:
            layer.bias.zero_()


def _unit_variance(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Scale each layer, in the order data reaches it, until its outputs on ``inputs`` have variance 1."""
    was_training = [(module, module.training) for module in model.modules()]
    model.eval()
    layers = {layer.module: layer for layer in layers_of(model)}
    reached: dict[nn.Module, Tensor] = {}

    def remember(module: nn.Module, arguments: Any, output: Tensor) -> None:
        reached.setdefault(module, output)

    handles = [module.register_forward_hook(remember) for module in layers]
    try:
        model(*inputs)
        for module in list(reached):
            for _ in range(LSUV_STEPS):
                reached.clear()
                model(*inputs)
                variance = float(reached[module].var(correction=0))
                if not math.isfinite(variance) or variance == 0 or abs(variance - 1) < LSUV_TOLERANCE:
                    break
                for weight in layers[module].weights:
                    weight.div_(math.sqrt(variance))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in was_training:
            module.training = training


@contextmanager
def _seeded(model: nn.Module, seed: int) -> Iterator[None]:
    devices = sorted({parameter.device.index or 0 for parameter in model.parameters() if parameter.is_cuda})
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: it reseeds every device, also those that are not put back.
        torch.default_generator.manual_seed(seed)
        for device in devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield

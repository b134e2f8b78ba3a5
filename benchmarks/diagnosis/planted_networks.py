"""Small networks to plant faults in, by the form of a row."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from planted_data import Data
from torch import Tensor, nn

__all__ = ["FRESH", "NETWORKS", "Wrapped", "build", "networks_for", "outputs_of", "width_of"]

Builder = Callable[[int, int], nn.Module]
"""Inputs of a row (features, or channels) and outputs to a network."""


class Wrapped(nn.Module):
    """A network inside another module, as most people's are."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, inputs: Tensor) -> Tensor:
        return self.inside(inputs)


class Functional(nn.Module):
    """Two hidden layers whose activations are no modules."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(width, 48), nn.Linear(48, 32), nn.Linear(32, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(F.relu(self.second(F.relu(self.first(inputs)))))


class Recurrent(nn.Module):
    def __init__(self, width: int, outputs: int, kind: str) -> None:
        super().__init__()
        self.recurrent = getattr(nn, kind)(width, 24, batch_first=True)
        self.last = nn.Linear(24, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.recurrent(inputs)[0][:, -1])


def _mlp(activation: type[nn.Module], hidden: tuple[int, ...], *, norm: bool = False, dropout: float = 0.0):
    def make(width: int, outputs: int) -> nn.Module:
        layers: list[nn.Module] = []
        for units in hidden:
            layers += [nn.Linear(width, units), *([nn.BatchNorm1d(units)] if norm else []), activation()]
            layers += [nn.Dropout(dropout)] if dropout else []
            width = units
        return nn.Sequential(*layers, nn.Linear(width, outputs))

    return make


def _conv(*, norm: bool) -> Builder:
    def make(width: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), *([nn.BatchNorm2d(8)] if norm else []), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), *([nn.BatchNorm2d(16)] if norm else []), nn.ReLU(),
            nn.Flatten(), nn.Linear(256, outputs),
        )  # fmt: skip

    return make


def _conv1d(width: int, outputs: int) -> nn.Module:
    class Channels(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.transpose(1, 2)

    class Mean(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.mean(dim=2)

    return nn.Sequential(
        Channels(), nn.Conv1d(width, 16, 5), nn.ReLU(), nn.Conv1d(16, 16, 5), nn.ReLU(),
        Mean(), nn.Linear(16, outputs),
    )  # fmt: skip


NETWORKS: dict[str, dict[str, Builder]] = {
    "table": {
        "relu": _mlp(nn.ReLU, (48, 32)),
        "deep-tanh": _mlp(nn.Tanh, (32, 32, 32, 32)),
        "norm": _mlp(nn.ReLU, (48, 48), norm=True),
        "gelu-dropout": _mlp(nn.GELU, (64, 64), dropout=0.2),
        "functional": Functional,
        "sigmoid": _mlp(nn.Sigmoid, (32, 32)),
    },
    "image": {"conv": _conv(norm=False), "conv-norm": _conv(norm=True)},
    "sequence": {
        "gru": lambda width, outputs: Recurrent(width, outputs, "GRU"),
        "lstm": lambda width, outputs: Recurrent(width, outputs, "LSTM"),
        "conv1d": _conv1d,
    },
}


class Residual(nn.Module):
    """A hidden layer, and two more beside a shortcut."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(width, 40), nn.ReLU())
        self.block = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40))
        self.last = nn.Linear(40, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.first(inputs)
        return self.last(F.relu(hidden + self.block(hidden)))


class Attention(nn.Module):
    """One layer of a transformer over the sequence, with places learned."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, 24)
        self.places = nn.Parameter(0.1 * torch.randn(64, 24))
        self.layer = nn.TransformerEncoderLayer(24, 3, 48, dropout=0.0, batch_first=True)
        self.last = nn.Linear(24, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.first(inputs) + self.places[: inputs.shape[1]]
        return self.last(self.layer(hidden).mean(dim=1))


def _layer_norm(width: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 48), nn.LayerNorm(48), nn.SiLU(),
        nn.Linear(48, 48), nn.LayerNorm(48), nn.SiLU(), nn.Linear(48, outputs),
    )  # fmt: skip


def _group_conv(width: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.GroupNorm(3, 12), nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(96, outputs),
    )  # fmt: skip


FRESH: dict[str, dict[str, Builder]] = {
    "table": {
        "narrow-relu": _mlp(nn.ReLU, (24, 24, 24)),
        "wide-tanh": _mlp(nn.Tanh, (128,)),
        "leaky": _mlp(nn.LeakyReLU, (64, 32)),
        "norm-dropout": _mlp(nn.ReLU, (64, 64), norm=True, dropout=0.1),
        "layer-norm": _layer_norm,
        "residual": Residual,
    },
    "image": {"group-conv": _group_conv, "flat": lambda width, outputs: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))},
    "sequence": {
        "rnn": lambda width, outputs: Recurrent(width, outputs, "RNN"),
        "attention": Attention,
    },
}  # fmt: skip
"""Networks of the fresh part."""


def networks_for(part: str, form: str) -> dict[str, Builder]:
    """Return the networks that a part of the benchmark plants faults in."""
    return (FRESH if part == "fresh" else NETWORKS)[form]


def width_of(data: Data) -> int:
    return data.train[0].shape[-1] if data.form != "image" else 1


def outputs_of(data: Data) -> int:
    return data.classes if data.kind == "classes" else 1


def build(data: Data, network: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return networks_for(data.part, data.form)[network](width_of(data), outputs_of(data))

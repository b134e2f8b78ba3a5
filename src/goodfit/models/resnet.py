"""The residual network for tables of Gorishniy et al. (2021), for numbers and categories."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from goodfit.choice import unknown_name
from goodfit.errors import InputError
from goodfit.models.activations import activation_named
from goodfit.models.dropout import Dropout
from goodfit.models.mlp import MixedLinear

__all__ = ["ResNet"]

INNER = 2
"""Units inside a block for each unit of the stream."""


class ResNet(nn.Module):
    """A residual network over numbers and categories.

    A linear layer makes the stream; each block adds to it
    ``dropout(linear(dropout(activation(linear(normalization(stream))))))``; after the last one come
    normalisation, activation and the layer ``output``.

    Parameters
    ----------
    numbers
        Number of numeric columns.
    levels
        How many levels each category column has; empty: no category columns.
    hidden
        A number for each block: the units of the stream, the same for all.
    outputs
        Units of the last layer, which has no activation.
    activation
        A name of `ACTIVATIONS`.
    dropout
        Share of the units inside a block that are dropped in training; of what a block adds, half as much.
    normalization
        ``"batch"``, as in the paper, ``"layer"`` or None.

    Raises
    ------
    InputError
        No inputs at all, blocks of different widths or none, an unknown name.

    References
    ----------
    Gorishniy, Rubachev, Khrulkov and Babenko, *Revisiting Deep Learning Models for Tabular Data*, NeurIPS
    2021.

    Examples
    --------
    >>> import torch
    >>> net = ResNet(numbers=2, levels=(3,), hidden=(8, 8), outputs=1)
    >>> net(torch.zeros(5, 2), torch.zeros(5, 1, dtype=torch.int64)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        numbers: int,
        levels: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: str | None = "batch",
    ) -> None:
        if numbers < 0 or any(count < 1 for count in levels) or numbers + len(levels) == 0:
            raise InputError("model.no-inputs")
        if outputs < 1 or not hidden or any(units < 1 for units in hidden):
            raise InputError("model.no-units", hidden=list(hidden), outputs=outputs)
        if len(set(hidden)) > 1:
            raise InputError("model.one-width", model="resnet", hidden=list(hidden))
        if normalization not in (None, "batch", "layer"):
            raise unknown_name(normalization, ("batch", "layer"), "model.normalization")
        super().__init__()
        width = hidden[0]
        make_activation = activation_named(activation).module
        self.input = MixedLinear(numbers, levels, width) if len(levels) else nn.Linear(numbers, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                _normalization(normalization, width),
                nn.Linear(width, INNER * width),
                make_activation(),
                Dropout(dropout),
                nn.Linear(INNER * width, width),
                Dropout(dropout / 2),
            )
            for _ in hidden
        )
        self.normalization = _normalization(normalization, width)
        self.activation = make_activation()
        self.output = nn.Linear(width, outputs)

    def forward(self, numbers: Tensor, categories: Tensor | None = None) -> Tensor:
        """Return the outputs, shape (rows, outputs).

        Parameters
        ----------
        numbers
            Shape (rows, numbers).
        categories
            Codes, shape (rows, category columns); only where the network has category columns.
        """
        stream: Tensor = self.input(numbers) if categories is None else self.input(numbers, categories)
        for block in self.blocks:
            stream = stream + block(stream)
        outputs: Tensor = self.output(self.activation(self.normalization(stream)))
        return outputs


def _normalization(name: str | None, width: int) -> nn.Module:
    if name is None:
        return nn.Identity()
    return nn.BatchNorm1d(width) if name == "batch" else nn.LayerNorm(width)

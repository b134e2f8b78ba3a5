"""The multilayer perceptron, for numbers and categories; without hidden layers it is the linear model."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.choice import unknown_name
from goodfit.errors import InputError
from goodfit.models.activations import activation_named
from goodfit.models.dropout import Dropout

__all__ = ["MLP", "MixedLinear"]

# Up to this many levels in all, a product with the one-hot matrix is faster than looking rows up
# (forward and backward, batches of 32 to 4096, widths of 64 and 256, one core).
ONE_HOT_LEVELS = 64


class MixedLinear(nn.Module):
    """A linear layer over numbers and categories: equal to `nn.Linear` over the one-hot columns.

    Parameters
    ----------
    numbers
        Number of numeric columns.
    levels
        How many levels each category column has.
    width
        Units.

    Attributes
    ----------
    weight
        Weights of the numbers, shape (width, numbers).
    table
        Weights of the categories, shape (sum(levels), width): a row per level, column after column.
    bias
        Shape (width,).
    fan_in
        Inputs that reach a unit for each row: a category column counts once, as only one of its levels is on.
    """

    offsets: Tensor

    def __init__(self, numbers: int, levels: Sequence[int], width: int) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.fan_in = numbers + len(self.levels)
        self.weight = nn.Parameter(torch.empty(width, numbers))
        self.table = nn.Parameter(torch.empty(sum(self.levels), width))
        self.bias = nn.Parameter(torch.empty(width))
        starts = [sum(self.levels[:column]) for column in range(len(self.levels))]
        self.register_buffer("offsets", torch.tensor(starts, dtype=torch.int64), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters as `nn.Linear` does, from torch's global generator."""
        bound = 1 / math.sqrt(max(self.fan_in, 1))
        for parameter in (self.weight, self.table, self.bias):
            with torch.no_grad():
                parameter.uniform_(-bound, bound)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Return the units' values, shape (rows, width).

        Parameters
        ----------
        numbers
            Shape (rows, numbers); the second may be 0.
        categories
            Codes from 0 to levels - 1, shape (rows, category columns), int64 or int32.
        """
        from_numbers = F.linear(numbers, self.weight, self.bias)
        rows = categories + self.offsets
        if len(self.table) > ONE_HOT_LEVELS:
            return from_numbers + F.embedding_bag(rows, self.table, mode="sum")
        one_hot = self.table.new_zeros(len(categories), len(self.table)).scatter(1, rows, 1.0)
        return torch.addmm(from_numbers, one_hot, self.table)

    def extra_repr(self) -> str:
        """Return the sizes, for `repr`."""
        return f"numbers={self.weight.shape[1]}, levels={self.levels}, width={len(self.bias)}"


class MLP(nn.Sequential):
    """A multilayer perceptron over numbers and categories.

    Each hidden layer is linear, normalisation (if any), activation, dropout (if any); the children are named
    ``hidden1``, ``normalization1``, ``activation1``, ``dropout1``, ``hidden2``, ..., ``output``.

    Parameters
    ----------
    numbers
        Number of numeric columns.
    levels
        How many levels each category column has; empty: no category columns.
    hidden
        Units of each hidden layer; empty: the linear model.
    outputs
        Units of the last layer, which has no activation.
    activation
        A name of `ACTIVATIONS`.
    dropout
        Share of hidden units dropped in training.
    normalization
        ``"batch"``, ``"layer"`` or None.

    Raises
    ------
    InputError
        No inputs at all, an unknown name, or a size that is not positive.

    Examples
    --------
    >>> net = MLP(numbers=2, levels=(3,), hidden=(8,), outputs=1)
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
        normalization: str | None = None,
    ) -> None:
        if numbers < 0 or any(count < 1 for count in levels) or numbers + len(levels) == 0:
            raise InputError("model.no-inputs")
        if outputs < 1 or any(units < 1 for units in hidden):
            raise InputError("model.no-units", hidden=list(hidden), outputs=outputs)
        if normalization not in (None, "batch", "layer"):
            raise unknown_name(normalization, ("batch", "layer"), "model.normalization")
        make_activation = activation_named(activation).module
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        fan_in = numbers
        for place, width in enumerate([*hidden, outputs], start=1):
            name = "output" if place > len(hidden) else f"hidden{place}"
            first_mixed = place == 1 and len(levels) > 0
            layers[name] = MixedLinear(numbers, levels, width) if first_mixed else nn.Linear(fan_in, width)
            fan_in = width
            if name == "output":
                break
            if normalization == "batch":
                layers[f"normalization{place}"] = nn.BatchNorm1d(width)
            elif normalization == "layer":
                layers[f"normalization{place}"] = nn.LayerNorm(width)
            layers[f"activation{place}"] = make_activation()
            if dropout > 0:
                layers[f"dropout{place}"] = Dropout(dropout)
        super().__init__(layers)

    def forward(self, numbers: Tensor, categories: Tensor | None = None) -> Tensor:
        """Return the outputs, shape (rows, outputs).

        Parameters
        ----------
        numbers
            Shape (rows, numbers).
        categories
            Codes, shape (rows, category columns); only where the network has category columns.
        """
        layers = iter(self._modules.values())
        first = next(layers)
        values: Tensor = first(numbers) if categories is None else first(numbers, categories)
        for layer in layers:
            values = layer(values)
        return values

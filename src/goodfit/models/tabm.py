"""TabM: many predictions side by side from one network for tables (Gorishniy et al. 2025).

The layers are those of the authors' packages ``tabm`` and ``rtdl_num_embeddings``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.errors import InputError
from goodfit.models.activations import activation_named
from goodfit.models.dropout import Dropout
from goodfit.models.ensemble import averaged

__all__ = ["TabM", "number_bins"]

MOST_BINS = 32
NUMBER_WIDTH = 16
"""Units that a number is embedded in."""
ONE_HOT_LEVELS = 24
"""Levels up to which a category is one-hot; above, each level gets a learned vector."""
CATEGORY_WIDTH = 16
NUMBERS_AT_ONCE = 2**22
"""Numbers that a layer of all members may hold at once in evaluation, which sets the rows."""
MOST_ROWS = 50_000
"""Rows that bins are made from."""


def number_bins(numbers: Tensor, bins: int = MOST_BINS) -> list[list[float]]:
    """Return the edges of each column's bins, which hold about as many rows each; plain data.

    They are quantiles of at most 50,000 rows, equal ones counted once, and fewer where there are few rows. A
    column of two values, such as yes or no, has a single bin; one that is not finite has none.

    Parameters
    ----------
    numbers
        The training rows, shape (rows, columns), finite.

    >>> number_bins(torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, -1.0], [3.0, 1.0]] * 16), bins=3)
    [[0.0, 1.0, 2.0, 3.0], [-1.0, 1.0]]
    """
    if len(numbers) > MOST_ROWS:
        order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(0))
        numbers = numbers[order[:MOST_ROWS]]
    bins = max(2, min(bins, len(numbers) // 8))
    ranks = torch.linspace(0, len(numbers) - 1, bins + 1).round().long()
    edges = [column.sort().values[ranks].unique() for column in numbers.float().T]
    return [column.tolist() if bool(column.isfinite().all()) else [] for column in edges]


class TabM(nn.Module):
    """A network whose ``members`` share nearly all weights and predict each on their own.

    In training mode the outputs are those of every member, shape (rows, members, outputs), and each has a
    loss of its own (`goodfit.training.members`). In evaluation mode they are one prediction, shape (rows,
    outputs): the mean of the members' probabilities (or values), as the outputs that mean it.

    Numbers are kept within their bins, beyond which nothing was learned, and become piecewise-linear
    embeddings (Gorishniy et al. 2022) over them, except those with fewer than two bins; categories become
    one-hot columns, or learned vectors where they have more than 24 levels. Weights
    start as the authors have it, whatever the recipe's initialisation.

    Parameters
    ----------
    bins
        For each numeric column the edges of its bins, from the training rows (`number_bins`); or none.
    levels
        How many levels each category column has.
    hidden
        A number for each layer: its units, the same for all.
    outputs
        Units of the last layer, which has no activation.
    members
        Predictions side by side.
    predictions
        What turns outputs into predictions: ``softmax``, ``sigmoid``, ``exp`` or ``identity``.
    activation
        A name of `ACTIVATIONS`.
    dropout
        Share of hidden units dropped in training.

    Raises
    ------
    InputError
        No inputs at all, layers of different widths or none, an unknown name.

    References
    ----------
    Gorishniy, Kotelnikov and Babenko, *TabM: Advancing Tabular Deep Learning with Parameter-Efficient
    Ensembling*, ICLR 2025; Gorishniy, Rubachev and Babenko, *On Embeddings for Numerical Features in Tabular
    Deep Learning*, NeurIPS 2022.

    Examples
    --------
    >>> net = TabM([[0.0, 0.5, 1.0], []], (3,), (8, 8), 2, members=4, predictions="softmax")
    >>> rows = torch.zeros(5, 2), torch.zeros(5, 1, dtype=torch.int64)
    >>> net(*rows).shape, net.eval()(*rows).shape
    (torch.Size([5, 4, 2]), torch.Size([5, 2]))
    """

    low: Tensor
    high: Tensor

    def __init__(
        self,
        bins: Sequence[Sequence[float]],
        levels: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        *,
        members: int = 16,
        predictions: str = "identity",
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        import tabm
        from rtdl_num_embeddings import PiecewiseLinearEmbeddings

        if any(count < 1 for count in levels) or len(bins) + len(levels) == 0:
            raise InputError("model.no-inputs")
        if outputs < 1 or not hidden or any(units < 1 for units in hidden):
            raise InputError("model.no-units", hidden=list(hidden), outputs=outputs)
        if len(set(hidden)) > 1:
            raise InputError("model.one-width", model="tabm", hidden=list(hidden))
        super().__init__()
        self.members, self.predictions, self.numbers = members, predictions, len(bins)
        self.embedded = [column for column, edges in enumerate(bins) if len(edges) > 2]
        self.plain = [column for column, edges in enumerate(bins) if len(edges) <= 2]
        for name, place, none in (("low", 0, -math.inf), ("high", -1, math.inf)):
            ends = torch.tensor([edges[place] if edges else none for edges in bins])
            self.register_buffer(name, ends, persistent=False)
        self.levels = tuple(levels)
        self.embeddings: Any = None
        if self.embedded:
            self.embeddings = PiecewiseLinearEmbeddings(
                [torch.tensor(bins[column]) for column in self.embedded],
                NUMBER_WIDTH,
                activation=False,
                version="B",
            )
        self.categories = nn.ModuleList(
            nn.Embedding(count, CATEGORY_WIDTH) if count > ONE_HOT_LEVELS else nn.Identity()
            for count in levels
        )
        widths = [NUMBER_WIDTH] * len(self.embedded) + [1] * len(self.plain)
        widths += [CATEGORY_WIDTH if count > ONE_HOT_LEVELS else count for count in levels]
        self.backbone = tabm.make_tabm_backbone(
            d_in=sum(widths),
            n_blocks=len(hidden),
            d_block=hidden[0],
            dropout=dropout,
            activation=activation_named(activation).module.__name__,
            k=members,
            start_scaling_init="normal" if self.embedded else "random-signs",
            start_scaling_init_chunks=widths,
        )
        for block in self.backbone.modules():
            for name, layer in block.named_children():
                if isinstance(layer, nn.Dropout):
                    setattr(block, name, Dropout(dropout))
        self.output = tabm.LinearEnsemble(hidden[0], outputs, k=members)
        self.at_once = max(1, NUMBERS_AT_ONCE // (members * max(sum(widths), hidden[0])))

    def after_reset(self) -> None:
        """Let the embeddings begin as linear ones, as their authors do; called when all layers are drawn."""
        if self.embeddings is not None:
            nn.init.zeros_(self.embeddings.linear.weight)

    def forward(self, numbers: Tensor, categories: Tensor | None = None) -> Tensor:
        """Return each member's outputs, or in evaluation mode those of all together.

        Parameters
        ----------
        numbers
            Shape (rows, numbers).
        categories
            Codes, shape (rows, category columns); only where the network has category columns.
        """
        if numbers.shape[1] != self.numbers:
            raise ValueError(f"{numbers.shape[1]} numbers where {self.numbers} are expected")
        if self.training:
            return self._each(numbers, categories)
        pieces = torch.split(numbers, self.at_once)
        codes: Any = [None] * len(pieces)
        if categories is not None:
            codes = torch.split(categories, self.at_once)
        found = [
            averaged(self._each(*piece).movedim(1, 0), self.predictions)
            for piece in zip(pieces, codes, strict=True)
        ]
        return found[0] if len(found) == 1 else torch.cat(found)

    def _each(self, numbers: Tensor, categories: Tensor | None) -> Tensor:
        """Return each member's outputs, shape (rows, members, outputs)."""
        parts = []
        if self.numbers:
            numbers = numbers.clamp(self.low, self.high)
        if self.embedded:
            whole = numbers[:, self.embedded] if self.plain else numbers
            parts.append(self.embeddings(whole).flatten(1))
        if self.plain:
            parts.append(numbers[:, self.plain] if self.embedded else numbers)
        if categories is not None:
            for column, (count, embedding) in enumerate(zip(self.levels, self.categories, strict=True)):
                codes = categories[:, column].long()
                if count > ONE_HOT_LEVELS:
                    parts.append(embedding(codes))
                else:
                    blank = numbers.new_zeros(len(codes), count)
                    parts.append(blank.scatter(1, codes.unsqueeze(1), 1.0))
        row = torch.cat(parts, dim=1).unsqueeze(1).expand(-1, self.members, -1)
        outputs: Tensor = self.output(self.backbone(row))
        return outputs

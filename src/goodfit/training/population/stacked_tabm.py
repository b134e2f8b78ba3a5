"""TabM over stacked weights: the layers of `goodfit.training.direct_tabm`, of many networks at once.

Values are (members, units, predictions x rows): the rows of a member's first prediction, then those of its
second, so that what scales a prediction runs along its rows. In training each prediction of a row is a row of
the loss; in evaluation the last layer makes one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from goodfit.models.ensemble import averaged
from goodfit.models.tabm import CATEGORY_WIDTH, NUMBER_WIDTH, ONE_HOT_LEVELS, TabM
from goodfit.training.population.layer_plans import Block, LayerPlan, Place, StackedLayer
from goodfit.training.population.stacked_layers import plan_layer

__all__ = ["tabm_plans"]


def tabm_plans(model: TabM) -> tuple[LayerPlan, ...] | None:
    """Return the plans from rows to predictions; None where one of the layers is not known."""
    import tabm

    plans: list[LayerPlan] = [TabMRows.of(model)]
    for number, block in enumerate(model.backbone.blocks):
        for name, module in block._modules.items():
            whole = f"backbone.blocks.{number}.{name}"
            plan = plan_layer(whole, module, first=False)
            if type(module) is tabm.LinearBatchEnsemble and module.bias is not None:
                outputs, inputs = module.weight.shape
                plan = BatchEnsemble(whole, inputs, outputs, len(module.r), number == 0)
            if plan is None:
                return None
            plans.append(plan)
    output = model.output
    if type(output) is not tabm.LinearEnsemble or output.bias is None:
        return None
    heads, inputs, outputs = output.weight.shape
    return *plans, EnsembleOutput("output", inputs, outputs, heads, model.predictions)


@dataclass(frozen=True)
class Named(LayerPlan):
    """A layer whose blocks are its module's parameters as they are."""

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {block.name: blocks[block.name] for block in self.blocks()}


@dataclass(frozen=True)
class TabMRows(Named):
    """From numbers and categories to the row that all predictions share, (members, inputs, rows).

    Parameters
    ----------
    embedded, plain
        Which columns of numbers become piecewise-linear embeddings, and which enter as they are.
    bins
        Of the column that has most.
    levels
        Of each column of categories.
    """

    embedded: tuple[int, ...]
    plain: tuple[int, ...]
    bins: int
    levels: tuple[int, ...]

    @classmethod
    def of(cls, model: TabM) -> TabMRows:
        bins = model.embeddings.impl.weight.shape[1] if model.embedded else 0
        return cls("rows", tuple(model.embedded), tuple(model.plain), bins, model.levels)

    @property
    def mixed(self) -> bool:
        return bool(self.levels)

    @property
    def activations(self) -> int:
        return self._width() + len(self.embedded) * self.bins

    @property
    def multiplications(self) -> int:
        return len(self.embedded) * (self.bins + 1) * NUMBER_WIDTH + self._width()

    def _width(self) -> int:
        return len(self.embedded) * NUMBER_WIDTH + len(self.plain) + sum(map(_category_width, self.levels))

    def _tables(self) -> Iterator[tuple[int, int, int]]:
        """Return each column of categories with where its part of the row begins, and its levels."""
        begin = len(self.embedded) * NUMBER_WIDTH + len(self.plain)
        for column, levels in enumerate(self.levels):
            yield column, begin, levels
            begin += _category_width(levels)

    def encode(self, inputs: Any) -> tuple[Tensor, ...]:
        return (inputs[0], inputs[1].long()) if self.mixed else (inputs,)

    def blocks(self) -> Iterator[Block]:
        if self.embedded:
            columns = len(self.embedded)
            yield Block("embeddings.linear0.weight", (columns, NUMBER_WIDTH), True)
            yield Block("embeddings.linear0.bias", (columns, NUMBER_WIDTH), True)
            yield Block("embeddings.linear.weight", (columns, self.bins, NUMBER_WIDTH), True)
        for column, _, levels in self._tables():
            if levels > ONE_HOT_LEVELS:
                yield Block(f"categories.{column}.weight", (levels, CATEGORY_WIDTH), True)

    def buffers(self) -> dict[str, Tensor]:
        found = {name: torch.zeros(len(self.embedded) + len(self.plain)) for name in ("low", "high")}
        if self.embedded:
            shape = len(self.embedded), self.bins
            found |= {f"embeddings.impl.{name}": torch.zeros(shape) for name in ("weight", "bias")}
        return found

    def bind(self, place: Place) -> StackedLayer:
        pieces, device = place.pieces, place.buffers["low"].device
        low, high = (place.buffers[name].unsqueeze(2) for name in ("low", "high"))
        numeric, many = len(self.embedded) * NUMBER_WIDTH, len(self.embedded) * NUMBER_WIDTH + len(self.plain)
        width, members = self._width(), len(low)
        embedded, plain = (torch.tensor(each, device=device) for each in (self.embedded, self.plain))
        few = [each for each in self._tables() if each[2] <= ONE_HOT_LEVELS]
        chosen = torch.tensor([column for column, *_ in few], dtype=torch.int64, device=device)
        starts = torch.tensor([begin for _, begin, _ in few], dtype=torch.int64, device=device)
        tables = [each for each in self._tables() if each[2] > ONE_HOT_LEVELS]
        embed, embed_back = _embeddings(place) if self.embedded else (None, None)

        def forward(value: Any, training: bool) -> tuple[Tensor, Any]:
            numbers: Tensor
            categories: Any
            numbers, categories = value if self.mixed else (value, None)
            numbers = torch.minimum(torch.maximum(numbers, low), high)
            row = numbers.new_zeros(members, width, numbers.shape[2])
            kept = None
            if embed is not None:
                part, kept = embed(numbers.index_select(1, embedded) if self.plain else numbers)
                row[:, :numeric] = part
            if self.plain:
                row[:, numeric:many] = numbers.index_select(1, plain)
            if categories is not None:
                categories = categories.expand(members, -1, -1)
            if few:
                row.scatter_(1, (categories.index_select(2, chosen) + starts).transpose(1, 2), 1.0)
            for column, begin, _ in tables:
                table = place.blocks[f"categories.{column}.weight"]
                found = table.gather(1, _along(categories[:, :, column]))
                row[:, begin : begin + CATEGORY_WIDTH] = found.transpose(1, 2)
            return row, (kept, categories)

        def backward(gradient: Tensor, saved: Any) -> None:
            kept, categories = saved
            if embed_back is not None:
                embed_back(gradient[:, :numeric], kept)
            for column, begin, levels in tables:
                part = gradient[:, begin : begin + CATEGORY_WIDTH].transpose(1, 2)
                found = gradient.new_zeros(members, levels, CATEGORY_WIDTH)
                found.scatter_add_(1, _along(categories[:, :, column]), part)
                pieces[f"categories.{column}.weight"] = found.flatten(1)

        return forward, backward


def _category_width(levels: int) -> int:
    return levels if levels <= ONE_HOT_LEVELS else CATEGORY_WIDTH


def _along(codes: Tensor) -> Tensor:
    return codes.unsqueeze(2).expand(-1, -1, CATEGORY_WIDTH)


def _embeddings(place: Place) -> tuple[Any, Any]:
    """Return the piecewise-linear embeddings of numbers (members, columns, rows)."""
    edges, offsets = (place.buffers[f"embeddings.impl.{name}"].unsqueeze(3) for name in ("weight", "bias"))
    weight, bias = (place.blocks[f"embeddings.linear0.{name}"].unsqueeze(3) for name in ("weight", "bias"))
    bins = place.blocks["embeddings.linear.weight"]
    members, columns = bins.shape[:2]

    def forward(numbers: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        column = numbers.unsqueeze(2)
        encoded = torch.addcmul(offsets, edges, column)
        encoded[:, :, :-1].clamp_(max=1.0)
        encoded[:, :, 1:].clamp_(min=0.0)
        encoded = encoded.flatten(0, 1)
        linear = torch.addcmul(bias, weight, column).flatten(0, 1)
        found = torch.baddbmm(linear, bins.transpose(2, 3).flatten(0, 1), encoded)
        return found.view(members, -1, numbers.shape[2]), (column, encoded)

    def backward(gradient: Tensor, kept: tuple[Tensor, Tensor]) -> None:
        column, encoded = kept
        part = gradient.reshape(members, columns, NUMBER_WIDTH, -1)
        place.pieces["embeddings.linear0.weight"] = (part * column).sum(3).flatten(1)
        place.pieces["embeddings.linear0.bias"] = part.sum(3).flatten(1)
        found = torch.bmm(encoded, part.flatten(0, 1).transpose(1, 2))
        place.pieces["embeddings.linear.weight"] = found.view(members, -1)

    return forward, backward


@dataclass(frozen=True)
class BatchEnsemble(Named):
    """A linear layer whose inputs (``r``) and outputs (``s``) each of its heads, the predictions, scales.

    ``shared``: all heads still have the same inputs, (members, inputs, rows).
    """

    sizes: ClassVar[tuple[str, ...]] = ("inputs", "outputs")
    inputs: int
    outputs: int
    heads: int
    shared: bool

    @property
    def activations(self) -> int:
        return self.heads * (self.inputs + self.outputs)

    @property
    def multiplications(self) -> int:
        return self.heads * self.inputs * self.outputs

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.weight", (self.outputs, self.inputs), True)
        yield Block(f"{self.name}.r", (self.heads, self.inputs), True)
        yield Block(f"{self.name}.s", (self.heads, self.outputs), True)
        yield Block(f"{self.name}.bias", (self.heads, self.outputs), True)

    def bind(self, place: Place) -> StackedLayer:
        names = [f"{self.name}.{part}" for part in ("weight", "r", "s", "bias")]
        weight = place.blocks[names[0]]
        transposed = weight.transpose(1, 2)
        before, after, bias = (place.blocks[name].transpose(1, 2).unsqueeze(3) for name in names[1:])
        pieces, each = place.pieces, self.heads

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Any]:
            value = value.unsqueeze(2) if self.shared else _split(value, each)
            shape = len(value), self.inputs, each, value.shape[3]
            # Without an order of their own, broadcast products lie in memory as the smaller factor does.
            scaled = torch.mul(value, before, out=value.new_empty(shape)).flatten(2)
            product = _split(torch.bmm(weight, scaled), each)
            output = torch.addcmul(bias, product, after, out=torch.empty_like(product))
            return output.flatten(2), (value, scaled, product)

        def backward(gradient: Tensor, kept: Any) -> Tensor:
            value, scaled, product = kept
            gradient = _split(gradient, each)
            pieces[names[3]] = _by_prediction(gradient)
            pieces[names[2]] = _by_prediction(gradient * product)
            inner = (gradient * after).flatten(2)
            pieces[names[0]] = torch.bmm(inner, scaled.transpose(1, 2)).flatten(1)
            back = _split(torch.bmm(transposed, inner), each)
            pieces[names[1]] = _by_prediction(back * value)
            back.mul_(before)
            return back.sum(2) if self.shared else back.flatten(2)

        return forward, backward


def _split(value: Tensor, predictions: int) -> Tensor:
    """Return (members, units, predictions x rows) with a dimension for the predictions."""
    return value.view(*value.shape[:2], predictions, -1)


def _by_prediction(each: Tensor) -> Tensor:
    """Return (members, units, predictions, rows) summed over the rows, (members, predictions x units)."""
    return each.sum(3).transpose(1, 2).flatten(1)


@dataclass(frozen=True)
class EnsembleOutput(Named):
    """The linear layer that each head has for itself; in evaluation, the mean prediction.

    ``mean``: what turns outputs into predictions.
    """

    sizes: ClassVar[tuple[str, ...]] = ("inputs", "outputs")
    inputs: int
    outputs: int
    heads: int
    mean: str

    @property
    def activations(self) -> int:
        return self.heads * (self.inputs + self.outputs)

    @property
    def predictions(self) -> int:
        return self.heads

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.weight", (self.heads, self.inputs, self.outputs), True)
        yield Block(f"{self.name}.bias", (self.heads, self.outputs), True)

    def bind(self, place: Place) -> StackedLayer:
        names = f"{self.name}.weight", f"{self.name}.bias"
        weight, bias = place.blocks[names[0]], place.blocks[names[1]].unsqueeze(3)
        pieces, each = place.pieces, self.heads

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Tensor]:
            by_prediction = _split(value, each).transpose(1, 2).flatten(0, 1)
            found = torch.bmm(weight.transpose(2, 3).flatten(0, 1), by_prediction)
            found = found.view(-1, each, *found.shape[1:]) + bias
            if not training:
                return averaged(found.transpose(0, 1), self.mean), by_prediction
            return found.transpose(1, 2).flatten(2), by_prediction

        def backward(gradient: Tensor, by_prediction: Tensor) -> Tensor:
            split = _split(gradient, each)
            pieces[names[1]] = _by_prediction(split)
            split = split.transpose(1, 2).flatten(0, 1)
            found = torch.bmm(by_prediction, split.transpose(1, 2))
            pieces[names[0]] = found.view(-1, each * self.inputs * self.outputs)
            back = torch.bmm(weight.flatten(0, 1), split)
            return back.view(-1, each, *back.shape[1:]).transpose(1, 2).flatten(2)

        return forward, backward

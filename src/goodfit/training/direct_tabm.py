"""TabM as a chain of layers with their backward passes by hand: see `goodfit.training.direct`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from goodfit.models.tabm import CATEGORY_WIDTH, NUMBER_WIDTH, ONE_HOT_LEVELS, TabM
from goodfit.training.direct_layers import Layer, direct_layer, own_gradients

__all__ = ["tabm_layers"]

embedding_backward = torch.ops.aten.embedding_dense_backward


def tabm_layers(model: TabM) -> list[Layer] | None:
    """Return the layers from rows to the members' outputs; None where one of them is not known."""
    import tabm

    wanted: list[tuple[Any, type[nn.Module], set[str]]] = [
        (block[0], tabm.LinearBatchEnsemble, {"weight", "r", "s", "bias"}) for block in model.backbone.blocks
    ]
    wanted.append((model.output, tabm.LinearEnsemble, {"weight", "bias"}))
    if any(
        type(layer) is not kind or set(dict(layer.named_parameters())) != names
        for layer, kind, names in wanted
    ):
        return None
    layers = [_rows(model)]
    for place, (linear, *others) in enumerate(model.backbone.blocks):
        layers.append(_batch_ensemble(linear, shared=place == 0))
        for module in others:
            made = direct_layer(module, first=False)
            if made is None:
                return None
            layers += made
    return [*layers, _ensemble(model.output)]


def _rows(model: TabM) -> Layer:
    """Return the layer from numbers and categories to the row, (rows, inputs), that all members share."""
    numeric = len(model.embedded) * NUMBER_WIDTH
    many = width = numeric + len(model.plain)
    begins = []
    for count in model.levels:
        begins.append(width)
        width += count if count <= ONE_HOT_LEVELS else CATEGORY_WIDTH
    few = [column for column, count in enumerate(model.levels) if count <= ONE_HOT_LEVELS]
    starts = torch.tensor([begins[column] for column in few], dtype=torch.int64)
    tables: list[tuple[int, int, Tensor, Tensor]] = [
        (column, begins[column], layer.weight.detach(), own_gradients(layer.weight)[0])
        for column, layer in enumerate(model.categories)
        if isinstance(layer, nn.Embedding)
    ]
    embed, embed_back = _embeddings(model.embeddings) if model.embedded else (None, None)

    def forward(inputs: Any) -> tuple[Tensor, Any]:
        numbers: Tensor
        categories: Any
        numbers, categories = (inputs, None) if isinstance(inputs, Tensor) else inputs
        row = numbers.new_zeros(len(numbers), width)
        numbers = numbers.clamp(model.low, model.high) if model.numbers else numbers
        kept = None
        if embed is not None:
            part = row[:, :numeric].view(len(row), -1, NUMBER_WIDTH)
            kept = embed(numbers[:, model.embedded] if model.plain else numbers, part)
        if model.plain:
            row[:, numeric:many] = numbers[:, model.plain]
        if few:
            codes = categories if len(few) == len(model.levels) else categories[:, few]
            row.scatter_(1, codes + starts, 1.0)
        for column, start, table, _ in tables:
            row[:, start : start + CATEGORY_WIDTH] = table[categories[:, column]]
        return row, (kept, categories)

    def backward(gradient: Tensor, saved: Any) -> None:
        kept, categories = saved
        if embed_back is not None:
            embed_back(gradient[:, :numeric].view(len(gradient), -1, NUMBER_WIDTH), kept)
        for column, start, table, found in tables:
            part = gradient[:, start : start + CATEGORY_WIDTH]
            embedding_backward.out(part, categories[:, column], len(table), -1, False, out=found)

    return forward, backward


def _embeddings(module: Any) -> tuple[Any, Any]:
    """Return the piecewise-linear embeddings: forward writes them where it is told."""
    edges, offsets = module.impl.weight, module.impl.bias
    weight, bias, pieces = (
        each.detach() for each in (module.linear0.weight, module.linear0.bias, module.linear.weight)
    )
    found = own_gradients(module.linear0.weight, module.linear0.bias, module.linear.weight)

    def forward(numbers: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        column = numbers.unsqueeze(2)
        encoded = torch.addcmul(offsets, edges, column)
        encoded[..., :-1].clamp_(max=1.0)
        encoded[..., 1:].clamp_(min=0.0)
        encoded = encoded.transpose(0, 1)
        torch.add(torch.addcmul(bias, weight, column), torch.bmm(encoded, pieces).transpose(0, 1), out=out)
        return column, encoded

    def backward(gradient: Tensor, saved: tuple[Tensor, Tensor]) -> None:
        column, encoded = saved
        torch.sum(gradient * column, 0, out=found[0])
        torch.sum(gradient, 0, out=found[1])
        torch.bmm(encoded.transpose(1, 2), gradient.transpose(0, 1), out=found[2])

    return forward, backward


def _batch_ensemble(module: Any, *, shared: bool) -> Layer:
    """Return a layer of shared weights whose inputs and outputs each member scales (``r`` and ``s``)."""
    weight, first, second, bias = (each.detach() for each in (module.weight, module.r, module.s, module.bias))
    found = own_gradients(module.weight, module.r, module.s, module.bias)
    transposed, members = weight.t(), len(first)

    def forward(value: Tensor) -> tuple[Tensor, Any]:
        value = value.unsqueeze(1) if shared else value
        scaled = (value * first).flatten(0, 1)
        product = torch.mm(scaled, transposed).view(-1, members, len(weight))
        return torch.mul(product, second).add_(bias), (value, scaled, product)

    def backward(gradient: Tensor, saved: Any) -> Tensor:
        value, scaled, product = saved
        torch.sum(gradient, 0, out=found[3])
        torch.sum(gradient * product, 0, out=found[2])
        inner = (gradient * second).flatten(0, 1)
        torch.mm(inner.t(), scaled, out=found[0])
        back = torch.mm(inner, weight).view(-1, members, weight.shape[1])
        torch.sum(back * value, 0, out=found[1])
        back.mul_(first)
        return back.sum(1) if shared else back

    return forward, backward


def _ensemble(module: Any) -> Layer:
    """Return a linear layer that each member has for itself."""
    weight, bias = module.weight.detach(), module.bias.detach()
    transposed = weight.transpose(1, 2)
    found = own_gradients(module.weight, module.bias)

    def forward(value: Tensor) -> tuple[Tensor, Tensor]:
        by_member = value.transpose(0, 1)
        return torch.bmm(by_member, weight).transpose(0, 1) + bias, by_member

    def backward(gradient: Tensor, by_member: Tensor) -> Tensor:
        torch.sum(gradient, 0, out=found[1])
        gradient = gradient.transpose(0, 1)
        torch.bmm(by_member.transpose(1, 2), gradient, out=found[0])
        return torch.bmm(gradient, transposed).transpose(0, 1)

    return forward, backward

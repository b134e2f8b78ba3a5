"""What each column's value does to the prediction of one row: integrated gradients and Shapley values."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from goodfit.data.applying import apply_preparation
from goodfit.data.columns import MICROSECONDS_A_DAY
from goodfit.data.facts import TableFacts
from goodfit.data.preparation import BooleanColumn, CategoryColumn, DatetimeColumn, NumberColumn, NumberTarget
from goodfit.data.targets import decode_target
from goodfit.errors import InputError
from goodfit.explanation.places import places
from goodfit.explanation.rows import Attribution, Explanation, RowExplanation
from goodfit.training.losses import Loss, to_predictions

__all__ = ["explain_rows", "typical_row"]

STEPS = (64, 512)
"""Steps of the way from the typical row; the second where the first leave too much unexplained."""
ROWS_AT_ONCE = 4096
MOST_PLAYERS, ORDERS = 4, 24
LARGEST_LOG = 80.0

Array = NDArray[Any]
Told = Callable[[Tensor, Tensor, Tensor], Tensor]


def explain_rows(
    model: nn.Module,
    loss: Loss,
    facts: TableFacts,
    frame: pl.DataFrame,
    numbers: Sequence[int],
    *,
    target: str | None = None,
    threshold: float = 0.5,
) -> Explanation:
    """Tell what each column's value did to the predictions of some rows.

    Each row is compared with a typical one (`typical_row`). From there to the row, the numbers together and
    each category by itself take their turns, in every order or in 24 orders; what each does to the prediction
    (the predicted class's probability, or the number in its own units) is averaged over the orders, which is
    Shapley's value. What the numbers do together is divided among them by integrated gradients along the
    straight line, and all that became of one column is summed. So the effects add up to the difference of
    both predictions; what the steps along the line leave is told.

    Parameters
    ----------
    frame
        The typed table that the rows are of.
    numbers
        The rows, counted from 0.
    target
        Which of several targets is explained; None for the first.
    threshold
        Probability above which the second of two classes is predicted.

    Raises
    ------
    InputError
        captum is not installed, or there is no such target.

    References
    ----------
    Sundararajan, Taly and Yan, *Axiomatic attribution for deep networks*, ICML 2017; Castro, Gómez and
    Tejada, *Polynomial calculation of the Shapley value based on sampling*, 2009.
    """
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise InputError("extra.missing", package="captum", extra="explain") from None
    classes, names = facts.profile.classes, list(facts.profile.targets)
    if target is not None and target not in names:
        raise InputError("explain.no-target", target=target, known=names)
    which = 0 if target is None else names.index(target)
    typed = frame[list(numbers)]
    typical = typical_row(facts, typed)
    inputs, codes = _tensors(facts, typed)
    start, usual = (part.expand(len(typed), -1) for part in _tensors(facts, typical))
    network = copy.deepcopy(model).to("cpu", torch.float64).eval()
    predictions = _predictions(network, loss, facts)
    with torch.no_grad():
        predicted = predictions(inputs, codes)
    chosen = torch.full((len(typed),), which)
    if classes:
        chosen = (predicted[:, 1] > threshold).long() if len(classes) == 2 else predicted.argmax(dim=1)

    def told(some: Tensor, codes: Tensor, chosen: Tensor) -> Tensor:
        return predictions(some, codes).gather(1, chosen[:, None])[:, 0]

    gradients = IntegratedGradients(told)
    with torch.no_grad():
        reached, before = told(inputs, codes, chosen), told(start, usual, chosen)
    for steps in STEPS:

        def of_numbers(codes: Tensor, steps: int = steps) -> Tensor:
            if not inputs.shape[1]:
                return inputs
            effects: Tensor = gradients.attribute(
                inputs,
                baselines=start,
                additional_forward_args=(codes, chosen),
                n_steps=steps,
                method="riemann_middle",
                internal_batch_size=max(ROWS_AT_ONCE, len(inputs)),
            )
            return effects.detach()

        effects = _by_column(
            facts,
            *_over_orders(
                lambda some, now: told(some, now, chosen), of_numbers, (start, inputs), (usual, codes)
            ),
        )
        remainders = (reached - before).numpy() - effects.sum(axis=1)
        rows = tuple(
            RowExplanation(
                row=int(number),
                prediction=_label(facts, int(chosen[place])) if classes else float(reached[place]),
                of=str(classes[int(chosen[place])]) if classes else names[which],
                value=float(reached[place]),
                typical=float(before[place]),
                attributions=_attributions(facts, typed, place, effects[place]),
                remainder=float(remainders[place]),
            )
            for place, number in enumerate(numbers)
        )
        if all(row.complete for row in rows):
            break
    values = {name: _plain(value) for name, value in typical.row(0, named=True).items()}
    return Explanation(facts.source.name, names[which], bool(classes), rows, values)


def typical_row(facts: TableFacts, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a row of values that are usual among the training rows, typed as ``frame``.

    Numbers and moments are at their median, categories at their most frequent value, or at a rare one where
    there are more rare values than rows with that; yes/no is no; whatever else there is (texts) is missing.
    """
    counts = {column.name: column.facts.get("levels") or [] for column in facts.profile.columns}
    found: dict[str, Any] = {}
    for column in facts.preparation.columns:
        if isinstance(column, CategoryColumn):
            found[column.name] = _usual_category(column, counts[column.name])
        elif isinstance(column, NumberColumn):
            found[column.name] = column.fill
        elif isinstance(column, DatetimeColumn):
            days = column.elapsed.fill if "hour" in column.cycles else np.floor(column.elapsed.fill)
            moment = pl.Series([days * MICROSECONDS_A_DAY]).cast(pl.Int64)
            found[column.name] = moment.cast(pl.Datetime("us"))[0]
        else:
            found[column.name] = False if isinstance(column, BooleanColumn) else None
    schema = frame.schema
    return pl.DataFrame(
        [
            pl.Series(name, [value], pl.Float64 if isinstance(value, float) else None).cast(
                pl.Float64 if isinstance(value, float) else schema[name], strict=False
            )
            for name, value in found.items()
        ]
    )


def _usual_category(column: CategoryColumn, counts: list[list[Any]]) -> str | None:
    frequent = max((rows for value, rows in counts if value in column.levels), default=column.minimum)
    if len(column.rare) > frequent or not column.levels:
        return column.rare[0] if column.rare else None
    return column.levels[0]


def _tensors(facts: TableFacts, frame: pl.DataFrame) -> tuple[Tensor, Tensor]:
    prepared = apply_preparation(facts.preparation, frame, facts.source.name)
    return torch.from_numpy(prepared.numbers).double(), torch.from_numpy(prepared.categories)


def _predictions(network: nn.Module, loss: Loss, facts: TableFacts) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what makes prepared rows probabilities of each class, or numbers in their own units."""
    target = facts.preparation.target

    def predictions(numbers: Tensor, codes: Tensor) -> Tensor:
        found = to_predictions(loss, network(numbers, codes) if codes.shape[1] else network(numbers))
        if not isinstance(target, NumberTarget):
            return torch.cat([1 - found, found], dim=1) if found.shape[1] == 1 else found
        units = []
        for place, column in enumerate(target.columns):
            value = found[:, place] * column.scale + column.center
            if column.scaling == "log":
                value = column.unit * torch.expm1(value.clamp_max(LARGEST_LOG))
            units.append(value)
        return torch.stack(units, dim=1)

    return predictions


def _over_orders(
    told: Callable[[Tensor, Tensor], Tensor],
    of_numbers: Callable[[Tensor], Tensor],
    inputs: tuple[Tensor, Tensor],
    codes: tuple[Tensor, Tensor],
) -> tuple[Array, Array]:
    """Return the mean effects of the numbers, shape (rows, numbers), and of the categories, (rows, columns).

    ``inputs`` and ``codes`` are those of the typical row and of the rows to explain. The first player is the
    numbers, the others are the categories.
    """
    orders = _orders(codes[0].shape[1] + 1)
    numbers, categories = torch.zeros_like(inputs[1]), torch.zeros(codes[1].shape, dtype=inputs[1].dtype)
    for order in orders:
        some, now = inputs[0], codes[0].clone()
        with torch.no_grad():
            before = told(some, now)
        for turn in order:
            if turn == 0:
                numbers += of_numbers(now)
                some = inputs[1]
            else:
                now[:, turn - 1] = codes[1][:, turn - 1]
            with torch.no_grad():
                after = told(some, now)
            if turn:
                categories[:, turn - 1] += after - before
            before = after
    return (numbers / len(orders)).numpy(), (categories / len(orders)).numpy()


def _orders(players: int) -> list[tuple[int, ...]]:
    """Return every order of a few players, or of more so many random ones, each with its reverse."""
    if players <= MOST_PLAYERS:
        return list(itertools.permutations(range(players)))
    random = np.random.default_rng(0)
    drawn = [tuple(random.permutation(players).tolist()) for _ in range(ORDERS // 2)]
    return [order for forth in drawn for order in (forth, forth[::-1])]


def _by_column(facts: TableFacts, numbers: Array, categories: Array) -> Array:
    """Return the effects by column of the original table, shape (rows, columns)."""
    return np.stack(
        [
            numbers[:, place.numbers].sum(axis=1) if place.category is None else categories[:, place.category]
            for place in places(facts.preparation)
        ],
        axis=1,
    )


def _attributions(
    facts: TableFacts, typed: pl.DataFrame, place: int, effects: Array
) -> tuple[Attribution, ...]:
    names = [column.name for column in facts.preparation.columns]
    shown = typed.select(names).row(place)
    found = (
        Attribution(name, _plain(value), float(effect))
        for name, value, effect in zip(names, shown, effects, strict=True)
    )
    return tuple(sorted(found, key=lambda item: -abs(item.effect)))


def _label(facts: TableFacts, code: int) -> Any:
    return decode_target(facts.preparation.target, [code]).tolist()[0]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; of a moment at midnight the day alone."""
    plain = isinstance(value, (bool, int, float, str, type(None)))
    return value if plain else str(value).removesuffix(" 00:00:00")

"""goodfit.data_curve: a recipe trained on fractions of the rows, and what more rows would bring."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from goodfit.data.facts import TableFacts
from goodfit.errors import InputError
from goodfit.evaluation.power_law import fit_power_law, forecast
from goodfit.evaluation.scores import Evaluation
from goodfit.files import data_name
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.rows_curve import DataCurve, Size, error_of
from goodfit.run import Run
from goodfit.training.randomness import undisturbed
from goodfit.workflow.choices import check_functions, completed, separate_functions
from goodfit.workflow.finishing import judged
from goodfit.workflow.group_training import train_all
from goodfit.workflow.live_display import terminal
from goodfit.workflow.members import Member, make_member
from goodfit.workflow.own_data import chosen_rows
from goodfit.workflow.parts import Parts, rows_of, target_of
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.tables import TableOptions
from goodfit.workflow.time_left import AFTER_SEVERAL, training_ends
from goodfit.workflow.train import parts_of

__all__ = ["data_curve", "nested_rows"]

SMALLEST, SIZES = 0.1, 6
FEWEST_ROWS = 20
"""Rows that the smallest training has at least."""
LONGEST = 10.0
"""Times the recipe's epochs that a small training has at most."""


def data_curve(
    data: Any,
    *,
    target: str | Sequence[str] | None = None,
    valid: Any = None,
    test: Any = None,
    model: str | nn.Module | Callable[[], nn.Module] | None = None,
    recipe: Recipe | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    group_column: str | None = None,
    time_column: str | None = None,
    reading: Mapping[str, Any] | None = None,
    fractions: Sequence[float] | None = None,
    seeds: int = 4,
    progress: bool = False,
    name: str | None = None,
    language: str = "en",
    begun: float | None = None,
    **recipe_fields: Any,
) -> DataCurve:
    """Train a recipe on fractions of the training rows, and say what twice the rows would bring.

    Validation and test rows are the same for all. The rows of a smaller training are among those of the
    larger ones with its seed, each class in proportion, and each training has about as many updates as the
    one on all rows (at most ten times its epochs): what is told is what rows are worth, not what longer
    training is. Columns are prepared once, from all training rows. A power law with a floor is fitted to the
    errors on the test rows, or the validation rows where there are none, and continued to twice and four
    times the rows.

    Parameters
    ----------
    data, target, valid, test, model, recipe, task, columns, group_column, time_column, reading, recipe_fields
        As `goodfit.train` takes them. Rows are drawn one by one also where there are groups. Or ``data`` is a
        Run that was trained on a file: its recipe learns from the same file, divided in the same way.
    fractions
        Shares of the training rows, above 0 and at most 1; None for six from a tenth to all.
    seeds
        Trainings for each size, which differ in their rows, start and order.
    progress
        Show progress on stderr.
    name
        What the data are called.
    begun
        When the seconds of ``time_budget``, which is of all trainings together, began to count, by
        ``time.perf_counter``; None for now. The budget that a Run was trained with is each training's own.

    Returns
    -------
    DataCurve

    Raises
    ------
    InputError
        Fractions or seeds that are none, too few rows, rows that only a loader delivers, or whatever cannot
        train.

    Examples
    --------
    >>> import goodfit
    >>> from sklearn.datasets import load_wine
    >>> frame = load_wine(as_frame=True).frame
    >>> curve = goodfit.data_curve(frame, target="target", hidden=(8,), epochs=10, seeds=2)
    >>> curve.sizes[0].rows, len(curve.sizes)
    (20, 6)
    """
    begun = time.perf_counter() if begun is None else begun
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise InputError("population.seeds", seeds=seeds)
    fields, functions = separate_functions(recipe_fields)
    if isinstance(model, str):
        fields["model"], model = model, None
    options = TableOptions(task, columns, group_column, time_column, **(reading or {}))
    run = data if isinstance(data, Run) else None
    if run is not None:
        table = _table_of(run)
        data, target, options = table.source.path, table.profile.targets, _options_of(table)
        recipe = recipe or run.recipe
    asked = (recipe or Recipe()).replace(**fields)
    noted = [Message("data_curve.note.single", {"networks": asked.networks})] if asked.bag > 1 else []
    asked = asked.replace(bag=1, stack=())
    check_functions(asked, functions, model)
    given = {"data": data, "target": target, "valid": valid, "test": test, "options": options}
    parts = parts_of(given, model, asked)
    if run is not None:
        _check_same_rows(parts, run)
    total = rows_of(parts.train)
    if parts.train.kind == "loader" or total is None:
        raise InputError("data_curve.loader")
    unseen = "test" if parts.test is not None else "valid"
    if parts.test is None:
        if parts.valid is None:
            raise InputError("data_curve.no-unseen")
        parts = replace(parts, test=parts.valid, tested=None, test_rows=None)
    sizes = _sizes(total, fractions)
    whole = completed(asked, parts, functions, model)
    with undisturbed():
        orders = [nested_rows(parts, whole.seed + seed) for seed in range(seeds)]
        chosen = [(seed, order[:size]) for size in sizes for seed, order in enumerate(orders)]
        members = [
            _member(seed, whole, asked.batch_size, parts, rows, model, functions) for seed, rows in chosen
        ]
        for place, member in enumerate(members):
            member.place = place
        budget = whole.time_budget if run is None or "time_budget" in fields else None
        ends_at = training_ends(budget, begun, time.perf_counter(), AFTER_SEVERAL)
        train_all(members, PopulationProgress(language, terminal(progress)), ends_at)
        if any(member.ended in (None, "interrupted") for member in members):
            raise KeyboardInterrupt  # a curve of what was trained for shorter would mislead
        cut = sum(member.ended == "time-budget" for member in members)
        if cut:
            noted.append(Message("data_curve.note.cut", {"count": cut, "all": len(members)}))
        found = [_evaluation(member) for member in members]
    if any(one is None for one in found):
        raise InputError("data_curve.no-unseen")
    measured = [one for one in found if one is not None]
    metric = measured[0].main_metric
    by_size = [measured[place : place + seeds] for place in range(0, len(measured), seeds)]
    points = [_size(rows, several, metric) for rows, several in zip(sizes, by_size, strict=True)]
    return _curve(points, parts, whole, metric, unseen=unseen, name=name, noted=noted)


def _table_of(run: Run) -> TableFacts:
    if run.table is None or run.table.source.path is None:
        raise InputError("data_curve.no-file", run=run.name)
    return run.table


def _options_of(table: TableFacts) -> TableOptions:
    """Return what was said of a table, its columns too, when a run was trained on it."""
    profile = table.profile
    told: dict[str, str] = {}
    for column in profile.columns:
        if column.reason.code == "notes.column.told":
            told[column.name] = "drop" if column.kind == "dropped" else column.kind
        elif column.reason.code == "notes.column.date-told":
            told[column.name] = f"datetime:{column.facts['formats'][0]}"
    return TableOptions(
        profile.task, told or None, profile.group_column, profile.time_column, **table.reading
    )


def _check_same_rows(parts: Parts, run: Run) -> None:
    """Refuse rows that are not those of the run: another file by now, or files beside it that are missing."""
    table = _table_of(run)
    if parts.source.sha256 != table.source.sha256:
        raise InputError("data_curve.other-file", path=table.source.path, run=run.name)
    ours = None if parts.table is None else parts.table.split
    if ours is None or not np.array_equal(ours.train, table.split.train):
        raise InputError("data_curve.other-rows", path=table.source.path, run=run.name)


def nested_rows(parts: Parts, seed: int) -> NDArray[np.int64]:
    """Return the training rows in an order any beginning of which has each class in proportion."""
    total = rows_of(parts.train) or 0
    random = np.random.default_rng([seed % 2**63, total])
    order = random.permutation(total)
    target = target_of(parts.train)
    if not parts.classes or target is None:
        return order
    codes = np.asarray(target.numpy()).reshape(-1)[order]
    place = np.empty(total)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        place[rows] = (np.arange(len(rows)) + random.random()) / len(rows)
        place[rows[0]] = -1.0  # one row of each class comes first of all
    return order[np.argsort(place, kind="stable")]


def _sizes(total: int, fractions: Sequence[float] | None) -> list[int]:
    if fractions is None:
        if total < 3 * FEWEST_ROWS:
            raise InputError("data_curve.too-few-rows", rows=total, least=3 * FEWEST_ROWS)
        first = max(SMALLEST, FEWEST_ROWS / total)
        fractions = np.geomspace(first, 1.0, SIZES).tolist()
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise InputError("data_curve.fraction", fraction=fraction)
    sizes = sorted({max(2, round(fraction * total)) for fraction in fractions})
    if len(sizes) < 3:
        raise InputError("data_curve.few-sizes", count=len(sizes))
    return sizes


def _member(
    seed: int,
    whole: Recipe,
    batch_size: Any,
    parts: Parts,
    rows: NDArray[np.int64],
    model: Any,
    functions: Mapping[str, Any],
) -> Member:
    """Return a training on some of the rows, with about as many updates as that on all of them."""
    total = rows_of(parts.train) or 1
    some = replace(parts, train=chosen_rows(parts.train, np.sort(rows)), held_out=None)
    recipe = completed(whole.replace(batch_size=batch_size), some, functions, model)
    per_epoch = [_updates(count, one) for count, one in ((total, whole), (len(rows), recipe))]
    longer = min(LONGEST, max(1.0, per_epoch[0] / per_epoch[1]))
    patience = None if recipe.patience is None else math.ceil(recipe.patience * longer)
    epochs, own = math.ceil(recipe.epochs * longer), (whole.seed + seed) % 2**63
    recipe = recipe.replace(epochs=epochs, patience=patience, seed=own)
    return make_member(0, recipe, some, model, functions)


def _updates(rows: int, recipe: Recipe) -> int:
    size = rows if recipe.batch_size is None else int(recipe.batch_size)
    return math.ceil(rows / max(1, size))


def _evaluation(member: Member) -> Evaluation | None:
    found: Evaluation | None = judged(member.job, member.parts, {}, 0)["evaluation"]
    return found


def _size(rows: int, several: Sequence[Evaluation], metric: str) -> Size:
    names = several[0].metrics
    scores = {name: tuple(one.metrics[name].value for one in several) for name in names}
    errors = [error_of(metric, value) for value in scores[metric]]
    known = tuple(float(error) for error in errors if math.isfinite(error) and error > 0)
    if not known:
        raise InputError("data_curve.no-scores", rows=rows)
    return Size(rows, scores, known)


def _curve(
    sizes: Sequence[Size],
    parts: Parts,
    recipe: Recipe,
    metric: str,
    *,
    unseen: Any,
    name: str | None,
    noted: Sequence[Message],
) -> DataCurve:
    rows = [size.rows for size in sizes]
    errors = [size.errors for size in sizes]
    means = [float(np.mean(each)) for each in errors]
    law = fit_power_law(rows, means)
    backtest = (math.nan, math.nan)
    if len(sizes) > 3:
        backtest = float(fit_power_law(rows[:-1], means[:-1])(rows[-1])), means[-1]
    forecasts = tuple(forecast(rows, errors, times * rows[-1], seed=recipe.seed) for times in (2, 4))
    notes = [Message("data_curve.note.one-training")] if min(map(len, errors)) < 2 else []
    source = parts.source
    return DataCurve(
        name=name or (data_name(source.name) if source.path else source.name),
        recipe=recipe,
        metric=metric,
        sizes=tuple(sizes),
        law=law,
        forecasts=forecasts,
        backtest=backtest,
        unseen=unseen,
        unseen_rows=rows_of(parts.test) or 0,
        notes=(*noted, *notes),
    )

"""goodfit.compare: finished runs side by side on rows that none of them has learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.comparison import Comparison, Difference
from goodfit.errors import InputError
from goodfit.evaluation.evaluate import default_metrics
from goodfit.evaluation.intervals import advantage, bootstrap, interval
from goodfit.evaluation.metrics import METRICS, Metric, measure
from goodfit.evaluation.paired import Paired, bootstrap_p, holm, mcnemar, paired_t
from goodfit.evaluation.scores import Score
from goodfit.evaluation.threshold import NEED_CLASSES, moved
from goodfit.loading import load
from goodfit.messages import Message
from goodfit.report.formats import as_toml
from goodfit.run import Run

if TYPE_CHECKING:
    import polars as pl

__all__ = ["compare"]

FEWEST_ROWS = 20
"""Rows in common on which two runs can be compared; on fewer the bootstrap is too sure of itself."""


def compare(*runs: Run | str | Path) -> Comparison:
    """Compare finished runs with the first of them, on rows that none of them has learned from.

    The rows are those that are test rows of all runs; where all were trained with ``folds``, every row, as
    predicted by the training that left it out. Scores differ by a bootstrap of the same rows (Efron and
    Tibshirani 1993), classifiers also by McNemar's exact test; runs trained with the same seeds, or on the
    same folds, also by a paired t test over these (over folds as Nadeau and Bengio 2003 correct it). Where
    more than two runs are compared, p-values are corrected by Holm's method.

    Parameters
    ----------
    runs
        Runs, or their folders; at least two.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Fewer than two runs; other data, targets or tasks; no predictions of test rows; hardly any row that is
        new to all of them.

    Examples
    --------
    >>> import goodfit
    >>> from sklearn.datasets import load_wine
    >>> frame = load_wine(as_frame=True).frame
    >>> given = {"target": "target", "epochs": 20, "test_fraction": 0.4}
    >>> slow = goodfit.train(frame, learning_rate=1e-5, **given)
    >>> fast = goodfit.train(frame, learning_rate=1e-2, **given)
    >>> goodfit.compare(slow, fast).verdict()
    'better'
    """
    if len(runs) < 2:
        raise InputError("compare.too-few-runs", count=len(runs))
    loaded = [run if isinstance(run, Run) else load(run) for run in runs]
    names = _names(runs, loaded)
    _check_data(loaded, names)
    folded = all(run.repeats is not None and run.repeats.predictions is not None for run in loaded)
    frames = [_unseen(run, name, folded=folded) for run, name in zip(loaded, names, strict=True)]
    frames = _common(frames, names)
    task = _task(frames)
    target, predictions = _arrays(frames, task)
    chosen = _metrics(loaded, task)
    main = _main_metric(loaded, chosen, task, target)
    decided = [_decided(said, run) for said, run in zip(predictions, loaded, strict=True)]
    scores, differences = _by_rows(target, predictions, decided, chosen, main)
    if task != "regression":
        differences += _by_right_rows(frames)
    differences += _by_trainings(loaded, chosen, main)
    return Comparison(
        names=tuple(names),
        rows=len(target),
        unseen="folds" if folded else "test",
        main_metric=main,
        scores=scores,
        differences=tuple(sorted(_corrected(differences, len(loaded)), key=lambda one: one.run)),
        recipes=_differing(loaded),
        histories=tuple(
            (run.history, *([] if run.repeats is None else run.repeats.histories)) for run in loaded
        ),
        curve=_curve(loaded),
        notes=tuple(_notes(loaded, names, differences)),
    )


def _names(runs: Sequence[Any], loaded: Sequence[Run]) -> list[str]:
    """Return what the runs are called: their folders, else their names, numbered where they are the same."""
    told = [str(run) if not isinstance(run, Run) else str(run.folder or run.name) for run in runs]
    if len(set(told)) == len(told):
        return told
    return [f"{name} ({place})" for place, name in enumerate(told, start=1)]


def _check_data(runs: Sequence[Run], names: Sequence[str]) -> None:
    first = runs[0]
    for run, name in zip(runs[1:], names[1:], strict=True):
        told = {"first": names[0], "second": name}
        if (run.table is None) != (first.table is None):
            raise InputError("compare.other-data", **told)
        if run.table is None or first.table is None:
            continue
        ours, theirs = first.table.profile, run.table.profile
        if ours.targets != theirs.targets:
            said = {"ours": ", ".join(ours.targets), "theirs": ", ".join(theirs.targets)}
            raise InputError("compare.other-target", **told, **said)
        if (ours.task == "regression") != (theirs.task == "regression"):
            raise InputError("compare.other-task", **told, ours=ours.task, theirs=theirs.task)
        hashes = first.table.source.sha256, run.table.source.sha256
        if None not in hashes and hashes[0] != hashes[1]:
            raise InputError("compare.other-data", **told)


def _unseen(run: Run, name: str, *, folded: bool) -> pl.DataFrame:
    frame = run.test_predictions
    if folded and run.repeats is not None:
        frame = run.repeats.predictions
    if frame is None:
        raise InputError("compare.no-predictions", run=name)
    return frame.drop("fold", strict=False)


def _common(frames: Sequence[pl.DataFrame], names: Sequence[str]) -> list[pl.DataFrame]:
    """Return the rows that are in every frame, in one order; the truth must be the same in all."""
    rows = frames[0]["row"]
    for frame in frames[1:]:
        rows = rows.filter(rows.is_in(frame["row"].implode()))
    if len(rows) < FEWEST_ROWS:
        raise InputError("compare.too-few-rows", count=len(rows), least=FEWEST_ROWS)
    shared = [frame.filter(frame["row"].is_in(rows.implode())).sort("row") for frame in frames]
    truths = [column for column in shared[0].columns if column.startswith("truth")]
    for frame, name in zip(shared[1:], names[1:], strict=True):
        same = frame.columns == shared[0].columns
        if not same or not frame.select(truths).equals(shared[0].select(truths)):
            raise InputError("compare.other-data", first=names[0], second=name)
    return shared


def _task(frames: Sequence[pl.DataFrame]) -> Literal["binary", "multiclass", "regression"]:
    classes = [column for column in frames[0].columns if column.startswith("p_")]
    return "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"


def _arrays(frames: Sequence[pl.DataFrame], task: str) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Return codes and probabilities, or values, as metrics take them."""
    from goodfit.predicting import spelled

    first = frames[0]
    if task == "regression":
        truths = [name for name in first.columns if name.startswith("truth")]
        said = [name for name in first.columns if name.startswith("prediction")]
        values = first.select(truths).to_numpy().astype(np.float64)
        return values, [frame.select(said).to_numpy().astype(np.float64) for frame in frames]
    columns = [name for name in first.columns if name.startswith("p_")]
    codes = {name.removeprefix("p_"): code for code, name in enumerate(columns)}
    target = np.array([codes[spelled(label)] for label in first["truth"].to_list()], dtype=np.int64)
    return target, [frame.select(columns).to_numpy() for frame in frames]


def _metrics(runs: Sequence[Run], task: Literal["binary", "multiclass", "regression"]) -> dict[str, Metric]:
    chosen = {item.name: item for item in default_metrics(task)}
    for run in runs:
        for name in () if run.recipe.metrics == "auto" else run.recipe.metrics:
            if name in METRICS and task in METRICS[name].tasks:
                chosen[name] = METRICS[name]
    return chosen


def _main_metric(runs: Sequence[Run], chosen: dict[str, Metric], task: str, target: NDArray[Any]) -> str:
    measured = runs[0].evaluation
    if measured is not None and measured.main_metric in chosen:
        return measured.main_metric
    return "log_loss" if task != "regression" else "rmse" if target.shape[1] == 1 else "r2"


def _decided(predictions: NDArray[Any], run: Run) -> NDArray[Any]:
    """Return probabilities moved so that the likelier class is the one predicted."""
    return predictions if run.threshold is None else moved(predictions, run.threshold.value)


def _by_rows(
    target: NDArray[Any],
    predictions: Sequence[NDArray[Any]],
    decided: Sequence[NDArray[Any]],
    chosen: dict[str, Metric],
    main: str,
) -> tuple[dict[str, tuple[Score, ...]], list[Difference]]:
    names = [str(place) for place in range(len(predictions))]
    values: dict[str, dict[str, float]] = {name: {} for name in names}
    strayed: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in names}
    for given, of_classes in ((predictions, False), (decided, True)):
        part = tuple(item for item in chosen.values() if (item.needs in NEED_CLASSES) == of_classes)
        said = dict(zip(names, given, strict=True))
        far = bootstrap(target, said, part)
        for name in names:
            values[name] |= measure(part, target, said[name])
            strayed[name] |= far[name]
    scores = {
        metric: tuple(interval(values[name][metric], strayed[name][metric]) for name in names)
        for metric in chosen
    }
    differences = []
    for place in range(1, len(predictions)):
        for metric in sorted(chosen, key=lambda name: name != main):
            ours, theirs = ((values[name][metric], strayed[name][metric]) for name in ("0", str(place)))
            better = advantage(chosen[metric], theirs, ours)
            sign = 1 if chosen[metric].higher_is_better else -1
            p = bootstrap_p(better.value, sign * (theirs[1] - ours[1]))
            differences.append(Difference(place, metric, "rows", better, p, len(target)))
    return scores, differences


def _by_right_rows(frames: Sequence[pl.DataFrame]) -> list[Difference]:
    right = [(frame["prediction"] == frame["truth"]).to_numpy() for frame in frames]
    found = []
    for place in range(1, len(frames)):
        only_first, only_second, p = mcnemar(right[0], right[place])
        share = Score((only_second - only_first) / len(right[0]), math.nan, math.nan)
        found.append(Difference(place, "accuracy", "mcnemar", share, p, only_first + only_second))
    return found


def _by_trainings(runs: Sequence[Run], chosen: dict[str, Metric], main: str) -> list[Difference]:
    """Compare the scores of trainings with the same seed, or on the same fold."""
    found = []
    for place, run in enumerate(runs[1:], start=1):
        paired = _paired(runs[0], run, main)
        if paired is None or run.repeats is None or run.repeats.kind == "bag":
            continue
        sign = 1 if chosen[main].higher_is_better else -1
        value, low, high = paired.difference.value, paired.difference.low, paired.difference.high
        better = Score(value, low, high) if sign > 0 else Score(-value, -high, -low)
        found.append(Difference(place, main, run.repeats.kind, better, paired.p, paired.pairs))
    return found


def _paired(first: Run, second: Run, metric: str) -> Paired | None:
    ours, theirs = first.repeats, second.repeats
    if ours is None or theirs is None or ours.kind != theirs.kind:
        return None
    scores = [
        {each.number: each.scores.get(metric, math.nan) for each in repeats.trainings}
        for repeats in (ours, theirs)
    ]
    numbers = [number for number in scores[0] if number in scores[1]]
    values = [[each[number] for number in numbers] for each in scores]
    if ours.kind == "seeds":
        return paired_t(*values) if _same_test_rows(first, second) else None
    if ours.predictions is None or theirs.predictions is None or len(ours) != len(theirs):
        return None
    if not ours.predictions.select("row", "fold").equals(theirs.predictions.select("row", "fold")):
        return None
    return paired_t(*values, test_share=1 / (len(ours) - 1))


def _same_test_rows(first: Run, second: Run) -> bool:
    frames = first.test_predictions, second.test_predictions
    if frames[0] is None or frames[1] is None:
        return False
    return frames[0]["row"].equals(frames[1]["row"])


def _corrected(differences: Sequence[Difference], runs: int) -> list[Difference]:
    """Correct the p-values of each test of each metric for as many runs as it was done with."""
    if runs == 2:
        return list(differences)
    kinds: dict[tuple[str, str], list[Difference]] = {}
    for one in differences:
        kinds.setdefault((one.test, one.metric), []).append(one)
    corrected = []
    for alike in kinds.values():
        for one, p in zip(alike, holm([each.p for each in alike]), strict=True):
            corrected.append(Difference(one.run, one.metric, one.test, one.difference, p, one.pairs))
    return corrected


def _differing(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Return the recipe fields that differ, as they are written."""
    values = {
        name: tuple(as_toml(getattr(run.recipe, name)) for run in runs)
        for name in type(runs[0].recipe).model_fields
    }
    return {name: told for name, told in values.items() if len(set(told)) > 1}


def _curve(runs: Sequence[Run]) -> str | None:
    """Return the metric whose validation curves say the same thing in all runs."""
    losses = {(run.recipe.loss, repr(run.recipe.loss_options), repr(run.recipe.class_weight)) for run in runs}
    if len(losses) == 1 and all(run.history.get("valid_loss") is not None for run in runs):
        return "loss"
    shared = [
        name
        for name in runs[0].history.metrics
        if all(run.history.get(f"valid_{name}") is not None for run in runs)
    ]
    return shared[0] if shared else None


def _notes(runs: Sequence[Run], names: Sequence[str], differences: Sequence[Difference]) -> list[Message]:
    notes = []
    if not any(one.test in ("seeds", "folds") for one in differences):
        bags = any(run.recipe.bag > 1 for run in runs)
        notes.append(Message("comparison.note.bag" if bags else "comparison.note.one-training"))
    else:
        averaged = [
            name
            for run, name in zip(runs, names, strict=True)
            if run.repeats is not None and run.repeats.ensemble
        ]
        notes += [Message("comparison.note.ensemble", {"run": name}) for name in averaged]
    frames = [run.test_predictions for run in runs]
    known = [frame["row"] for frame in frames if frame is not None]
    if len(known) == len(runs) and any(not rows.equals(known[0]) for rows in known[1:]):
        notes.append(Message("comparison.note.common-rows"))
    return notes

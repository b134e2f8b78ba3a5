"""Drift: how the rows of another table differ from those of this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.analysis.discrete import discrete, some_rows
from goodfit.data.analysis.percent import percent
from goodfit.data.analysis.results import ColumnDrift, Drift
from goodfit.data.casting import as_texts, read_column
from goodfit.data.columns import as_numbers
from goodfit.data.table import Column, Table
from goodfit.messages import Message

__all__ = ["MOST_ROWS", "find_drift"]

MOST_ROWS = 20_000
"""Rows of each table for a column's comparison."""
CLASSIFIED_ROWS = 5_000
"""Rows of each table that the classifier is fitted and tried on."""
FEWEST_ROWS = 50
LARGE = 0.1
CHANCE = 0.001
"""Probability by which chance alone may call any column drifted."""
EXAMPLES = 3


def find_drift(
    table: Table, columns: Sequence[Column], other: Table, targets: Sequence[Column] = ()
) -> Drift:
    """Compare the columns that the network would get, and the targets where both tables have them.

    ``other`` is read as the kinds of the columns say.
    """
    there = set(other.frame.columns)
    notes = []
    absent = [column.name for column in columns if column.name not in there]
    columns = [*columns, *(column for column in targets if column.name in there)]
    known = {column.name for column in (*columns, *targets)}
    goals = {column.name for column in targets}
    extra = [name for name in other.frame.columns if name not in known]
    for names, code in ((absent, "absent"), (extra, "extra")):
        if names:
            shown = {"count": len(names), "names": [repr(name) for name in names[:8]]}
            notes.append(Message(f"profile.drift.{code}", shown))
    rows, other_rows = (some_rows(each.frame.height, MOST_ROWS) for each in (table, other))
    found, first, second = [], [], []
    compared = [
        column for column in columns if column.used and column.kind != "text" and column.name in there
    ]
    for column in compared:
        mine = read_column(table.frame[column.name].gather(rows), column.kind, column.facts)
        series = other.frame[column.name].gather(other_rows)
        yours = read_column(series, column.kind, column.facts)
        lost = yours.null_count() - series.null_count()
        if lost:
            values = series.filter(yours.is_null() & series.is_not_null()).unique(maintain_order=True)
            examples = [repr(str(value)) for value in values.head(EXAMPLES)]
            facts = {"column": column.name, "percent": percent(lost / len(series)), "examples": examples}
            notes.append(Message(f"profile.drift.unread-{column.kind}", facts))
        if column.name in goals:
            yours, spelled = _respelled(mine, yours, column)
            notes += spelled
        else:  # labels may be made anew for other rows: the classifier is to judge the rows themselves
            first.append(mine)
            second.append(yours)
        found.append(_compared(mine, yours, column, len(compared)))
    auc, low, high = _told_apart(first, second)
    drifts = tuple(sorted(found, key=lambda each: (not each.drifted, -each.distance)))
    return Drift(other.source.name, other.frame.height, auc, low, high, drifts, tuple(notes))


def _respelled(mine: pl.Series, yours: pl.Series, column: Column) -> tuple[pl.Series, list[Message]]:
    """Return classes with the known spelling where they differ by case or a dot at the end only."""
    if column.kind != "category":
        return yours, []
    known = {str(name).casefold().rstrip(" ."): str(name) for name in mine.drop_nulls().unique().sort()}
    found = [str(name) for name in yours.drop_nulls().unique().sort()]
    plain = {name: known.get(name.casefold().rstrip(" .")) for name in found if name not in known.values()}
    pairs = {name: meant for name, meant in plain.items() if meant is not None}
    if not pairs:
        return yours, []
    spelled = [f"{name!r} = {meant!r}" for name, meant in pairs.items()]
    note = Message("notes.profile.classes-alike", {"column": column.name, "pairs": spelled})
    return yours.cast(pl.String).replace(pairs), [note]


def _compared(mine: pl.Series, yours: pl.Series, column: Column, count: int) -> ColumnDrift:
    numeric = column.kind in ("number", "datetime")
    distance = _ks(mine, yours) if numeric else _total_variation(mine, yours)
    sizes = len(mine) * len(yours) / (len(mine) + len(yours))
    if numeric:  # the asymptotic tail of Kolmogorov's distribution: 2 exp(-2 n D^2)
        chance = np.sqrt(np.log(2 * max(count, 1) / CHANCE) / (2 * sizes))
    else:  # the expected sum of |differences| of shares, and a bound on how far it strays (McDiarmid)
        shares = _level_counts(mine, yours).sum(axis=0) / (len(mine) + len(yours))
        expected = 0.5 * np.sqrt(2 / np.pi) * np.sqrt(shares * (1 - shares) / sizes).sum()
        chance = expected + np.sqrt(np.log(max(count, 1) / CHANCE) / (2 * sizes))
    drifted = bool(distance >= LARGE and distance > chance)
    return ColumnDrift(column.name, float(distance), drifted, _said(mine, yours, column))


def _said(mine: pl.Series, yours: pl.Series, column: Column) -> Message:
    gone = {
        "missing": percent(mine.null_count() / max(1, len(mine))),
        "missing_other": percent(yours.null_count() / max(1, len(yours))),
    }
    if abs(mine.null_count() / len(mine) - yours.null_count() / len(yours)) >= LARGE / 2:
        return Message("profile.drift.missing", gone)
    if yours.null_count() == len(yours) or mine.null_count() == len(mine):
        return Message("profile.drift.missing", gone)
    if column.kind in ("number", "datetime"):
        middle, other_middle = _middle(mine), _middle(yours)
        return Message("profile.drift.median", {"median": middle, "median_other": other_middle})
    unseen = _unseen(mine, yours)
    if unseen["share"] >= 0.01:
        return Message(
            "profile.drift.unseen", {"percent": percent(unseen["share"]), "values": unseen["values"]}
        )
    counts = _level_counts(mine, yours)
    shares = counts / counts.sum(axis=1, keepdims=True)
    place = int(np.abs(shares[0] - shares[1]).argmax())
    level = _levels(mine, yours)[place]
    values = {"percent": percent(shares[0, place]), "percent_other": percent(shares[1, place])}
    return Message("profile.drift.share", {"value": repr(level), **values})


def _middle(series: pl.Series) -> str:
    middle: Any = series.median()
    return f"{middle:.4g}" if isinstance(middle, (int, float)) else str(middle)[:16]


def _ks(mine: pl.Series, yours: pl.Series) -> float:
    """Return the largest difference of the cumulative shares; missing values lie below all others."""
    first, second = (np.sort(np.nan_to_num(_physical(series), nan=-np.inf)) for series in (mine, yours))
    both = np.concatenate([first, second])
    shares = [np.searchsorted(part, both, side="right") / len(part) for part in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def _physical(series: pl.Series) -> NDArray[np.float64]:
    return as_numbers(series.to_physical() if series.dtype.is_temporal() else series)


def _levels(mine: pl.Series, yours: pl.Series) -> list[str | None]:
    return list(_counts(mine) | _counts(yours))


def _counts(series: pl.Series) -> dict[str | None, int]:
    counted = as_texts(series).cast(pl.String).alias("value").value_counts(name="rows")
    return dict(counted.sort(["rows", "value"], descending=[True, False]).iter_rows())


def _level_counts(mine: pl.Series, yours: pl.Series) -> NDArray[np.float64]:
    first, second = _counts(mine), _counts(yours)
    levels = list(first | second)
    return np.array([[part.get(level, 0) for level in levels] for part in (first, second)], dtype=np.float64)


def _total_variation(mine: pl.Series, yours: pl.Series) -> float:
    counts = _level_counts(mine, yours)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _unseen(mine: pl.Series, yours: pl.Series) -> dict[str, Any]:
    seen, counts = _counts(mine), _counts(yours)
    new = [level for level in counts if level not in seen and level is not None]
    share = sum(counts[level] for level in new) / max(1, len(yours))
    return {"share": share, "values": [repr(level) for level in new[:EXAMPLES]]}


def _told_apart(
    first: Sequence[pl.Series], second: Sequence[pl.Series]
) -> tuple[float | None, float | None, float | None]:
    """Return how well boosted trees tell rows of the two tables apart on rows they have not seen.

    The area under the ROC curve over two folds, with the 95 % interval of Hanley and McNeil (1982): a
    classifier two-sample test (Lopez-Paz and Oquab 2017).
    """
    if not first or min(len(first[0]), len(second[0])) < FEWEST_ROWS:
        return None, None, None
    from sklearn.ensemble import HistGradientBoostingClassifier

    sizes = [min(CLASSIFIED_ROWS, len(part[0])) for part in (first, second)]
    parts = [some_rows(len(part[0]), size) for part, size in zip((first, second), sizes, strict=True)]
    matrix = np.column_stack(
        [
            _as_feature(mine.gather(parts[0]), yours.gather(parts[1]))
            for mine, yours in zip(first, second, strict=True)
        ]
    )
    origin = np.repeat([0, 1], sizes)
    fold = np.random.default_rng(0).random(len(origin)) < 0.5
    scores = np.empty(len(origin))
    for inside in (fold, ~fold):
        if len(np.unique(origin[inside])) < 2:
            return None, None, None
        trees = HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=15, random_state=0, class_weight="balanced"
        )
        scores[~inside] = trees.fit(matrix[inside], origin[inside]).predict_proba(matrix[~inside])[:, 1]
    ranks = pl.Series(scores).rank("average").to_numpy()
    m, n = sizes
    auc = float((ranks[origin == 1].sum() - n * (n + 1) / 2) / (m * n))
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (m - 1) * (q2 - auc**2)) / (m * n)
    error = 1.96 * float(np.sqrt(max(variance, 0.0)))
    return auc, max(0.0, auc - error), min(1.0, auc + error)


def _as_feature(mine: pl.Series, yours: pl.Series) -> NDArray[np.float64]:
    if mine.dtype.is_numeric() or mine.dtype.is_temporal():
        return np.concatenate([_physical(mine), _physical(yours)])
    both = pl.concat([as_texts(mine).cast(pl.String), as_texts(yours).cast(pl.String)])
    return discrete(both, 100, 100).astype(np.float64)

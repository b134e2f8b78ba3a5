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
from goodfit.data.analysis.texts import told_by_texts
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
    found, features = [], []
    parts = [some_rows(len(each), CLASSIFIED_ROWS) for each in (rows, other_rows)]
    origin = np.repeat([0.0, 1.0], [len(part) for part in parts])
    compared = [column for column in columns if column.used and column.name in there]
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
        pair = mine.gather(parts[0]), yours.gather(parts[1])
        if column.kind == "text":
            both = pl.concat([as_texts(each).cast(pl.String) for each in pair])
            scores = told_by_texts(both, origin, classes=True)
            distance = _gap(scores[origin == 0], scores[origin == 1])
            drifted = _beyond_chance(distance, len(pair[0]), len(pair[1]), len(compared))
            found.append(ColumnDrift(column.name, distance, drifted, _said_of_texts(*pair)))
            # scores that tell nothing are noise, and where both tables have texts in common, inverted
            features.append(scores if drifted else np.zeros(len(scores)))
            continue
        if column.name in goals:
            yours, spelled = _respelled(mine, yours, column)
            notes += spelled
        else:  # labels may be made anew for other rows: the classifier is to judge the rows themselves
            features.append(_as_feature(*pair))
        found.append(_judged(mine, yours, column, len(compared)))
    auc, low, high = _told_apart(features, origin)
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


def _judged(mine: pl.Series, yours: pl.Series, column: Column, count: int) -> ColumnDrift:
    said = _said(mine, yours, column)
    if column.kind in ("number", "datetime"):
        distance = _ks(mine, yours)
        drifted = _beyond_chance(distance, len(mine), len(yours), count)
        return ColumnDrift(column.name, distance, drifted, said)
    # the expected sum of |differences| of shares, and a bound on how far it strays (McDiarmid)
    sizes = len(mine) * len(yours) / (len(mine) + len(yours))
    distance = _total_variation(mine, yours)
    shares = _level_counts(mine, yours).sum(axis=0) / (len(mine) + len(yours))
    expected = 0.5 * np.sqrt(2 / np.pi) * np.sqrt(shares * (1 - shares) / sizes).sum()
    chance = expected + np.sqrt(np.log(max(count, 1) / CHANCE) / (2 * sizes))
    return ColumnDrift(column.name, distance, bool(distance >= LARGE and distance > chance), said)


def _beyond_chance(distance: float, mine: int, yours: int, count: int) -> bool:
    """Judge a gap of cumulative shares by the tail of Kolmogorov's distribution, 2 exp(-2 n D^2)."""
    sizes = mine * yours / (mine + yours)
    return bool(distance >= LARGE and distance > np.sqrt(np.log(2 * max(count, 1) / CHANCE) / (2 * sizes)))


def _said(mine: pl.Series, yours: pl.Series, column: Column) -> Message:
    missing = _said_of_missing(mine, yours)
    if missing is not None:
        return missing
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


def _said_of_texts(mine: pl.Series, yours: pl.Series) -> Message:
    missing = _said_of_missing(mine, yours)
    if missing is not None:
        return missing
    counts = [_word_counts(series) for series in (mine, yours)]
    shares = {
        word: [count.get(word, 0) / len(series) for count, series in zip(counts, (mine, yours), strict=True)]
        for word in counts[0] | counts[1]
    }
    word, (share, other) = max(
        shares.items(), key=lambda item: (abs(item[1][0] - item[1][1]), item[0]), default=("", (0.0, 0.0))
    )
    values = {"percent": percent(share), "percent_other": percent(other)}
    return Message("profile.drift.word", {"value": repr(word), **values})


def _word_counts(series: pl.Series) -> dict[str, int]:
    """Return in how many texts each word stands."""
    words = as_texts(series).cast(pl.String).drop_nulls().str.to_lowercase().str.extract_all(r"\w+")
    counted = words.list.unique().explode().drop_nulls().alias("word").value_counts(name="rows")
    return dict(counted.iter_rows())


def _said_of_missing(mine: pl.Series, yours: pl.Series) -> Message | None:
    """Return how many values are missing here and there, None where that is not what differs."""
    here, there = mine.null_count() / max(1, len(mine)), yours.null_count() / max(1, len(yours))
    if abs(here - there) < LARGE / 2 and max(here, there) < 1:
        return None
    return Message("profile.drift.missing", {"missing": percent(here), "missing_other": percent(there)})


def _middle(series: pl.Series) -> str:
    middle: Any = series.median()
    return f"{middle:.4g}" if isinstance(middle, (int, float)) else str(middle)[:16]


def _ks(mine: pl.Series, yours: pl.Series) -> float:
    """Return the largest difference of the cumulative shares; missing values lie below all others."""
    first, second = (np.nan_to_num(_physical(series), nan=-np.inf) for series in (mine, yours))
    return max(_gap(first, second), _gap(second, first))


def _gap(lower: NDArray[np.float64], higher: NDArray[np.float64]) -> float:
    """Return by how much the cumulative shares of one exceed those of the other at most."""
    lower, higher = np.sort(lower), np.sort(higher)
    both = np.concatenate([lower, higher])
    shares = [np.searchsorted(part, both, side="right") / len(part) for part in (lower, higher)]
    return max(0.0, float((shares[0] - shares[1]).max()))


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
    features: Sequence[NDArray[np.float64]], origin: NDArray[np.float64]
) -> tuple[float | None, float | None, float | None]:
    """Return how well boosted trees tell rows of the two tables apart on rows they have not seen.

    The area under the ROC curve over two folds, with the 95 % interval of Hanley and McNeil (1982): a
    classifier two-sample test (Lopez-Paz and Oquab 2017).
    """
    n = int(origin.sum())
    m = len(origin) - n
    if not features or min(m, n) < FEWEST_ROWS:
        return None, None, None
    from sklearn.ensemble import HistGradientBoostingClassifier

    matrix = np.column_stack(features)
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

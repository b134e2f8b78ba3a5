"""Split: which rows are for training, for validation and for the test."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.columns import as_categorical, category_codes
from goodfit.data.table import Profile, Split
from goodfit.data.targets import rows_with_target
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["Shares", "Strata", "cut", "random_keys", "shares", "split", "strata_of"]

Fraction = float | Literal["auto"]
Rows = NDArray[np.int64]

NAMES = ("train", "valid", "test")
TRAIN, VALID, TEST = range(3)
SMALL = 1_000
LARGE = 1_000_000
LARGE_PART = 100_000
GROUPED_WORK = 20_000_000
GROUPED_TRIES = 1_000
NAMED_CLASSES = 5


class Strata(NamedTuple):
    """The class of each row (one class for all rows in regression), rows by class, and their names."""

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    labels: tuple[str, ...]


class Shares(NamedTuple):
    """Share of the rows in each part; they add up to 1."""

    train: float
    valid: float
    test: float


def split(
    frame: pl.DataFrame,
    profile: Profile,
    *,
    valid_fraction: Fraction = "auto",
    test_fraction: Fraction = "auto",
    seed: int = 0,
    groups: pl.Series | None = None,
    times: pl.Series | None = None,
) -> Split:
    """Divide the rows of a table among training, validation and test.

    At random, each class in proportion, unless there is a group or a time column. A class with too few
    rows to be in every part in proportion is kept in the training rows, with a note. Rows without a
    target are in no part. The split depends on the data, the fractions and the seed alone.

    Parameters
    ----------
    frame
        The typed table; row numbers refer to it.
    profile
        What the table holds: its targets and the task.
    valid_fraction, test_fraction
        Share of the rows for validation and for the test; ``"auto"`` decides by their number (see
        `shares`), 0 leaves the part empty, as when a file was given for it.
    seed
        Every random choice follows from it.
    groups
        A value per row, by default the profile's group column; rows with the same value go to the same
        part. Of many random divisions of the groups, the one is taken whose parts come nearest to the
        shares, of the rows and of each class. Rows without a group form one.
    times
        A value per row, dates or numbers, by default the profile's time column; the oldest rows are for
        training, the newest for the test, and rows of one moment stay together. Rows without a time are
        for training.

    Raises
    ------
    InputError
        Too few rows, groups or moments for the parts; fractions that leave no training rows; groups
        and times at once; times that have no order.
    """
    if groups is None and profile.group_column is not None:
        groups = frame[profile.group_column]
    if times is None and profile.time_column is not None:
        times = frame[profile.time_column]
    if groups is not None and times is not None:
        raise InputError("split.groups-and-times", groups=groups.name, times=times.name)
    rows = rows_with_target(frame, profile.targets)
    wanted = shares(len(rows), valid_fraction, test_fraction)
    strata = strata_of(frame[profile.targets[0]], rows, profile)
    if times is not None:
        return _by_time(rows, wanted, times, strata)
    if groups is not None:
        return _by_group(rows, wanted, groups, strata, seed)
    return _at_random(rows, wanted, strata, seed)


def shares(rows: int, valid_fraction: Fraction = "auto", test_fraction: Fraction = "auto") -> Shares:
    """Return the share of each part for a table of ``rows`` rows.

    ``"auto"`` is 20 % for validation and 20 % for the test, 30 % for the test under 1,000 rows (a
    smaller one says little), and 100,000 rows for each from a million on (10 % or less). It never takes
    more than a third of what the other part leaves.

    Examples
    --------
    >>> shares(500), shares(20_000)
    (Shares(train=0.5, valid=0.2, test=0.3), Shares(train=0.6, valid=0.2, test=0.2))
    """
    if rows >= LARGE:
        valid = test = LARGE_PART / rows
    else:
        valid, test = 0.2, 0.3 if rows < SMALL else 0.2
    if valid_fraction == "auto":
        valid = valid if test_fraction == "auto" else min(valid, (1 - test_fraction) / 3)
    else:
        valid = valid_fraction
    if test_fraction == "auto":
        test = test if valid_fraction == "auto" else min(test, (1 - valid) / 3)
    else:
        test = test_fraction
    if min(valid, test) < 0 or valid + test >= 1:
        raise InputError("split.fractions", valid=valid, test=test)
    parts = 1 + (valid > 0) + (test > 0)
    if rows < parts:
        raise InputError("split.too-few-rows", count=rows, parts=parts)
    return Shares(round(1 - valid - test, 12), valid, test)


def _at_random(rows: Rows, wanted: Shares, strata: Strata, seed: int) -> Split:
    keys = random_keys(seed, len(rows))
    rare = _rare(strata.counts, wanted)
    values = {"seed": seed}
    if strata.counts[rare].sum() * 2 > len(rows):
        note = Message("split.classes-too-small", {"count": int(rare.sum())})
        return _finish(rows, _one_of_each_in_train(strata, keys, wanted), "split.random", values, [note])
    code = "split.random" if len(strata.counts) == 1 else "split.stratified"
    notes = [_class_note("split.rare-classes", rare, strata)] if rare.any() else []
    return _finish(rows, _stratified(strata, keys, rare, wanted), code, values, notes)


def _rare(counts: NDArray[np.int64], wanted: Shares) -> NDArray[np.bool_]:
    """Classes that proportion would give less than one row in some part."""
    if len(counts) == 1:
        return np.zeros(1, dtype=bool)
    smallest = min(share for share in wanted if share > 0)
    return (counts > 0) & (counts * smallest < 1 - 1e-9)


def _stratified(
    strata: Strata, keys: NDArray[np.uint64], rare: NDArray[np.bool_], wanted: Shares
) -> NDArray[np.int8]:
    divided = np.where(rare, 0, strata.counts)
    test = _quota(divided, wanted.test)
    valid = np.minimum(_quota(divided, wanted.valid), np.maximum(divided - test - 1, 0))
    part = np.full(len(keys), TRAIN, dtype=np.int8)
    by_class = np.argsort(strata.codes.astype(np.min_scalar_type(len(divided))), kind="stable")
    starts = np.cumsum(strata.counts) - strata.counts
    for start, count, tests, valids in zip(starts, strata.counts, test, valid, strict=True):
        members = by_class[start : start + count]
        taken = _smallest(members, keys, tests + valids)
        part[taken] = VALID
        part[_smallest(taken, keys, tests)] = TEST
    return part


def _smallest(rows: Rows, keys: NDArray[np.uint64], count: int) -> Rows:
    """Return the ``count`` of ``rows`` with the smallest keys, in no particular order."""
    return rows[np.argpartition(keys[rows], count)[:count]] if count < len(rows) else rows


def _quota(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Rows of each class for a part: its share, rounded so that the total is right (largest remainder)."""
    exact = counts * share
    quota: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    total = round(float(exact.sum()))
    if share > 0:
        total = max(total, 1)
    largest_remainders = np.argsort(quota - exact, kind="stable")
    quota[largest_remainders[: max(0, total - int(quota.sum()))]] += 1
    return quota


def _one_of_each_in_train(strata: Strata, keys: NDArray[np.uint64], wanted: Shares) -> NDArray[np.int8]:
    """Divide without proportion, a row of each class in the training rows as far as that goes."""
    order = np.lexsort((keys, strata.codes))
    first = np.zeros(len(order), dtype=bool)
    first[order[np.cumsum(strata.counts) - strata.counts]] = True
    by_chance = np.lexsort((keys, first))
    tests, valids = (max(round(len(order) * share), share > 0) for share in (wanted.test, wanted.valid))
    part = np.full(len(order), TRAIN, dtype=np.int8)
    part[by_chance[:tests]] = TEST
    part[by_chance[tests : tests + valids]] = VALID
    return part


def _by_group(rows: Rows, wanted: Shares, groups: pl.Series, strata: Strata, seed: int) -> Split:
    group = groups.gather(rows)
    _, codes = np.unique(group.rank("dense").fill_null(0).to_numpy(), return_inverse=True)
    sizes = np.bincount(codes)
    parts = sum(share > 0 for share in wanted)
    if len(sizes) < parts:
        raise InputError("split.too-few-groups", column=groups.name, groups=len(sizes), parts=parts)
    tries = int(np.clip(GROUPED_WORK // len(rows), 2, GROUPED_TRIES))
    keys = random_keys(seed, tries * len(sizes)).reshape(tries, len(sizes))
    divisions = (_cut_groups(sizes, np.argsort(key, kind="stable"), wanted) for key in keys)
    part = min(divisions, key=lambda division: _distance(division[codes], strata, wanted))[codes]
    notes = _class_notes(part, strata)
    if missing := group.null_count():
        notes.append(Message("split.group-missing", {"count": missing, "column": groups.name}))
    values = {"seed": seed, "column": groups.name, "groups": len(sizes)}
    return _finish(rows, part, "split.grouped", values, notes)


def _cut_groups(sizes: NDArray[np.int64], order: NDArray[np.int64], wanted: Shares) -> NDArray[np.int8]:
    """Give groups, in the order given, to test, validation and training by the middle of each."""
    middle = (np.cumsum(sizes[order]) - sizes[order] / 2) / sizes.sum()
    part = np.full(len(sizes), TRAIN, dtype=np.int8)
    part[order[middle < wanted.test + wanted.valid]] = VALID
    part[order[middle < wanted.test]] = TEST
    return part


def _distance(part: NDArray[np.int8], strata: Strata, wanted: Shares) -> tuple[int, int, float]:
    """How far a division is from the one wanted: empty parts, classes not trained on, chi-square."""
    classes = len(strata.counts)
    counts = np.bincount(part * classes + strata.codes, minlength=len(NAMES) * classes).reshape(-1, classes)
    expected = np.outer(wanted, strata.counts)
    empty = np.sum((counts.sum(axis=1) == 0) & (np.asarray(wanted) > 0))
    untrained = np.sum(counts[TRAIN] == 0)
    return int(empty), int(untrained), float(np.sum(np.square(counts - expected) / np.maximum(expected, 1)))


def _by_time(rows: Rows, wanted: Shares, times: pl.Series, strata: Strata) -> Split:
    time = times.gather(rows)
    if not (time.dtype.is_temporal() or time.dtype.is_numeric()):
        raise InputError("split.time-type", column=times.name, value=str(time.drop_nulls().first()))
    if time.dtype.is_float():
        time = time.fill_nan(None)
    moments = time.drop_nulls().unique().sort()
    present = [part for part, share in enumerate(wanted) if share > 0]
    if len(moments) < len(present):
        raise InputError("split.too-few-times", column=times.name, times=len(moments), parts=len(present))
    ranks = time.rank("dense").fill_null(1).to_numpy().astype(np.int64) - 1
    ends = cut(np.cumsum(np.bincount(ranks)), np.cumsum([wanted[part] for part in present])[:-1] * len(rows))
    part_of_moment = np.repeat(present, np.diff([0, *ends, len(moments)]))
    notes = _class_notes(part_of_moment[ranks], strata)
    if missing := time.null_count():
        notes.append(Message("split.time-missing", {"count": missing, "column": times.name}))
    values: dict[str, Any] = {
        "column": times.name,
        "oldest": _moment(moments[0]),
        "newest": _moment(moments[-1]),
    }
    for part in present[1:]:
        values[f"{NAMES[part]}_from"] = _moment(moments[int(np.searchsorted(part_of_moment, part))])
    code = "split.by-time-" + "-".join(NAMES[part] for part in present)
    return _finish(rows, part_of_moment[ranks], code, values, notes)


def cut(cumulative: NDArray[np.int64], wanted: NDArray[np.float64]) -> list[int]:
    """Where to end each part but the last so that the rows so far come nearest to ``wanted``."""
    ends: list[int] = []
    for number, rows in enumerate(wanted):
        start = ends[-1] if ends else 0
        possible = cumulative[start : len(cumulative) - (len(wanted) - number)]
        ends.append(start + int(np.argmin(np.abs(possible - rows))) + 1)
    return ends


def _moment(value: Any) -> str | float | int:
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    if isinstance(value, (date, datetime)):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return value if isinstance(value, (int, float)) else str(value)


def _finish(
    rows: Rows, part: NDArray[np.integer[Any]], code: str, values: dict[str, Any], notes: list[Message]
) -> Split:
    chosen = {name: rows[part == number] for number, name in enumerate(NAMES)}
    counts = {name: len(item) for name, item in chosen.items()}
    percents = {f"{name}_percent": round(100 * count / len(rows)) for name, count in counts.items()}
    rule = Message(code, {**counts, **percents, **values})
    return Split(**chosen, rule=rule, notes=tuple(notes))


def strata_of(target: pl.Series, rows: Rows, profile: Profile) -> Strata:
    """Return the class of each of ``rows``; one class for all in regression."""
    if profile.task == "regression":
        return Strata(np.zeros(len(rows), dtype=np.int64), np.array([len(rows)]), ("",))
    numbers, texts = category_codes(as_categorical(target.gather(rows)))
    labels = sorted(text for text in texts if text is not None)
    place = {text: place for place, text in enumerate(labels)}
    codes = np.array([0 if text is None else place[text] for text in texts], dtype=np.int64)[numbers]
    return Strata(codes, np.bincount(codes), tuple(labels))


def _class_notes(part: NDArray[np.integer[Any]], strata: Strata) -> list[Message]:
    """Say which classes have no training row; whoever divides by groups or time cannot always help it."""
    absent = np.bincount(strata.codes[part == TRAIN], minlength=len(strata.counts)) == 0
    return [_class_note("split.untrained-classes", absent, strata)] if absent.any() else []


def _class_note(code: str, which: NDArray[np.bool_], strata: Strata) -> Message:
    numbers = np.flatnonzero(which)
    classes = [strata.labels[number] for number in numbers[:NAMED_CLASSES]]
    values = {"count": len(numbers), "classes": classes, "rows": int(strata.counts[numbers].sum())}
    return Message(code, values)


def random_keys(seed: int, count: int) -> NDArray[np.uint64]:
    """Random numbers that stay the same whatever the version of numpy (the raw stream of PCG64)."""
    return np.asarray(np.random.PCG64(seed).random_raw(count), dtype=np.uint64)

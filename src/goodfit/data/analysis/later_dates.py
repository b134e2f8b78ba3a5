"""Dates that lie after the event: what they say is not known yet when one predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import polars as pl

from goodfit.data.analysis.associations import target_associations
from goodfit.data.columns import elapsed_days

__all__ = ["LaterDate", "after_the_time", "telling_spans"]

FEWEST_ROWS = 40
MOST_COLUMNS = 8
HARDLY_EVER = 0.01
OFTEN = 0.5
SOMETIMES = 0.05
TELLING = 0.1
MORE = 0.05


@dataclass(frozen=True)
class LaterDate:
    """A date that lies after another one.

    Parameters
    ----------
    first, later
        The columns.
    share
        Share of the rows with both in which it is later.
    tells
        Share of the target's entropy that the time between them removes; None where nobody asked.
    """

    first: str
    later: str
    share: float
    tells: float | None = None


def telling_spans(
    dates: Sequence[pl.Series], target: pl.Series, shares: Mapping[str, float]
) -> list[LaterDate]:
    """Return dates that follow on another one, so that the time between them tells the target.

    A date follows where it is earlier in at most 1 % of the rows that have both, and later in half of them;
    the time between must remove a tenth of the target's entropy, and 5 points more than either date alone.

    Parameters
    ----------
    shares
        What each date alone removes, see `goodfit.data.analysis.associations.target_associations`.
    """
    found = []
    for first, later in permutations(dates[:MOST_COLUMNS], 2):
        span = pl.Series(later.name, elapsed_days(later) - elapsed_days(first), nan_to_null=True)
        known = span.drop_nulls()
        share = _share(known > 0)
        if len(known) < FEWEST_ROWS or _share(known < 0) > HARDLY_EVER or share < OFTEN:
            continue
        tells = target_associations([span], target)[later.name]
        if tells >= max(TELLING, MORE + max(shares[first.name], shares[later.name])):
            found.append(LaterDate(first.name, later.name, share, tells))
    return sorted(found, key=lambda item: -(item.tells or 0.0))


def after_the_time(dates: Sequence[pl.Series], time: pl.Series) -> list[LaterDate]:
    """Return dates that lie after the rows' own time in more than 5 % of the rows that have both."""
    found = []
    for date in dates:
        if date.name == time.name:
            continue
        known = pl.Series(elapsed_days(date) - elapsed_days(time), nan_to_null=True).drop_nulls()
        share = _share(known > 0)
        if len(known) >= FEWEST_ROWS and share > SOMETIMES:
            found.append(LaterDate(time.name, date.name, share))
    return found


def _share(where: pl.Series) -> float:
    return int(where.sum()) / max(1, len(where))

"""TableAnalysis and its parts: what was found in a table, as plain immutable data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from goodfit.data.table import Column, Task
from goodfit.messages import Message

__all__ = [
    "ColumnAnalysis",
    "ColumnDrift",
    "Drift",
    "Duplicates",
    "Histogram",
    "MissingPattern",
    "Outliers",
    "Pair",
    "TableAnalysis",
]


@dataclass(frozen=True)
class Histogram:
    """Rows by equal intervals: ``counts[i]`` of them from ``edges[i]`` to ``edges[i + 1]``.

    Edges are numbers, or moments as ISO text. ``below`` and ``above`` are the rows outside.
    """

    edges: tuple[float | str, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the histogram as plain data for JSON."""
        counts = {"counts": list(self.counts), "below": self.below, "above": self.above}
        return {"edges": list(self.edges), **counts}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Histogram:
        """Rebuild a histogram from `to_dict`."""
        return cls(tuple(data["edges"]), tuple(data["counts"]), data["below"], data["above"])


@dataclass(frozen=True)
class Outliers:
    """Values beyond `goodfit.data.analysis.distributions.outlier_bounds`, the farthest first.

    ``low`` and ``high`` are the bounds that values lie beyond, None where none does.
    """

    count: int
    low: float | None
    high: float | None
    examples: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain data for JSON."""
        return {"count": self.count, "low": self.low, "high": self.high, "examples": list(self.examples)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outliers:
        """Rebuild them from `to_dict`."""
        return cls(data["count"], data["low"], data["high"], tuple(data["examples"]))


@dataclass(frozen=True)
class ColumnAnalysis:
    """One column.

    Parameters
    ----------
    column
        What it is taken as, why, and its first facts.
    histogram
        Of numbers and dates.
    levels
        The most frequent values with their rows, of columns with few values.
    rare_levels, rare_rows
        How many different values each have less than one row in 500 (or fewer than 10 rows, if that is
        less), and the rows they have together.
    quantiles
        Of numbers, by their percentage: ``{"1": ..., "5": ..., "25": ..., "50": ..., ...}``.
    outliers
        None where there is none.
    association
        Share, 0 to 1, of the target's entropy that the column alone removes; None without a target.
    """

    column: Column
    histogram: Histogram | None = None
    levels: tuple[tuple[str, int], ...] = ()
    rare_levels: int = 0
    rare_rows: int = 0
    quantiles: Mapping[str, float] = field(default_factory=dict)
    outliers: Outliers | None = None
    association: float | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    def to_dict(self) -> dict[str, Any]:
        """Return the column as plain data for JSON."""
        return {
            **self.column.to_dict(),
            "histogram": None if self.histogram is None else self.histogram.to_dict(),
            "levels": [list(level) for level in self.levels],
            "rare_levels": self.rare_levels,
            "rare_rows": self.rare_rows,
            "quantiles": dict(self.quantiles),
            "outliers": None if self.outliers is None else self.outliers.to_dict(),
            "association": self.association,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ColumnAnalysis:
        """Rebuild a column from `to_dict`."""
        own = ("name", "kind", "reason", "missing", "distinct", "facts")
        rest = {key: value for key, value in data.items() if key not in own}
        for key, kind in (("histogram", Histogram), ("outliers", Outliers)):
            rest[key] = None if rest[key] is None else kind.from_dict(rest[key])
        rest["levels"] = tuple((str(name), rows) for name, rows in rest["levels"])
        return cls(Column.from_dict({key: data[key] for key in own}), **rest)


@dataclass(frozen=True)
class MissingPattern:
    """Rows that miss exactly these columns."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Duplicates:
    """Rows that occur more than once.

    Parameters
    ----------
    rows
        Rows that repeat an earlier one.
    groups
        Different rows that occur more than once.
    apart_from
        Columns that were left out of the comparison: identifiers.
    conflicting
        Rows that agree with another one in every column but the target; 0 without a target.
    """

    rows: int
    groups: int
    apart_from: tuple[str, ...] = ()
    conflicting: int = 0


@dataclass(frozen=True)
class Pair:
    """Two columns that say the same.

    ``measure`` is ``rank`` (Spearman's correlation of two numbers) or ``shared`` (mutual information over
    the larger entropy).
    """

    first: str
    second: str
    measure: str
    value: float


@dataclass(frozen=True)
class ColumnDrift:
    """How far a column's distribution is from that in the other file.

    Parameters
    ----------
    distance
        Between 0 and 1: the largest difference of the cumulative shares of numbers (Kolmogorov-Smirnov),
        half the summed differences of the shares of categories (total variation); missing values count as
        a value of their own. Of texts, the difference of the scores of a linear model that tells the two
        files apart by them, on rows it was not fitted on.
    drifted
        Whether it is at least 0.1 and more than chance explains.
    message
        What differs, in words.
    """

    name: str
    distance: float
    drifted: bool
    message: Message

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "name": self.name,
            "distance": self.distance,
            "drifted": self.drifted,
            "message": self.message.to_dict(),
        }


@dataclass(frozen=True)
class Drift:
    """How another table differs from this one.

    Parameters
    ----------
    source, rows
        The other table.
    auc, low, high
        How well a classifier tells the rows of the two apart (0.5: not at all, 1: always), on rows it was
        not fitted on, with its 95 % interval; None where there are too few rows.
    columns
        The columns that both have, the most different first.
    notes
        Columns that only one has, values that could not be read.
    """

    source: str
    rows: int
    auc: float | None
    low: float | None
    high: float | None
    columns: tuple[ColumnDrift, ...]
    notes: tuple[Message, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "source": self.source,
            "rows": self.rows,
            "auc": self.auc,
            "low": self.low,
            "high": self.high,
            "columns": [column.to_dict() for column in self.columns],
            "notes": [note.to_dict() for note in self.notes],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Drift:
        """Rebuild it from `to_dict`."""
        columns = tuple(
            ColumnDrift(**{**column, "message": Message.from_dict(column["message"])})
            for column in data["columns"]
        )
        return cls(**{**data, "columns": columns, "notes": _messages(data["notes"])})


@dataclass(frozen=True)
class TableAnalysis:
    """What was found in a table; ``print`` it, or see `to_text` and `to_dict`.

    Parameters
    ----------
    source, rows
        The table; of one with a target, the rows that have it.
    columns
        Every column but the targets.
    targets
        The targets.
    task, task_reason
        What is to be learned; None without a target.
    complete_rows
        Rows without a missing value.
    patterns
        Which columns are missing together, the most frequent first.
    duplicates
        Rows that occur more than once.
    pairs
        Columns that say the same.
    remarks
        What is worth a look, the most serious first.
    notes
        What was understood in reading.
    drift
        How another table differs, if one was given.
    samples
        Rows that estimates were made on, by name, where they are fewer than all.
    """

    source: str
    rows: int
    columns: tuple[ColumnAnalysis, ...]
    targets: tuple[ColumnAnalysis, ...] = ()
    task: Task | None = None
    task_reason: Message | None = None
    complete_rows: int = 0
    patterns: tuple[MissingPattern, ...] = ()
    duplicates: Duplicates = field(default_factory=lambda: Duplicates(0, 0))
    pairs: tuple[Pair, ...] = ()
    remarks: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
    drift: Drift | None = None
    samples: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Return everything as plain data for JSON; remarks come with their words in ``language``."""
        duplicates = self.duplicates
        return {
            "source": self.source,
            "rows": self.rows,
            "columns": [column.to_dict() for column in self.columns],
            "targets": [column.to_dict() for column in self.targets],
            "task": self.task,
            "task_reason": None if self.task_reason is None else self.task_reason.to_dict(),
            "complete_rows": self.complete_rows,
            "patterns": [{"columns": list(each.columns), "rows": each.rows} for each in self.patterns],
            "duplicates": {**duplicates.__dict__, "apart_from": list(duplicates.apart_from)},
            "pairs": [dict(pair.__dict__) for pair in self.pairs],
            "remarks": [{**remark.to_dict(), "text": remark.text(language)} for remark in self.remarks],
            "notes": [note.to_dict() for note in self.notes],
            "drift": None if self.drift is None else self.drift.to_dict(),
            "samples": dict(self.samples),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableAnalysis:
        """Rebuild an analysis from `to_dict`."""
        reason, duplicates = data["task_reason"], data["duplicates"]
        read = {
            "columns": tuple(ColumnAnalysis.from_dict(column) for column in data["columns"]),
            "targets": tuple(ColumnAnalysis.from_dict(column) for column in data["targets"]),
            "task_reason": None if reason is None else Message.from_dict(reason),
            "patterns": tuple(
                MissingPattern(tuple(each["columns"]), each["rows"]) for each in data["patterns"]
            ),
            "duplicates": Duplicates(**{**duplicates, "apart_from": tuple(duplicates["apart_from"])}),
            "pairs": tuple(Pair(**pair) for pair in data["pairs"]),
            "remarks": _messages(data["remarks"]),
            "notes": _messages(data["notes"]),
            "drift": None if data["drift"] is None else Drift.from_dict(data["drift"]),
        }
        return cls(**{**data, **read})

    def to_text(self, language: str = "en", width: int = 100) -> str:
        """Return the whole analysis in words and small figures, for a terminal."""
        from goodfit.data.analysis.text import analysis_text

        return analysis_text(self, language, width)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        target = f", target {', '.join(column.name for column in self.targets)}" if self.targets else ""
        return f"<TableAnalysis {self.source}: {self.rows} rows, {len(self.columns)} columns{target}>"


def _messages(data: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    return tuple(Message.from_dict(item) for item in data)

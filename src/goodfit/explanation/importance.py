"""Importance: what each column is worth to a network, and how predictions go with the foremost ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from goodfit.evaluation.text import align, html_table, number, shorten
from goodfit.messages import Message, percentage, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ColumnImportance", "Dependence", "Importance", "signed"]

SHOWN = 20
NOTICED = 0.005
"""Change of the accuracy that is worth telling."""


@dataclass(frozen=True)
class ColumnImportance:
    """What is lost when the values of one column are shuffled among the rows.

    Parameters
    ----------
    name
        The column of the original table.
    increase
        By how much the loss grows, on average over the rows and the shuffles.
    low, high
        95 % interval of ``increase``.
    accuracy
        The accuracy with the column shuffled; None for numbers.
    """

    name: str
    increase: float
    low: float
    high: float
    accuracy: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the network surely does worse without the column."""
        return self.low > 0


@dataclass(frozen=True)
class Dependence:
    """How predictions go with one column, all others as they are (partial dependence).

    Parameters
    ----------
    name, kind
        The column, and what it is: number, category, boolean or datetime.
    of
        What is told: ``target = class``, whose probability; or the target, whose value.
    values
        Values given to the column in every row: numbers, or texts for all other kinds.
    mean
        Mean prediction at each of them.
    low, high
        The 10th and the 90th percentile over the rows: how differently rows respond.
    """

    name: str
    kind: str
    of: str
    values: tuple[float | str, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Dependence:
        """Rebuild a dependence from its plain data."""
        lists = {key: tuple(data[key]) for key in ("values", "mean", "low", "high")}
        return cls(**{**data, **lists})


@dataclass(frozen=True, repr=False)
class Importance:
    """What each column is worth to a network, measured on rows that it was not trained on.

    Parameters
    ----------
    rows, repeats
        Rows that were looked at, and how often each column was shuffled.
    metric
        The loss that grows: ``log_loss`` for classes; ``mae`` for numbers, for several of them in units of
        their deviations.
    loss
        Its value with nothing shuffled.
    accuracy
        The accuracy with nothing shuffled; None for numbers.
    columns
        The columns, the one that it loses most by first.
    left_out
        Columns that were not looked at, in tables of very many: those that go least with the predictions.
    dependences
        How predictions go with the foremost columns.
    """

    rows: int
    repeats: int
    metric: Literal["log_loss", "mae"]
    loss: float
    accuracy: float | None
    columns: tuple[ColumnImportance, ...]
    left_out: int = 0
    dependences: tuple[Dependence, ...] = ()

    def __getitem__(self, name: str) -> ColumnImportance:
        """Return a column's importance by its name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def sentence(self) -> Message:
        """What the network leans on most, in a plain sentence."""
        clear = [column for column in self.columns if column.clear]
        if not clear:
            return Message("explanation.nothing")
        first = self.columns[0]
        if not first.clear:
            return Message("explanation.foremost-unsure", {"column": first.name, "sure": clear[0].name})
        losses = {"before": number(self.loss), "after": number(self.loss + first.increase)}
        if first.accuracy is None or self.accuracy is None:
            return Message("explanation.foremost-number", {"column": first.name, **losses})
        if self.accuracy - first.accuracy < NOTICED:
            return Message("explanation.foremost-class", {"column": first.name, **losses})
        accuracies = {"before": self.accuracy, "after": first.accuracy}
        return Message("explanation.foremost-right", {"column": first.name, **accuracies})

    @property
    def notes(self) -> tuple[Message, ...]:
        """How it was measured, and what it cannot say."""
        method = {"count": self.rows, "repeats": self.repeats}
        notes = [Message("explanation.method", method), Message("explanation.stand-ins")]
        if self.left_out:
            left_out = {"count": self.left_out, "shown": len(self.columns)}
            notes.append(Message("explanation.left-out", left_out))
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """Return the importance as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Importance:
        """Rebuild an importance from `to_dict`."""
        columns = tuple(ColumnImportance(**column) for column in data["columns"])
        dependences = tuple(Dependence.from_dict(item) for item in data["dependences"])
        return cls(**{**data, "columns": columns, "dependences": dependences})

    def to_text(self, language: str = "en", most: int = SHOWN) -> str:
        """Return what it leans on most, the foremost columns with intervals, and how that was measured."""
        rows = self.table(language)[: most + 1]
        rest = len(self.columns) - most
        more = [say("explanation.more", language, count=rest)] if rest > 0 else []
        table = "\n".join([align(rows, range(1, len(rows[0])), language), *more])
        notes = "\n".join(note.text(language) for note in self.notes)
        return "\n\n".join([self.sentence.text(language), table, notes])

    def table(self, language: str = "en") -> list[list[str]]:
        """Return the columns with their intervals as rows of a table, the first of them its head."""
        heads = [
            "column",
            f"increase-{self.metric}",
            "interval",
            *([] if self.accuracy is None else ["accuracy"]),
        ]
        rows = [[say(f"explanation.head.{head}", language) for head in heads]]
        for column in self.columns:
            bounds = f"[{signed(column.low)}, {signed(column.high)}]"
            cells = [shorten(column.name, 40), signed(column.increase), bounds]
            if column.accuracy is not None:
                cells.append(percentage(column.accuracy, language, 1))
            rows.append(cells)
        return rows

    def plot(self, *, ax: Axes | None = None, language: str = "en") -> Axes:
        """Draw by how much the loss grows without each of the foremost columns, with 95 % intervals."""
        from goodfit.explanation.figures import column_importance

        return column_importance(self, ax=ax, language=language)

    def plot_dependence(
        self, column: str | None = None, *, ax: Axes | None = None, language: str = "en"
    ) -> Axes:
        """Draw the mean prediction at each value of a column, and where the middle 80 % of the rows lie.

        Parameters
        ----------
        column
            One of those in ``dependences``; None for the most important of them.

        Raises
        ------
        InputError
            The column's dependence was not measured.
        """
        from goodfit.explanation.figures import partial_dependence

        return partial_dependence(self, column, ax=ax, language=language)

    def __repr__(self) -> str:
        names = ", ".join(column.name for column in self.columns[:3])
        more = ", ..." if len(self.columns) > 3 else ""
        return f"<Importance of {len(self.columns)} columns on {self.rows:,} rows: {names}{more}>"

    def _repr_html_(self) -> str:
        return html_table(self.table())


def signed(value: float) -> str:
    """Return a difference with its sign.

    >>> signed(0.25), signed(-12.0)
    ('+0.250', '-12')
    """
    return f"{'+' if value >= 0 else '-'}{number(abs(value))}"

"""Explanation: why single rows are predicted as they are, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from goodfit.evaluation.text import align, number, shorten
from goodfit.explanation.importance import signed
from goodfit.messages import Message, say

__all__ = ["Attribution", "Explanation", "RowExplanation", "value_text"]

SHOWN = 8
BAR = 12
LEAST = 0.01
"""Share of the largest effect below which a column is said to hardly matter."""
INEXACT = 0.01
"""Share of all effects above which what they leave unexplained is told."""


@dataclass(frozen=True)
class Attribution:
    """What one column's value does to a prediction.

    ``effect`` is in probability for classes, in the target's units for numbers; ``value`` is what the table
    has there, None where it is missing.
    """

    column: str
    value: Any
    effect: float


@dataclass(frozen=True)
class RowExplanation:
    """Why one row is predicted as it is.

    Parameters
    ----------
    row
        Its number in the table, counted from 0.
    prediction
        The class or the number predicted.
    of
        The class whose probability is explained, the predicted one; or the target.
    value, typical
        That probability or number for this row, and for a typical one.
    attributions
        The columns' effects, the largest first; together they lead from ``typical`` to ``value``.
    remainder
        What they leave unexplained, because the way between both rows is gone in steps.
    """

    row: int
    prediction: Any
    of: str
    value: float
    typical: float
    attributions: tuple[Attribution, ...]
    remainder: float

    @property
    def complete(self) -> bool:
        """Whether the effects add up to the difference from a typical row, but for 1 % of their sizes."""
        return abs(self.remainder) <= INEXACT * sum(abs(item.effect) for item in self.attributions) + 1e-6

    @property
    def foremost(self) -> tuple[Attribution, ...]:
        """The columns that matter, at most eight."""
        largest = max((abs(item.effect) for item in self.attributions), default=0.0)
        return tuple(item for item in self.attributions[:SHOWN] if abs(item.effect) > LEAST * largest)


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why some rows are predicted as they are.

    Parameters
    ----------
    name
        What the table is called.
    target
        The target that is explained.
    classes
        Whether it is one of classes.
    rows
        The rows asked for, in that order.
    typical
        The row they are compared with: of each column a usual value of the training rows; None: missing.
    """

    name: str
    target: str
    classes: bool
    rows: tuple[RowExplanation, ...]
    typical: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data for JSON."""
        return asdict(self)

    def to_text(self, language: str = "en") -> str:
        """Return each row's prediction and the columns that led to it, for a terminal."""
        parts = []
        for row in self.rows:
            table = [
                [f"  {name} = {value}", words, bar] for name, value, words, bar in self._told(row, language)
            ]
            lines = [self.lead(row).text(language), *([align(table, language=language)] if table else [])]
            lines += [f"  {note.text(language)}" for note in self.row_notes(row)]
            parts.append("\n".join(lines))
        return "\n\n".join([*parts, *(note.text(language) for note in self.notes(language))])

    def lead(self, row: RowExplanation) -> Message:
        """Return what is predicted for a row, beside a typical one, as a sentence."""
        if self.classes:
            named = {"target": self.target, "of": row.of}
            shares = {"value": row.value, "typical": row.typical}
            return Message("explanation.row.class", {"row": row.row, **named, **shares})
        numbers = {"value": number(row.value), "typical": number(row.typical)}
        return Message("explanation.row.number", {"row": row.row, "target": self.target, **numbers})

    def effect(self, item: Attribution) -> Message:
        """Return what a column's value did, as the end of a sentence."""
        way = "up" if item.effect > 0 else "down"
        if self.classes:
            return Message(f"explanation.row.{way}-class", {"points": f"{100 * abs(item.effect):.1f}"})
        return Message(f"explanation.row.{way}-number", {"effect": number(abs(item.effect))})

    def row_notes(self, row: RowExplanation) -> list[Message]:
        """Return what the columns not shown do together, and what is left unexplained where that is much."""
        notes = []
        rest = row.attributions[len(row.foremost) :]
        together = sum(item.effect for item in rest)
        if rest and abs(together) > LEAST * abs(row.attributions[0].effect):
            if self.classes:
                points = f"{100 * together:+.1f}"
                notes.append(Message("explanation.row.rest-class", {"count": len(rest), "points": points}))
            else:
                effect = signed(together)
                notes.append(Message("explanation.row.rest-number", {"count": len(rest), "effect": effect}))
        if not row.complete:
            share = abs(row.remainder) / sum(abs(item.effect) for item in row.attributions)
            notes.append(Message("explanation.row.remainder", {"share": share}))
        return notes

    def notes(self, language: str = "en") -> list[Message]:
        """Return what the rows are compared with, and how."""
        shown = [f"{name} = {value_text(value, language)}" for name, value in self.typical.items()]
        more = ["…"] if len(shown) > SHOWN else []
        return [
            Message("explanation.row.typical", {"values": [*shown[:SHOWN], *more]}),
            Message("explanation.row.method"),
        ]

    def _told(self, row: RowExplanation, language: str) -> list[tuple[str, str, str, str]]:
        largest = max((abs(item.effect) for item in row.attributions), default=0.0) or 1.0
        return [
            (
                shorten(item.column),
                shorten(value_text(item.value, language)),
                self.effect(item).text(language),
                ("+" if item.effect > 0 else "-") * max(1, round(BAR * abs(item.effect) / largest)),
            )
            for item in row.foremost
        ]

    def __repr__(self) -> str:
        count = len(self.rows)
        return f"<Explanation of {count} row{'' if count == 1 else 's'} of {self.name}: {self.target}>"

    def _repr_html_(self) -> str:
        return "".join(
            f"<p>{escape(self.lead(row).text())}</p><ul>"
            + "".join(
                f"<li>{escape(f'{name} = {value}')} {escape(words)}</li>"
                for name, value, words, _ in self._told(row, "en")
            )
            + "</ul>"
            for row in self.rows
        )


def value_text(value: Any, language: str = "en") -> str:
    """Return what a table holds in one place, for reading.

    >>> value_text(3.0), value_text(0.123456789), value_text(True), value_text(None, "es")
    ('3', '0.123457', 'true', 'falta')
    """
    if value is None:
        return say("explanation.row.missing", language)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)

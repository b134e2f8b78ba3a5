"""A table to Parts: read, profile, split, prepare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.data.analysis.analyze import analyze
from goodfit.data.analysis.results import TableAnalysis
from goodfit.data.applying import apply_preparation
from goodfit.data.casting import cast
from goodfit.data.facts import TableFacts, TypedRows, network_inputs, prepared_rows
from goodfit.data.fitting import fit_preparation
from goodfit.data.preparation import Inputs, Preparation
from goodfit.data.profile import profile
from goodfit.data.read import read
from goodfit.data.split import split
from goodfit.data.table import Profile, Split, Table
from goodfit.data.targets import encode_target
from goodfit.errors import InputError
from goodfit.recipe import Recipe
from goodfit.workflow.parts import Part, Parts

__all__ = ["ReadTable", "TableOptions", "divided", "read_table", "sampled", "table_parts"]

MOST_COLUMNS_LOOKED_AT = 1000
MOST_HELD_OUT, FEWEST_HELD_OUT, HELD_OUT_VALUES = 2000, 200, 1_000_000


@dataclass(frozen=True)
class TableOptions:
    """What the user says of a table beside its target; None leaves it to goodfit."""

    task: str | None = None
    columns: Mapping[str, str] | None = None
    group_column: str | None = None
    time_column: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    null_values: Sequence[str] | None = None

    def reading(self) -> dict[str, Any]:
        """Return what was said of how the data are written."""
        said = {
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "decimal": self.decimal,
            "null_values": None if self.null_values is None else list(self.null_values),
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, eq=False)
class ReadTable:
    """A table that was read and typed, before its rows are divided.

    Parameters
    ----------
    table, typed
        As it was read, and with the types of its columns.
    facts
        What each column is.
    given
        Tables that were given for validation or test, typed the same way.
    reading
        What was said of how the data are written.
    analysis
        What a close look at it found, where one was asked for.
    """

    table: Table
    typed: Table
    facts: Profile
    given: Mapping[str, Table]
    reading: Mapping[str, Any]
    analysis: TableAnalysis | None = None


def table_parts(
    data: Any,
    target: str | Sequence[str] | None,
    *,
    recipe: Recipe,
    valid: Any = None,
    test: Any = None,
    options: TableOptions | None = None,
    looked_at: bool = False,
) -> Parts:
    """Read a table and make it ready to train on; what is fitted is fitted on the training rows only.

    Raises
    ------
    InputError
        Whatever is wrong with the table, the target or the options.
    """
    known = read_table(data, target, valid=valid, test=test, options=options, looked_at=looked_at)
    return divided(known, recipe)


def read_table(
    data: Any,
    target: str | Sequence[str] | None,
    *,
    valid: Any = None,
    test: Any = None,
    options: TableOptions | None = None,
    looked_at: bool = False,
) -> ReadTable:
    """Read a table and find out what its columns are; nothing is fitted yet.

    Parameters
    ----------
    looked_at
        Whether to look at it closely too, and at how the test rows given differ from it; more than 1,000
        columns are not.

    Raises
    ------
    InputError
        Whatever is wrong with the table, the target or the options.
    """
    options = options or TableOptions()
    reading = options.reading()
    table = read(data, columns=options.columns, **reading)
    targets = table.targets if target is None else _names(target)
    if not targets:
        raise InputError("target.not-given", source=table.source.name, columns=table.frame.columns[:20])
    facts = profile(
        table,
        targets,
        task=options.task,
        columns=options.columns,
        group_column=options.group_column,
        time_column=options.time_column,
    )
    typed = cast(table, facts)
    others = {
        name: read(value, columns=options.columns, **reading)
        for name, value in (("valid", valid), ("test", test))
        if value is not None
    }
    wide = table.frame.width > MOST_COLUMNS_LOOKED_AT
    given = {name: cast(other, facts) for name, other in others.items()}
    analysis = analyze(table, facts, against=others.get("test")) if looked_at and not wide else None
    return ReadTable(table, typed, facts, given, reading, analysis)


def divided(
    known: ReadTable,
    recipe: Recipe,
    division: Split | None = None,
    preparation: Preparation | None = None,
) -> Parts:
    """Divide the rows as the recipe says, and fit the preparation on the training rows.

    Parameters
    ----------
    division
        How they are divided, where that is decided already.
    preparation
        How the columns are prepared, where that is decided already.
    """
    table, typed, facts, given = known.table, known.typed, known.facts, known.given
    division = division or split(
        typed.frame,
        facts,
        valid_fraction=0.0 if "valid" in given else recipe.valid_fraction,
        test_fraction=0.0 if "test" in given else recipe.test_fraction,
        seed=recipe.rows_seed,
        groups=typed.frame[facts.group_column] if facts.group_column else None,
        times=typed.frame[facts.time_column] if facts.time_column else None,
    )
    if preparation is None:
        preparation = fit_preparation(
            typed.frame, facts, division.train, scale=recipe.scale, outliers=recipe.outliers
        )
    prepared = apply_preparation(preparation, typed.frame, typed.source.name)
    encoded = torch.tensor(encode_target(preparation.target, typed.frame, typed.source.name))
    held_out = TypedRows.of(typed, encoded.numpy(), sampled(division.valid, typed.frame.width))
    tested = TypedRows.of(typed, encoded.numpy(), division.test)
    parts = {
        name: _part(prepared, encoded, rows)
        for name, rows in (("train", division.train), ("valid", division.valid), ("test", division.test))
    }
    noted = (*facts.notes, *division.notes)
    notes = [note for note in (*table.notes, *typed.notes, *prepared.notes) if note not in noted]
    for name, other in given.items():
        content, more = prepared_rows(preparation, other)
        parts[name] = Part("tensors", content)
        notes += [*other.notes, *more]
        rows = np.arange(other.frame.height)
        if name == "valid":
            held_out = TypedRows.of(other, content[1].numpy(), sampled(rows, other.frame.width))
        else:
            tested = TypedRows.of(other, content[1].numpy(), rows)
    return Parts(
        train=parts["train"],
        valid=parts["valid"] if _rows(parts["valid"]) else None,
        test=parts["test"] if _rows(parts["test"]) else None,
        task=facts.task,
        classes=facts.classes,
        table=TableFacts(
            table.source, facts, division, preparation, tuple(notes), known.reading, known.analysis
        ),
        source=table.source,
        held_out=held_out,
        tested=tested,
        test_rows=tested.numbers,
    )


def sampled(rows: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    """Return validation rows that are enough to say why the network predicts as it does: an even sample."""
    most = max(FEWEST_HELD_OUT, min(MOST_HELD_OUT, HELD_OUT_VALUES // columns))
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)] if len(rows) > most else rows


def _names(target: Any) -> tuple[str, ...]:
    """Return the names of the targets as texts, as columns of frames are called."""
    return tuple(map(str, target)) if isinstance(target, (list, tuple)) else (str(target),)


def _part(inputs: Inputs, target: Tensor, rows: NDArray[np.int64]) -> Part:
    return Part("tensors", (network_inputs(inputs, rows), target[torch.from_numpy(rows)]))


def _rows(part: Part) -> int:
    return len(part.content[1])

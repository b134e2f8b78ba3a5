"""TableFacts: what is known of a table beside its tensors, and its rows as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.data.analysis.results import TableAnalysis
from goodfit.data.applying import apply_preparation
from goodfit.data.preparation import Inputs, Preparation
from goodfit.data.table import Profile, Source, Split, Table
from goodfit.data.targets import encode_target
from goodfit.messages import Message

__all__ = ["TableFacts", "TypedRows", "network_inputs", "prepared_rows"]


@dataclass(frozen=True, eq=False)
class TableFacts:
    """What is known of a table beside its tensors: all that predicting on another table needs.

    Parameters
    ----------
    source
        Where it came from.
    profile, split, preparation
        Its columns and task, which rows went where, and what was learned from the training rows.
    notes
        What was understood while reading it, and done to it.
    reading
        What the user said of how it is written (delimiter, null values, ...); it holds for other tables too.
    analysis
        What a close look at it found, None where nobody took one.
    """

    source: Source
    profile: Profile
    split: Split
    preparation: Preparation
    notes: tuple[Message, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    analysis: TableAnalysis | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all but the preparation and the analysis, which have files of their own, as plain data."""
        return {
            "source": asdict(self.source),
            "profile": self.profile.to_dict(),
            "split": {
                "train": self.split.train.tolist(),
                "valid": self.split.valid.tolist(),
                "test": self.split.test.tolist(),
                "rule": self.split.rule.to_dict(),
                "notes": [note.to_dict() for note in self.split.notes],
            },
            "notes": [note.to_dict() for note in self.notes],
            "reading": dict(self.reading),
        }

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], preparation: Preparation, analysis: TableAnalysis | None = None
    ) -> TableFacts:
        """Rebuild the facts from `to_dict`."""
        rows = data["split"]
        profile = Profile.from_dict(data["profile"])
        known = {column.name for column in preparation.columns}
        columns = tuple(  # texts were once left out
            replace(column, kind="dropped") if column.kind == "text" and column.name not in known else column
            for column in profile.columns
        )
        return cls(
            source=Source(**data["source"]),
            profile=replace(profile, columns=columns),
            split=Split(
                train=np.array(rows["train"], dtype=np.int64),
                valid=np.array(rows["valid"], dtype=np.int64),
                test=np.array(rows["test"], dtype=np.int64),
                rule=Message.from_dict(rows["rule"]),
                notes=tuple(Message.from_dict(note) for note in rows["notes"]),
            ),
            preparation=preparation,
            notes=tuple(Message.from_dict(note) for note in data["notes"]),
            reading=data.get("reading", {}),
            analysis=analysis,
        )


@dataclass(frozen=True, eq=False)
class TypedRows:
    """Some rows of a table as they were before they were prepared.

    Parameters
    ----------
    frame
        Their typed values.
    target
        Their encoded target.
    numbers
        Their numbers in the table as it was given, counted from 0.
    """

    frame: pl.DataFrame
    target: NDArray[Any]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, table: Table, target: NDArray[Any], rows: NDArray[np.int64]) -> TypedRows:
        """Return some rows of a typed table, whose encoded target is ``target``."""
        return cls(table.frame[rows], target[rows], table.numbers_of(rows))

    def actual(self, place: int, names: Sequence[str]) -> Any:
        """Return a row's numbers to predict as the table has them; None where ``frame`` has none."""
        if not set(names) <= set(self.frame.columns):
            return None
        found = [float(value) for value in self.frame.select(names).row(place)]
        return found[0] if len(found) == 1 else found

    def values(self, place: int, names: Sequence[str]) -> dict[str, Any]:
        """Return a row's values of some columns as plain data for JSON."""
        row = self.frame.select(names).row(place, named=True)
        plain = (bool, int, float, str, type(None))
        return {name: value if isinstance(value, plain) else str(value) for name, value in row.items()}


def network_inputs(inputs: Inputs, rows: NDArray[np.int64] | None = None) -> Tensor | tuple[Tensor, Tensor]:
    """Return what the network takes: the numbers, and the categories' codes where there are any."""
    numbers = torch.from_numpy(inputs.numbers if rows is None else inputs.numbers[rows])
    if not inputs.categories.shape[1]:
        return numbers
    return numbers, torch.from_numpy(inputs.categories if rows is None else inputs.categories[rows])


def prepared_rows(
    preparation: Preparation, table: Table
) -> tuple[tuple[Tensor | tuple[Tensor, Tensor], Tensor], tuple[Message, ...]]:
    """Return a typed table's rows as (inputs, target), and what was noted."""
    prepared = apply_preparation(preparation, table.frame, table.source.name)
    target = torch.tensor(encode_target(preparation.target, table.frame, table.source.name))
    return (network_inputs(prepared), target), prepared.notes

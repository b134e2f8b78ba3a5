"""Preparation: what was learned from the training rows, as plain numbers and lists; JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, StrictBool, StrictInt, StrictStr, ValidationError

from goodfit.data.scaling import SCALINGS
from goodfit.errors import InputError
from goodfit.messages import Message

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "BooleanColumn",
    "CategoryColumn",
    "ClassTarget",
    "DatetimeColumn",
    "Inputs",
    "NumberColumn",
    "NumberTarget",
    "OutlierRule",
    "Preparation",
    "PreparedColumn",
    "TargetColumn",
    "TextColumn",
]

FORMAT = 1
BUCKETS = 4096
"""Numbers that the hash of a run of characters in a text may be."""

Cycle = Literal["month", "day", "weekday", "hour"]
Label = StrictBool | StrictInt | FiniteFloat | StrictStr


@dataclass(frozen=True)
class OutlierRule:
    """What is done with a number far out: it becomes the bound (``clip``), or counts as missing.

    Parameters
    ----------
    treatment
        Which of both.
    low, high
        Where it begins, see `goodfit.data.analysis.distributions.outlier_bounds`; None where a side has none.
    count
        Training rows beyond.
    """

    treatment: Literal["clip", "missing"]
    low: FiniteFloat | None
    high: FiniteFloat | None
    count: int


@dataclass(frozen=True)
class NumberColumn:
    """How a number is prepared: one column, and one more where missing values are frequent.

    Parameters
    ----------
    name
        The column.
    scaling
        Name of the scaling, a key of `goodfit.data.scaling.SCALINGS`.
    parameters
        What the scaling has learned.
    fill
        The training rows' median, which stands for a missing value.
    missing
        Training rows without a value.
    indicator
        Whether a further column says where the value was missing.
    outliers
        What is done with values far out; None: they stay.
    """

    name: str
    scaling: str
    parameters: Mapping[str, FiniteFloat | tuple[FiniteFloat, ...]]
    fill: FiniteFloat
    missing: int
    indicator: bool
    outliers: OutlierRule | None = None
    kind: Literal["number"] = "number"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of `Inputs.numbers` it becomes."""
        return (self.name, *_indicator(self.name, self.indicator))


@dataclass(frozen=True)
class BooleanColumn:
    """How yes or no is prepared: 1 and -1, 0 for a missing value, which may have a column of its own."""

    name: str
    missing: int
    indicator: bool
    kind: Literal["boolean"] = "boolean"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of `Inputs.numbers` it becomes."""
        return (self.name, *_indicator(self.name, self.indicator))


@dataclass(frozen=True)
class DatetimeColumn:
    """How a moment is prepared: elapsed time as a number, and a sine and a cosine for each cycle.

    Parameters
    ----------
    name
        The column.
    elapsed
        Scaling of the days since 1970, standardised.
    cycles
        The cycles that vary in the training rows; a missing value is 0 in both sine and cosine.
    missing, indicator
        As in `NumberColumn`.
    """

    name: str
    elapsed: NumberColumn
    cycles: tuple[Cycle, ...]
    missing: int
    indicator: bool
    kind: Literal["datetime"] = "datetime"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of `Inputs.numbers` it becomes."""
        waves = [f"{self.name}.{cycle}.{wave}" for cycle in self.cycles for wave in ("sin", "cos")]
        return (self.name, *waves, *_indicator(self.name, self.indicator))


@dataclass(frozen=True)
class CategoryColumn:
    """How a category is prepared: a code, 0 for a rare or never seen value, else 1 + place in ``levels``.

    Parameters
    ----------
    name
        The column.
    levels
        The values by falling frequency in the training rows; None stands for a missing value, where
        these are frequent enough to be a level.
    rare
        Values that fewer than ``minimum`` training rows have.
    minimum
        Training rows that a level needs.
    missing
        Training rows without a value.
    """

    name: str
    levels: tuple[StrictStr | None, ...]
    rare: tuple[StrictStr, ...]
    minimum: int
    missing: int
    kind: Literal["category"] = "category"


@dataclass(frozen=True)
class TextColumn:
    """How a short text is prepared: as a few numbers, see `goodfit.data.text_vectors`.

    Parameters
    ----------
    name
        The column.
    buckets, weights
        The hashes of runs of characters that count, and the weight of each.
    components
        The directions that a text's weights are projected on, shape ``(numbers, buckets)``.
    center, scale
        The mean of each number, and the largest of their deviations.
    missing, indicator
        As in `NumberColumn`.
    """

    name: str
    buckets: tuple[StrictInt, ...]
    weights: tuple[FiniteFloat, ...]
    components: tuple[tuple[FiniteFloat, ...], ...]
    center: tuple[FiniteFloat, ...]
    scale: Annotated[FiniteFloat, Field(gt=0)]
    missing: int
    indicator: bool
    kind: Literal["text"] = "text"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of `Inputs.numbers` it becomes."""
        numbers = (f"{self.name}.{place + 1}" for place in range(len(self.components)))
        return (*numbers, *_indicator(self.name, self.indicator))


PreparedColumn = Annotated[
    NumberColumn | BooleanColumn | DatetimeColumn | CategoryColumn | TextColumn,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class ClassTarget:
    """The class to predict, as its place in the sorted list of classes."""

    name: str
    classes: tuple[Label, ...]
    kind: Literal["classes"] = "classes"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the target columns."""
        return (self.name,)

    @property
    def width(self) -> int:
        """Number of classes."""
        return len(self.classes)


@dataclass(frozen=True)
class TargetColumn:
    """A number to predict: ``(value - center) / scale``, of ``log1p(value / unit)`` where that is chosen."""

    name: str
    scaling: Literal["standard", "log"]
    center: FiniteFloat
    scale: Annotated[FiniteFloat, Field(gt=0)]
    unit: Annotated[FiniteFloat, Field(gt=0)] = 1.0


@dataclass(frozen=True)
class NumberTarget:
    """One or several numbers to predict."""

    columns: tuple[TargetColumn, ...]
    kind: Literal["numbers"] = "numbers"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the target columns."""
        return tuple(column.name for column in self.columns)

    @property
    def width(self) -> int:
        """Number of target columns."""
        return len(self.columns)


@dataclass(frozen=True)
class Preparation:
    """What was learned from the training rows: how each column and the target become tensors.

    Parameters
    ----------
    columns
        In the table's order.
    target
        How the target is encoded, and predictions are brought back.
    rows
        Training rows that it was learned from.
    """

    columns: tuple[PreparedColumn, ...]
    target: Annotated[ClassTarget | NumberTarget, Field(discriminator="kind")]
    rows: int

    @property
    def number_names(self) -> tuple[str, ...]:
        """Names of the columns of `Inputs.numbers`."""
        return tuple(
            name
            for column in self.columns
            if not isinstance(column, CategoryColumn)
            for name in column.outputs
        )

    @property
    def categories(self) -> tuple[CategoryColumn, ...]:
        """The category columns, in the order of `Inputs.categories`."""
        return tuple(column for column in self.columns if isinstance(column, CategoryColumn))

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the columns of `Inputs.categories`."""
        return tuple(column.name for column in self.categories)

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of codes of each category column, 0 for rare and never seen values included."""
        return tuple(len(column.levels) + 1 for column in self.categories)

    def to_json(self) -> str:
        """Return it as JSON; `from_json` gives back exactly the same numbers."""
        data = asdict(self)
        columns = ",\n".join(_json(column) for column in data.pop("columns"))
        return _json({"format": FORMAT, **data})[:-1] + f',\n"columns": [\n{columns}\n]}}\n'

    @classmethod
    def from_json(cls, text: str | bytes, source: str = "preparation.json") -> Preparation:
        """Rebuild a preparation from `to_json`, every value checked.

        Raises
        ------
        InputError
            The text is damaged, or written by a later version of goodfit.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError("prepare.damaged", source=source, problem=str(error)) from None
        version = data.pop("format", None) if isinstance(data, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise InputError("prepare.later-format", source=source, format=version, known=FORMAT)
        if version != FORMAT:
            raise InputError("prepare.damaged", source=source, problem="format")
        try:
            preparation = _adapter().validate_python(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError("prepare.damaged", source=source, problem=f"{where}: {first['msg']}") from None
        _check_scalings(preparation, source)
        _check_texts(preparation, source)
        return preparation


@dataclass(frozen=True, eq=False)
class Inputs:
    """Rows as a network takes them.

    Parameters
    ----------
    numbers
        Always finite, shape ``(rows, len(preparation.number_names))``.
    categories
        Codes below ``preparation.levels``, shape ``(rows, len(preparation.levels))``.
    notes
        Values that were not understood or never seen in training, counted.
    """

    numbers: NDArray[np.float32]
    categories: NDArray[np.int32]
    notes: tuple[Message, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _indicator(name: str, indicator: bool) -> tuple[str, ...]:
    return (f"{name}.missing",) if indicator else ()


@cache
def _adapter() -> TypeAdapter[Preparation]:
    from pydantic import TypeAdapter

    return TypeAdapter(Preparation)


def _check_scalings(preparation: Preparation, source: str) -> None:
    for column in preparation.columns:
        number = column.elapsed if isinstance(column, DatetimeColumn) else column
        if not isinstance(number, NumberColumn):
            continue
        scaling = SCALINGS.get(number.scaling)
        if scaling is None or not scaling.accepts(number.parameters):
            raise InputError("prepare.damaged", source=source, problem=f"{column.name}: {number.scaling}")


def _check_texts(preparation: Preparation, source: str) -> None:
    for column in preparation.columns:
        if isinstance(column, TextColumn):
            width, numbers = len(column.buckets), len(column.components)
            shapes = {len(column.weights), *(len(component) for component in column.components)} == {width}
            rising = all(low < high for low, high in pairwise(column.buckets))
            known = not width or (column.buckets[0] >= 0 and column.buckets[-1] < BUCKETS)
            if not (shapes and rising and known and len(column.center) == numbers):
                raise InputError("prepare.damaged", source=source, problem=f"{column.name}: text")

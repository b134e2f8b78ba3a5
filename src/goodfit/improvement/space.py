"""Space: a set of Recipes to search, as plain data; from a dict or TOML, checked before anything trains."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodfit.errors import InputError
from goodfit.ranges import shown
from goodfit.recipe import Recipe

__all__ = ["Choices", "Dimension", "Range", "Space", "label"]

DECIDES_THE_COMPARISON = (
    "split_seed",
    "valid_fraction",
    "test_fraction",
    "monitor",
    "metrics",
    "time_budget",
    "bag",
    "stack",
)
"""Fields that say which rows, what or how long the trials are compared by, and so are the same for all."""
CHANGES_THE_LOSS = ("loss", "loss_options", "class_weight")


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Parameters
    ----------
    log
        Whether each order of magnitude is as likely as another.
    step
        Between neighbouring values; None for all.
    whole
        Whether only whole numbers are allowed.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def values(self) -> tuple[float, ...] | None:
        """Return every value in order; None where there is no end of them."""
        step = self.step or (1 if self.whole and not self.log else None)
        if step is None:
            return (self.low,) if self.low == self.high else None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.low + number * step for number in range(count))

    def plain(self) -> dict[str, Any]:
        """Return the range as it is written in TOML."""
        found: dict[str, Any] = {"low": self.low, "high": self.high}
        return (
            found | ({"log": True} if self.log else {}) | ({} if self.step is None else {"step": self.step})
        )


@dataclass(frozen=True)
class Choices:
    """Values without an order."""

    options: tuple[Any, ...]

    def values(self) -> tuple[Any, ...]:
        """Return every value."""
        return self.options

    def plain(self) -> list[Any]:
        """Return the choices as they are written in TOML."""
        return [_plain(option) for option in self.options]


Dimension = Range | Choices


@dataclass(frozen=True)
class Space:
    """A set of Recipes: a base, what is the same in all of them, and what differs.

    Parameters
    ----------
    base
        Every decision that is not searched.
    dimensions
        Name to what it may be: a recipe field, or ``field.option`` for one entry of a field that holds
        several, such as ``optimizer_options.eps``.
    """

    base: Recipe
    dimensions: Mapping[str, Dimension]

    @classmethod
    def of(cls, described: Any, base: Recipe) -> Space:
        """Return the space that a dict, or a TOML file, describes.

        Parameters
        ----------
        described
            Name to a list of choices, to ``{"low": ..., "high": ..., "log": ..., "step": ...}``, or to one
            value that all the recipes have; or the path of a TOML file that says so.
        base
            The recipe that the rest is taken from.

        Raises
        ------
        InputError
            No field or a single point to search, an unknown field, bounds that are none, values that the
            field cannot have, or a field that decides how trials are compared.

        Examples
        --------
        >>> space = Space.of({"learning_rate": {"low": 1e-4, "high": 0.1, "log": True}}, Recipe())
        >>> space.recipe({"learning_rate": 0.02})
        Recipe(learning_rate=0.02)
        """
        if isinstance(described, (str, Path)):
            described = _from_file(Path(described))
        if not isinstance(described, Mapping):
            raise InputError("tune.space-kind", kind=type(described).__name__)
        dimensions: dict[str, Dimension] = {}
        for name, given in _flat(described):
            found = _dimension(name, given, base)
            if found is not None:
                dimensions[name] = found
            else:
                base = _with(base, {name: given})
        return cls.checked(base, dimensions)

    @classmethod
    def checked(cls, base: Recipe, dimensions: Mapping[str, Dimension]) -> Space:
        """Return the space; refuse one in which there is nothing to find or nothing to compare.

        Raises
        ------
        InputError
        """
        space = cls(base, dimensions)
        if not dimensions:
            raise InputError("tune.empty-space")
        if space.size() == 1:
            raise InputError("tune.one-point", names=list(dimensions))
        for name in dimensions:
            field = name.partition(".")[0]
            if field == "seed":
                raise InputError("tune.seed-searched")
            if field in DECIDES_THE_COMPARISON:
                raise InputError("tune.not-searchable", field=field)
            if field in CHANGES_THE_LOSS and base.monitor.endswith("loss"):
                raise InputError("tune.loss-searched", field=field, monitor=base.monitor)
        return space

    def recipe(self, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe at a point of the space.

        Raises
        ------
        InputError
            The fields do not go together.
        """
        return _with(self.base, values)

    def size(self) -> float:
        """Return how many recipes there are; infinity where a range has no step."""
        counts = [dimension.values() for dimension in self.dimensions.values()]
        return math.prod(math.inf if values is None else len(values) for values in counts)

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yield every point of the space.

        Raises
        ------
        InputError
            A range has no step.
        """
        every = []
        for name, dimension in self.dimensions.items():
            values = dimension.values()
            if values is None:
                raise InputError("tune.grid-needs-step", name=name)
            every.append(values)
        for point in itertools.product(*every):
            yield dict(zip(self.dimensions, point, strict=True))

    def plain(self) -> dict[str, Any]:
        """Return what is searched as plain data, as TOML and `of` take it."""
        return {name: dimension.plain() for name, dimension in self.dimensions.items()}


def label(value: Any) -> str:
    """Return a choice as a text that no other choice of its field has.

    >>> label("adam"), label((64, 32)), label(None), label(0.1)
    ('adam', '64,32', 'none', '0.1')
    """
    return value if isinstance(value, str) else shown(value)


def _flat(described: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and what they may be; TOML reads ``optimizer_options.eps`` as a table in a table."""
    for name, given in described.items():
        field = Recipe.model_fields.get(str(name))
        if isinstance(given, Mapping) and field is not None and isinstance(field.default, dict):
            yield from ((f"{name}.{option}", value) for option, value in given.items())
        else:
            yield str(name), given


def _dimension(name: str, given: Any, base: Recipe) -> Dimension | None:
    """Return what a name may be; None where it is one value for all."""
    field, _, option = name.partition(".")
    if field not in Recipe.model_fields:
        Recipe(**{field: None})  # says which field was meant
    if option and not isinstance(Recipe.model_fields[field].default, dict):
        raise InputError("tune.no-options", name=name, field=field)
    if isinstance(given, Mapping) and (field != "class_weight" or {"low", "high"} & set(given)):
        return _range(name, given, base)
    if isinstance(given, (list, tuple)):
        return _choices(name, given, base)
    return None


def _choices(name: str, given: Sequence[Any], base: Recipe) -> Choices:
    if not given:
        raise InputError("tune.no-choices", name=name)
    values = []
    for item in given:
        # ``hidden = [64, 32]`` are two networks of one layer, ``[[64, 32], [64]]`` one of two and one of one.
        value = None if item == "none" else tuple(item) if isinstance(item, list) else item
        value = (value,) if name == "hidden" and isinstance(value, int) else value
        _with(base, {name: value})
        values.append(value)
    return Choices(tuple({label(value): value for value in values}.values()))


def _range(name: str, given: Mapping[str, Any], base: Recipe) -> Range:
    unknown = [key for key in given if key not in ("low", "high", "log", "step")]
    if unknown or not {"low", "high"} <= set(given):
        raise InputError("tune.range-keys", name=name, given=sorted(map(str, given)))
    low, high, log, step = given["low"], given["high"], given.get("log", False), given.get("step")
    if not isinstance(log, bool):
        raise InputError("tune.log", name=name, value=shown(log))
    for key, value in (("low", low), ("high", high), ("step", step)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number and not (key == "step" and value is None):
            raise InputError("tune.not-a-number", name=name, key=key, value=shown(value))
    if low > high:
        raise InputError("tune.bounds", name=name, low=shown(low), high=shown(high))
    if log and low <= 0:
        raise InputError("tune.log-from-zero", name=name, low=shown(low))
    if log and step is not None:
        raise InputError("tune.log-and-step", name=name)
    if step is not None and step <= 0:
        raise InputError("tune.step", name=name, step=shown(step))
    for bound in (low, high):
        _with(base, {name: bound})
    return Range(low, high, log, step, whole=_whole(name, low, high, step, base))


def _whole(name: str, low: float, high: float, step: float | None, base: Recipe) -> bool:
    """Say whether only whole numbers are meant: the field has no others, or an option is given by such."""
    if not all(isinstance(number, int) for number in (low, high, *(() if step is None else (step,)))):
        return False
    if "." in name:
        return True
    try:
        _with(base, {name: low + (high - low + 1) * 0.3719})
    except InputError:
        return True
    return False


def _with(base: Recipe, values: Mapping[str, Any]) -> Recipe:
    changes: dict[str, Any] = {}
    for name, value in values.items():
        field, _, option = name.partition(".")
        if option:
            changes[field] = {**changes.get(field, dict(getattr(base, field))), option: value}
        else:
            changes[field] = value
    return base.replace(**changes)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise InputError("tune.space-missing", path=str(path)) from None
    except OSError as error:
        raise InputError("tune.space-unreadable", path=str(path), problem=error.strerror) from None
    except UnicodeDecodeError as error:
        raise InputError("tune.space-unreadable", path=str(path), problem=error.reason) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError("recipe.not-toml", source=str(path), problem=str(error)) from None


def _plain(value: Any) -> Any:
    return "none" if value is None else list(value) if isinstance(value, tuple) else value

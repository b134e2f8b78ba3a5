"""What a field of a pydantic model may be, in the catalogue's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from goodfit.messages import Message

__all__ = ["shown", "wanted"]

Words = Message | str


def wanted(field: FieldInfo) -> Message:
    """Return what the values of ``field`` may be.

    Examples
    --------
    >>> from goodfit.recipe import Recipe
    >>> str(wanted(Recipe.model_fields["batch_size"]))
    'a whole number of at least 1, auto, or none'
    """
    words = list(_alternatives(field.annotation, field.metadata))
    if len(words) == 1 and isinstance(words[0], Message):
        return words[0]
    if len(words) == 1:
        return Message("errors.wanted.this", {"word": words[0]})
    code = "errors.wanted.or-else" if isinstance(words[0], Message) else "errors.wanted.or"
    return Message(code, {"first": words[:-1], "last": words[-1]})


def shown(value: Any) -> str:
    """Return a value as it is written in TOML or on a command line.

    >>> shown(None), shown((64, 32)), shown(True), shown("rellu"), shown({"gamma": 2})
    ('none', '64,32', 'true', "'rellu'", 'gamma=2')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ",".join(str(item) for item in value) or "()"
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in value.items()) or "{}"
    return repr(value)


def _alternatives(annotation: Any, metadata: Sequence[Any]) -> Iterator[Words]:
    """Yield what an annotation allows: ranges first, then names, then none."""
    kind = get_origin(annotation)
    if kind is Annotated:
        inner, *more = get_args(annotation)
        more = [item for entry in more for item in getattr(entry, "metadata", [entry])]
        yield from _alternatives(inner, [*metadata, *more])
    elif kind in (Union, UnionType):
        parts = [list(_alternatives(part, metadata)) for part in get_args(annotation)]
        yield from sorted((word for words in parts for word in words), key=_rank)
    elif kind is Literal:
        yield from (str(item) for item in get_args(annotation))
    elif annotation is NoneType:
        yield "none"
    elif annotation is bool:
        yield from ("true", "false")
    elif annotation is str:
        yield Message("errors.wanted.name")
    elif annotation in (int, float):
        yield _range("whole" if annotation is int else "number", metadata)
    elif kind is tuple:
        item = next(_alternatives(get_args(annotation)[0], ()))
        yield Message("errors.wanted.list", {"item": item})
    elif kind is dict and get_origin(get_args(annotation)[1]) is Literal:
        yield Message("errors.wanted.pairs-of", {"values": list(get_args(get_args(annotation)[1]))})
    else:
        yield Message("errors.wanted.pairs")


def _rank(word: Words) -> int:
    return 2 if word == "none" else isinstance(word, str)


def _range(kind: str, metadata: Sequence[Any]) -> Message:
    """Return the words for a number between the bounds that ``metadata`` give."""
    bounds: dict[str, Any] = {}
    for item in metadata:
        for name in ("gt", "ge", "lt", "le"):
            if getattr(item, name, None) is not None:
                bounds[name] = getattr(item, name)
    code = f"errors.wanted.{kind}"
    low = "-above" if "gt" in bounds else "-from" if "ge" in bounds else ""
    high = "-below" if "lt" in bounds else ""
    values = {"low": bounds.get("gt", bounds.get("ge")), "high": bounds.get("lt")}
    named = {name: value for name, value in values.items() if value is not None}
    return Message(code + low + high, named)

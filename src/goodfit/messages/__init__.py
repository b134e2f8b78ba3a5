"""The message catalogue: everything goodfit says to its user, a folder a language.

A message is a name and values; its words are looked up when it is shown, so that the same run
can be read in English and in Spanish. Files hold TOML; ``en/notes.toml`` with ``[read] comma = "..."``
holds the message ``notes.read.comma``. An entry with the keys ``one`` and ``other`` is chosen by the
value named ``count``.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from goodfit.messages.numbers import localized, percentage, thousands

__all__ = ["LANGUAGES", "Message", "catalogue", "fill", "percentage", "say", "thousands"]

LANGUAGES = ("en", "es")
COUNTS = ("count", "rows")
"""Names of values whose whole numbers are counts: their thousands are set apart."""


@dataclass(frozen=True)
class Message:
    """A sentence to be said: its name in the catalogue and the values that fill it."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """Return the sentence in ``language``.

        A message that was saved by another version, whose words or values are no longer those of the
        catalogue, is shown bare.

        >>> Message("notes.of-old", {"rows": 3}).text()
        'notes.of-old (rows 3)'
        """
        try:
            return say(self.code, language, **self.values)
        except (KeyError, IndexError, TypeError, ValueError):
            values = ", ".join(f"{name} {value}" for name, value in self.values.items())
            return f"{self.code} ({values})" if values else self.code

    def to_dict(self) -> dict[str, Any]:
        """Return the message, and those among its values, as plain data for JSON."""
        return {"code": self.code, "values": {name: _plain(value) for name, value in self.values.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Rebuild a message from `to_dict`."""
        return cls(data["code"], {name: _from_plain(value) for name, value in data["values"].items()})

    def __str__(self) -> str:
        return self.text()


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.to_dict() if isinstance(value, Message) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_plain(item) for item in value]
    if isinstance(value, Mapping) and set(value) == {"code", "values"}:
        return Message.from_dict(value)
    return value


def say(code: str, language: str = "en", /, **values: Any) -> str:
    """Return the catalogue's sentence ``code`` in ``language``, filled with ``values``.

    A value that is itself a `Message` is said in the same language; lists are joined by commas.
    """
    entry = catalogue(language).get(code)
    if entry is None and "count" in values:
        entry = catalogue(language).get(f"{code}.{'one' if values['count'] == 1 else 'other'}")
    if entry is None:
        raise KeyError(f"no message {code!r} in the {language!r} catalogue")
    return fill(entry, language, **values)


def fill(sentence: str, language: str = "en", /, **values: Any) -> str:
    """Return a sentence of ``language`` with its values.

    >>> fill("more than {share:.0%}", "es", share=0.25), fill("{count} rows of {year}", count=1234, year=2024)
    ('more than 25 %', '1,234 rows of 2024')
    """
    spoken = {
        name: _Count(value) if name in COUNTS and type(value) is int else _spoken(value, language)
        for name, value in values.items()
    }
    return _words(language).vformat(sentence, (), spoken)


class _Count(int):
    """A number of rows or things."""


class _Words(string.Formatter):
    """Fills sentences in a language; counts and percentages look as they do there."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith(".") and format_spec.endswith("%"):
            return percentage(value, self.language, int(format_spec[1:-1]))
        if format_spec == "," or (isinstance(value, _Count) and not format_spec):
            return thousands(value, self.language)
        return str(super().format_field(value, format_spec))


@cache
def _words(language: str) -> _Words:
    return _Words(language)


def _spoken(value: Any, language: str) -> Any:
    if isinstance(value, Message):
        return value.text(language)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(_spoken(item, language)) for item in value)
    return localized(value, language) if isinstance(value, str) else value


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return every message of ``language`` by its full name."""
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}; it must be one of {', '.join(LANGUAGES)}")
    entries: dict[str, str] = {}
    for file in sorted(files(__name__).joinpath(language).iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            _flatten(tomllib.loads(file.read_text("utf-8")), file.name.removesuffix(".toml"), entries)
    return entries


def _flatten(table: Mapping[str, Any], prefix: str, entries: dict[str, str]) -> None:
    for key, value in table.items():
        if isinstance(value, str):
            entries[f"{prefix}.{key}"] = value
        else:
            _flatten(value, f"{prefix}.{key}", entries)

"""What the callbacks share: metrics by any name to those of an epoch, and saying what was found."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from goodfit.diagnosis.readers.columns import meaning_of
from goodfit.errors import InputError
from goodfit.messages import say
from goodfit.watcher import Watch

__all__ = ["Watching", "library", "plain_numbers", "told_epoch"]


class Watching:
    """What every callback holds, and how it ends: put it before the library's own class."""

    def __init__(self, quiet: bool, language: str, facts: dict[str, Any]) -> None:
        super().__init__()
        self.quiet, self.language, self.facts = quiet, language, facts
        self.watch: Watch | None = None

    def end_watch(self) -> None:
        """Stop watching, and print what was found unless it is to be quiet."""
        if self.watch is not None:
            self.watch.close()
            if not self.quiet:
                _tell(self.watch, self.language)


def library(name: str, package: str) -> Any:
    """Import the library that a callback is for.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError("watch.library-missing", library=name, package=package) from None


def plain_numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return those of the metrics that are single numbers."""
    found = {}
    for name, value in metrics.items():
        if isinstance(value, bool):
            continue
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError, RuntimeError):
            continue
    return found


def told_epoch(watch: Watch, metrics: Mapping[str, Any], epoch: float | None = None) -> None:
    """Give an epoch's metrics, by whatever names the library has for them, to a Watch."""
    numbers = plain_numbers(metrics)
    try:
        curves = meaning_of([*numbers], watch.name).curves
    except InputError:  # losses of which none is the training's: no reason to break the training off
        curves = {}
    told = {name: sum(numbers[column] for column in columns) for name, columns in curves.items()}
    watch.epoch(epoch=epoch, **told)


def _tell(watch: Watch, language: str) -> None:
    for finding in watch.diagnose():
        severity = say(f"terminal.severity.{finding.severity}", language)
        title = say(
            "terminal.finding",
            language,
            severity=severity,
            title=finding.statement(language),
            code=finding.code,
        )
        print(f"goodfit: {title}. {finding.explanation(language)}", file=sys.stderr)

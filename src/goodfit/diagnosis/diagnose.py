"""Observations to findings: run every check, and let the findings that explain others stand for them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from types import ModuleType

from goodfit.diagnosis import checks
from goodfit.finding import SEVERITIES, Finding
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["diagnose", "missing_evidence"]


def diagnose(observations: Observations) -> list[Finding]:
    """Return what is wrong with a training, the most severe and surest first.

    Looks at the observations alone: nothing is trained, nothing is read. A finding that another one
    explains is listed under that one's ``symptoms`` instead of standing beside it.

    Examples
    --------
    >>> import numpy as np
    >>> from goodfit.observations import History
    >>> epoch = np.arange(1.0, 41.0)
    >>> curves = {"train_loss": 0.5 + np.exp(-epoch), "valid_loss": 0.6 + 0.01 * epoch}
    >>> history = History({"epoch": epoch} | curves)
    >>> diagnose(Observations(history))[0]
    <Finding overfitting: warning, confidence ..., epoch ...>
    """
    found = [finding for family in _families() for finding in family.find(observations)]
    return sorted(
        _without_explained(found),
        key=lambda finding: (-SEVERITIES.index(finding.severity), -finding.confidence),
    )


def missing_evidence(observations: Observations) -> list[Message]:
    """Return what could not be judged, a sentence each: what is missing and how to provide it."""
    return [
        message
        for family in _families()
        if hasattr(family, "cannot_tell")
        for message in family.cannot_tell(observations)
    ]


@cache
def _families() -> tuple[ModuleType, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
    return tuple(importlib.import_module(f"{checks.__name__}.{name}") for name in names)


def _without_explained(found: Iterable[Finding]) -> list[Finding]:
    found = list(found)
    explains = {code: codes for family in _families() for code, codes in family.EXPLAINS.items()}
    codes = [finding.code for finding in found]
    explained = {symptom for code in codes for symptom in explains.get(code, ()) if symptom in codes}
    return [
        replace(finding, symptoms=tuple(code for code in explains.get(finding.code, ()) if code in codes))
        for finding in found
        if finding.code not in explained
    ]

"""Observations to findings: run every check, and let the findings that explain others stand for them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType

from goodfit.diagnosis import checks
from goodfit.diagnosis.harm import solved
from goodfit.diagnosis.symptoms import OF_PROGRESS
from goodfit.finding import SEVERITIES, Finding, Severity
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["diagnose", "missing_evidence", "too_short"]


def diagnose(observations: Observations) -> list[Finding]:
    """Return what is wrong with a training, the most severe and surest first.

    Looks at the observations alone: nothing is trained, nothing is read. A finding that another one
    explains is listed under that one's ``symptoms`` instead of standing beside it. Where two checks find
    the same, the weightier is kept.

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
    found: dict[str, tuple[Finding, tuple[str, ...]]] = {}
    settled = solved(observations)
    for family in _families():
        for seen in family.find(observations):
            finding = _without_alarm(seen) if settled else seen
            known = found.get(finding.code)
            if known is None or _weight(finding) > _weight(known[0]):
                found[finding.code] = finding, tuple(family.EXPLAINS.get(finding.code, ()))
    return sorted(_without_explained(found), key=_weight, reverse=True)


def _without_alarm(finding: Finding) -> Finding:
    """Return a finding about how far the loss could still move as information: there is nothing to gain."""
    return replace(finding, severity="info") if finding.code in OF_PROGRESS else finding


def missing_evidence(observations: Observations) -> list[Message]:
    """Return what could not be judged, a sentence each: what is missing and how to provide it."""
    return [
        message
        for family in _families()
        if hasattr(family, "cannot_tell")
        for message in family.cannot_tell(observations)
    ]


def too_short(untold: Iterable[Message]) -> Message | None:
    """Return, of what could not be judged, that there were too few validation losses; else None."""
    return next((message for message in untold if message.code == "findings.missing.epochs"), None)


@cache
def _families() -> tuple[ModuleType, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
    return tuple(importlib.import_module(f"{checks.__name__}.{name}") for name in names)


def _without_explained(found: Mapping[str, tuple[Finding, tuple[str, ...]]]) -> list[Finding]:
    """Leave out what another finding explains; the cause of an error is one itself.

    Where findings explain each other in a circle, the weightiest of them stands for the others.
    """
    symptoms = {
        code: tuple(
            symptom
            for symptom in codes
            if symptom in found and symptom != code and _stands_for(finding, *found[symptom])
        )
        for code, (finding, codes) in found.items()
    }
    explained = {symptom for codes in symptoms.values() for symptom in codes}
    kept = [code for code in found if code not in explained]
    left = found.keys() - _led_to(kept, symptoms)
    while left:
        kept.append(max(left, key=lambda code: (_weight(found[code][0]), code)))
        left -= _led_to(kept[-1:], symptoms)
    return [
        replace(
            found[code][0],
            symptoms=symptoms[code],
            severity=_severest(found[code][0], *(found[symptom][0] for symptom in symptoms[code])),
        )
        for code in kept
    ]


def _led_to(codes: Iterable[str], symptoms: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the codes, what they explain, what that explains, and so on."""
    reached: set[str] = set()
    waiting = list(codes)
    while waiting:
        code = waiting.pop()
        if code not in reached:
            reached.add(code)
            waiting += symptoms[code]
    return reached


def _stands_for(finding: Finding, symptom: Finding, explained: tuple[str, ...]) -> bool:
    """Say whether a finding may stand for what it explains; where each explains the other, the weightier."""
    if finding.code in explained:
        return _weight(finding) > _weight(symptom)
    return finding.severity != "info" or symptom.severity == "info"


def _severest(*findings: Finding) -> Severity:
    return max((finding.severity for finding in findings), key=SEVERITIES.index)


def _weight(finding: Finding) -> tuple[int, float]:
    return SEVERITIES.index(finding.severity), finding.confidence

"""What the diagnosis says of one training, in the light of others by the same recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from goodfit.evaluation.spread import Spread
from goodfit.finding import SEVERITIES, Finding
from goodfit.messages import Message

__all__ = ["over_repeats"]


def over_repeats(
    found: Sequence[Sequence[Finding]],
    spread: Spread | None = None,
    kind: Literal["seeds", "folds"] = "seeds",
) -> list[Finding]:
    """Return the first training's findings, each with how many of the trainings have it.

    A warning that fewer than half of them have is for information: it is chance, and no property of the
    recipe. So is one whose rise of the validation loss is smaller than that by which two trainings differ.
    What the first training lacks and more than half of them have is added.

    Parameters
    ----------
    found
        The findings of each training, those of the run first.
    spread
        Of the best validation loss over the trainings; None where the best epoch was not chosen by it.
    kind
        What the trainings differ in.
    """
    trainings = len(found)
    with_it = Counter(code for findings in found for code in {finding.code for finding in findings})
    told = [_judged(finding, with_it[finding.code], trainings, spread, kind) for finding in found[0]]
    own = {finding.code for finding in found[0]}
    for code, count in sorted(with_it.items()):
        if code not in own and 2 * count > trainings:
            others = [finding for findings in found for finding in findings if finding.code == code]
            surest = max(others, key=lambda finding: finding.confidence)
            remark = Message(f"population.remark.{kind}.others", {"trainings": trainings, "with_it": count})
            told.append(replace(surest, remarks=(*surest.remarks, remark)))
    return sorted(told, key=lambda one: (SEVERITIES.index(one.severity), one.confidence), reverse=True)


def _judged(finding: Finding, with_it: int, trainings: int, spread: Spread | None, kind: str) -> Finding:
    few = 2 * with_it < trainings
    wording = "all" if with_it == trainings else "few" if few else "most"
    remarks = [
        Message(f"population.remark.{kind}.{wording}", {"trainings": trainings, "with_it": with_it}),
        *_noise(finding, spread, kind),
    ]
    harmless = finding.severity == "warning" and (few or len(remarks) > 1)
    severity = "info" if harmless else finding.severity
    return replace(finding, severity=severity, remarks=(*finding.remarks, *remarks))


def _noise(finding: Finding, spread: Spread | None, kind: str) -> list[Message]:
    """Say so where the validation loss rose by less than what two trainings differ by."""
    lowest, last = finding.evidence.get("lowest"), finding.evidence.get("last")
    if spread is None or not isinstance(lowest, float) or not isinstance(last, float):
        return []
    rise, limit = last - lowest, spread.repeatability
    if not 0 < rise < limit:
        return []
    return [Message(f"population.remark.{kind}.noise", {"rise": f"{rise:.2g}", "limit": f"{limit:.2g}"})]

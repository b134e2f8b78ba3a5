"""What became of the planted faults, as tables: found, named, confused with what, and missed where."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from planted_faults import FAULTS, Fault
from planted_healthy import VARIATIONS

__all__ = ["PARTS", "Outcome", "report"]

PARTS = ("fresh", "held-out", "development")
NAMED_BY_US = frozenset(
    [
        *("exploding-gradients", "vanishing-gradients", "dead-units", "saturated-units", "frozen-parameters"),
        *("bad-initialization", "unscaled-inputs", "class-imbalance", "class-collapse", "label-noise"),
        *("data-leakage", "split-mismatch", "loss-output-mismatch", "train-eval-mismatch"),
        *("gradients-accumulate", "non-finite-loss"),
    ]
)
OF = {fault.name: fault for fault in FAULTS}


@dataclass(frozen=True)
class Outcome:
    """What became of one run."""

    kind: str  # fault | healthy
    name: str
    data: str
    network: str
    seed: int
    part: str
    codes: list[tuple[str, str]]  # code and severity, the first first
    test_loss: float
    seconds: float
    found_at: float | None = None
    harmful: bool = True

    @property
    def alarms(self) -> list[str]:
        """The codes of its warnings and errors, the first first."""
        return [code for code, severity in self.codes if severity != "info"]

    @property
    def first(self) -> str:
        return self.alarms[0] if self.alarms else "nothing"

    @property
    def place(self) -> str:
        return f"{self.data}, {self.network}, seed {self.seed}"


def report(outcomes: Sequence[Outcome], head: str) -> str:
    """Return everything as Markdown, the parts that were looked at least first."""
    lines = ["# Planted faults, found and named", "", head, ""]
    there = [part for part in PARTS if any(outcome.part == part for outcome in outcomes)]
    lines += _summary(outcomes, there)
    for part in there:
        of = [outcome for outcome in outcomes if outcome.part == part]
        lines += [f"## {part.capitalize()}", "", *_faults(of), "", *_confusions(of), "", *_twins(of), ""]
        lines += [*_misses(of), ""]
    return "\n".join(lines).rstrip() + "\n"


def _summary(outcomes: Sequence[Outcome], parts: Sequence[str]) -> list[str]:
    lines = [
        "| | faults scored | detected | right first | healthy runs | warned of | by these checks |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        scored = [one for one in outcomes if one.part == part and one.kind == "fault" and one.harmful]
        twins = [one for one in outcomes if one.part == part and one.kind == "healthy"]
        cells = [part, str(len(scored)), wilson(sum(map(_detected, scored)), len(scored))]
        cells += [wilson(sum(map(_right, scored)), len(scored)), str(len(twins))]
        cells += [wilson(sum(bool(one.alarms) for one in twins), len(twins))]
        cells += [wilson(sum(map(_ours, twins)), len(twins))]
        lines.append(f"| {' | '.join(cells)} |")
    return [
        *lines,
        "",
        "Aimed at: detected 95 %, right first 85 %, at most 2 % of the healthy warned of.",
        "",
    ]


def _faults(outcomes: Sequence[Outcome]) -> list[str]:
    by_fault: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.kind == "fault":
            by_fault[outcome.name].append(outcome)
    lines = [
        "| fault | right codes | runs | harmless | detected | right first | epochs |",
        "|---|---|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        runs = by_fault.get(fault.name, [])
        scored = [outcome for outcome in runs if outcome.harmful]
        if not runs:
            continue
        seen = [outcome.found_at for outcome in scored if outcome.found_at is not None]
        cells = [fault.name, ", ".join(fault.codes), str(len(scored)), str(len(runs) - len(scored))]
        cells += [wilson(sum(map(test, scored)), len(scored)) for test in (_detected, _right)]
        cells += [f"{np.median(seen):.0f}" if seen else "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _confusions(outcomes: Sequence[Outcome]) -> list[str]:
    """Return which code stood first where another one was planted."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        if outcome.kind == "fault" and outcome.harmful:
            right = OF[outcome.name].codes
            counts[right[0]][right[0] if _right(outcome) else outcome.first] += 1
    lines = ["| planted | runs | right first | first instead |", "|---|---|---|---|"]
    for code in sorted(counts):
        others = [f"{name} {count}" for name, count in counts[code].most_common() if name != code]
        cells = [code, str(counts[code].total()), str(counts[code][code]), ", ".join(others) or "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _twins(outcomes: Sequence[Outcome]) -> list[str]:
    twins = [outcome for outcome in outcomes if outcome.kind == "healthy"]
    lines = [
        "| healthy twins | runs | with a warning or error | of these checks | which |",
        "|---|---|---|---|---|",
    ]
    for name in (*VARIATIONS, None):
        of = [outcome for outcome in twins if name in (None, outcome.name)]
        which = Counter(code for outcome in of for code in outcome.alarms)
        cells = [name or "**all**", str(len(of)), wilson(sum(bool(one.alarms) for one in of), len(of))]
        cells += [wilson(sum(map(_ours, of)), len(of))]
        cells += [", ".join(f"{code} {count}" for code, count in which.most_common()) or "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _misses(outcomes: Sequence[Outcome]) -> list[str]:
    """Return every run that was judged wrongly, by its name."""
    lines = []
    for outcome in outcomes:
        told = ", ".join(f"{code} ({severity})" for code, severity in outcome.codes) or "nothing"
        if outcome.kind == "healthy" and outcome.alarms:
            lines.append(f"- healthy, {outcome.name} ({outcome.place}): {told}")
        elif outcome.kind == "fault" and outcome.harmful and not _detected(outcome):
            lines.append(f"- not found: {outcome.name} ({outcome.place}): {told}")
        elif outcome.kind == "fault" and outcome.harmful and not _right(outcome):
            lines.append(f"- not first: {outcome.name} ({outcome.place}): {told}")
    return (
        ["What was judged wrongly, and what was said:", "", *lines]
        if lines
        else ["Nothing was judged wrongly."]
    )


def _right(outcome: Outcome) -> bool:
    return outcome.first in OF[outcome.name].codes


def _detected(outcome: Outcome) -> bool:
    fault: Fault = OF[outcome.name]
    return any(code in fault.codes for code in outcome.alarms)


def _ours(outcome: Outcome) -> bool:
    return any(code in NAMED_BY_US for code in outcome.alarms)


def wilson(hits: int, count: int, z: float = 1.96) -> str:
    """Return a share in per cent with its 95 % interval (Wilson 1927)."""
    if not count:
        return "-"
    share = hits / count
    middle = share + z * z / (2 * count)
    half = z * ((share * (1 - share) + z * z / (4 * count)) / count) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / count) for sign in (-1, 1))
    return f"{100 * share:.0f} ({100 * max(low, 0):.0f}-{100 * min(high, 1):.0f})"

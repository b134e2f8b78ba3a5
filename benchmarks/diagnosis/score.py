"""Judge the diagnosis, and other tools beside it, on runs of which it is known what would have helped.

    python benchmarks/diagnosis/score.py RUNS_FOLDER [--peers PYTHON_WITH_PEERS]

Writes RESULTS.md and scores.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, scored_cases
from labels import CODES

from goodfit.diagnosis.diagnose import diagnose
from goodfit.diagnosis.judgement import judge

HERE = Path(__file__).parent
PEER_CODES = {
    "trainspotter": {"overfitting": "overfitting"},
    "losslint": {"overfit_onset": "overfitting"},
    "training-doctor": {
        "overfitting": "overfitting",
        "lr_too_high": "learning-rate-too-high",
        "lr_too_low": "learning-rate-too-low",
    },
}
WARNINGS = ("warning", "error", "critical")


@dataclass
class Said:
    """What a tool said of a case: codes, those that are warnings, and whether it could be asked."""

    codes: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    failed: bool = False


def ours(case: Case) -> Said:
    found = diagnose(case.observations())
    warned = {finding.code for finding in found if finding.severity in WARNINGS}
    return Said({finding.code for finding in found}, warned)


def theirs(cases: list[Case], python: str) -> dict[str, dict[str, Said]]:
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            columns = case.columns()
            names = ["step", "train_loss", "eval_loss", "learning_rate"][: len(columns)]
            rows = np.stack(list(columns.values()), axis=1)
            text = [",".join(names)] + [
                ",".join([f"{row[0]:.0f}", *map(repr, map(float, row[1:]))]) for row in rows
            ]
            (Path(folder) / f"{case.name}.csv").write_text("\n".join(text) + "\n")
        output = Path(folder) / "said.json"
        subprocess.run([python, str(HERE / "peers.py"), folder, str(output)], check=True)
        said = json.loads(output.read_text())
    found: dict[str, dict[str, Said]] = {tool: {} for tool in PEER_CODES}
    for name, tools in said.items():
        for tool, findings in tools.items():
            codes = {PEER_CODES[tool].get(code, code) for code, _ in findings}
            warned = {code for code, severity in findings if severity.split(".")[-1].lower() in WARNINGS}
            found[tool][name] = Said(codes, warned, failed="failed" in codes)
    return found


def share(flags: Iterable[tuple[bool, str]]) -> dict[str, Any]:
    """Return the share of flags that are true, with a 95 % interval over data sets drawn again and again.

    Runs on the same data set resemble each other, so whole data sets are what is drawn.
    """
    hits: dict[str, list[int]] = {}
    for flag, data in flags:
        hits.setdefault(data, [0, 0])
        hits[data][0] += flag
        hits[data][1] += 1
    counts = np.array(list(hits.values()), float).reshape(-1, 2)
    if not len(counts):
        return {"value": math.nan, "low": math.nan, "high": math.nan, "n": 0}
    draws = counts[np.random.default_rng(0).integers(len(counts), size=(2000, len(counts)))].sum(1)
    low, high = np.percentile(draws[:, 0] / draws[:, 1], [2.5, 97.5])
    value = counts[:, 0].sum() / counts[:, 1].sum()
    return {"value": float(value), "low": float(low), "high": float(high), "n": int(counts[:, 1].sum())}


def score(cases: list[Case], said: Callable[[Case], Said]) -> dict[str, Any]:
    """Return recall, false alarms and precision per code, and how many healthy runs are warned of."""
    scores: dict[str, Any] = {}
    for code in CODES:
        positive = [case for case in cases if case.run.labels.get(code) is True]
        negative = [case for case in cases if case.run.labels.get(code) is False]
        flagged = [case for case in positive + negative if code in said(case).codes]
        scores[code] = {
            "recall": share((code in said(c).codes, c.data) for c in positive),
            "false_alarms": share((code in said(c).codes, c.data) for c in negative),
            "precision": share((c.run.labels[code] is True, c.data) for c in flagged),
            "recall_warned": share((code in said(c).warned, c.data) for c in positive),
            "false_alarms_warned": share((code in said(c).warned, c.data) for c in negative),
        }
    healthy = [case for case in cases if case.run.healthy]
    scores["healthy"] = share((bool(said(c).warned), c.data) for c in healthy)
    scores["sound"] = share((bool(said(c).warned), c.data) for c in healthy if c.run.sound)
    scores["healthy_warnings"] = dict(Counter(code for c in healthy for code in said(c).warned).most_common())
    return scores


def calibration(cases: list[Case], code: str) -> dict[str, Any]:
    """Return the calibration of the judged chance: by thirds of the range, and the mean distance."""
    known = [(judge(c.observations()).get(code), c.run.labels.get(code)) for c in cases]
    pairs = np.array(
        [(chance, truth) for chance, truth in known if chance is not None and truth is not None], float
    )
    edges = (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0 + 1e-9)
    bins = []
    for low, high in pairwise(edges):
        inside = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)]
        if len(inside):
            bins.append(
                (low, min(high, 1.0), len(inside), float(inside[:, 0].mean()), float(inside[:, 1].mean()))
            )
    error = sum(n * abs(said - true) for _, _, n, said, true in bins) / len(pairs)
    return {
        "bins": bins,
        "error": error,
        "brier": float(np.mean((pairs[:, 0] - pairs[:, 1]) ** 2)),
        "n": len(pairs),
    }


def percent(part: dict[str, Any]) -> str:
    if not part["n"]:
        return "-"
    return f"{100 * part['value']:.0f} ({100 * part['low']:.0f}-{100 * part['high']:.0f})"


def markdown(results: dict[str, Any], facts: dict[str, Any]) -> str:
    lines = [(HERE / "ABOUT.md").read_text("utf-8").strip(), ""]
    for part in ("held-out", "development"):
        there = facts[part]
        lines += [
            f"## {part.capitalize()} data sets: {there['runs']} runs on {there['sets']} data sets",
            "",
            f"{there['healthy']} are healthy (no change gains 5 %), {there['sound']} of them sound "
            "(no change gains 1 %, as far as scored). In per cent, with 95 % intervals over data sets "
            "drawn again.",
            "",
            "| code | tool | recall | false alarms | precision | warned: recall | false alarms | + / - |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for code in CODES:
            for tool, scores in results[part].items():
                found = scores[code]
                if tool != "goodfit" and code not in PEER_CODES[tool].values():
                    continue
                counts = f"{found['recall']['n']} / {found['false_alarms']['n']}"
                keys = ("recall", "false_alarms", "precision", "recall_warned", "false_alarms_warned")
                cells = (code, tool, *(percent(found[key]) for key in keys), counts)
                lines.append(f"| {' | '.join(cells)} |")
        lines += [
            "",
            "| tool | healthy runs warned | sound runs warned | what of |",
        ]
        lines += ["|---|---|---|---|"]
        for tool, scores in results[part].items():
            told = ", ".join(f"{code} {count}" for code, count in scores["healthy_warnings"].items())
            lines.append(f"| {tool} | {percent(scores['healthy'])} | {percent(scores['sound'])} | {told} |")
        lines.append("")
    lines += ["## Calibration of the chances, held-out data sets", ""]
    lines += ["| code | mean distance | Brier score | said -> true (runs) |", "|---|---|---|---|"]
    for code, found in results["calibration"].items():
        bins = ", ".join(f"{said:.2f} -> {true:.2f} ({n})" for _, _, n, said, true in found["bins"])
        lines.append(f"| {code} | {found['error']:.3f} | {found['brier']:.3f} | {bins} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--peers", help="Python of an environment with trainspotter, losslint, training-doctor"
    )
    parser.add_argument("--output", type=Path, default=HERE)
    options = parser.parse_args()
    cases = scored_cases(options.folder)
    tools: dict[str, dict[str, Said]] = {"goodfit": {case.name: ours(case) for case in cases}}
    if options.peers:
        tools |= theirs(cases, options.peers)
    results: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for part in ("held-out", "development"):
        chosen = [case for case in cases if case.held_out == (part == "held-out")]
        results[part] = {
            tool: score(chosen, lambda case, said=said: said[case.name]) for tool, said in tools.items()
        }
        facts[part] = {
            "runs": len(chosen),
            "sets": len({case.data for case in chosen}),
            "healthy": sum(case.run.healthy for case in chosen),
            "sound": sum(case.run.sound for case in chosen),
        }
    held = [case for case in cases if case.held_out]
    results["calibration"] = {code: calibration(held, code) for code in CODES}
    failures = {tool: sum(s.failed for s in said.values()) for tool, said in tools.items()}
    (options.output / "RESULTS.md").write_text(markdown(results, facts), "utf-8")
    stored = {"facts": facts, "failures": failures, **results}
    (options.output / "scores.json").write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    print((options.output / "RESULTS.md").read_text("utf-8"))


if __name__ == "__main__":
    main()

"""What the benchmarks share: the machine in a line, medians with their spread, tables, and RESULTS.md."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Results

Written by the programs in this folder with `--write`, each part anew by its own; the README here says how to
run them. Medians, and in brackets the least and the most.
"""


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return median, least and most.

    >>> spread([1.0, 2.0, 4.0])
    '2 (1 to 4)'
    """
    middle, least, most = (_short(v, digits) for v in (statistics.median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns also line up in a terminal; all but the first to the right."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    dashes = ["-" * widths[0], *[f"{'-' * (width - 1)}:" for width in widths[1:]]]
    placed = [
        [
            line[0].ljust(widths[0]),
            *[cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)],
        ]
        for line in lines
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in [placed[0], dashes, *placed[1:]])


def machine() -> str:
    """Return processor, cores, memory, system, versions, date and load of this machine as a sentence."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("goodfit", "torch", "numpy")
    )
    load = f"load {os.getloadavg()[0]:.1f} at the start, " if hasattr(os, "getloadavg") else ""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {_memory()}{platform.system()}; "
        f"Python {platform.python_version()}, {versions}; {load}{datetime.now(UTC):%Y-%m-%d}."
    )


def write_section(name: str, text: str) -> None:
    """Put ``text`` into RESULTS.md as the part called ``name``, in place of what was there."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    whole = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    section = f"{begin}\n\n{text.strip()}\n\n{end}"
    if begin in whole:
        before, _, rest = whole.partition(begin)
        whole = before + section + rest.partition(end)[2]
    else:
        whole = f"{whole.rstrip()}\n\n{section}\n"
    RESULTS.write_text(whole, encoding="utf-8")


def _short(value: float, digits: int) -> str:
    if value and abs(value) >= 10 ** (digits - 1):
        return f"{float(f'{value:.{digits}g}'):,.0f}"
    return f"{value:.{digits}g}"


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return ""
    return f"{total / 2**30:.0f} GiB, "

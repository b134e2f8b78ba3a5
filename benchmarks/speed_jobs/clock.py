"""What is measured inside a peer's process: the time from epoch to epoch, and the peak of memory."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from jobs import WARM_UP, Job


class Clock:
    """Make it after imports and warm-up, call `epoch` at the end of each epoch, `report` at the end."""

    def __init__(self) -> None:
        self._before = _resident()
        _forget_peak()
        self._ends: list[float] = []

    def epoch(self) -> None:
        """Note that an epoch has ended, its validation included."""
        self._ends.append(time.perf_counter())

    def report(self, job: Job, **more: Any) -> None:
        """Print what was measured as a line of JSON."""
        memory = _peak() - self._before
        print_measured(
            self._ends[-1] - self._ends[WARM_UP - 1], len(self._ends) - WARM_UP, memory=memory, **more
        )


def print_measured(seconds: float, epochs: int, **more: Any) -> None:
    """Print the seconds that ``epochs`` took, after the warm-up, as a line of JSON."""
    print(json.dumps({"seconds": seconds, "epochs": epochs, **more}))


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return _peak()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _forget_peak() -> None:
    """Let the peak begin at what is resident now, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

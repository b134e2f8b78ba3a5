"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["cores"]

CGROUPS = Path("/sys/fs/cgroup")
UNBOUND = 1e6


def cores() -> int:
    """Return the cores that this process may use: those it is bound to, and no more than a container grants.

    A container's share of the processor (``docker run --cpus 2``) hides none of the machine's cores; it only
    halts who uses more of them.
    """
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    return max(1, min(there, math.ceil(_granted())))


def _granted() -> float:
    """Return how many cores' time the control group grants, `UNBOUND` where it sets no bound.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files, and the same of version 1.
    """
    try:
        if (CGROUPS / "cpu.max").exists():
            quota, period = (CGROUPS / "cpu.max").read_text().split()
        else:
            folder = CGROUPS / "cpu"
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else UNBOUND
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no such files
        return UNBOUND

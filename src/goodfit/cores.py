"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["cores"]

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
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
    granted = min(map(_granted, _control_groups()))
    return max(1, min(there, math.ceil(granted)))


def _control_groups() -> list[Path]:
    """Return the folders of the control groups that this process is in, from the outermost on.

    https://docs.kernel.org/admin-guide/cgroup-v2.html; the groups of version 1 have a folder a controller.
    """
    found = [CGROUPS, CGROUPS / "cpu"]
    try:
        lines = OWN_GROUPS.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            folder = CGROUPS / "cpu" if controllers else CGROUPS
            for name in path.strip("/").split("/"):
                folder /= name
                found.append(folder)
    return found


def _granted(group: Path) -> float:
    """Return how many cores' time a control group grants, `UNBOUND` where it sets no bound."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else UNBOUND
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no such files
        return UNBOUND

"""Where a training ran: versions and machine, as plain data."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["describe_environment"]


def describe_environment(device: str, threads: int | None) -> dict[str, Any]:
    """Return versions, machine, device and time of a training."""
    import torch

    found: dict[str, Any] = {"created": datetime.now(UTC).astimezone().isoformat(timespec="seconds")}
    for package in ("goodfit", "torch", "numpy", "polars", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    found |= {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads or torch.get_num_threads(),
    }
    if device.startswith("cuda"):
        found["device_name"] = torch.cuda.get_device_name(device)
    return found

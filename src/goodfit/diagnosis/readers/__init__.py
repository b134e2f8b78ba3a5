"""Logs that other tools have written, to Observations: recognised by what they hold, not by their name."""

from __future__ import annotations

from goodfit.diagnosis.readers.log import LoggedRun, read_log, read_runs

__all__ = ["LoggedRun", "read_log", "read_runs"]

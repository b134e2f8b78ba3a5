"""A training with several seeds or folds in its folder: the networks that are trained stay until all are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodfit.run import Run
from goodfit.saving import CHECKPOINT, begin_folder, save_run, training_place
from goodfit.workflow.default_network import Plan
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.parts import Parts
from goodfit.workflow.resuming import Resumed, fingerprint, save_asked

__all__ = ["Keep", "RepeatsFolder"]

NETWORKS = "networks"
"""The folder of the networks, beside what the training was asked for."""
Keep = Callable[[Plan, Parts], KeptNetworks]
"""Called once it is decided what is trained; returns where trained networks are kept."""


@dataclass(frozen=True)
class RepeatsFolder:
    """The folder of a training with several seeds or folds.

    Parameters
    ----------
    asked
        ``data, target, valid, test, options, name`` as the caller gave them.
    repeated
        ``seeds``, ``folds``, ``ensemble``.
    force
        Whether a run in the folder may be replaced.
    resumed
        The training that goes on; None for one that begins.
    """

    folder: Path
    asked: Mapping[str, Any]
    repeated: Mapping[str, Any]
    force: bool = False
    resumed: Resumed | None = None

    def keep(self, plan: Plan, parts: Parts) -> KeptNetworks:
        """Write what is trained, so that it can go on, and return where its networks are kept.

        Raises
        ------
        InputError
            The data are not those that the training began with; or see `begin_folder`.
        """
        if self.resumed is None:
            begin_folder(self.folder, force=self.force)
            place = training_place(self.folder)
        else:
            self.resumed.check_data(parts)
            place = self.resumed.place
        save_asked(place, plan, self.asked, {**self.repeated, "data": fingerprint(parts)})
        return KeptNetworks(place / CHECKPOINT / NETWORKS)

    def save(self, run: Run, language: str) -> Path:
        """Write the run; an interrupted one keeps what it can go on from."""
        saved = save_run(run, self.folder, language=language, trained_here=True)
        if run.history.ended_by != "interrupted":
            shutil.rmtree(saved / CHECKPOINT, ignore_errors=True)
        return saved

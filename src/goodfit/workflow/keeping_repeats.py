"""A training with several seeds or folds in its folder: the networks that are trained stay until all are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import nn

from goodfit.errors import InputError
from goodfit.files import write_atomically
from goodfit.messages import Message
from goodfit.run import Run
from goodfit.saving import CHECKPOINT, begin_folder, is_finished, save_run, training_place
from goodfit.training.weights import copy_weights, load_weights
from goodfit.workflow.default_network import Plan
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.parts import Parts
from goodfit.workflow.resuming import Resumed, fingerprint, save_asked

__all__ = ["Keep", "RepeatsFolder"]

NETWORKS = "networks"
"""The folder of the networks, beside what the training was asked for."""
START = "start.safetensors"
"""The weights of the network that the caller gave, with which all begin."""
Keep = Callable[[Plan, Parts, Any], KeptNetworks]
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

    def keep(self, plan: Plan, parts: Parts, model: Any) -> KeptNetworks:
        """Write what is trained, so that it can go on, and return where its networks are kept.

        Parameters
        ----------
        model
            What the caller gave; a network is given the weights that it had when the training began.

        Raises
        ------
        InputError
            The data or the network are not those that the training began with; or see `begin_folder`.
        """
        if self.resumed is None:
            begin_folder(self.folder, force=self.force)
            place = training_place(self.folder)
        else:
            self.resumed.check_data(parts)
            place = self.resumed.place
        save_asked(place, plan, self.asked, {**self.repeated, "data": fingerprint(parts)})
        if isinstance(model, nn.Module):
            self._begin_alike(model, place / CHECKPOINT / START)
        return KeptNetworks(place / CHECKPOINT / NETWORKS)

    def _begin_alike(self, model: nn.Module, start: Path) -> None:
        if not start.exists():
            weights = {name: value.cpu().contiguous() for name, value in copy_weights(model).items()}
            write_atomically(start, save(weights))
            return
        try:
            load_weights(model, load(start.read_bytes()))
        except (KeyError, RuntimeError) as error:
            values = {"folder": str(self.folder), "problem": str(error)}
            raise InputError("resume.other-network", **values) from None

    def save(self, run: Run, language: str) -> Run:
        """Write the run; an interrupted one keeps what it can go on from.

        Interrupted once more it takes no other run's place: less may have been trained than the first time.
        """
        interrupted = run.history.ended_by == "interrupted"
        if interrupted and self.resumed is not None and is_finished(self.resumed.place):
            stays = Message("population.note.interrupted-run-stays", {"folder": str(self.folder)})
            return replace(run, notes=(*run.notes, stays))
        saved = save_run(run, self.folder, language=language, trained_here=True)
        if not interrupted:
            shutil.rmtree(saved / CHECKPOINT, ignore_errors=True)
        return replace(run, folder=saved)

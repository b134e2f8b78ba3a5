"""A training with several seeds or folds in its folder: the networks that are trained stay until all are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
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
from goodfit.workflow.members import Member
from goodfit.workflow.parts import Parts
from goodfit.workflow.resuming import Resumed, fingerprint, save_asked

__all__ = ["RepeatsFolder", "interrupted_notes", "that_count"]

NETWORKS = "networks"
"""The folder of the networks, beside what the training was asked for."""
START = "start.safetensors"
"""The weights of the network that the caller gave, with which all begin."""


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

    @property
    def said(self) -> tuple[Message, ...]:
        """What was to be said when a training began that goes on."""
        return () if self.resumed is None else self.resumed.said

    def begin_alike(self, model: Any) -> None:
        """Give a network of the caller's own the weights that it had when the training began that goes on.

        Raises
        ------
        InputError
            It is another network.
        """
        start = None if self.resumed is None else self.resumed.place / CHECKPOINT / START
        if start is None or not isinstance(model, nn.Module) or not start.exists():
            return
        try:
            load_weights(model, load(start.read_bytes()))
        except (KeyError, RuntimeError) as error:
            values = {"folder": str(self.folder), "problem": str(error)}
            raise InputError("resume.other-network", **values) from None

    def keep(self, plan: Plan, parts: Parts, model: Any) -> KeptNetworks:
        """Write what is trained, so that it can go on, and return where its networks are kept.

        Parameters
        ----------
        model
            What the caller gave, not trained yet.

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
        if self.resumed is None and isinstance(model, nn.Module):
            weights = {name: value.cpu().contiguous() for name, value in copy_weights(model).items()}
            write_atomically(place / CHECKPOINT / START, save(weights))
        return KeptNetworks(place / CHECKPOINT / NETWORKS)

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


def that_count(members: Sequence[Member]) -> list[Member]:
    """Return the seeds that count: where Ctrl-C ended some, those that ended before, if they are two.

    Else those that had begun: none where the first had not, as the Run is to be its.
    """
    whole = [member for member in members if member.ended not in (None, "interrupted")]
    if len(whole) > 1 and whole[0] is members[0]:
        return whole
    return [member for member in members if member.ended is not None and members[0].ended is not None]


def interrupted_notes(
    members: Sequence[Member], counted: Sequence[Member], kept: KeptNetworks | None
) -> tuple[Message, ...]:
    """Return what is to be said of a Ctrl-C, where there was one."""
    whole = sum(member.ended not in (None, "interrupted") for member in members)
    if whole == len(members):
        return ()
    at_work, left = len(counted) - whole, len(members) - len(counted)
    notes = [Message("population.note.interrupted", {"count": whole, "all": len(members)})]
    if at_work:
        notes.append(Message("population.note.interrupted-at-work", {"count": at_work}))
    if left:
        notes.append(Message("population.note.interrupted-left-out", {"count": left}))
    if kept is not None and kept.some():
        notes.append(Message("population.note.interrupted-kept"))
    elif kept is not None:
        notes.append(Message("population.note.interrupted-none-kept"))
    return tuple(notes)

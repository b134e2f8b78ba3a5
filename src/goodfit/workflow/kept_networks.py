"""Trained networks of several on disk, so that an interrupted training goes on with the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goodfit.training.checkpoint import Checkpoint, clear_remains, read_checkpoint, restore, save_checkpoint
from goodfit.training.probing import mark_reached, reached_parameters
from goodfit.workflow.members import Member
from goodfit.workflow.resuming import fingerprint

__all__ = ["BAG", "KeptNetworks"]

BAG = "bag"
"""Their folder, beside the checkpoints of the ordinary network."""


@dataclass(frozen=True)
class KeptNetworks:
    """Keeps trained members until all are.

    Parameters
    ----------
    place
        Their folder; each lies in a checkpoint inside it, in a folder of its own.
    """

    place: Path

    def keep(self, group: Sequence[Member]) -> None:
        """Write members that have been trained.

        Raises
        ------
        MachineError
            The disk is full.
        """
        for member in group:
            clear_remains(self._folder(member))
            facts = {
                "data": fingerprint(member.parts),
                "recipe": member.job.recipe.to_dict(),
                "ended": member.ended,
                "reached": reached_parameters(member.job.model),
            }
            save_checkpoint(self._folder(member), member.job, member.state, facts)

    def take(self, group: Sequence[Member]) -> bool:
        """Put members back as they were kept, where all of them were, and say whether that is so.

        Those of a group are trained together, and come out the same only so. What was trained on other
        data or by another recipe is passed over, and what a time budget ended where that is another now.
        """
        found = [self._find(member) for member in group]
        if not all(found):
            return False
        for member, checkpoint in zip(group, found, strict=True):
            assert checkpoint is not None
            member.state = restore(member.job, checkpoint)
            member.ended = checkpoint[1]["facts"]["ended"]
            mark_reached(member.job.model, checkpoint[1]["facts"]["reached"])
            member.job.model.eval()
        return True

    def some(self) -> bool:
        """Say whether any network is kept."""
        return any(self.place.glob("*/*.json"))

    def _find(self, member: Member) -> Checkpoint | None:
        checkpoint, _ = read_checkpoint(self._folder(member))
        if checkpoint is None:
            return None
        trained_by, ended = (checkpoint[1]["facts"][name] for name in ("recipe", "ended"))
        if ended != "time-budget":  # it would have ended as it did with more time or less
            trained_by["time_budget"] = member.job.recipe.time_budget
        same_data = checkpoint[1]["facts"].get("data") == fingerprint(member.parts)
        return checkpoint if same_data and trained_by == member.job.recipe.to_dict() else None

    def _folder(self, member: Member) -> Path:
        return self.place / str(member.place + 1)

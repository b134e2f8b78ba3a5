"""Going on from a checkpoint: what is saved beside it, and what may be changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from goodfit.data.batches import leaves
from goodfit.errors import InputError
from goodfit.files import write_atomically
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.saving import CHECKPOINT, STAGE, is_finished, mend
from goodfit.training.checkpoint import (
    Checkpoint,
    checkpoint_numbers,
    clear_remains,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from goodfit.training.job import Job
from goodfit.training.state import TrainingState
from goodfit.workflow.default_network import Plan
from goodfit.workflow.parts import Parts, pick, rows_of
from goodfit.workflow.table_defaults import LEAVES_OPEN
from goodfit.workflow.tables import TableOptions

__all__ = ["CHANGEABLE", "Resumed", "checkpoint_saver", "fingerprint", "read_resumed", "save_asked"]

CHANGEABLE = frozenset({"epochs", "patience", "min_improvement", "stop_at", "time_budget", "keep_going"})
"""Recipe fields that may differ when a training goes on: those that say when it ends."""

JOB_FILE = "job.json"


@dataclass(frozen=True)
class Resumed:
    """A training to go on with.

    Parameters
    ----------
    folder
        The run's folder.
    place
        Where the checkpoints lie: the run's folder, or the one inside it of a training that replaces the run.
    recipe
        Its recipe, with what was changed.
    asked
        What it was trained on, where that can be said again in a file.
    checkpoint
        The newest one that is whole; None where the training died before the first.
    compared
        Whether a linear model is trained after all, if the networks are no better than one.
    said
        What was to be said of how the recipe was decided.
    prolonged
        Whether what ends the training was changed.
    repeated
        ``seeds``, ``folds``, ``ensemble`` and the fingerprint of the ``data`` where it is trained several
        times; empty for others.
    """

    folder: Path
    place: Path
    recipe: Recipe
    asked: Mapping[str, Any]
    checkpoint: Checkpoint | None
    compared: bool = False
    said: tuple[Message, ...] = ()
    prolonged: bool = False
    notes: tuple[Message, ...] = ()
    repeated: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``data, target, valid, test, options, name``: what is given again, else as it was.

        Raises
        ------
        InputError
            The data were no file, and are not given.
        """
        asked = {**self.asked, "options": TableOptions(**self.asked["options"])}
        merged = {name: asked[name] if value is None else value for name, value in given.items()}
        if merged["data"] is None:
            raise InputError("resume.needs-data", folder=str(self.folder))
        if merged["options"] == TableOptions():
            merged["options"] = asked["options"]
        return merged

    @property
    def threads(self) -> int | None:
        """Threads that the training has used so far: more or fewer would round its sums differently."""
        return None if self.checkpoint is None else self.checkpoint[1]["facts"].get("threads")

    def notes_on(self, job: Job) -> tuple[Message, ...]:
        """Return what is to be said of the training that goes on."""
        loader = getattr(job.train, "loader", None)
        workers = getattr(loader, "num_workers", 0)
        if not workers or not getattr(loader, "persistent_workers", False):
            return self.notes
        return (*self.notes, Message("training.note.persistent-workers", {"workers": workers}))

    def is_whole(self, recipe: Recipe) -> bool:
        """Say whether the several networks of ``recipe`` are what the run in the folder has already."""
        if recipe.networks == 1 or self.prolonged or self.checkpoint is None or not is_finished(self.place):
            return False
        return Recipe.from_file(self.place / "recipe.toml") == recipe

    def check_data(self, parts: Parts) -> None:
        """Refuse data that are not those that the training began with.

        Raises
        ------
        InputError
        """
        facts = self.repeated if self.checkpoint is None else self.checkpoint[1]["facts"]
        if "data" in facts and facts["data"] != fingerprint(parts):
            raise InputError("resume.other-data", data=parts.source.name, folder=str(self.folder))

    def restore(self, job: Job, parts: Parts) -> TrainingState | None:
        """Put everything back and return how far the training was, None for its very beginning.

        Raises
        ------
        InputError
            The data are not those that the training began with, or the network is another one.
        """
        if self.checkpoint is None:
            return None
        self.check_data(parts)
        try:
            state = restore(job, self.checkpoint)
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError("resume.other-network", folder=str(self.folder), problem=str(error)) from None
        patience = job.recipe.patience
        if self.prolonged and patience is not None and state.best.waited >= patience:
            state.best = replace(state.best, waited=0)
        return state


def read_resumed(folder: Path, recipe: Recipe | None, fields: Mapping[str, Any]) -> Resumed:
    """Return the training whose checkpoint lies in ``folder``.

    Parameters
    ----------
    recipe
        Given only where the caller gives all of it again.
    fields
        Recipe fields to change.

    Raises
    ------
    InputError
        No checkpoint, or a change of a field that would make it another training.
    """
    mend(folder)
    begun = folder / STAGE
    place = begun if (begun / CHECKPOINT / JOB_FILE).is_file() else folder
    try:
        asked = json.loads((place / CHECKPOINT / JOB_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        raise InputError("resume.none", folder=str(folder)) from None
    checkpoint, notes = read_checkpoint(place / CHECKPOINT)
    if checkpoint is None and notes:
        raise InputError("resume.all-damaged", folder=str(folder))
    before = Recipe(**asked["recipe"])
    # What is kept of several trainings has ended, and those to come are to end likewise.
    changeable = frozenset({"time_budget"}) if asked.get("repeated") else CHANGEABLE
    wanted = {**(dict(recipe) if recipe is not None else {}), **fields}
    for name, value in Recipe(**{**dict(before), **wanted}):
        if name in changeable or name not in wanted or value == "auto":
            continue
        if value != getattr(before, name):
            raise InputError(
                "resume.field-changed",
                field=name,
                before=repr(getattr(before, name)),
                value=repr(value),
                changeable=sorted(changeable),
            )
    changed = before.replace(**{name: wanted[name] for name in wanted if name in changeable})
    told = {name for name, value in changed if value != getattr(before, name)}
    return Resumed(
        folder,
        place,
        changed,
        asked,
        checkpoint,
        compared=asked.get("compared", False) and told <= LEAVES_OPEN,
        said=tuple(Message.from_dict(note) for note in asked.get("notes", ())),
        prolonged=bool(told),
        notes=tuple(notes),
        repeated=asked.get("repeated", {}),
    )


def checkpoint_saver(
    folder: Path, job: Job, parts: Parts, plan: Plan, asked: Mapping[str, Any], threads: int, *, fresh: bool
) -> Callable[[TrainingState], None]:
    """Return what writes a checkpoint; what the training was asked for is written now.

    With ``fresh`` the checkpoints of another network that was trained in the same folder are removed first.

    Parameters
    ----------
    plan
        By which the job was made.
    asked
        ``data, target, valid, test, options, name`` as the caller gave them.
    threads
        Threads that the training uses.
    """
    place = folder / CHECKPOINT
    if fresh:
        for number in checkpoint_numbers(place):
            (place / f"{number}.json").unlink()
    clear_remains(place)
    save_asked(folder, plan, asked)
    facts = {"data": fingerprint(parts), "threads": threads}
    return lambda state: save_checkpoint(place, job, state, facts)


def save_asked(
    folder: Path, plan: Plan, asked: Mapping[str, Any], repeated: Mapping[str, Any] | None = None
) -> None:
    """Write what a training was asked for to the place of its checkpoints.

    Parameters
    ----------
    repeated
        See `Resumed`.
    """
    told = {name: value if _plain(value) else None for name, value in asked.items()}
    for name in ("data", "valid", "test"):
        told[name] = str(Path(asked[name]).absolute()) if isinstance(asked[name], (str, Path)) else None
    told["options"] = {
        name: value if _plain(value) else None for name, value in asdict(asked["options"]).items()
    }
    notes = [note.to_dict() for note in plan.notes]
    body = {**told, "recipe": plan.recipe.to_dict(), "compared": plan.compared, "notes": notes}
    body |= {} if repeated is None else {"repeated": dict(repeated)}
    write_atomically(folder / CHECKPOINT / JOB_FILE, json.dumps(body, indent=1, ensure_ascii=False))


def fingerprint(parts: Parts) -> str | None:
    """Return what changes with the training data: its file's hash, or that of some of its rows."""
    if parts.source.sha256 is not None:
        return parts.source.sha256
    if parts.train.kind != "tensors":
        return str(rows_of(parts.train))
    rows = rows_of(parts.train) or 0
    some = pick(parts.train.content, torch.arange(0, rows, max(1, rows // 100)))
    digest = hashlib.sha256(str(rows).encode())
    for tensor in leaves(some):
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True

"""Checkpoints: a training as it stands, on disk, from which it goes on bit for bit.

A checkpoint is two files in the run's ``checkpoint`` folder: ``<number>.safetensors`` with every tensor, and
``<number>.json`` with the rest and with the first file's hash. The JSON file is written last, so a checkpoint
without a whole one is not a checkpoint; the one before stays until the new one is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from goodfit.data.batches import LoaderBatches
from goodfit.files import write_atomically
from goodfit.messages import Message
from goodfit.training import randomness
from goodfit.training.job import Job
from goodfit.training.optimizer_state import load_optimizer_state, optimizer_state
from goodfit.training.plateau import Plateau
from goodfit.training.state import TrainingState
from goodfit.training.stopping import Best
from goodfit.training.weights import copy_weights, load_weights

__all__ = [
    "Checkpoint",
    "checkpoint_numbers",
    "clear_remains",
    "read_checkpoint",
    "restore",
    "save_checkpoint",
]

FORMAT = 1
KEPT = 2
Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]
"""The tensors by name, and the rest as plain data."""


def save_checkpoint(folder: Path, job: Job, state: TrainingState, facts: Mapping[str, Any]) -> None:
    """Write a checkpoint of the training as it stands between two updates.

    Parameters
    ----------
    facts
        What must be the same when it goes on, such as the hash of the data.

    Raises
    ------
    MachineError
        The disk is full; the checkpoints that were there are whole.
    """
    tensors, plain = _collect(job, state)
    content = tensors_to_bytes({name: value.contiguous() for name, value in tensors.items()})
    numbers = checkpoint_numbers(folder)
    number = numbers[0] + 1 if numbers else 1
    body = json.loads(json.dumps({"format": FORMAT, "facts": dict(facts), "sha256": _hash(content), **plain}))
    write_atomically(folder / f"{number}.safetensors", content)
    write_atomically(folder / f"{number}.json", json.dumps(_sealed(body)))
    for old in numbers[KEPT - 1 :]:
        with contextlib.suppress(OSError):
            (folder / f"{old}.json").unlink()
            (folder / f"{old}.safetensors").unlink()


def read_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[Message]]:
    """Return the newest whole checkpoint, None where there is none, and a note for each damaged one."""
    notes: list[Message] = []
    for number in checkpoint_numbers(folder):
        try:
            body = json.loads((folder / f"{number}.json").read_text("utf-8"))
            content = (folder / f"{number}.safetensors").read_bytes()
            whole = body == _sealed(body) and _hash(content) == body["sha256"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if whole and body["format"] == FORMAT:
            return (tensors_from_bytes(content), body), notes
        notes.append(Message("training.checkpoint.damaged", {"file": f"{number}.json"}))
    return None, notes


def clear_remains(folder: Path) -> None:
    """Remove what a killed process left half written."""
    numbers = {str(number) for number in checkpoint_numbers(folder)}
    for path in [*folder.glob("*.safetensors"), *folder.glob(".*.part")]:
        if path.suffix == ".part" or path.stem not in numbers:
            path.unlink(missing_ok=True)


def restore(job: Job, checkpoint: Checkpoint) -> TrainingState:
    """Put model, optimizer, averages and scaler back, and return how far the training was."""
    tensors, body = checkpoint
    load_weights(job.model, _part(tensors, "model"))
    load_optimizer_state(job.optimizer, _part(tensors, "optimizer"), body["optimizer"])
    if job.average is not None and body["average"] is not None:
        job.average.load(_part(tensors, "average"), body["average"])
    if job.scaler is not None and body["scaler"] is not None:
        job.scaler.load_state_dict(body["scaler"])
    generators = _part(tensors, "generator")
    randomness.restore_generators(job.train, generators)
    randomness.restore_generators(job.valid, _part(tensors, "valid_generator"))
    state = body["state"]
    best_weights = _part(tensors, "best")
    return TrainingState(
        best=Best(**_numbers_from_json(state["best"])),
        epoch=state["epoch"],
        batch=state["batch"],
        step=state["step"],
        rows=[_numbers_from_json(row) for row in state["rows"]],
        best_weights={name: value.to(job.device) for name, value in best_weights.items()} or None,
        losses=list(tensors["losses"].to(job.device)) if "losses" in tensors else [],
        loss_weights=list(state["loss_weights"]),
        seconds=state["seconds"],
        vitals=[_layer_row(row) for row in state["vitals"]],
        start_loss=None if state.get("start_loss") is None else float(state["start_loss"]),
        plateau=None if state["plateau"] is None else Plateau.from_dict(state["plateau"]),
        generators=generators,
        random=_part(tensors, "random"),
    )


def _collect(job: Job, state: TrainingState) -> Checkpoint:
    optimizer_tensors, optimizer_facts = optimizer_state(job.optimizer)
    average_tensors, average_facts = job.average.state() if job.average is not None else ({}, None)
    # A loader's epoch is gone through again from its beginning, what was fetched row by row is not.
    replayed = state.batch > 0 and isinstance(job.train, LoaderBatches)
    parts: dict[str, Mapping[str, Tensor]] = {
        "model": copy_weights(job.model),
        "best": state.best_weights or {},
        "optimizer": optimizer_tensors,
        "average": average_tensors,
        "random": randomness.capture(),
        "generator": state.generators if replayed else randomness.generator_states(job.train),
        "valid_generator": randomness.generator_states(job.valid),
    }
    tensors = {
        f"{part}/{name}": value.detach().cpu().clone()
        for part, inside in parts.items()
        for name, value in inside.items()
    }
    if state.losses:
        tensors["losses"] = torch.stack(state.losses).cpu()
    plain = {
        "optimizer": optimizer_facts,
        "average": average_facts,
        "scaler": job.scaler.state_dict() if job.scaler is not None else None,
        "state": {
            "best": _numbers_to_json(asdict(state.best)),
            "epoch": state.epoch,
            "batch": state.batch,
            "step": state.step,
            "rows": [_numbers_to_json(row) for row in state.rows],
            "loss_weights": [float(weight) for weight in state.loss_weights],
            "seconds": state.seconds,
            "vitals": [_numbers_to_json(row) for row in state.vitals],
            "start_loss": None if state.start_loss is None else repr(state.start_loss),
            "plateau": None if state.plateau is None else state.plateau.to_dict(),
        },
    }
    return tensors, plain


def checkpoint_numbers(folder: Path) -> list[int]:
    """Return the numbers of the checkpoints in a folder, the newest first."""
    names = (path.stem for path in folder.glob("*.json"))
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _layer_row(row: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: row[name] for name in ("layer", "kind")}
    return names | {name: float(value) for name, value in row.items() if name not in names}


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(f"{part}/")}


def _sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    bare = {name: value for name, value in body.items() if name != "seal"}
    return {**bare, "seal": _hash(json.dumps(bare, sort_keys=True).encode())}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _numbers_to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: repr(value) if isinstance(value, float) else value for name, value in values.items()}


def _numbers_from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, str) else value for name, value in values.items()}

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from goodfit.errors import MachineError
from goodfit.recipe import Recipe
from goodfit.training import checkpoint
from goodfit.training.attention import Attention
from goodfit.training.checkpoint import clear_remains, read_checkpoint, restore, save_checkpoint
from goodfit.training.job import Job
from goodfit.training.loop import train
from goodfit.training.randomness import undisturbed
from goodfit.training.state import TrainingState
from goodfit.workflow.job import make_job
from goodfit.workflow.own_data import own_parts

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
FIELDS: dict[str, Any] = {"loss": "mse", "batch_size": 8, "device": "cpu", "epochs": 2, "patience": None}


def begun(**fields: Any) -> tuple[Job, TrainingState]:
    recipe = Recipe(**{**FIELDS, **fields})
    data = (X, X[:, :1])
    parts = own_parts(data, valid=data, test=None, recipe=recipe, task=None)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    return make_job(parts, recipe, model, {})


def trained(**fields: Any) -> tuple[Job, TrainingState]:
    job, state = begun(**fields)
    with undisturbed():
        train(job, state, Attention(), lambda row: None)
    return job, state


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ema": 0.9},
        {"swa": 0.2},
        {"schedule": "reduce_on_plateau", "optimizer": "momentum"},
        {"optimizer": "lbfgs"},
        {"optimizer": "muon", "weight_decay": 0.1},
        {"precision": "float16"},
    ],
    ids=str,
)
def test_what_is_saved_comes_back_exactly(fields, tmp_path):
    job, state = trained(**fields)
    save_checkpoint(tmp_path, job, state, {"data": "abc"})
    found, notes = read_checkpoint(tmp_path)
    assert found is not None
    assert notes == []
    assert found[1]["facts"] == {"data": "abc"}
    other, _ = begun(**fields)
    back = restore(other, found)
    for name in ("epoch", "batch", "step", "rows", "best", "plateau", "seconds", "loss_weights"):
        assert getattr(back, name) == getattr(state, name), name
    ours, theirs = job.model.state_dict(), other.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(torch.equal(state.best_weights[name], back.best_weights[name]) for name in state.best_weights)
    assert all(torch.equal(one, two) for one, two in zip(state.losses, back.losses, strict=True))
    save_checkpoint(tmp_path / "again", other, back, {"data": "abc"})
    again = read_checkpoint(tmp_path / "again")[0]
    same = {name: torch.equal(value, again[0][name]) for name, value in found[0].items()}
    random = {name for name in same if name.startswith("random/")}
    assert all(same[name] for name in same if name not in random)
    assert {**found[1], "sha256": "", "seal": ""} == {**again[1], "sha256": "", "seal": ""}


def test_numbers_that_json_does_not_have_come_back(tmp_path):
    job, state = trained()
    state.rows[0] |= {"valid_loss": math.nan, "train_loss": math.inf}
    save_checkpoint(tmp_path, job, state, {})
    body = (tmp_path / "1.json").read_text()
    json.loads(body, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    back = restore(begun()[0], read_checkpoint(tmp_path)[0])
    assert math.isnan(back.rows[0]["valid_loss"])
    assert back.rows[0]["train_loss"] == math.inf


def test_two_are_kept_and_numbers_go_on(tmp_path):
    job, state = begun()
    for _ in range(4):
        save_checkpoint(tmp_path, job, state, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "3.json", "3.safetensors", "4.json", "4.safetensors",
    ]  # fmt: skip


def test_a_full_disk_leaves_the_checkpoints_that_were_there(tmp_path, monkeypatch):
    job, state = begun()
    save_checkpoint(tmp_path, job, state, {})

    def full(path: Path, content: bytes | str) -> None:
        raise MachineError("files.not-written", path=str(path), problem="No space left on device")

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    with pytest.raises(MachineError, match="No space"):
        save_checkpoint(tmp_path, job, state, {})
    assert read_checkpoint(tmp_path)[0] is not None


def test_remains_of_a_killed_process_are_removed(tmp_path):
    job, state = begun()
    save_checkpoint(tmp_path, job, state, {})
    (tmp_path / "2.safetensors").write_bytes(b"half")
    (tmp_path / ".2.json.x.part").write_bytes(b"half")
    (tmp_path / "job.json").write_text("{}")
    clear_remains(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.json", "1.safetensors", "job.json"]
    clear_remains(tmp_path / "nowhere")


def test_no_checkpoint_is_none(tmp_path):
    assert read_checkpoint(tmp_path) == (None, [])


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '{"seal": 1}', "{", '{"format": 99}'])
def test_whatever_is_in_the_file_it_is_recognised(text, tmp_path):
    job, state = begun()
    save_checkpoint(tmp_path, job, state, {})
    (tmp_path / "7.json").write_text(text)
    found, notes = read_checkpoint(tmp_path)
    assert found is not None
    assert [note.values["file"] for note in notes] == ["7.json"]

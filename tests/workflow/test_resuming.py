"""A training that is killed at any instant and goes on ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import goodfit
from goodfit import files
from goodfit.training import checkpoint, loop
from goodfit.training.randomness import undisturbed

KILLS_EACH = 8


class Killed(BaseException):
    """What stands for the end of the process."""


def write_table(folder: Path) -> Path:
    random_state = np.random.default_rng(0)
    size = random_state.normal(size=90)
    colour = random_state.choice(["red", "green", "blue"], 90)
    label = np.where(size + (colour == "red") + random_state.normal(size=90) * 0.3 > 0.5, "yes", "no")
    path = folder / "table.csv"
    pl.DataFrame({"size": size, "colour": colour, "label": label}).write_csv(path)
    return path


def net(*extra: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), *extra, nn.Linear(8, 1))


class Augmented(Dataset):
    """Rows that come with noise: from NumPy's global state, or from generators of the Dataset's own."""

    def __init__(self, own: bool) -> None:
        generator = torch.Generator().manual_seed(5)
        self.inputs = torch.randn(50, 4, generator=generator)
        self.target = self.inputs.sum(1, keepdim=True)
        self.rng = np.random.default_rng(3) if own else None
        self.python = random.Random(4)

    def __len__(self) -> int:
        return 50

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        normal = np.random.randn(4) if self.rng is None else self.rng.normal(size=4)  # noqa: NPY002
        noise = torch.from_numpy(normal).float() * 0.1 + self.python.gauss(0, 0.1)
        return self.inputs[row] + noise, self.target[row]


def loader(*, own: bool, generator: bool, workers: int = 0) -> DataLoader:
    chosen = torch.Generator().manual_seed(9) if generator else None
    return DataLoader(Augmented(own), batch_size=8, shuffle=True, generator=chosen, num_workers=workers)


def tensors() -> tuple[Tensor, Tensor]:
    inputs = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    return inputs, inputs.sum(1, keepdim=True) ** 2


def valid_loader() -> DataLoader:
    """Shuffled, with a generator of its own: even the rounding of the validation loss must come back."""
    data = torch.utils.data.TensorDataset(*tensors())
    return DataLoader(data, batch_size=7, shuffle=True, generator=torch.Generator().manual_seed(2))


def table_job(folder: Path) -> dict[str, Any]:
    return {
        "data": folder / "table.csv",
        "target": "label",
        "dropout": 0.2,
        "label_noise": 0.1,
        "batch_size": 16,
    }


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "table": table_job,
    "loader with its own generator, dropout, NumPy's noise": lambda _: {
        "data": loader(own=False, generator=True),
        "valid": valid_loader(),
        "model": net(nn.Dropout(0.3)),
        "optimizer": "momentum",
        "schedule": "cosine",
    },
    "loader by the global state, a Dataset with generators": lambda _: {
        "data": loader(own=True, generator=False),
        "valid": tensors(),
        "model": net(nn.BatchNorm1d(8)),
        "swa": 0.3,
        "metrics": ["r2"],
    },
    "a Dataset row by row, schedule-free": lambda _: {
        "data": Augmented(own=True),
        "valid": tensors(),
        "model": net(nn.Dropout(0.3)),
        "batch_size": 8,
        "optimizer": "schedulefreeadamw",
    },
    "tensors, plateau, averaged, accumulated": lambda _: {
        "data": tensors(),
        "model": lambda: net(nn.Dropout(0.1)),
        "batch_size": 4,
        "accumulate": 3,
        "schedule": "reduce_on_plateau",
        "schedule_options": {"patience": 0},
        "ema": 0.9,
        "mixup": 0.3,
    },
    "a step of one's own, second-order": lambda _: {
        "data": tensors()[0],
        "valid": tensors()[0],
        "model": net(nn.Tanh()),
        "step": lambda model, batch: (model(batch) - batch.sum(1, keepdim=True)).square().mean(),
        "optimizer": "lbfgs",
        "optimizer_options": {"max_iter": 3},
        "batch_size": 16,
    },
}


def run_of(scenario: str, folder: Path, where: Path, **more: Any) -> goodfit.Run:
    """Train in ``where``, or go on there, as a new process would."""
    torch.seed()  # nothing may depend on the state of the process
    random.seed()
    if scenario.startswith("a Dataset"):
        pytest.importorskip("pytorch_optimizer")
    arguments = {
        "epochs": 4,
        "patience": None,
        "diagnose": False,
        "learning_rate": 0.01,
        **SCENARIOS[scenario](folder),
        **more,
    }
    if (where / "checkpoint" / "job.json").exists():
        return goodfit.train(resume=where, **arguments)
    if isinstance(arguments.get("model"), nn.Module):
        with undisturbed():
            torch.manual_seed(0)
            arguments["model"] = SCENARIOS[scenario](folder)["model"]
    return goodfit.train(folder=where, force=True, **arguments)


def without_seconds(run: goodfit.Run) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in run.history.columns.items() if name != "seconds"}


def assert_same(run: goodfit.Run, other: goodfit.Run) -> None:
    assert (run.folder / "model.safetensors").read_bytes() == (
        other.folder / "model.safetensors"
    ).read_bytes()
    np.testing.assert_equal(without_seconds(run), without_seconds(other))
    assert run.history.facts() == other.history.facts()
    assert run.recipe == other.recipe
    ours, theirs = run.observations.vitals, other.observations.vitals
    assert (ours and ours.to_csv()) == (theirs and theirs.to_csv())
    if run.evaluation is not None:
        assert run.evaluation.to_dict() == other.evaluation.to_dict()


class Faults:
    """Ends the process at the n-th moment of those at which it may be ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        train_step, write = loop.train_step, files.write_atomically

        def stepping(*arguments: Any, **more: Any) -> Tensor:
            self.moment()
            loss = train_step(*arguments, **more)
            self.moment()
            return loss

        def writing(path: Path, content: bytes | str) -> None:
            if self.moment(raises=False):
                path.parent.mkdir(parents=True, exist_ok=True)
                data = content.encode() if isinstance(content, str) else content
                path.with_name(f".{path.name}.abc.part").write_bytes(data[: len(data) // 2])
                raise Killed
            write(path, content)
            self.moment()

        monkeypatch.setattr(loop, "train_step", stepping)
        monkeypatch.setattr(checkpoint, "write_atomically", writing)

    def moment(self, *, raises: bool = True) -> bool:
        self.left -= 1
        if self.left == 0 and raises:
            raise Killed
        return self.left == 0


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(scenario, tmp_path, monkeypatch):
    write_table(tmp_path)
    whole = run_of(scenario, tmp_path, tmp_path / "whole")
    monkeypatch.setattr("goodfit.training.attention.SAVE_EVERY", 0.0)
    monkeypatch.setattr(files, "sync_folder", lambda folder: None)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # a killed process loses nothing that it wrote
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    faults = Faults(monkeypatch)
    chance = random.Random(scenario)
    kills = done = 0
    while kills < KILLS_EACH:
        faults.left = chance.randint(1, 30)
        try:
            run = run_of(scenario, tmp_path, tmp_path / f"killed-{done}")
        except Killed:
            kills += 1
        else:
            assert_same(run, whole)
            done += 1
    faults.left = 0
    assert_same(run_of(scenario, tmp_path, tmp_path / f"killed-{done}"), whole)
    assert not list(tmp_path.rglob("*.part"))


OFTEN = """
import os
import goodfit.run_report
import goodfit.training.attention
from goodfit.cli.main import main

goodfit.training.attention.SAVE_EVERY = 0.0
goodfit.run_report.report_html = lambda run, language: ""
os.fsync = lambda handle: None
main()
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OFTEN, "train", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def newest(run: Path) -> int:
    return max((int(path.stem) for path in (run / "checkpoint").glob("[0-9]*.json")), default=0)


def wait_for(process: subprocess.Popen[str], run: Path, number: int) -> None:
    """Wait until the process has written that many checkpoints, or has ended."""
    while newest(run) < number and process.poll() is None:
        time.sleep(0.0005)


TABLE = [
    "--target",
    "label",
    "--batch-size",
    "16",
    "--dropout",
    "0.2",
    "--patience",
    "none",
    "--epochs",
    "40",
]


def test_processes_killed_and_interrupted_go_on_from_the_command_line(tmp_path):
    table, run = write_table(tmp_path), tmp_path / "run"
    options = {"target": "label", "batch_size": 16, "dropout": 0.2, "patience": None, "epochs": 40}
    whole = goodfit.train(table, folder=tmp_path / "whole", **options)
    chance = random.Random(1)
    process = start(str(table), *TABLE, "--output", str(run))
    for kill in (signal.SIGINT, signal.SIGKILL):
        wait_for(process, run, newest(run) + chance.randint(3, 30))
        time.sleep(chance.random() * 0.003)
        process.send_signal(kill)
        said, problem = process.communicate(timeout=60)
        assert process.returncode == (130 if kill == signal.SIGINT else -kill), problem
        if kill == signal.SIGINT:
            stopped = goodfit.load(run)
            assert stopped.history.ended_by == "interrupted"
            assert 0 < stopped.history["epoch"][-1] < 40
            assert "interrupted" in said.lower() or "ctrl-c" in said.lower()
        process = start("--resume", str(run))
    _, problem = process.communicate(timeout=60)
    assert process.returncode == 0, problem
    ended = goodfit.load(run)
    assert_same(ended, whole)


def test_a_process_with_workers_of_its_own_is_killed_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    fields = {"learning_rate": 0.01, "epochs": 3, "patience": None}

    def job() -> dict[str, Any]:
        with undisturbed():
            torch.manual_seed(3)
            model = net(nn.Dropout(0.2))
        return {"data": loader(own=False, generator=True, workers=2), "valid": tensors(), "model": model}

    whole = goodfit.train(**job(), **fields, folder=tmp_path / "whole")
    monkeypatch.setattr("goodfit.training.attention.SAVE_EVERY", 0.0)
    faults = Faults(monkeypatch)
    for left in (23, 41):
        faults.left = left
        going_on = {"resume" if (tmp_path / "run").exists() else "folder": tmp_path / "run"}
        with pytest.raises(Killed):
            goodfit.train(**job(), **fields, **going_on)
    faults.left = 0
    assert_same(goodfit.train(**job(), **fields, resume=tmp_path / "run"), whole)


def test_of_workers_that_persist_it_says_what_is_not_kept(tmp_path):
    def job() -> dict[str, Any]:
        data = DataLoader(Augmented(own=False), batch_size=25, num_workers=1, persistent_workers=True)
        return {"data": data, "valid": tensors(), "model": net()}

    goodfit.train(**job(), learning_rate=0.01, epochs=1, folder=tmp_path / "run")
    longer = goodfit.train(**job(), epochs=2, resume=tmp_path / "run")
    assert [note.code for note in longer.notes] == ["training.note.persistent-workers"]


def finished(folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> goodfit.Run:
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    monkeypatch.setattr("goodfit.training.attention.SAVE_EVERY", 0.0)
    return run_of("tensors, plateau, averaged, accumulated", folder, folder / "run", **more)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "one bit": lambda data: data[:-30] + bytes([data[-30] ^ 1]) + data[-29:],
    "garbage": lambda data: b"\0" * len(data),
}


@pytest.mark.parametrize("kind", ["json", "safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_is_used(kind, damage, tmp_path, monkeypatch):
    whole = finished(tmp_path, monkeypatch)
    kept = (tmp_path / "run" / "model.safetensors").read_bytes()
    place = tmp_path / "run" / "checkpoint"
    file = place / f"{newest(tmp_path / 'run')}.{kind}"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    again = finished(tmp_path, monkeypatch)
    assert any("damaged" in note.text() and file.stem in note.text() for note in again.notes)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == kept
    np.testing.assert_equal(without_seconds(again), without_seconds(whole))


def test_when_every_checkpoint_is_damaged_it_says_so(tmp_path, monkeypatch):
    finished(tmp_path, monkeypatch)
    for file in (tmp_path / "run" / "checkpoint").glob("*.safetensors"):
        file.write_bytes(b"")
    with pytest.raises(goodfit.InputError, match="--force"):
        finished(tmp_path, monkeypatch)


def test_a_checkpoint_holds_no_code_and_two_are_kept(tmp_path, monkeypatch):
    finished(tmp_path, monkeypatch)
    place = tmp_path / "run" / "checkpoint"
    number = newest(tmp_path / "run")
    names = {f"{n}.{suffix}" for n in (number - 1, number) for suffix in ("json", "safetensors")}
    assert {path.name for path in place.iterdir()} == {*names, "job.json"}
    body = json.loads((place / f"{number}.json").read_text())
    assert body["state"]["epoch"] == 4
    assert "model/0.weight" in load_file(place / f"{number}.safetensors")


@pytest.mark.parametrize("schedule", ["constant", "exponential"])
@pytest.mark.parametrize("ended", ["epochs", "time-budget", "stop-at"])
def test_a_finished_run_prolonged_is_a_longer_run(schedule, ended, tmp_path, monkeypatch):
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    data = tensors()
    fields = {"patience": None, "learning_rate": 0.01, "schedule": schedule, "batch_size": 16}
    fields["diagnose"] = False
    whole = goodfit.train(data, valid=data, model=seeded_net(), epochs=9, folder=tmp_path / "whole", **fields)
    ends = {"epochs": {"epochs": 4}, "time-budget": {"time_budget": 1e-9}, "stop-at": {"stop_at": 1e9}}[ended]
    short = goodfit.train(
        data, valid=data, model=seeded_net(), folder=tmp_path / "run", **{"epochs": 9, **fields, **ends}
    )
    assert short.history.ended_by == ended
    longer = {"epochs": 9, "time_budget": None, "stop_at": None}
    other = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    long = goodfit.train(data, valid=data, model=other, resume=tmp_path / "run", diagnose=False, **longer)
    assert_same(long, whole)
    assert long.history.ended_by == "epochs"
    assert long.folder == tmp_path / "run"


def seeded_net() -> nn.Module:
    with undisturbed():
        torch.manual_seed(11)
        return net()


def test_patience_that_ran_out_begins_anew_and_one_that_did_not_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    data = tensors()
    bad = (data[0], -data[1])
    fields = {"learning_rate": 0.01, "batch_size": 16, "diagnose": False}
    run = goodfit.train(data, valid=bad, model=net(), folder=tmp_path / "run", patience=3, **fields)
    assert run.history.ended_by == "patience"
    assert len(run.history) == 4
    on = goodfit.train(data, valid=bad, model=net(), resume=tmp_path / "run", epochs=1000, diagnose=False)
    assert len(on.history) == 7
    assert not on.notes
    on = goodfit.train(data, valid=bad, model=net(), resume=tmp_path / "run", patience=5, diagnose=False)
    assert len(on.history) == 9


def test_it_says_so_where_nothing_is_left_to_train(tmp_path, monkeypatch):
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    data = tensors()
    goodfit.train(data, valid=data, model=net(), folder=tmp_path / "run", epochs=2, diagnose=False)
    on = goodfit.train(data, valid=data, model=net(), resume=tmp_path / "run", epochs=1, diagnose=False)
    assert len(on.history) == 2
    assert "had ended after 2 epochs, and nothing was left to train" in on.notes[0].text()


def test_a_resumed_training_refuses_what_would_make_it_another(tmp_path, monkeypatch):
    finished(tmp_path, monkeypatch)
    run, data = tmp_path / "run", tensors()
    good = {"data": data, "model": net(nn.Dropout(0.1)), "resume": run}

    def refused(match: str, **changes: Any) -> None:
        with pytest.raises(goodfit.InputError, match=match) as caught:
            goodfit.train(**{**good, **changes})
        assert caught.value.text("es")

    refused("learning_rate = 0.01.*epochs", learning_rate=0.02)
    refused("content is another", data=(data[0] + 1, data[1]))
    refused("content is another", data=(data[0][:40], data[1][:40]))
    refused("give the same data", data=None)
    refused("another network", model=nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 1)))
    refused("only you have", model=None)
    refused("no training to go on with", resume=tmp_path / "elsewhere")
    assert goodfit.train(**good).history["epoch"][-1] == 4


def test_functions_are_given_again(tmp_path, monkeypatch):
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")

    def bent(outputs: Tensor, target: Tensor) -> Tensor:
        return (outputs - target).abs().mean()

    def half(progress: float) -> float:
        return 0.5

    data = tensors()
    fields = {"loss": bent, "schedule": half, "optimizer": torch.optim.Adagrad}
    goodfit.train(data, model=net(), folder=tmp_path / "run", epochs=2, **fields)
    on = goodfit.train(data, model=net(), resume=tmp_path / "run", epochs=3, **fields)
    assert len(on.history) == 3
    with pytest.raises(goodfit.InputError, match="bent"):
        goodfit.train(data, model=net(), resume=tmp_path / "run", epochs=4)


def test_another_place_and_the_file_given_again(tmp_path, monkeypatch):
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    table = write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    goodfit.train("table.csv", target="label", folder="run", epochs=2, diagnose=False)
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    run = goodfit.train(resume="../run", epochs=3, diagnose=False)
    assert len(run.history) == 3
    moved = table.rename(tmp_path / "else" / "moved.csv")
    with pytest.raises(goodfit.InputError, match=r"table\.csv"):
        goodfit.train(resume="../run", epochs=4, diagnose=False)
    run = goodfit.train(moved, resume="../run", epochs=4, diagnose=False)
    assert len(run.history) == 4
    assert run.table.profile.targets == ("label",)
    moved.write_text(moved.read_text().replace("red", "reds"))
    with pytest.raises(goodfit.InputError, match="content is another"):
        goodfit.train(moved, resume="../run", epochs=5)


def test_a_training_that_replaces_a_run_is_gone_on_with(tmp_path, monkeypatch):
    whole = finished(tmp_path, monkeypatch)
    first = {name: value.clone() for name, value in whole.model.state_dict().items()}
    faults = Faults(monkeypatch)
    faults.left = 20
    arguments = {"epochs": 4, "patience": None, "learning_rate": 0.01, "model": seeded_net(), "seed": 1}
    with pytest.raises(Killed):
        goodfit.train(tensors(), folder=tmp_path / "run", force=True, **arguments)
    old = goodfit.load(tmp_path / "run", model=net(nn.Dropout(0.1)))
    assert all(torch.equal(first[name], value) for name, value in old.model.state_dict().items())
    faults.left = 0
    run = goodfit.train(tensors(), resume=tmp_path / "run", model=net())
    assert run.recipe.seed == 1
    assert goodfit.load(tmp_path / "run", model=net()).recipe.seed == 1

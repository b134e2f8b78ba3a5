from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import goodfit
from goodfit.training.weights import copy_weights

RANDOM = np.random.default_rng(0)
TABLE = pl.DataFrame(
    {"a": RANDOM.normal(size=80), "b": RANDOM.normal(size=80), "c": RANDOM.choice(["x", "y"], 80)}
).with_columns(label=pl.when(pl.col("a") > 0).then(pl.lit("yes")).otherwise(pl.lit("no")))
FIELDS = {"target": "label", "diagnose": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> goodfit.Run:
    folder = tmp_path_factory.mktemp("start") / "run"
    return goodfit.train(TABLE, epochs=15, hidden=(8,), activation="tanh", folder=folder, **FIELDS)


@pytest.mark.parametrize("as_what", ["run", "folder", "text", "file"])
def test_a_training_begins_with_the_weights_of_a_run(run, as_what):
    file = run.folder / "model.safetensors"
    source = {"run": run, "folder": run.folder, "text": str(run.folder), "file": file}[as_what]
    network = {"hidden": (8,), "activation": "tanh"} if as_what == "file" else {}
    new = goodfit.train(TABLE, epochs=1, learning_rate=1e-12, from_weights=source, **network, **FIELDS)
    assert (new.recipe.hidden, new.recipe.activation) == ((8,), "tanh")
    assert new.history["valid_loss"][0] == pytest.approx(run.history["valid_loss"].min(), rel=1e-4)
    assert any("began with the weights" in note.text() for note in new.notes)
    assert len(new.history) == 1


def test_the_run_s_own_weights_stay_as_they_are(run):
    kept = copy_weights(run.model)
    goodfit.train(TABLE, epochs=2, learning_rate=0.1, from_weights=run, **FIELDS)
    assert all(torch.equal(kept[name], value) for name, value in run.model.state_dict().items())


def test_weights_of_another_network_are_refused(run, tmp_path):
    def refused(match: str, data: pl.DataFrame = TABLE, **fields) -> None:
        with pytest.raises(goodfit.InputError, match=match) as caught:
            goodfit.train(data, **{"from_weights": run, **FIELDS, **fields})
        assert caught.value.text("es") != caught.value.text()

    refused(r"is \(8,\) there and \(9,\) here", hidden=(9,))
    refused("other columns.*a", data=TABLE.rename({"a": "z"}))
    refused("no weights", from_weights=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    refused("no weights", from_weights=tmp_path)


def test_networks_of_one_s_own(tmp_path):
    inputs = torch.randn(40, 3)
    data = (inputs, inputs.sum(1, keepdim=True))
    fields = {"valid": data, "diagnose": False, "patience": None}
    first = goodfit.train(
        data, model=nn.Linear(3, 1), epochs=20, learning_rate=0.1, folder=tmp_path / "a", **fields
    )
    second = goodfit.train(data, model=nn.Linear(3, 1), epochs=1, from_weights=tmp_path / "a", **fields)
    assert second.history["valid_loss"][0] < 1.5 * first.history["valid_loss"].min() + 1e-3
    with pytest.raises(goodfit.InputError, match=r"weight is \(1, 3\) there"):
        goodfit.train(
            (inputs[:, :2], data[1]),
            model=nn.Linear(2, 1),
            epochs=1,
            from_weights=tmp_path / "a",
            diagnose=False,
        )


def test_killed_before_its_first_step_it_still_begins_with_them(run, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    folder: Path = tmp_path / "new"
    whole = goodfit.train(TABLE, epochs=2, from_weights=run, **FIELDS)
    with monkeypatch.context() as patched:
        patched.setattr("goodfit.training.loop.train_step", kill)
        with pytest.raises(Killed):
            goodfit.train(TABLE, epochs=2, from_weights=run, folder=folder, **FIELDS)
    on = goodfit.train(TABLE, resume=folder, diagnose=False)
    ours, theirs = on.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)

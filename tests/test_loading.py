from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.evaluation.power_law import Forecast, PowerLaw
from goodfit.evaluation.scores import Score
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.rows_curve import DataCurve, Size
from goodfit.run import Run
from goodfit.saving import FILES
from spine_for_tests import classes_run, content, numbers_run, people

CURVE = DataCurve(
    name="people",
    recipe=Recipe(),
    metric="log_loss",
    sizes=tuple(Size(rows, {"log_loss": (10 / rows, math.nan)}, (10 / rows,)) for rows in (20, 40, 80)),
    law=PowerLaw(0.0, 10.0, 1.0),
    forecasts=(Forecast(160, Score(0.0625, 0.05, 0.07), Score(0.0625, 0.05, 0.07)),),
    backtest=(math.nan, math.nan),
    unseen="test",
    unseen_rows=30,
    notes=(Message("data_curve.note.one-training"),),
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    run = replace(classes_run(), data_curve=CURVE)
    return run.save(tmp_path_factory.mktemp("saved") / "run")


def test_what_more_rows_would_bring_comes_back(folder):
    curve = goodfit.load(folder).data_curve
    assert curve.to_dict() == CURVE.to_dict()
    assert curve.sentences() == CURVE.sentences()
    assert curve.recipe == goodfit.load(folder).recipe


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "run"))


@pytest.mark.parametrize("make", [classes_run, numbers_run])
def test_a_loaded_run_is_the_one_that_was_saved(make, tmp_path):
    run = make()
    again = goodfit.load(run.save(tmp_path / "run"))
    assert isinstance(again, Run)
    assert again.recipe == run.recipe
    assert again.name == run.name
    assert [item.to_dict() for item in again.findings] == [item.to_dict() for item in run.findings]
    assert again.evaluation.to_dict() == run.evaluation.to_dict()
    assert again.history.to_csv() == run.history.to_csv()
    assert again.history.facts() == run.history.facts()
    assert again.environment == run.environment
    assert again.table.profile == run.table.profile
    assert again.observations.prior_loss == run.observations.prior_loss
    assert not again.model.training
    assert again.predict(people(seed=1)).equals(run.predict(people(seed=1)))
    assert again.evaluate(people(seed=1)).to_dict() == run.evaluate(people(seed=1)).to_dict()
    assert repr(again) == repr(run)


def test_what_is_saved_again_is_the_same_to_the_byte(folder, tmp_path):
    again = goodfit.load(folder).save(tmp_path / "again")
    before, after = content(folder), content(again)
    del before["report.html"], after["report.html"]
    assert after == before


def test_loading_changes_nothing_in_the_folder(folder):
    before = content(folder)
    goodfit.load(folder)
    assert content(folder) == before


def test_loading_runs_nothing_and_needs_no_pickle(folder):
    """A run from elsewhere is data: no module that runs code from data is asked for anything."""
    script = (
        "import pickle, sys, goodfit\n"
        "def refuse(*a, **k): raise SystemExit('pickle was asked')\n"
        "pickle.load = pickle.loads = pickle.Unpickler = refuse\n"
        "import torch; torch.load = refuse\n"
        "import builtins; kept = builtins.compile\n"
        f"run = goodfit.load({str(folder)!r})\n"
        "print(type(run).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Run", done.stderr


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"There is no run folder .*gone; check the path"):
        goodfit.load(tmp_path / "gone")
    with pytest.raises(InputError, match=r"is no run folder: it has no training\.json"):
        goodfit.load(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is no run folder"):
        goodfit.load(tmp_path / "file")
    with pytest.raises(InputError, match=r"is damaged|no run folder"):
        goodfit.load(tmp_path / ("x" * 400))


def test_a_training_that_has_not_finished_is_named_so(tmp_path):
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    with pytest.raises(InputError, match=r"has not finished; go on with: goodfit train --resume .*run"):
        goodfit.load(tmp_path / "run")


def damaged(data: bytes) -> dict[str, bytes | None]:
    """Return what a file may look like after an accident."""
    return {
        "gone": None,
        "empty": b"",
        "cut off": data[: len(data) // 2],
        "zeros": bytes(len(data)),
        "binary": b"\xff\xfe\x00\x80" * 20,
        "another": b"{}",
        "list": b"[1, 2]",
        "null": b"null",
        "text": b'"text"',
        "number": b"7",
    }


NEEDED = [name for name in FILES if name not in ("report.html", "vitals.csv", "profile.json")]


@pytest.mark.parametrize("name", NEEDED)
def test_a_damaged_or_missing_file_is_named_in_one_sentence(folder, name):
    whole = (folder / name).read_bytes()
    for accident, data in damaged(whole).items():
        if data is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(data)
        harmless = {
            "evaluation.json": ("null",),
            "baselines.json": ("another",),
            "environment.json": ("another",),
            "importance.json": ("gone",),
            "data-curve.json": ("gone",),
            "test-predictions.parquet": ("gone",),
        }
        if accident in harmless.get(name, ()):
            goodfit.load(folder)
            continue
        with pytest.raises(InputError) as caught:
            goodfit.load(folder)
        said = str(caught.value)
        assert "\n" not in said, accident
        assert str(folder) in said, accident
        if not (name == "training.json" and accident == "gone"):
            assert name in said, (accident, said)
    (folder / name).write_bytes(whole)
    goodfit.load(folder)


def test_the_close_look_at_the_table_comes_back_and_may_be_missing(tmp_path):
    frame = people()
    run = goodfit.train(frame, target="bought", epochs=1, hidden=(4,), folder=tmp_path / "run")
    file = tmp_path / "run" / "profile.json"
    assert goodfit.load(tmp_path / "run").table.analysis == run.table.analysis
    file.write_text(file.read_text("utf-8")[:-50], "utf-8")
    with pytest.raises(InputError, match=r"profile\.json"):
        goodfit.load(tmp_path / "run")
    file.unlink()
    assert goodfit.load(tmp_path / "run").table.analysis is None


def test_files_that_do_not_belong_together_are_refused(folder, tmp_path):
    other = numbers_run().save(tmp_path / "other")
    shutil.copy(other / "model.safetensors", folder)
    with pytest.raises(InputError, match=r"weights in .* do not fit"):
        goodfit.load(folder)


def test_a_folder_of_a_later_version_is_told_apart(folder):
    facts = json.loads((folder / "training.json").read_text())
    (folder / "training.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(InputError, match="was written by a newer goodfit"):
        goodfit.load(folder)


def test_a_folder_without_a_report_or_with_files_of_the_user_loads(folder):
    (folder / "report.html").unlink()
    (folder / "thoughts.txt").write_text("x")
    goodfit.load(folder)


def test_a_note_of_another_version_does_not_keep_a_run_from_loading(folder):
    facts = json.loads((folder / "data.json").read_text())
    facts["notes"] = [{"code": "notes.of-another-version", "values": {"rows": 3}}]
    facts.pop("reading")
    (folder / "data.json").write_text(json.dumps(facts))
    run = goodfit.load(folder)
    assert run.report().exists()


def test_a_network_of_ones_own_is_asked_for_and_taken(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 3)).astype(np.float32)
    y = (x[:, :1] * 2).astype(np.float32)

    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))

    run = goodfit.train((x, y), model=network(), loss="mse", epochs=2, folder=tmp_path / "own")
    with pytest.raises(InputError, match="give it with model="):
        goodfit.load(tmp_path / "own")
    again = goodfit.load(tmp_path / "own", model=network())
    np.testing.assert_array_equal(again.predict(x), run.predict(x))
    with pytest.raises(InputError, match="do not fit the network"):
        goodfit.load(tmp_path / "own", model=nn.Linear(3, 1))
    with pytest.raises(InputError, match="was not trained on a table"):
        again.evaluate(people())

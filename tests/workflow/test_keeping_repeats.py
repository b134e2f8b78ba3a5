"""Trainings with several seeds or folds that die or are interrupted, and go on."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.workflow import group_training
from goodfit.workflow.kept_networks import KeptNetworks
from spine_for_tests import people

SEVERAL: list[dict[str, Any]] = [
    {"seeds": 3},
    {"seeds": 3, "ensemble": True},
    {"folds": 3},
    {"folds": 3, "ensemble": True},
]
FIELDS: dict[str, Any] = {"model": "mlp", "hidden": (4,), "epochs": 3}
ALONE = {**FIELDS, "accumulate": 2}
"""What is accumulated trains alone: each network is a group of its own."""


class Killed(BaseException):
    pass


@pytest.fixture
def table(tmp_path: Path) -> Path:
    people().write_csv(tmp_path / "people.csv")
    return tmp_path / "people.csv"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members each group has that is really trained."""
    groups: list[int] = []
    train_group = group_training.train_group

    def watched(group: Any, *given: Any) -> None:
        groups.append(len(group))
        train_group(group, *given)

    monkeypatch.setattr(group_training, "train_group", watched)
    return groups


def begin(table: Path, folder: Path, **given: Any) -> goodfit.Run:
    return goodfit.train(table, target="bought", folder=folder, **{**ALONE, **given})


def kill_after(groups: int, patch: pytest.MonkeyPatch, table: Path, folder: Path, **given: Any) -> None:
    """Begin a training, and die once so many groups are kept."""
    keep, kept = KeptNetworks.keep, []

    def dying(self: KeptNetworks, group: Any) -> None:
        keep(self, group)
        kept.append(group)
        if len(kept) == groups:
            raise Killed

    with patch.context() as patched:
        patched.setattr(KeptNetworks, "keep", dying)
        with pytest.raises(Killed):
            begin(table, folder, **given)


def press_ctrl_c(after: float, patch: pytest.MonkeyPatch) -> None:
    """Press it when so many groups have been trained; in the next one where a half is left over."""
    train_group, done = group_training.train_group, []

    def pressing(group: Any, attention: Any, *given: Any) -> None:
        if 0 < after - len(done) < 1:
            attention.interrupt()
        train_group(group, attention, *given)
        done.append(group)
        if len(done) == after:
            attention.interrupt()

    patch.setattr(group_training, "train_group", pressing)


def assert_same(run: goodfit.Run, other: goodfit.Run) -> None:
    assert run.recipe == other.recipe
    assert run.repeats is not None
    assert other.repeats is not None
    assert len(run.repeats.trainings) == len(other.repeats.trainings)
    for one, two in zip(run.repeats.trainings, other.repeats.trainings, strict=True):
        assert (one.number, dict(one.scores), one.findings) == (two.number, dict(two.scores), two.findings)
        np.testing.assert_array_equal(one.history["valid_loss"], two.history["valid_loss"])
    assert run.predict(people()).equals(other.predict(people()))
    for known, expected in zip(
        run.observations.vitals.values.items(), other.observations.vitals.values.items(), strict=True
    ):
        np.testing.assert_array_equal(known[1], expected[1])
    assert run.observations.parameters == other.observations.parameters
    assert [finding.code for finding in run.findings] == [finding.code for finding in other.findings]
    assert [note.code for note in run.notes] == [note.code for note in other.notes]
    assert run.history.ended_by == other.history.ended_by


@pytest.mark.parametrize("several", SEVERAL)
def test_killed_between_two_networks_it_ends_as_if_nothing_had_happened(
    several: dict[str, Any], table: Path, tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", **several)
    all_groups = len(trained)
    kill_after(2, monkeypatch, table, tmp_path / "run", **several)
    trained.clear()
    run = goodfit.train(resume=tmp_path / "run")
    assert len(trained) == all_groups - 2
    assert_same(run, whole)
    assert_same(goodfit.load(tmp_path / "run"), whole)
    assert not (tmp_path / "run" / "checkpoint").exists()
    with pytest.raises(InputError, match="no training to go on with"):
        goodfit.train(resume=tmp_path / "run")


def test_what_trained_as_one_is_not_trained_again_after_it(
    table: Path, tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", seeds=3, accumulate=1)
    kill_after(1, monkeypatch, table, tmp_path / "run", seeds=3, accumulate=1)
    assert trained == [3, 3]
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)
    assert trained == [3, 3]


def test_it_goes_on_in_the_place_of_the_run_that_it_replaces(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = begin(table, tmp_path / "run")
    kill_after(1, monkeypatch, table, tmp_path / "run", seeds=2, force=True)
    assert goodfit.load(tmp_path / "run").repeats is None
    assert goodfit.load(tmp_path / "run").recipe == before.recipe
    run = goodfit.train(resume=tmp_path / "run")
    assert_same(run, begin(table, tmp_path / "whole", seeds=2))


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("ended", [1, 2])
def test_seeds_that_were_trained_before_ctrl_c_are_a_run_and_the_others_are_trained_later(
    ended: int,
    ensemble: bool,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = begin(table, tmp_path / "whole", seeds=4, ensemble=ensemble)
    with monkeypatch.context() as patched:
        press_ctrl_c(ended, patched)
        run = begin(table, tmp_path / "run", seeds=4, ensemble=ensemble)
    assert run.history.ended_by == "interrupted"
    assert run.repeats is not None
    assert len(run.repeats.trainings) == ended
    notes = {note.code: note.values for note in run.notes}
    assert notes["population.note.interrupted"] == {"count": ended, "all": 4}
    assert notes["population.note.interrupted-left-out"] == {"count": 4 - ended}
    assert "population.note.interrupted-kept" in notes
    assert goodfit.load(tmp_path / "run").history.ended_by == "interrupted"
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)


def test_folds_of_which_some_never_trained_are_no_run(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", folds=3)
    with monkeypatch.context() as patched:
        press_ctrl_c(2, patched)
        with pytest.raises(KeyboardInterrupt):
            begin(table, tmp_path / "run", folds=3)
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)


@pytest.mark.parametrize(
    ("pressed", "epochs", "expected"),
    [
        (
            1.5,
            [3, 1],
            {
                "interrupted": {"count": 1, "all": 4},
                "interrupted-at-work": {"count": 1},
                "interrupted-left-out": {"count": 2},
            },
        ),
        (2.5, [3, 3], {"interrupted": {"count": 2, "all": 4}, "interrupted-left-out": {"count": 2}}),
    ],
)
def test_a_seed_that_was_at_work_counts_only_where_two_had_not_ended(
    pressed: float, epochs: list[int], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    press_ctrl_c(pressed, monkeypatch)
    run = goodfit.train(people(), target="bought", seeds=4, **ALONE)
    assert run.repeats is not None
    assert [len(each.history) for each in run.repeats.trainings] == epochs
    said = {note.code.removeprefix("population.note."): note.values for note in run.notes}
    assert {code: values for code, values in said.items() if code.startswith("interrupted")} == expected


def test_what_cannot_train_leaves_no_folder(table: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": lambda: nn.Linear(99, 2), "loss": "cross_entropy", "seeds": 2}
    with pytest.raises(InputError, match="cannot take the train inputs"):
        goodfit.train(table, target="bought", folder=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_other_data_and_other_trainings_are_refused(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_after(1, monkeypatch, table, tmp_path / "run", seeds=2)
    people().head(60).write_csv(tmp_path / "fewer.csv")
    with pytest.raises(InputError, match="not what the training in"):
        goodfit.train(tmp_path / "fewer.csv", resume=tmp_path / "run")
    with pytest.raises(InputError, match="seeds"):
        goodfit.train(resume=tmp_path / "run", seeds=5)
    with pytest.raises(InputError, match="tensorboard"):
        goodfit.train(resume=tmp_path / "run", tensorboard=tmp_path / "events")
    for name, value in {"hidden": (8,), "epochs": 5}.items():
        with pytest.raises(InputError, match=name):
            goodfit.train(resume=tmp_path / "run", **{name: value})
    with pytest.raises(InputError, match="ensemble and resume cannot go together"):
        goodfit.train(resume=tmp_path / "run", ensemble=True)


def test_a_signal_between_two_networks_loses_neither(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", seeds=3)
    keep = KeptNetworks.keep

    def pressed(self: KeptNetworks, group: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        keep(self, group)

    with monkeypatch.context() as patched:
        patched.setattr(KeptNetworks, "keep", pressed)
        run = begin(table, tmp_path / "run", seeds=3)
    assert run.repeats is not None
    assert len(run.repeats.trainings) == 1
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_interrupted_again_the_run_of_the_first_time_stays(
    accumulate: int, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        press_ctrl_c(accumulate - 0.5, patched)
        run = begin(table, tmp_path / "run", seeds=3, accumulate=accumulate)
    expected = "interrupted-kept" if accumulate == 2 else "interrupted-none-kept"
    assert run.notes[-1].code.removeprefix("population.note.") == expected
    with monkeypatch.context() as patched:
        press_ctrl_c(0.5, patched)
        again = goodfit.train(resume=tmp_path / "run")
    assert again.notes[-1].code == "population.note.interrupted-run-stays"
    assert again.folder is None
    assert goodfit.load(tmp_path / "run").history["valid_loss"].tolist() == run.history["valid_loss"].tolist()
    assert goodfit.train(resume=tmp_path / "run").history.ended_by == "epochs"


class Unreached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.spare = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if rows.shape[0] and float(rows[0, 0]) > 1e9:  # what vmap cannot follow
            return self.spare(rows)
        return self.layer(rows)


@pytest.mark.parametrize("several", [{"seeds": 3}, {"folds": 2}])
def test_a_network_of_ones_own_begins_as_it_was_given(
    several: dict[str, Any], tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(size=(90, 3)).astype(np.float32))
    data = rows, (rows[:, 0] > 0).long()
    given: dict[str, Any] = {"loss": "cross_entropy", "epochs": 3, "batch_size": 16, **several}

    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return Unreached()

    whole = goodfit.train(data, model=network(0), folder=tmp_path / "whole", **given)
    model = network(0)
    with monkeypatch.context() as patched:
        press_ctrl_c(2.5 if "folds" in several else 1.5, patched)
        goodfit.train(data, model=model, folder=tmp_path / "run", **given)
    for other in (model, network(1)):
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        run = goodfit.train(data, model=other, resume=tmp_path / "copy")
        assert run.repeats is not None
        assert whole.repeats is not None
        for one, two in zip(run.repeats.trainings, whole.repeats.trainings, strict=True):
            assert one.history["valid_loss"].tolist() == two.history["valid_loss"].tolist()
        assert run.observations.parameters == whole.observations.parameters
        assert "spare.weight" in {each.name for each in run.observations.parameters if not each.has_gradient}
        shutil.rmtree(tmp_path / "copy")
    with pytest.raises(InputError, match="another network"):
        goodfit.train(data, model=nn.Linear(3, 2), resume=tmp_path / "run")


def test_each_training_has_the_share_of_time_that_it_would_have_had(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"seeds": np.int64(3), "epochs": 10**6, "patience": None, "time_budget": 3.0}
    kill_after(2, monkeypatch, table, tmp_path / "run", **given)
    ends: list[float] = []
    train_group = group_training.train_group

    def watched(group: Any, attention: Any, drop: Any, ends_at: float) -> None:
        ends.append(ends_at - time.perf_counter())
        train_group(group, attention, drop, time.perf_counter())

    monkeypatch.setattr(group_training, "train_group", watched)
    goodfit.train(resume=tmp_path / "run")
    assert len(ends) == 1
    assert ends[0] < 1.0 + 0.1

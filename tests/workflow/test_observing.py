"""What is observed beside the curves, on real small trainings, comes back from the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import goodfit
from goodfit.observations import Observations
from goodfit.run import Run


def data(rows: int = 240, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, 5, generator=generator)
    return inputs, (inputs[:, 0] + inputs[:, 1] > 0).long()


def net(*extra: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2), *extra)


def train(rows: Any = None, model: nn.Module | None = None, **fields: Any) -> Run:
    fields = {"loss": "cross_entropy", "epochs": 4, "learning_rate": 0.01, **fields}
    return goodfit.train(data() if rows is None else rows, model=model or net(), **fields)


def codes(run: Run) -> list[str]:
    return [finding.code for finding in run.findings if finding.severity != "info"]


def test_everything_is_observed_and_comes_back_from_a_folder(tmp_path: Path) -> None:
    run = train(folder=tmp_path / "run")
    seen = run.observations
    for name in ("start", "parameters", "data", "labels", "outputs", "modes", "vitals"):
        assert getattr(seen, name) is not None, name
    back = goodfit.load(tmp_path / "run", model=net()).observations
    for name in ("start", "parameters", "data", "labels", "outputs", "modes", "non_finite"):
        assert getattr(back, name) == getattr(seen, name), name


def test_rows_divided_by_time_that_drift_are_said_to_be_so() -> None:
    inputs, _ = data(400)
    day = torch.arange(400.0)
    drifting = inputs + (day / 80.0)[:, None] * torch.tensor([1.0, 0, 0, 0, 0])
    columns = {f"x{place}": column for place, column in enumerate(drifting.T.tolist())}
    frame = pl.DataFrame({**columns, "day": day.int().tolist(), "y": (inputs[:, 1] + inputs[:, 2]).tolist()})
    run = goodfit.train(frame, target="y", time_column="day", hidden=(8,), epochs=5)
    (found,) = [finding for finding in run.findings if finding.code == "split-mismatch"]
    assert found.evidence["feature"] == "x0"
    assert [remedy.code for remedy in found.remedies] == ["latest-rows"]
    assert run.observations.data is not None
    assert run.observations.data.time_column == "day"
    given = goodfit.train(frame, target="y", valid=frame, time_column="day", hidden=(8,), epochs=5)
    assert given.observations.data is not None
    assert given.observations.data.time_column == ""


def test_what_another_version_wrote_is_left_out() -> None:
    run = train()
    plain = run.observations.plain() | {"of_the_future": 1}
    back = Observations.from_plain(plain, history=run.history)
    assert back.data == run.observations.data


@pytest.mark.parametrize("kind", ["dataset", "loader"])
def test_datasets_and_loaders_are_observed_too(kind: str) -> None:
    inputs, target = data()

    class Plain(Dataset[Any]):
        def __len__(self) -> int:
            return len(inputs)

        def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
            return inputs[row], target[row]

    rows: Any = Plain()
    if kind == "loader":
        rows = DataLoader(TensorDataset(inputs, target), batch_size=64, shuffle=True)
    run = train(rows, valid=data(100) if kind == "loader" else None)
    assert run.observations.data is not None
    assert run.observations.data.features == 5
    assert run.observations.outputs is not None


def test_observing_leaves_every_random_state_and_the_model_as_they_were() -> None:
    def after(diagnose: bool) -> tuple[Tensor, float, list[Tensor]]:
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002
        run = train(model=net(nn.BatchNorm1d(2), nn.Dropout(0.2)), diagnose=diagnose)
        return torch.get_rng_state(), float(np.random.rand()), list(run.model.state_dict().values())  # noqa: NPY002

    with_it, without = after(True), after(False)
    assert torch.equal(with_it[0], without[0])
    assert with_it[1] == without[1]
    assert all(torch.equal(one, other) for one, other in zip(with_it[2], without[2], strict=True))


def test_nan_in_an_input_is_found_with_its_column() -> None:
    inputs, target = data()
    inputs[100, 3] = torch.nan
    finding = train((inputs, target), valid=data(60, seed=1)).findings[0]
    assert (finding.code, finding.variant, finding.evidence["name"]) == ("non-finite-loss", "inputs", "3")


def test_the_layer_that_makes_nan_is_named() -> None:
    class Root(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return torch.log(inputs)

    finding = train(model=net(Root())).findings[0]
    assert (finding.code, finding.variant, finding.evidence["name"]) == ("non-finite-loss", "layer", "3")


def test_rows_of_validation_that_are_training_rows_are_found() -> None:
    inputs, target = data()
    run = train((inputs, target), valid=(inputs[:60], target[:60]))
    assert run.observations.data is not None
    assert run.observations.data.duplicated_valid == 1
    assert codes(run)[0] == "data-leakage"


def test_a_softmax_before_cross_entropy_is_found() -> None:
    assert "loss-output-mismatch" in codes(train(model=net(nn.Softmax(dim=1)), epochs=20))


def test_dropout_that_stays_on_is_found() -> None:
    class Dropped(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return F.dropout(inputs, 0.5)

    run = train(model=nn.Sequential(nn.Linear(5, 16), nn.ReLU(), Dropped(), nn.Linear(16, 2)))
    assert "train-eval-mismatch" in codes(run)

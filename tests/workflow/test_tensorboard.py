"""The curves reach TensorBoard as they are in the History."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import goodfit


def train(**options: object) -> goodfit.Run:
    torch.manual_seed(0)
    data = (torch.randn(60, 3), torch.randint(0, 2, (60,)))
    return goodfit.train(data, model=nn.Linear(3, 2), loss="cross_entropy", epochs=3, **options)


def test_events_hold_the_history(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(tensorboard=tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    for tag, name in (("loss/valid", "valid_loss"), ("accuracy/train", "train_accuracy")):
        scalars = events.Scalars(tag)
        assert [scalar.step for scalar in scalars] == [1, 2, 3]
        np.testing.assert_allclose([scalar.value for scalar in scalars], run.history[name], rtol=1e-6)


def test_writing_them_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    told, silent = train(tensorboard=tmp_path), train()
    for one, other in zip(told.model.parameters(), silent.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_missing_extra_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(goodfit.InputError, match=r"goodfit\[tensorboard\]"):
        train(tensorboard=tmp_path)

"""torch.compile around a training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import goodfit
from goodfit.training.compiling import compiled, eager


class Failed(RuntimeError):
    """Stands for what torch raises when it finds no compiler."""


Failed.__module__ = "torch._dynamo.exc"


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))


@pytest.mark.usefixtures("calls")
def test_a_network_is_compiled_inside_only() -> None:
    net = network()
    with compiled(net, True):
        assert net._compiled_call_impl is not None
        with eager(net):
            assert net._compiled_call_impl is None
        assert net._compiled_call_impl is not None
    assert net._compiled_call_impl is None
    with compiled(net, False):
        assert net._compiled_call_impl is None


@pytest.mark.usefixtures("calls")
def test_a_failed_compilation_is_said_in_a_sentence() -> None:
    with (
        pytest.raises(goodfit.InputError, match=r"cannot be compiled \(no g\+\+\)"),
        compiled(network(), True),
    ):
        raise Failed("no g++\nmore")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stand in for the compiler, which takes long and is not everywhere; holds a number for each call."""
    found: list[int] = []

    def compile_eagerly(self: nn.Module) -> None:
        def call(*inputs: torch.Tensor) -> torch.Tensor:
            found.append(1)
            return self._call_impl(*inputs)

        self._compiled_call_impl = call

    monkeypatch.setattr(nn.Module, "compile", compile_eagerly)
    return found


def test_a_training_goes_through_the_compiled_network(calls: list[int]) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    options = {"loss": "cross_entropy", "epochs": 3, "batch_size": 20}
    plain = goodfit.train((x, y), valid=(x, y), model=network(), **options)
    assert not calls
    run = goodfit.train((x, y), valid=(x, y), model=network(), compile=True, **options)
    assert len(calls) >= 9
    for one, other in zip(plain.model.parameters(), run.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)

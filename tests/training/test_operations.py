"""A row's multiplications are those that the layers' definitions give."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.training.operations import counting_multiplications

NETWORKS = {
    "mlp": (nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2)), (5,), 5 * 7 + 7 * 2),
    "convolution": (nn.Conv2d(3, 4, 3, padding=1, groups=1), (3, 6, 8), 4 * 3 * 9 * 6 * 8),
    "stride": (nn.Conv1d(2, 5, 4, stride=2), (2, 10), 5 * 2 * 4 * 4),
    "sequence": (nn.Linear(5, 3), (11, 5), 11 * 5 * 3),
    "recurrent": (nn.GRU(4, 6, batch_first=True), (9, 4), 9 * 3 * 6 * (4 + 6)),
    "norms only": (nn.LayerNorm(5), (5,), 0),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_multiplications_of_a_row(name: str) -> None:
    network, shape, expected = NETWORKS[name]
    with counting_multiplications(network) as found:
        network(torch.zeros(3, *shape))
    assert sum(found) == 3 * expected


def test_looking_rows_up_takes_none_and_hooks_are_gone_afterwards() -> None:
    network = nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 2))
    with counting_multiplications(network) as found:
        network(torch.zeros(1, 6, dtype=torch.int64))
    assert sum(found) == 6 * 8 * 2
    assert not any(module._forward_hooks for module in network.modules())


def test_compiled_networks_are_left_alone() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    network.compile(backend="eager")
    with counting_multiplications(network) as found:
        assert not any(module._forward_hooks for module in network.modules())
    assert found == []

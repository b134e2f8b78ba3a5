from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.training.weights import copy_weights, load_weights


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_weights_are_copied_with_buffers_and_put_back():
    model = network()
    kept = copy_weights(model)
    assert set(kept) == set(model.state_dict())
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    assert not torch.equal(kept["0.weight"], model[0].weight)
    load_weights(model, kept)
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert all(value.data_ptr() != kept[name].data_ptr() for name, value in model.state_dict().items())


def test_memory_is_used_again_where_it_fits():
    model = network()
    first = copy_weights(model)
    place = first["0.weight"].data_ptr()
    nn.init.ones_(model[0].weight)
    second = copy_weights(model, first)
    assert second["0.weight"].data_ptr() == place
    assert bool((second["0.weight"] == 1).all())
    other = copy_weights(nn.Linear(3, 2), first)
    assert set(other) == {"weight", "bias"}


def test_weights_of_another_network_do_not_fit():
    with pytest.raises(RuntimeError, match=r"0\.weight"):
        load_weights(network(), copy_weights(nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))))
    with pytest.raises(KeyError):
        load_weights(network(), copy_weights(nn.Sequential(nn.Linear(3, 2))))


def test_shared_weights_stay_shared():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    load_weights(model, copy_weights(model))
    assert model[1].weight is model[0].weight

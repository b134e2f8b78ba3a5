from __future__ import annotations

from torch import nn

from goodfit.training.population.batching import useful_size


def test_the_more_an_update_computes_the_fewer_members_make_it_cheaper():
    sizes = [useful_size(nn.Linear(width, width), 32) for width in (4, 32, 128, 512)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 64
    assert sizes[-1] == 1
    assert useful_size(nn.Linear(128, 128), 256) == 1

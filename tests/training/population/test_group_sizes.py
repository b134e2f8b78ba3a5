from __future__ import annotations

from torch import nn

from goodfit.models.mlp import MLP
from goodfit.training.population.chain_plans import chain_plan
from goodfit.training.population.group_sizes import groups_by_width, useful_size


def test_the_more_an_update_computes_the_fewer_members_make_it_cheaper():
    sizes = [useful_size(nn.Linear(width, width), 32) for width in (4, 32, 128, 512)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 64
    assert sizes[-1] == 1
    assert useful_size(nn.Linear(128, 128), 256) == 1


def chains(*widths):
    return [chain_plan(MLP(numbers=20, levels=(), hidden=(width, width), outputs=4)) for width in widths]


def places(found):
    return sorted(sorted(group) for group, _ in found)


def test_widths_train_as_one_where_their_zeros_cost_less_than_an_update():
    assert places(groups_by_width(chains(8, 16, 8, 24), 32)) == [[0, 1, 2, 3]]
    assert places(groups_by_width(chains(8, 128, 8, 128), 32)) == [[0, 2], [1, 3]]
    many = groups_by_width(chains(*[32] * 20, *[64] * 20), 32)
    assert places(many) == [list(range(20)), list(range(20, 40))]


def test_widths_do_not_join_where_that_makes_no_update_less():
    apart = groups_by_width(chains(1024, 1024, 8, 8), 256)
    assert places(apart) == [[0, 1], [2, 3]]
    assert apart[0][1] == 1  # each of the widest trains alone

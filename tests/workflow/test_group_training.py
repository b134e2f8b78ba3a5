from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.population.member_ends import Drop
from goodfit.workflow import group_training, time_left
from goodfit.workflow.bag_members import make_others
from goodfit.workflow.choices import completed
from goodfit.workflow.group_training import train_groups
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import Member, group_members
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.tables import table_parts


def parts_of(rows: int = 90) -> Parts:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    frame = pl.DataFrame({"x": x, "y": x + 0.1 * rng.normal(size=rows)})
    return table_parts(frame, "y", recipe=Recipe())


def groups_of(**fields: object) -> list[list[Member]]:
    parts = parts_of()
    recipe = completed(Recipe(model="mlp", hidden=(4,), **fields), parts, {}, None)
    return group_members(make_others(parts, recipe, {}, None))


@pytest.mark.parametrize("later", [0.0, 0.1])
def test_the_time_that_is_left_is_shared_also_with_what_comes_later(monkeypatch, later):
    given: list[float] = []

    def training(group: Sequence[Member], attention: Attention, drop: Drop | None, ends_at: float) -> None:
        given.append(ends_at)

    monkeypatch.setattr(group_training, "train_group", training)
    monkeypatch.setattr(time_left, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    groups = groups_of(bag=3, stack=("linear",))
    train_groups(groups, 60.0, later=later)
    assert given == pytest.approx([60.0 / (left + later) for left in range(len(groups), 0, -1)])


def test_the_display_counts_anew_each_time():
    shown = PopulationProgress()
    for networks in (("linear",), ()):
        groups = groups_of(bag=3, stack=networks, epochs=1)
        train_groups(groups, math.inf, shown=shown)
        members = [len(group) for group in groups]
        assert f"{sum(members)} trainings, {sum(members[:-1])} ended" in shown.lines()[0]


def test_ctrl_c_while_the_last_are_kept_is_told(tmp_path):
    class Interrupted(KeptNetworks):
        def keep(self, group: Sequence[Member]) -> None:
            signal.raise_signal(signal.SIGINT)
            super().keep(group)

    last = groups_of(bag=3, epochs=1)[-1:]
    assert train_groups(last, math.inf, Interrupted(tmp_path).keep) == (1, True)
    assert KeptNetworks(tmp_path).take(last[0])

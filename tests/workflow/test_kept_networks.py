from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.workflow.choices import completed
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import Member, make_member, train_group
from goodfit.workflow.parts import Parts
from goodfit.workflow.tables import table_parts


def parts_of(seed: int) -> Parts:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=90)
    return table_parts(pl.DataFrame({"x": x, "y": x + 0.1 * rng.normal(size=90)}), "y", recipe=Recipe())


@pytest.fixture(scope="module")
def parts() -> Parts:
    return parts_of(0)


def group(parts: Parts, **fields: object) -> list[Member]:
    recipe = completed(Recipe(**{"model": "mlp", "hidden": (4,), "epochs": 3, **fields}), parts, {}, None)
    return [make_member(place, recipe.replace(seed=place), parts, None, {}) for place in range(2)]


def kept(parts: Parts, folder: Path, **fields: object) -> list[Member]:
    members = group(parts, **fields)
    train_group(members, Attention())
    KeptNetworks(folder).keep(members)
    return members


def test_what_is_kept_comes_back_exactly(parts, tmp_path):
    before, again = kept(parts, tmp_path), group(parts)
    assert KeptNetworks(tmp_path).take(again)
    for one, other in zip(before, again, strict=True):
        states = [member.job.model.state_dict() for member in (one, other)]
        assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
        assert (one.state.rows, one.state.best) == (other.state.rows, other.state.best)
        assert one.ended == other.ended == "epochs"
    assert any(name.startswith("model/") for name in load_file(tmp_path / "1" / "1.safetensors"))


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_group_is_taken_whole_or_not(parts, tmp_path, damage):
    kept(parts, tmp_path)
    file = tmp_path / "2" / "1.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.unlink()
    again = group(parts)
    assert not KeptNetworks(tmp_path).take(again)
    assert [member.ended for member in again] == [None, None]
    train_group(again, Attention())
    KeptNetworks(tmp_path).keep(again)
    assert KeptNetworks(tmp_path).take(group(parts))


def test_what_another_recipe_trained_is_passed_over(parts, tmp_path):
    kept(parts, tmp_path)
    assert not KeptNetworks(tmp_path).take(group(parts, epochs=4))
    assert KeptNetworks(tmp_path).take(group(parts, time_budget=60.0))


def test_what_was_trained_on_other_data_is_passed_over(parts, tmp_path):
    kept(parts, tmp_path)
    assert not KeptNetworks(tmp_path).take(group(parts_of(1)))
    assert KeptNetworks(tmp_path).take(group(parts_of(0)))


def test_what_time_ended_is_kept_for_that_time_only(parts, tmp_path):
    fields = {"epochs": 10**6, "patience": None}
    kept(parts, tmp_path, time_budget=0.05, **fields)
    assert KeptNetworks(tmp_path).take(group(parts, time_budget=0.05, **fields))
    assert not KeptNetworks(tmp_path).take(group(parts, time_budget=60.0, **fields))
    assert not KeptNetworks(tmp_path).take(group(parts, **fields))

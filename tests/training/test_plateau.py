from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from goodfit.errors import InputError
from goodfit.training.plateau import Plateau, make_plateau


@given(
    values=st.lists(st.floats(0.1, 2.0), min_size=1, max_size=60),
    higher=st.booleans(),
    patience=st.integers(0, 4),
    cooldown=st.integers(0, 3),
    mode=st.sampled_from(["rel", "abs"]),
)
def test_it_goes_as_torchs_does(values, higher, patience, cooldown, mode):
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    settings = {
        "factor": 0.5,
        "patience": patience,
        "cooldown": cooldown,
        "threshold": 0.01,
        "threshold_mode": mode,
    }
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max" if higher else "min", min_lr=0.01, eps=0, **settings
    )
    plateau = make_plateau(
        "reduce_on_plateau", options={**settings, "min_factor": 0.01}, higher_is_better=higher
    )
    for value in values:
        oracle.step(value)
        plateau = Plateau.from_dict(json.loads(json.dumps(plateau.after(value).to_dict())))
        assert plateau.factor == pytest.approx(optimizer.param_groups[0]["lr"])


def test_nan_is_no_improvement():
    plateau = make_plateau("plateau", options={"patience": 1})
    for _ in range(2):
        plateau = plateau.after(math.nan)
    assert plateau.factor == pytest.approx(0.1)
    assert plateau.best is None


def test_other_schedules_have_none():
    assert make_plateau("cosine") is None
    assert make_plateau(lambda progress: 1.0) is None


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"patience": 1.5}, "option.out-of-range"),
        ({"factor": 1.0}, "option.out-of-range"),
        ({"gamma": 1}, "option.unknown"),
    ],
)
def test_wrong_options_are_refused(options, code):
    with pytest.raises(InputError) as error:
        make_plateau("reduce_on_plateau", options=options)
    assert error.value.code == code

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

import goodfit
from goodfit.errors import InputError

EPOCHS = np.arange(1.0, 41.0)
CURVES = {"epoch": EPOCHS, "train_loss": 0.9**EPOCHS, "valid_loss": 0.5 + 0.02 * EPOCHS}
LISTS = {name: values.tolist() for name, values in CURVES.items()}
KERAS = {"loss": LISTS["train_loss"], "val_loss": LISTS["valid_loss"]}
FIXTURES = Path(__file__).parent / "diagnosis" / "readers" / "fixtures"


@pytest.mark.parametrize(
    "data",
    [
        CURVES,
        LISTS,
        pd.DataFrame(CURVES),
        pl.DataFrame(CURVES),
        pl.DataFrame(CURVES).to_dicts(),
        goodfit.History(CURVES),
        goodfit.Observations(goodfit.History(CURVES)),
        SimpleNamespace(history=KERAS, epoch=[*range(40)]),
        SimpleNamespace(history_=pl.DataFrame(CURVES).to_dicts()),
        SimpleNamespace(
            state=SimpleNamespace(
                log_history=[
                    {"epoch": e, "loss": t, "eval_loss": v} for e, t, v in zip(*LISTS.values(), strict=True)
                ]
            )
        ),
        SimpleNamespace(observations=goodfit.Observations(goodfit.History(CURVES))),
        FIXTURES / "keras_history.json",
        str(FIXTURES / "lightning_metrics.csv"),
    ],
)
def test_anything_with_curves_is_diagnosed(data):
    first = goodfit.diagnose(data)[0]
    assert (first.code, first.severity) == ("overfitting", "warning")


@pytest.mark.parametrize("data", [3, None, object(), [], {}, {"a": "b"}, pd.DataFrame(), [1, 2]])
def test_what_holds_no_curves_is_refused(data):
    with pytest.raises(InputError):
        goodfit.diagnose(data)


def test_what_is_known_beside_the_curves_is_heeded():
    flat = {"epoch": EPOCHS, "mine": np.full(40, 0.7), "other": np.full(40, 0.71)}
    found = goodfit.diagnose(flat, valid_loss="mine", train_loss="other", classes=2)
    assert found[0].code == "not-learning"
    assert goodfit.diagnose(goodfit.History(flat), valid_loss="mine", train_loss="other", classes=2) == found
    with pytest.raises(InputError, match="nothere"):
        goodfit.diagnose(goodfit.History(flat), valid_loss="nothere")


def test_several_trainings_are_not_mixed():
    with pytest.raises(InputError, match="2 trainings"):
        goodfit.diagnose(FIXTURES / "tensorboard")


def test_what_is_given_is_left_as_it_is():
    frame = pd.DataFrame(CURVES)
    before = frame.copy()
    goodfit.diagnose(frame)
    pd.testing.assert_frame_equal(frame, before)

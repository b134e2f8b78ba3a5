from __future__ import annotations

import math

import numpy as np

from goodfit.observations import History
from goodfit.repeats import Repeat, Repeats, band


def history(values, best=1.0):
    return History(
        {"epoch": np.arange(1.0, len(values) + 1), "valid_loss": values}, best_epoch=best, ended_by="epochs"
    )


def test_the_band_ends_where_half_of_the_trainings_have_ended():
    found = band([history([5, 4]), history([3, 2, 1]), history([4, math.nan, 2, 1])], "valid_loss")
    assert found is not None
    assert found.epoch.tolist() == [1, 2, 3]
    assert found.low.tolist() == [3, 2, 1]
    assert found.middle.tolist() == [4, 3, 1.5]
    assert found.high.tolist() == [5, 4, 2]
    assert band([history([1.0])], "valid_accuracy") is None


def test_they_survive_plain_data():
    trainings = tuple(
        Repeat(seed, history([1.0, 0.5 + seed], 2.0), {"accuracy": 0.5, "roc_auc": math.nan}, ("x",), 9)
        for seed in range(3)
    )
    repeats = Repeats("seeds", trainings, ensemble=True)
    files = repeats.files()
    assert list(files) == [f"seeds/history-{seed}.csv" for seed in range(3)]
    back = Repeats.from_dict(repeats.to_dict(), list(files.values()))
    assert back.spreads() == repeats.spreads()
    assert back.spreads()["valid_loss"].mean == 1.5
    assert "roc_auc" not in back.spreads()
    assert back.ensemble
    assert back.trainings[2].findings == ("x",)

from __future__ import annotations

import numpy as np

from goodfit.observations import History
from goodfit.plots import learning_curves


def history(*valid: float) -> History:
    return History({"epoch": np.arange(1.0, len(valid) + 1), "valid_loss": np.array(valid)})


def test_the_range_over_other_trainings_lies_behind_the_curve_and_in_sight():
    ax = learning_curves(history(3, 2), beside=[history(3, 2), history(9, 1), history(4, 4)])
    (shaded,) = ax.collections
    corners = {tuple(corner) for corner in shaded.get_paths()[0].vertices.tolist()}
    assert {(1, 3), (1, 9), (2, 1), (2, 4)} <= corners
    low, high = ax.get_ylim()
    assert low <= 1
    assert high >= 9
    legend = ax.get_legend()
    assert legend is not None
    assert "range of 3 trainings" in [text.get_text() for text in legend.get_texts()]

from __future__ import annotations

import sys
import threading

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from goodfit.finding import Finding
from goodfit.observations import History
from goodfit.plots import learning_curves, metric_curves, to_svg
from goodfit.plots.curves import MOST_POINTS

EVIDENCE = {"best_epoch": 4, "lowest": 0.4, "last": 0.6, "cost": 0.5, "gain": 0.3, "train_change": 0.1}
OVERFITTING = Finding("overfitting", "warning", 0.9, 4.0, EVIDENCE)


def history(valid: list[float], *, best: float | None = None, **more: list[float]) -> History:
    columns = {
        "epoch": np.arange(1.0, len(valid) + 1),
        "train_loss": np.array(valid) * 0.9,
        "valid_loss": valid,
        **more,
    }
    return History({name: np.array(values, dtype=float) for name, values in columns.items()}, best_epoch=best)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def test_the_curves_carry_the_values_and_are_told_apart_by_more_than_colour():
    ax = learning_curves(history([0.9, 0.6, 0.5]))
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_allclose(lines["validation"].get_ydata(), [0.9, 0.6, 0.5])
    np.testing.assert_allclose(lines["training"].get_ydata(), [0.81, 0.54, 0.45])
    assert lines["validation"].get_linestyle() != lines["training"].get_linestyle()


def test_the_best_epoch_and_the_findings_are_named_at_their_epochs():
    ax = learning_curves(history([0.9, 0.6, 0.5, 0.4, 0.5, 0.6], best=4.0), [OVERFITTING])
    assert texts(ax.figure) == ["best epoch: 4", "The network overfits"]
    upright = [line.get_xdata()[0] for line in ax.get_lines() if len(set(line.get_xdata())) == 1]
    assert upright.count(4.0) >= 2


def test_findings_without_an_epoch_are_not_marked():
    ax = learning_curves(history([0.9, 0.6]), [Finding("overfitting", "info", 0.9, None, EVIDENCE)])
    assert texts(ax.figure) == []


def test_every_word_comes_in_spanish():
    ax = learning_curves(history([0.9, 0.6, 0.5], best=3.0), [OVERFITTING], language="es")
    assert texts(ax.figure) == ["mejor época: 3", "La red sobreajusta"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("época", "pérdida")


@pytest.mark.parametrize(
    ("values", "scale"), [([1.0, 0.5, 0.4], "linear"), ([90.0, 1.0, 0.5], "log"), ([90.0, 0.0], "linear")]
)
def test_the_axis_is_logarithmic_when_the_range_asks(values, scale):
    assert learning_curves(history(values)).get_yscale() == scale


def test_epochs_without_a_finite_loss_are_crossed():
    broken = History(
        {"epoch": [1, 2, 3, 4], "train_loss": [1, 5, np.inf, np.nan], "valid_loss": [1, 6, np.nan, np.nan]},
        ended_by="non-finite-loss",
    )
    crosses = [line for line in learning_curves(broken).get_lines() if line.get_marker() == "x"]
    assert [line.get_xdata().tolist() for line in crosses] == [[3.0, 4.0]]


def test_a_loss_that_was_not_measured_at_each_epoch_is_not_crossed_but_joined():
    sparse = history([0.9, np.nan, 0.5, np.nan])
    ax = learning_curves(sparse)
    assert not [line for line in ax.get_lines() if line.get_marker() == "x"]
    valid = next(line for line in ax.get_lines() if line.get_label() == "validation")
    assert valid.get_xdata().tolist() == [1.0, 3.0]


def test_a_long_run_is_thinned_without_losing_its_spike():
    values = np.ones(100_000)
    values[54_321] = 9.0
    ax = learning_curves(history(values.tolist()))
    valid = next(line for line in ax.get_lines() if line.get_label() == "validation")
    assert len(valid.get_ydata()) <= MOST_POINTS + 2
    assert max(valid.get_ydata()) == 9.0


def test_a_metric_has_curves_of_its_own():
    measured = history([0.9, 0.6], valid_accuracy=[0.5, 0.7], train_accuracy=[0.6, 0.8], valid_f1=[0.4, 0.5])
    ax = learning_curves(measured, metric="accuracy", language="es")
    assert ax.get_ylabel() == "exactitud"
    figure = metric_curves(measured, [OVERFITTING])
    assert [panel.get_ylabel() for panel in figure.axes] == ["accuracy", "F1"]


def test_a_curve_that_is_not_there_is_an_error_that_names_what_is():
    with pytest.raises(ValueError, match="accuracy; its columns are epoch, train_loss, valid_loss"):
        learning_curves(history([0.9]), metric="accuracy")
    with pytest.raises(ValueError, match="no metric"):
        metric_curves(history([0.9]))


def test_it_draws_into_the_callers_axes_in_the_callers_colours():
    figure = Figure()
    ax = figure.add_subplot()
    ax.xaxis.label.set_color("pink")
    assert learning_curves(history([0.9, 0.6], best=2.0), ax=ax) is ax
    assert ax.texts[-1].get_color() == "pink"


def test_nothing_global_is_touched():
    before = dict(matplotlib.rcParams)
    to_svg(learning_curves(history([0.9, 0.6])).figure)
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_it_draws_off_the_main_thread():
    drawn: list[str] = []
    thread = threading.Thread(
        target=lambda: drawn.append(to_svg(learning_curves(history([0.9, 0.6])).figure))
    )
    thread.start()
    thread.join()
    assert drawn[0].startswith("<svg")


@settings(max_examples=40)
@given(
    arrays(
        np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(allow_nan=True, width=64)
    ),
    st.sampled_from(["en", "es"]),
)
def test_any_curves_can_be_drawn(values, language):
    wild = History(
        {"epoch": np.arange(len(values)) / 3, "train_loss": values[:, 0], "valid_loss": values[:, 1]},
        best_epoch=0.0,
        ended_by="non-finite-loss",
    )
    assert to_svg(learning_curves(wild, [OVERFITTING], language=language).figure).endswith("</svg>")


def test_a_history_without_epochs_or_without_rows_can_be_drawn():
    to_svg(learning_curves(History({"valid_loss": np.array([0.5, 0.4])})).figure)
    to_svg(learning_curves(History({"epoch": np.array([]), "valid_loss": np.array([])})).figure)


def test_without_validation_rows_nothing_is_crossed():
    alone = History(
        {"epoch": [1, 2, 3], "train_loss": [1.0, np.nan, np.nan], "valid_loss": [np.nan] * 3},
        ended_by="non-finite-loss",
    )
    crosses = [line for line in learning_curves(alone).get_lines() if line.get_marker() == "x"]
    assert [line.get_xdata().tolist() for line in crosses] == [[2.0, 3.0]]

from __future__ import annotations

import numpy as np
import pytest

from goodfit.evaluation.evaluate import evaluate
from goodfit.evaluation.scores import Evaluation
from goodfit.plots import (
    calibration,
    confusion_matrix,
    predicted_actual,
    residuals,
    roc_curve,
    scores_beside_baselines,
    to_svg,
)


def of_classes(classes: int, rows: int = 120, names: tuple[str, ...] = ()) -> Evaluation:
    random = np.random.default_rng(0)
    target = np.arange(rows) % classes
    sure = np.eye(classes)[target] + random.gamma(1.0, 0.5, (rows, classes))
    prior = np.full((rows, classes), 1 / classes)
    return evaluate(
        target,
        sure / sure.sum(axis=1, keepdims=True),
        task="binary" if classes == 2 else "multiclass",
        classes=names or tuple(f"class {place}" for place in range(classes)),
        baselines={"prior": prior, "linear": 0.5 * prior + 0.5 * sure / sure.sum(axis=1, keepdims=True)},
        resamples=50,
    )


def of_numbers(rows: int = 900, targets: int = 2) -> Evaluation:
    random = np.random.default_rng(0)
    target = random.normal(size=(rows, targets)) * 1e5
    predicted = target + random.normal(size=(rows, targets)) * 1e4
    names = tuple(f"price {place}" for place in range(targets))
    return evaluate(target, predicted, task="regression", targets=names, resamples=50)


def test_the_confusion_matrix_shows_each_count_that_is_not_zero():
    measured = of_classes(3)
    ax = confusion_matrix(measured)
    shown = sorted(int(text.get_text()) for text in ax.texts)
    assert shown == sorted(count for row in measured.confusion or () for count in row if count)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["class 0", "class 1", "class 2"]


def test_a_binary_roc_curve_names_its_class_and_its_area():
    measured = of_classes(2)
    legend = roc_curve(measured).get_legend()
    assert legend is not None
    area = measured.figures["roc"][0]["auc"]
    assert [text.get_text() for text in legend.get_texts()] == [f"class 1: {area:.3f}"]


def test_of_many_classes_the_easiest_and_the_hardest_are_told_apart():
    measured = of_classes(12, rows=240)
    legend = roc_curve(measured, language="es").get_legend()
    assert legend is not None
    areas = sorted((curve["auc"] for curve in measured.figures["roc"]), reverse=True)
    shown = [float(text.get_text().rpartition(" ")[2]) for text in legend.get_texts()]
    assert shown == [round(areas[place], 3) for place in (0, 1, -2, -1)]


def test_the_calibration_curve_has_the_evaluations_points():
    measured = of_classes(2)
    points = calibration(measured).get_lines()[-1]
    np.testing.assert_allclose(points.get_xdata(), measured.figures["calibration"]["predicted"])
    np.testing.assert_allclose(points.get_ydata(), measured.figures["calibration"]["observed"])


def test_the_second_target_has_figures_of_its_own():
    measured = of_numbers()
    dots = predicted_actual(measured, 1).get_lines()[0]
    np.testing.assert_allclose(dots.get_ydata(), measured.figures["predicted"][1][: len(dots.get_ydata())])
    bars = residuals(measured, 1, language="es")
    assert sum(bar.get_height() for bar in bars.patches) == sum(measured.figures["residuals"][1]["counts"])
    assert bars.get_ylabel() == "filas"


def test_the_scores_stand_beside_the_baselines_with_the_network_first():
    measured = of_classes(2)
    ax = scores_beside_baselines(measured, "accuracy")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["network", "linear model", "class shares"]
    dots = [line.get_xdata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 1]
    assert dots[0] == measured.metrics["accuracy"].value
    assert ax.yaxis_inverted()


@pytest.mark.parametrize("draw", [confusion_matrix, roc_curve, calibration])
def test_numbers_have_no_figures_of_classes(draw):
    with pytest.raises(ValueError, match="not of classes"):
        draw(of_numbers())


@pytest.mark.parametrize("draw", [predicted_actual, residuals])
def test_classes_have_no_figures_of_numbers(draw):
    with pytest.raises(ValueError, match="not of numbers"):
        draw(of_classes(2))


def test_a_metric_that_was_not_measured_is_an_error_that_names_those_that_were():
    with pytest.raises(ValueError, match="'speed'; it has log_loss"):
        scores_beside_baselines(of_classes(2), "speed")


@pytest.mark.parametrize("draw", [confusion_matrix, roc_curve, calibration, scores_beside_baselines])
def test_names_that_look_like_mathematics_or_markup_or_have_rare_letters_stay_themselves(draw):
    measured = of_classes(3, names=("$\\frac{", "<b>&\"'", "类别"))
    svg = to_svg(draw(measured).figure)
    assert "<b>" not in svg
    if draw is confusion_matrix:
        assert "类别" in svg
        assert "$\\frac{" in svg


@pytest.mark.parametrize("measured", [of_classes(2), of_classes(20, rows=400), of_numbers(targets=1)])
def test_an_evaluation_that_went_through_json_draws_the_same(measured):
    again = Evaluation.from_dict(measured.to_dict())
    draw = predicted_actual if measured.task == "regression" else roc_curve
    assert to_svg(draw(again).figure) == to_svg(draw(measured).figure)

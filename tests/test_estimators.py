"""The scikit-learn face: its own checks, its own tools, and what the weights of rows do."""

from __future__ import annotations

import pickle
import signal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import goodfit
from goodfit import GoodFitClassifier, GoodFitRegressor, InputError, Recipe
from goodfit.training.losses import make_loss
from goodfit.workflow import group_training
from goodfit.workflow.weighted import losses_of_rows

QUICK: dict[str, Any] = {"hidden": (16,), "learning_rate": 0.05, "epochs": 10}
EQUIVALENCE = "repeated rows are other minibatches than weighted ones"


@pytest.fixture(scope="module")
def iris() -> tuple[Any, Any]:
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def diabetes() -> tuple[Any, Any]:
    return load_diabetes(return_X_y=True)


def mixed_frame(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
            "colour": random.choice(["red", "green", "blue"], rows),
            "day": pd.date_range("2020-01-01", periods=rows),
        }
    )


@parametrize_with_checks(
    [GoodFitClassifier(**QUICK), GoodFitRegressor(**QUICK)],
    expected_failed_checks=lambda estimator: {"check_sample_weight_equivalence_on_dense_data": EQUIVALENCE},
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_every_field_of_the_recipe_is_a_parameter() -> None:
    parameters = GoodFitClassifier(epochs=3).get_params()
    assert parameters.keys() - Recipe.model_fields.keys() == {"columns"}
    assert Recipe.model_fields.keys() <= parameters.keys()
    assert parameters["epochs"] == 3
    assert all(name in str(GoodFitRegressor.__doc__) for name in parameters)


def test_unknown_parameters_and_values_out_of_range_are_refused(iris: Any) -> None:
    with pytest.raises(TypeError, match="hiden"):
        GoodFitClassifier(hiden=(3,))
    with pytest.raises(ValueError, match="epochs is -3"):
        GoodFitClassifier(epochs=-3).fit(*iris)
    assert not hasattr(GoodFitClassifier(), "partial_fit")
    with pytest.raises(AttributeError, match="call fit with all of them"):
        GoodFitClassifier().partial_fit(*iris)
    with pytest.raises(AttributeError, match="'GoodFitRegressor' object has no attribute 'coef_'"):
        GoodFitRegressor().coef_  # noqa: B018


def test_pipeline_search_and_clone(iris: Any) -> None:
    x, y = iris
    assert make_pipeline(StandardScaler(), GoodFitClassifier(**QUICK)).fit(x, y).score(x, y) > 0.9
    search = GridSearchCV(
        GoodFitClassifier(**QUICK), {"hidden": [(4,), (8, 8)], "epochs": np.array([3, 6])}, cv=2
    )
    assert search.fit(x, y).best_params_["epochs"] in (3, 6)
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()


def test_calibration_and_transformed_targets(iris: Any, diabetes: Any) -> None:
    calibrated = CalibratedClassifierCV(GoodFitClassifier(**QUICK), cv=2).fit(*iris)
    assert calibrated.score(*iris) > 0.85
    regressor = TransformedTargetRegressor(GoodFitRegressor(**QUICK), func=np.log, inverse_func=np.exp)
    assert regressor.fit(*diabetes).score(*diabetes) > 0.3


def test_parallel_folds_are_those_of_one_process(iris: Any) -> None:
    classifier = GoodFitClassifier(**QUICK, dropout=0.1)
    alone, together = (
        cross_val_score(classifier, *iris, cv=2, scoring="neg_log_loss", n_jobs=n_jobs)
        for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_weight": "balanced"},
        {"loss_options": {"label_smoothing": 0.1}},
        {"model": "resnet"},
        {"model": "tabm", "epochs": 2},
        {"calibrate": True},
    ],
)
def test_pickle(iris: Any, options: dict[str, Any]) -> None:
    x, y = iris
    classifier = GoodFitClassifier(**{**QUICK, **options}).fit(x, y)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(x), classifier.predict_proba(x))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["10", "9", "NA"]),
        np.array([" a", "a b ", "c"], dtype=object),
        np.array([1.0, 2.0, 5.0]),
        np.array([False, True, True]),
    ],
)
def test_classes_come_back_exactly_as_they_were(iris: Any, labels: Any) -> None:
    x, codes = iris
    y = labels[codes]
    classifier = GoodFitClassifier(**QUICK).fit(x, y)
    predicted = classifier.predict(x)
    assert predicted.dtype == y.dtype
    assert set(predicted.tolist()) == set(labels.tolist())
    assert classifier.score(x, y) > 0.9
    np.testing.assert_allclose(classifier.predict_proba(x).sum(axis=1), 1)


def test_frames_are_typed_and_alike_in_pandas_and_polars() -> None:
    frame = mixed_frame()
    y = frame["colour"] == "red"
    classifier = GoodFitClassifier(**QUICK).fit(frame, y)
    assert [column.kind for column in classifier.run_.table.profile.columns] == [
        "number",
        "category",
        "datetime",
    ]
    assert classifier.feature_names_in_.tolist() == ["size", "colour", "day"]
    assert classifier.score(frame, y) > 0.9
    other = GoodFitClassifier(**QUICK).fit(pl.from_pandas(frame), pl.Series("y", y.to_numpy()))
    np.testing.assert_array_equal(classifier.predict_proba(frame), other.predict_proba(pl.from_pandas(frame)))
    told = GoodFitClassifier(**QUICK, columns={"day": "drop"}).fit(frame, y)
    assert told.run_.table.profile.columns[2].kind == "dropped"
    with pytest.raises(ValueError, match="'hue'"):
        GoodFitClassifier(**QUICK, columns={"hue": "category"}).fit(frame, y)
    with pytest.raises(ValueError, match=r"order|unseen"):
        classifier.predict(frame[["colour", "size", "day"]])


def test_columns_of_arrays_are_numbers_whatever_they_hold() -> None:
    numbered = np.c_[np.arange(60), np.ones(60)]
    regressor = GoodFitRegressor(**QUICK).fit(numbered, np.arange(60.0))
    assert [column.kind for column in regressor.run_.table.profile.columns] == ["number", "number"]
    assert regressor.score(numbered, np.arange(60.0)) > 0.9
    with_missing = np.where(numbered == 7, np.nan, numbered)
    assert np.isfinite(regressor.fit(with_missing, np.arange(60.0)).predict(with_missing)).all()


def test_a_column_may_be_called_as_the_target() -> None:
    frame = mixed_frame().rename(columns={"size": "target"})
    classifier = GoodFitClassifier(**QUICK).fit(frame, frame["colour"].to_numpy())
    assert classifier.run_.table.profile.targets == ("target_",)


def test_several_targets_a_constant_one_and_three_rows(diabetes: Any) -> None:
    x, y = diabetes
    both = np.c_[y, -2 * y]
    regressor = GoodFitRegressor(**QUICK).fit(x, both)
    assert regressor.predict(x).shape == both.shape
    assert regressor.score(x, both) > 0.4
    np.testing.assert_allclose(regressor.fit(x, np.full(len(y), 3.0)).predict(x), 3.0, atol=0.2)
    assert regressor.fit(x[:3], y[:3]).predict(x[:3]).shape == (3,)
    assert regressor.run_.observations.valid_rows is None


def test_one_class_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="two classes"):
        GoodFitClassifier(**QUICK).fit(np.zeros((30, 2)), np.ones(30))


def test_validation_rows_by_patience(iris: Any) -> None:
    assert GoodFitClassifier(**QUICK).fit(*iris).run_.observations.valid_rows == 30
    assert GoodFitClassifier(**QUICK, patience=None).fit(*iris).run_.observations.valid_rows is None
    told = GoodFitClassifier(**QUICK, patience=None, valid_fraction=0.4).fit(*iris)
    assert told.run_.observations.valid_rows == 60
    assert told.n_iter_ == 10
    assert len(told.history_) == 10


def test_the_run_is_a_whole_one(iris: Any, tmp_path: Any) -> None:
    x, y = iris
    classifier = GoodFitClassifier(**QUICK, test_fraction=0.2).fit(pd.DataFrame(x, columns=list("abcd")), y)
    assert classifier.run_.evaluation.rows == 30
    again = goodfit.load(classifier.run_.save(tmp_path / "run"))
    probabilities = again.predict(pl.DataFrame(x, schema=list("abcd"))).drop("prediction").to_numpy()
    frame = pd.DataFrame(x, columns=list("abcd"))
    np.testing.assert_allclose(probabilities, classifier.predict_proba(frame), atol=1e-5)
    assert classifier.run_.report(tmp_path / "report.html").exists()


def test_weights_of_one_change_nothing_and_only_their_ratios_matter(diabetes: Any) -> None:
    x, y = diabetes
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    plain, ones, some, four_times = (
        GoodFitRegressor(**QUICK).fit(x, y, sample_weight=weight).predict(x)
        for weight in (None, np.ones(len(y)), weights, 4 * weights)
    )
    np.testing.assert_allclose(ones, plain, rtol=1e-5)
    np.testing.assert_allclose(four_times, some, rtol=1e-5)
    assert np.abs(some - plain).max() > 1


def test_rows_of_no_weight_are_as_if_not_there(diabetes: Any) -> None:
    x, y = diabetes
    weights = (np.arange(len(y)) % 3 > 0).astype(float)
    kept = weights > 0
    weighted = GoodFitRegressor(**QUICK).fit(x, np.where(kept, y, 1e6), sample_weight=weights)
    np.testing.assert_allclose(
        weighted.predict(x), GoodFitRegressor(**QUICK).fit(x[kept], y[kept]).predict(x), rtol=1e-5
    )


def test_with_all_rows_at_once_a_weight_of_two_is_a_row_twice(diabetes: Any) -> None:
    x, y = diabetes[0][:60], diabetes[1][:60]
    weights = np.arange(60) % 2 + 1
    options = {"hidden": (4,), "epochs": 30, "batch_size": None, "patience": None, "learning_rate": 0.05}
    repeat = np.repeat(np.arange(60), weights)
    loss = make_loss("mse")
    outputs, target = torch.rand(60, 1), torch.rand(60, 1)
    mean = (losses_of_rows(loss, outputs, target) * torch.from_numpy(weights)).sum() / weights.sum()
    torch.testing.assert_close(mean.float(), loss(outputs[repeat], target[repeat]))
    # Scaling is learned from the rows, which differ: the fits are near and not the same.
    weighted = GoodFitRegressor(**options).fit(x, y, sample_weight=weights)
    repeated = GoodFitRegressor(**options).fit(x[repeat], y[repeat])
    assert np.corrcoef(weighted.predict(x), repeated.predict(x))[0, 1] > 0.98


def test_heavier_rows_win(iris: Any) -> None:
    x = np.zeros((100, 1))
    y = np.arange(100) % 2
    classifier = GoodFitClassifier(model="linear", learning_rate=0.1, epochs=40)
    share = classifier.fit(x, y, sample_weight=np.where(y, 9.0, 1.0)).predict_proba(x)[0, 1]
    assert share == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("model", ["linear", "mlp", "resnet", "tabm"])
def test_rows_of_frames_with_categories_may_have_weights(model: str) -> None:
    frame = mixed_frame()
    y = frame["colour"] == "red"
    options = {**QUICK, "model": model, "epochs": 3}
    plain = GoodFitClassifier(**options).fit(frame, y)
    ones = GoodFitClassifier(**options).fit(frame, y, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(ones.predict_proba(frame), plain.predict_proba(frame), rtol=1e-3)
    heavy = GoodFitClassifier(**options).fit(frame, y, sample_weight=np.where(y, 9.0, 1.0))
    assert heavy.predict_proba(frame)[:, 1].mean() > plain.predict_proba(frame)[:, 1].mean()
    assert heavy.run_.observations.outputs is not None


def test_inside_scikit_learns_ensembles_and_inspection_with_frames() -> None:
    frame = mixed_frame()
    y = np.where(frame["colour"] == "red", "yes", "no")
    several = VotingClassifier([(str(seed), GoodFitClassifier(**QUICK, seed=seed)) for seed in (0, 1)])
    assert several.set_params(voting="soft").fit(frame, y).score(frame, y) > 0.9
    calibrated = CalibratedClassifierCV(GoodFitClassifier(**QUICK), cv=2).fit(frame, y)
    assert calibrated.predict_proba(frame).shape == (200, 2)
    found = permutation_importance(several, frame, y, n_repeats=1, random_state=0).importances_mean
    assert found.argmax() == 1
    scores = cross_val_score(make_pipeline(GoodFitClassifier(**QUICK)), frame, y, cv=3)
    assert scores.mean() > 0.9


def test_weighted_loss_of_classes_follows_torch() -> None:
    loss = make_loss(
        "cross_entropy", class_weight=[1.0, 3.0], classes=[0, 1], options={"label_smoothing": 0.1}
    )
    outputs, target = torch.randn(8, 2), torch.arange(8) % 2
    each = torch.nn.functional.cross_entropy(
        outputs, target, weight=torch.tensor([1.0, 3.0]), label_smoothing=0.1, reduction="none"
    )
    torch.testing.assert_close(losses_of_rows(loss, outputs, target), each)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros(150), "zero in every row"),
        (np.full(150, -1.0), "negative"),
        (np.full(150, np.nan), "finite"),
        (np.ones(3), "150 rows"),
        (np.ones((150, 1)), "150 rows"),
        (["heavy"] * 150, "numbers"),
    ],
)
def test_wrong_weights_are_refused(iris: Any, weights: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        GoodFitClassifier(**QUICK).fit(*iris, sample_weight=weights)


def test_weights_and_mixing_do_not_go_together(iris: Any) -> None:
    with pytest.raises(InputError, match="mixup"):
        GoodFitClassifier(**QUICK, mixup=0.2).fit(*iris, sample_weight=np.ones(150))


def test_the_losses_of_the_history_are_weighted() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    y = x[:, 0] + np.where(x[:, 0] > 0, np.sign(x[:, 1] ** 2 - 0.3), 0)
    weights = np.where(x[:, 0] > 0, 25.0, 1.0)
    regressor = GoodFitRegressor(model="linear", learning_rate=0.05, epochs=5).fit(
        x, y, sample_weight=weights
    )
    table, history = regressor.run_.table, regressor.history_
    scale = table.preparation.target.columns[0].scale
    squared = ((regressor.predict(x) - y) / scale) ** 2
    for part, rows in (("train", table.split.train), ("valid", table.split.valid)):
        measured = history[f"{part}_loss"][history.best_row]
        assert measured == pytest.approx(np.average(squared[rows], weights=weights[rows]), rel=0.15)
        assert measured > 1.3 * squared[rows].mean()


def test_ctrl_c_is_passed_on_and_leaves_the_best_weights(iris: Any) -> None:
    seen = []

    def interrupting(actual: Any, predicted: Any) -> float:
        seen.append(1)
        if len(seen) == 8:
            signal.raise_signal(signal.SIGINT)
        return float((actual == predicted).mean())

    classifier = GoodFitClassifier(**{**QUICK, "epochs": 1000}, metrics=[interrupting])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*iris)
    assert classifier.n_iter_ < 10
    assert classifier.predict(iris[0]).shape == (150,)


def test_ctrl_c_among_several_networks_leaves_the_first(iris: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    train_group = group_training.train_group

    def interrupted(*arguments: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        train_group(*arguments)

    monkeypatch.setattr(group_training, "train_group", interrupted)
    classifier = GoodFitClassifier(**QUICK, bag=3)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*iris)
    assert classifier.history_.ended_by == "interrupted"
    alone = GoodFitClassifier(**QUICK).fit(*iris)
    assert (classifier.predict(iris[0]) == alone.predict(iris[0])).all()


def test_a_network_of_ones_own_is_copied(iris: Any) -> None:
    network = torch.nn.Linear(4, 3)
    before = network.weight.detach().clone()
    assert clone(GoodFitClassifier(**QUICK, model=network)).fit(*iris).score(*iris) > 0.8
    GoodFitClassifier(**QUICK, model=network).fit(*iris)
    torch.testing.assert_close(network.weight, before)


def test_with_nothing_set_it_is_the_network_of_goodfit_train():
    x = np.random.default_rng(0).normal(size=(120, 3))
    y = x @ [1.0, -2.0, 0.5] + np.random.default_rng(1).normal(0, 0.5, 120)
    regressor = GoodFitRegressor(seed=1).fit(x, y)
    assert regressor.run_.recipe.model == "linear"
    assert [note.code for note in regressor.run_.notes] == ["training.note.linear-serves-numbers"]
    assert regressor.score(x, y) > 0.8
    weighted = GoodFitRegressor(seed=1).fit(x, y, sample_weight=np.ones(len(y)))
    assert weighted.run_.recipe.model == "tabm"
    assert GoodFitRegressor(epochs=3).fit(x, y).run_.recipe.model == "mlp"

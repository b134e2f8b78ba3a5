from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

import goodfit
from goodfit.data.batches import TensorBatches, epoch_order
from goodfit.errors import InputError


def shop(rows: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.normal(size=rows)
    sold = np.where(x + rng.normal(0, 1, rows) > 1.4, "yes", "no")
    return pl.DataFrame({"x": x, "z": rng.normal(size=rows), "sold": sold})


def noted(run: goodfit.Run) -> list[str]:
    return [note.code for note in run.notes]


def test_temperature_and_threshold_are_fitted_applied_saved_and_said(tmp_path):
    options = {"model": "mlp", "epochs": 5, "threshold": "f1", "folder": tmp_path / "run"}
    run = goodfit.train(shop(), target="sold", **options)
    back = goodfit.load(tmp_path / "run")
    assert run.calibration.rows == run.threshold.rows > 0
    assert (back.calibration, back.threshold) == (run.calibration, run.threshold)
    assert back.loss.temperature == run.calibration.temperature
    frame = run.predict(shop())
    said = np.where(frame["p_yes"].to_numpy() > run.threshold.value, "yes", "no")
    assert (frame["prediction"].to_numpy() == said).all()
    assert frame.equals(back.predict(shop()))
    right = float(np.mean(said == shop()["sold"].to_numpy()))
    assert run.evaluate(shop()).metrics["accuracy"].value == pytest.approx(right)
    assert "training.note.threshold" in noted(run)


def test_a_population_decides_as_a_lone_training_does():
    recipes = [goodfit.Recipe(epochs=5, threshold="f1", seed=seed) for seed in (3, 4)]
    for recipe, run in zip(recipes, goodfit.train_population(recipes, shop(), target="sold"), strict=True):
        alone = goodfit.train(shop(), target="sold", recipe=recipe)
        assert run.calibration.temperature == pytest.approx(alone.calibration.temperature, rel=1e-4)
        assert run.threshold.metric == alone.threshold.metric
        assert noted(run) == noted(alone)


def test_switched_off_the_probabilities_are_the_networks():
    run = goodfit.train(shop(), target="sold", model="mlp", epochs=3, calibrate=False)
    assert run.calibration is None
    assert run.loss.temperature == 1.0


def test_estimators_predict_by_the_threshold():
    frame = shop()
    x, y = frame.select("x", "z").to_numpy(), frame["sold"].to_numpy()
    classifier = goodfit.GoodFitClassifier(epochs=5, threshold=0.2).fit(x, y)
    assert (classifier.predict(x) == np.where(classifier.predict_proba(x)[:, 1] > 0.2, "yes", "no")).all()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"class_weight": "balanced"}, "training.note.class-weight"),
        ({"sampling": "balanced"}, "training.note.sampling"),
    ],
)
def test_class_weights_and_sampling_find_more_of_the_rare_class_and_say_so(fields, code):
    plain = goodfit.train(shop(1500), target="sold", epochs=20, learning_rate=0.01)
    moved = goodfit.train(shop(1500), target="sold", epochs=20, learning_rate=0.01, **fields)
    assert moved.calibration is None
    found = [run.evaluation.metrics["balanced_accuracy"].value for run in (plain, moved)]
    assert found[1] > found[0] + 0.05
    note = next(note for note in moved.notes if note.code == code)
    assert float(note.values["with_balanced_accuracy"]) > float(note.values["without_balanced_accuracy"])
    assert code not in noted(plain)


def test_balanced_sampling_draws_each_class_as_often():
    target = torch.tensor([0] * 900 + [1] * 100)
    chances = 1.0 / torch.bincount(target)[target]
    batches = TensorBatches(target[:, None], target, 100, seed=0, chances=chances)
    drawn = torch.cat([codes for _, codes in batches.epoch(1)])
    assert len(drawn) == 1000
    assert 440 < int(drawn.sum()) < 560
    assert not torch.equal(epoch_order(1000, 0, 1, chances), epoch_order(1000, 0, 2, chances))


def test_what_makes_no_sense_is_refused():
    numbers = shop().with_columns(y=pl.col("x") * 2).drop("sold")
    for data, target, fields, code in (
        (numbers, "y", {"threshold": 0.3}, "training.threshold-two-classes"),
        (numbers, "y", {"sampling": "balanced"}, "training.sampling-needs-classes"),
        (shop(), "sold", {"threshold": "log_loss"}, "metric.no-threshold"),
        (shop(), "sold", {"threshold": "balanced"}, "metric.unknown-near"),
    ):
        with pytest.raises(InputError) as error:
            goodfit.train(data, target=target, epochs=1, **fields)
        assert error.value.code == code

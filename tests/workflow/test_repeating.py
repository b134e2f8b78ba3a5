from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.recipe import Recipe
from goodfit.workflow.repeating import check_repeats
from spine_for_tests import people

RECIPE = Recipe(model="mlp", hidden=(8,), epochs=6, seed=3)
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(90, 3)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(np.int64)


def train(**options):
    return goodfit.train(people(), target="bought", recipe=RECIPE, **options)


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def own(model=network, **options):
    fields = {"loss": "cross_entropy", "epochs": 3, "batch_size": 16, "test_fraction": 0.2, **options}
    return goodfit.train((INPUTS, LABELS), model=model, **fields)


def test_the_run_is_that_of_the_first_seed_trained_alone():
    run, lone = train(seeds=3), train()
    np.testing.assert_allclose(run.history["valid_loss"], lone.history["valid_loss"], rtol=1e-4)
    assert run.recipe == lone.recipe
    assert run.table.split.test.tolist() == lone.table.split.test.tolist()
    assert [each.number for each in run.repeats.trainings] == [3, 4, 5]
    assert len({tuple(each.history["valid_loss"]) for each in run.repeats.trainings}) == 3
    assert all(finding.remarks for finding in run.findings)
    assert run.repeats.spreads()["log_loss"].count == 3


@pytest.mark.parametrize("several", [{"seeds": 2}, {"folds": 2}, {"folds": 2, "ensemble": True}])
def test_single_networks_are_said_to_be_such_where_several_would_be_averaged(several):
    def codes(**said):
        run = goodfit.train(people(), target="bought", vitals=False, diagnose=False, **said, **several)
        return [note.code for note in run.notes]

    assert "population.note.single-networks" in codes(time_budget=1.5)
    assert "population.note.single-networks" not in codes(model="mlp", epochs=2)


def test_any_seed_is_trained_again_where_the_rows_keep_theirs():
    run = train(seeds=3)
    again = goodfit.train(people(), target="bought", recipe=RECIPE, seed=5, split_seed=3)
    last = run.repeats.trainings[-1]
    np.testing.assert_allclose(last.history["valid_loss"], again.history["valid_loss"], rtol=1e-4)
    assert again.table.split.test.tolist() == run.table.split.test.tolist()


@pytest.mark.parametrize("folds", [None, 3])
@pytest.mark.parametrize("divide", [train, own], ids=["table", "own"])
def test_the_seed_of_the_rows_divides_them_alone(divide, folds):
    options = {"folds": folds, "test_fraction": 0.2 if folds is None else "auto"}
    runs = [divide(seed=seed, split_seed=by, **options) for seed, by in ((0, 9), (1, 9), (0, 8))]
    first, start, rows = (run.repeats.predictions if folds else run.test_predictions for run in runs)
    kept = ["row"] if folds is None else ["row", "fold"]
    assert first[kept].equals(start[kept])
    assert not first.equals(start)
    assert not first[kept].equals(rows[kept])


def test_an_ensemble_averages_and_survives_its_folder(tmp_path):
    run = train(seeds=3, ensemble=True, folder=tmp_path / "run")
    back = goodfit.load(run.folder)
    said = back.predict(people(), disagreement=True)
    assert said.equals(run.predict(people(), disagreement=True))
    assert said["disagreement"].min() > 0
    assert back.repeats.spreads() == run.repeats.spreads()
    assert (tmp_path / "run/seeds/history-4.csv").exists()
    assert back.evaluate(people()).rows == 120
    assert back.test_predictions.equals(run.test_predictions)
    with pytest.raises(InputError, match="is a single network"):
        train(seeds=2).predict(people(), disagreement=True)
    for start in (run, run.folder):
        with pytest.raises(InputError, match="is an ensemble of several networks"):
            train(from_weights=start)


def test_the_mean_of_the_members_is_what_an_ensemble_says():
    run = train(seeds=3, ensemble=True)
    mean = np.mean([_alone(run, member) for member in run.model.members], axis=0)
    np.testing.assert_allclose(run.predict(people())["p_yes"], mean, rtol=1e-5)
    spread = np.std([_alone(run, member) for member in run.model.members], axis=0, ddof=1)
    np.testing.assert_allclose(run.predict(people(), disagreement=True)["disagreement"], spread, rtol=1e-4)


def _alone(run, member):
    return replace(run, model=member).predict(people())["p_yes"].to_numpy()


@pytest.mark.parametrize("ensemble", [False, True])
def test_folds_predict_each_row_by_the_training_that_left_it_out(tmp_path, ensemble):
    run = train(folds=3, ensemble=ensemble, folder=tmp_path / "run")
    predictions = run.repeats.predictions
    assert predictions["row"].to_list() == list(range(120))
    assert predictions["truth"].to_list() == people()["bought"].to_list()
    assert sorted(predictions["fold"].unique()) == [1, 2, 3]
    right = (predictions["prediction"] == predictions["truth"]).mean()
    assert run.repeats.evaluation.metrics["accuracy"].value == pytest.approx(right)
    assert run.evaluation.rows == (120 if ensemble else run.table.split.test.size)
    worst = run.repeats.evaluation.worst[0]
    assert predictions.filter(pl.col("row") == worst.row)["truth"].item() == worst.actual
    back = goodfit.load(tmp_path / "run")
    assert back.repeats.predictions.equals(predictions)
    train(seeds=2, folder=tmp_path / "run", force=True)
    assert not (tmp_path / "run/folds").exists()


def test_rows_without_a_target_keep_the_numbers_of_the_others():
    frame = people().with_columns(
        bought=pl.when(pl.int_range(pl.len()) == 5).then(None).otherwise(pl.col("bought"))
    )
    run = goodfit.train(frame, target="bought", recipe=RECIPE, folds=2)
    assert run.repeats.predictions["row"].to_list() == [row for row in range(120) if row != 5]
    assert set(run.test_predictions["row"]) <= set(range(120)) - {5}


def test_numbers_are_averaged_in_their_own_units():
    x = RANDOM.normal(size=80)
    frame = pl.DataFrame({"x": x, "price": 1000 + 50 * x})
    run = goodfit.train(frame, target="price", hidden=(8,), epochs=40, learning_rate=0.03, folds=4)
    assert run.repeats.predictions.columns == ["row", "fold", "truth", "prediction"]
    assert run.repeats.evaluation.metrics["r2"].value > 0.5
    averaged = goodfit.train(frame, target="price", hidden=(8,), epochs=5, seeds=2, ensemble=True)
    said = averaged.predict(frame, disagreement=True)
    assert said.columns == ["prediction", "disagreement"]
    assert 900 < said["prediction"].mean() < 1300


@pytest.mark.parametrize("options", [{"seeds": 3}, {"folds": 3, "test_fraction": "auto"}])
def test_a_network_of_ones_own_is_repeated_and_averaged(tmp_path, options):
    run = own(**options, ensemble=True)
    said, spread = run.predict(INPUTS, disagreement=True)
    assert said.shape == spread.shape == (90, 2)
    np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
    back = goodfit.load(run.save(tmp_path / "run"), model=network())
    np.testing.assert_allclose(back.predict(INPUTS), said, rtol=1e-6)
    assert run.test_predictions.columns[-3:] == ["prediction", "p_0", "p_1"]
    assert run.test_predictions["truth"].to_list() == LABELS[run.test_predictions["row"]].tolist()


def test_a_module_of_ones_own_is_trained_in_place_and_its_seeds_begin_alike():
    torch.manual_seed(0)
    module = network()
    before = module[0].weight.detach().clone()
    run = own(model=module, seeds=2)
    assert run.model is module
    assert not torch.equal(before, module[0].weight)
    assert any("begin with the weights" in note.text() for note in run.notes)


def test_networks_whose_outputs_are_no_tensor_are_not_averaged():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(3, 2)

        def forward(self, inputs):
            return {"logits": self.line(inputs)}

    def step(model, batch):
        return nn.functional.cross_entropy(model(batch[0])["logits"], batch[1])

    with pytest.raises(InputError, match=r"returns a dict.*leave ensemble out"):
        own(model=Pair, loss="auto", step=step, seeds=2, ensemble=True).predict(INPUTS)


@pytest.mark.parametrize(
    ("seeds", "folds", "ensemble", "others", "words"),
    [
        (0, None, False, {}, "number of seeds is 0"),
        (2.5, None, False, {}, "number of seeds is 2.5"),
        (None, 1, False, {}, "number of folds is 1"),
        (2, 2, False, {}, "seeds and folds cannot go together"),
        (None, None, True, {}, "An ensemble needs several trainings"),
        (1, None, True, {}, "An ensemble needs several trainings"),
        (2, None, False, {"resume": "x"}, "seeds and resume cannot go together"),
    ],
)
def test_what_makes_no_sense_is_refused(seeds, folds, ensemble, others, words):
    with pytest.raises(InputError, match=words):
        check_repeats(seeds, folds, ensemble, others)
    assert check_repeats(1, None, False, {"resume": "x"}) is None


def test_folds_refuse_test_rows_and_loaders():
    with pytest.raises(InputError, match="cannot go with 3 folds"):
        train(folds=3, test=people())
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(INPUTS), torch.tensor(LABELS)), 16
    )
    with pytest.raises(InputError, match="loader cannot be divided into folds"):
        goodfit.train(loader, model=network, loss="cross_entropy", folds=3)

"""What every named network for tables must do, and what is special about resnet and tabm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import goodfit
from goodfit.errors import InputError
from goodfit.models.build import MODELS, build_model
from goodfit.models.initialization import initialize
from goodfit.models.resnet import ResNet
from goodfit.models.tabm import TabM, number_bins
from goodfit.recipe import Recipe
from spine_for_tests import people

TINY = {"epochs": 3, "members": 4}


@pytest.mark.parametrize("target", ["bought", "income", ["age", "income"]], ids=["classes", "number", "two"])
@pytest.mark.parametrize("model", MODELS)
def test_every_network_trains_saves_loads_and_judges(model, target, tmp_path):
    run = goodfit.train(people(), target=target, model=model, folder=tmp_path / "run", **TINY)
    back = goodfit.load(tmp_path / "run")
    frame = people(60, seed=3)
    assert back.recipe.model == run.recipe.model == model
    assert run.predict(frame).equals(back.predict(frame))
    scores = {name: score.value for name, score in run.evaluate(frame).metrics.items()}
    assert scores == pytest.approx(
        {name: score.value for name, score in back.evaluate(frame).metrics.items()}
    )
    assert np.isfinite(run.history["valid_loss"]).all()


@pytest.mark.parametrize("model", ["resnet", "tabm"])
def test_a_resumed_training_ends_where_the_whole_one_does(model, tmp_path):
    whole = goodfit.train(people(), target="bought", model=model, **{**TINY, "epochs": 4})
    goodfit.train(people(), target="bought", model=model, folder=tmp_path / "run", **{**TINY, "epochs": 2})
    resumed = goodfit.train(people(), target="bought", resume=tmp_path / "run", epochs=4)
    assert resumed.history["valid_loss"].tolist() == whole.history["valid_loss"].tolist()


@pytest.mark.parametrize("model", ["resnet", "tabm"])
def test_the_estimators_take_them(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    labels = np.where(x[:, 0] > 0, "a", "b")
    classifier = goodfit.GoodFitClassifier(model=model, **TINY).fit(x, labels)
    np.testing.assert_allclose(classifier.predict_proba(x).sum(1), 1)
    weights = rng.random(80)
    regressor = goodfit.GoodFitRegressor(model=model, **TINY).fit(x, x[:, 1], sample_weight=weights)
    assert regressor.predict(x).shape == (80,)


def tabm(**options) -> TabM:
    torch.manual_seed(0)
    return TabM([[0.0, 0.4, 1.0], []], (3, 40), (8, 8), 3, members=5, predictions="softmax", **options)


def rows(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(count, 2), torch.stack([torch.arange(count) % 3, torch.arange(count) % 40], 1).int()


def test_tabm_predicts_the_mean_of_its_members_probabilities():
    net = tabm()
    each = net.train()(*rows())
    assert each.shape == (6, 5, 3)
    together = net.eval()(*rows())
    torch.testing.assert_close(together.softmax(1), each.softmax(2).mean(1))
    torch.testing.assert_close(together.exp().sum(1), torch.ones(6))


def test_tabm_of_many_rows_is_computed_in_pieces():
    net = tabm().eval()
    whole = net(*rows(50))
    net.at_once = 7
    torch.testing.assert_close(net(*rows(50)), whole)


@pytest.mark.parametrize(("predictions", "mean"), [("sigmoid", torch.sigmoid), ("exp", torch.exp)])
def test_other_outputs_are_averaged_as_what_they_mean(predictions, mean):
    net = TabM([[]], (), (8,), 2, members=4, predictions=predictions)
    each = net.train()(torch.rand(5, 1))
    torch.testing.assert_close(mean(net.eval()(torch.rand(5, 1))).shape, torch.Size((5, 2)))
    numbers = torch.rand(5, 1)
    torch.testing.assert_close(mean(net.eval()(numbers)), mean(net.train()(numbers)).mean(1))
    assert each.shape == (5, 4, 2)


def test_the_members_differ_and_the_embeddings_start_linear():
    net = tabm()
    initialize(net, seed=3, output_bias=torch.tensor([1.0, 2.0, 3.0]))
    assert not net.embeddings.linear.weight.any()
    assert torch.equal(net.output.bias, torch.tensor([1.0, 2.0, 3.0]).expand(5, 3))
    assert net.train()(*rows()).std(1).min() > 0
    again = tabm()
    initialize(again, seed=3, output_bias=torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(again.eval()(*rows()), net.eval()(*rows()))


def test_bins_are_quantiles_of_the_training_rows():
    numbers = torch.stack([torch.arange(400.0), torch.arange(400.0) % 2], 1)
    edges, two = number_bins(numbers, bins=4)
    assert edges == [0.0, 100.0, 200.0, 299.0, 399.0]
    assert two == [0.0, 1.0]
    run = goodfit.train(people(), target="bought", model="tabm", **TINY)
    train = run.table.split.train
    ages = people()["age"].to_numpy()[train]
    assert run.network["bins"][0] == sorted(run.network["bins"][0])
    assert max(run.network["bins"][0]) > min(run.network["bins"][0])
    assert np.isfinite(ages).any()


def test_a_residual_network_without_blocks_effect_is_its_stream():
    net = ResNet(2, (), (4, 4), 1, normalization=None).eval()
    with torch.no_grad():
        for block in net.blocks:
            block[4].weight.zero_()
            block[4].bias.zero_()
    x = torch.randn(7, 2)
    torch.testing.assert_close(net(x), net.output(F.relu(net.input(x))))


@pytest.mark.parametrize("model", ["resnet", "tabm"])
def test_what_cannot_be_built_is_refused(model):
    for hidden, levels, inputs, code in (
        ((8, 4), (), 2, "model.one-width"),
        ((), (), 2, "model.no-units"),
        ((8,), (), 0, "model.no-inputs"),
    ):
        with pytest.raises(InputError) as error:
            build_model(Recipe(model=model, hidden=hidden), inputs=inputs, levels=levels, outputs=1)
        assert error.value.code == code


def test_beyond_the_training_rows_a_number_counts_as_their_last():
    net = TabM([[0.0, 0.4, 1.0], [-1.0, 1.0]], (), (8, 8), 1, members=3).eval()
    inside = torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    torch.testing.assert_close(net(torch.tensor([[50.0, 9.0], [-3.0, -70.0]])), net(inside))

from __future__ import annotations

import copy
import io
import random
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import goodfit
from goodfit.errors import InputError


def rows(count=128, seed=0, classes=2):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 6, generator=draw)
    y = (
        (x[:, 0] + x[:, 1] * x[:, 2] > 0).long()
        if classes == 2
        else torch.randint(0, classes, (count,), generator=draw)
    )
    return x, y


def network(width=32):
    return nn.Sequential(
        nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 2)
    )


def loop(
    watched, model=None, epochs=4, batch=16, learning_rate=0.01, zero_grad=True, between=None, parameters=None
):
    """Train; return the network, the Watch and what every random generator would give next."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    model = network() if model is None else model
    optimizer = torch.optim.Adam(
        model.parameters() if parameters is None else parameters(model), learning_rate
    )
    (x, y), (vx, vy) = rows(), rows(64, 1)
    watch = goodfit.watch(model, optimizer, classes=2) if watched else None
    for _ in range(epochs):
        model.train()
        for index in torch.randperm(len(x)).split(batch):
            if zero_grad:
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[index] + 0.01 * torch.rand(6)), y[index])
            loss.backward()
            optimizer.step()
            if watch:
                watch.step(loss)
        model.eval()
        with torch.no_grad():
            valid = nn.functional.cross_entropy(model(vx), vy)
        if watch:
            watch.epoch(valid_loss=valid)
        if between:
            between(model)
    return model, watch, (torch.rand(1).item(), random.random(), np.random.rand())  # noqa: NPY002


def test_watching_changes_no_bit_and_no_random_state():
    plain, _, drawn = loop(watched=False)
    seen, _, drawn_too = loop(watched=True)
    assert drawn == drawn_too
    for (name, value), other in zip(plain.state_dict().items(), seen.state_dict().values(), strict=True):
        assert torch.equal(value, other), name


def test_a_frozen_batch_normalisation_stays_frozen():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.out = nn.BatchNorm1d(6), nn.Linear(6, 2)

        def train(self, mode=True):
            super().train(mode)
            self.norm.training = False
            return self

        def forward(self, x):
            assert not self.norm.training
            return self.out(self.norm(x))

    model, _, _ = loop(watched=True, model=Frozen())
    assert torch.equal(model.norm.running_mean, torch.zeros(6))


def test_the_history_holds_what_was_told():
    _, watch, _ = loop(watched=True)
    history = watch.history
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["step"].tolist() == [8, 16, 24, 32]
    assert (history["learning_rate"] == 0.01).all()
    assert np.isfinite(history["train_loss"]).all()
    assert np.isfinite(history["valid_loss"]).all()
    assert watch.observations.train_loss_is == "running-mean"


def test_the_layers_were_looked_at_from_before_the_first_update_on():
    _, watch, _ = loop(watched=True)
    vitals = watch.observations.vitals
    assert vitals.epochs.tolist() == [0, 1, 2, 3, 4]
    assert vitals.kinds == ("Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear")
    first = vitals.layers.index("0")
    assert (vitals["gradient_norm"][:, first] > 0).all()
    assert np.isnan(vitals["update_norm"][0, first])
    assert (vitals["update_norm"][1:, first] > 0).all()
    assert (vitals["kept"][1:, first] == 0).all()
    assert all(fact.has_gradient and fact.optimized for fact in watch.observations.parameters)
    assert watch.observations.start.loss > 0


def test_gradients_that_are_never_cleared_are_found():
    _, watch, _ = loop(watched=True, zero_grad=False, epochs=6)
    assert "gradients-accumulate" in [finding.code for finding in watch.diagnose()]


def test_dead_units_are_found():
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))
    nn.init.constant_(model[0].bias, -30.0)
    _, watch, _ = loop(watched=True, model=model, epochs=6)
    codes = [code for finding in watch.diagnose() for code in (finding.code, *finding.symptoms)]
    assert "dead-units" in codes


def test_parameters_left_out_of_the_optimizer_are_found():
    _, watch, _ = loop(watched=True, epochs=6, parameters=lambda model: model[-1].parameters())
    assert "frozen-parameters" in [finding.code for finding in watch.diagnose()]


def test_a_loss_that_is_no_number_is_found():
    _, watch, _ = loop(watched=True, learning_rate=float("inf"))
    assert watch.diagnose()[0].code == "non-finite-loss"


def test_the_network_can_be_copied_and_pickled_meanwhile():
    kept = []

    def between(model):
        kept.append(copy.deepcopy(model))
        torch.save(model, file := io.BytesIO())
        file.seek(0)
        kept.append(torch.load(file, weights_only=False))

    model, watch, _ = loop(watched=True, between=between)
    steps = len(watch.history)
    for other in kept:
        other(torch.randn(4, 6)).sum().backward()
    assert len(watch.history) == steps
    assert torch.equal(kept[-1].state_dict()["0.weight"], model.state_dict()["0.weight"])


def test_closing_leaves_nothing_behind():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with goodfit.watch(model, optimizer):
        model(torch.randn(4, 6)).sum().backward()
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert all(not module._forward_pre_hooks and not module._forward_hooks for module in model.modules())
    assert all(not weight._backward_hooks for weight in model.parameters())


def test_a_loop_without_optimizer_and_parts_of_a_network():
    class Parts(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 2)

    model = Parts()
    (x, y) = rows(32)
    watch = goodfit.watch(model)
    for _ in range(3):
        loss = nn.functional.cross_entropy(model.head(torch.relu(model.body(x))), y)
        gradients = torch.autograd.grad(loss, [*model.parameters()])
        with torch.no_grad():
            for weight, gradient in zip(model.parameters(), gradients, strict=True):
                weight.sub_(0.1 * gradient)
        watch.step(loss)
        watch.epoch(valid_accuracy=0.5, accuracy=0.4)
    vitals = watch.observations.vitals
    assert vitals.layers == ("body", "head")
    assert (vitals["update_norm"][-1] > 0).all()
    assert np.isfinite(vitals["spread"][-1]).all()


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ({"val_acc": 1.0}, {"valid_accuracy"}),
        ({"accuracy": 1.0}, {"valid_accuracy"}),
        ({"train_accuracy": 1.0, "eval_f1": None}, {"train_accuracy"}),
    ],
)
def test_metrics_get_their_part(told, names):
    watch = goodfit.watch(network())
    watch.epoch(train_loss=1.0, valid_loss=1.0, **told)
    assert {name for name in watch.history if name.startswith(("train_", "valid_"))} == names | {
        "train_loss",
        "valid_loss",
    }


def test_it_can_be_diagnosed_before_anything_happened():
    watch = goodfit.watch(network())
    assert watch.diagnose() == []
    watch.epoch()
    assert watch.diagnose() == []
    assert goodfit.diagnose(watch) == []


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(InputError, match="Module"):
        goodfit.watch(lambda x: x)
    with pytest.raises(InputError, match="optimizer"):
        goodfit.watch(network(), "adam")


def test_the_report_is_written(tmp_path):
    _, watch, _ = loop(watched=True)
    assert watch.report(tmp_path / "report.html").read_text().rstrip().endswith("</html>")


def test_the_example_of_an_own_loop_finds_its_overfitting(capsys):
    example = Path(__file__).parents[1] / "examples" / "watch_own_loop.py"
    found = runpy.run_path(str(example), run_name="__main__")["findings"]
    assert found[0].code == "overfitting"
    assert "The network overfits" in capsys.readouterr().out

"""The loop against loops written by hand: the same bits, the same losses."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as sk
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import goodfit
from goodfit.data.batches import epoch_order
from goodfit.training.optimizers import make_optimizer
from goodfit.training.randomness import seed_epoch, undisturbed

ROWS, WIDTH, CLASSES = 53, 5, 3


def rows_of(seed: int, rows: int = ROWS) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, WIDTH, generator=generator)
    weights = torch.randn(WIDTH, CLASSES, generator=torch.Generator().manual_seed(99))
    return inputs, (inputs @ weights).argmax(1)


TRAIN, VALID = rows_of(0), rows_of(1, 31)


def own_loss(outputs: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(outputs, target)


def plain_net(*extra: nn.Module, outputs: int = CLASSES) -> nn.Sequential:
    with undisturbed():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(), *extra, nn.Linear(8, outputs))


def train(model: nn.Module, train_set: Any = TRAIN, valid: Any = VALID, **fields: Any) -> goodfit.Run:
    options = {"loss": "cross_entropy", "batch_size": 16, "epochs": 3, "patience": None}
    options |= {"learning_rate": 0.01, **fields}
    return goodfit.train(train_set, valid=valid, model=model, **options)


def by_hand(
    model: nn.Module,
    *,
    epochs: int = 3,
    batch_size: int = 16,
    optimizer: str = "adam",
    loss: Any = F.cross_entropy,
    clip: float | None = None,
    learning_rate: float = 0.01,
    data: tuple[Tensor, Tensor] = TRAIN,
    **options: Any,
) -> list[dict[str, Tensor]]:
    """Train as a tutorial would, and return the weights after each epoch."""
    step = make_optimizer(optimizer, model, learning_rate=learning_rate, **options)
    kept = []
    with undisturbed():
        for epoch in range(epochs):
            model.train()
            if hasattr(step, "train"):
                step.train()
            seed_epoch(0, epoch)
            order = epoch_order(len(data[1]), 0, epoch)
            # Put in order as a whole: rounding depends on where in memory a batch begins.
            parts = (data[0][order].split(batch_size), data[1][order].split(batch_size))
            for inputs, target in zip(*parts, strict=True):

                def closure(inputs: Tensor = inputs, target: Tensor = target) -> Tensor:
                    step.zero_grad()
                    value = loss(model(inputs), target)
                    value.backward()
                    if clip is not None:
                        nn.utils.clip_grad_norm_(model.parameters(), clip)
                    return value

                if optimizer == "lbfgs":
                    step.step(closure)
                else:
                    closure()
                    step.step()
            if hasattr(step, "train"):
                step.eval()
            model.eval()
            kept.append({name: value.clone() for name, value in model.state_dict().items()})
    return kept


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def at_best(run: goodfit.Run, kept: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return kept[int(run.history.best_epoch) - 1]


OPTIMIZERS = [
    "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "nadam", "radam",
    "adamax", "asgd", "rprop", "lbfgs", "muon",
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dropout", [0.0, 0.3], ids=["plain", "dropout"])
def test_the_weights_are_those_of_a_loop_written_by_hand(optimizer, dropout):
    extra = (nn.Dropout(dropout),) if dropout else ()
    ours, theirs = plain_net(*extra), plain_net(*extra)
    run = train(ours, optimizer=optimizer)
    kept = by_hand(theirs, optimizer=optimizer)
    assert same(ours.state_dict(), at_best(run, kept))
    assert run.model is ours


@pytest.mark.parametrize("optimizer", ["schedulefreeadamw", "yogi", "lion", "adahessian", "sam"])
def test_the_quirks_of_other_optimizers_are_honoured(optimizer):
    pytest.importorskip("pytorch_optimizer")
    ours, theirs = plain_net(), plain_net()
    run = train(ours, optimizer=optimizer)
    assert run.history["train_loss"][-1] < run.history["train_loss"][0]
    if optimizer in ("schedulefreeadamw", "yogi", "lion"):
        assert same(ours.state_dict(), at_best(run, by_hand(theirs, optimizer=optimizer)))


@pytest.mark.parametrize("size", [1, 7, 53, None], ids=str)
def test_any_batch_size(size):
    ours, theirs = plain_net(), plain_net()
    run = train(ours, batch_size=size, optimizer="sgd")
    kept = by_hand(theirs, batch_size=size or ROWS, optimizer="sgd")
    assert same(ours.state_dict(), at_best(run, kept))


def test_losses_of_other_kinds_by_hand():
    target = TRAIN[0][:, :1] * 2 + 1
    for name, function, truth in (
        ("mse", F.mse_loss, target),
        ("huber", F.huber_loss, target),
        ("bce", F.binary_cross_entropy_with_logits, (target > 1).float()),
    ):
        ours, theirs = plain_net(outputs=1), plain_net(outputs=1)
        run = train(ours, (TRAIN[0], truth), (VALID[0], VALID[0][:, :1].abs().clamp(0, 1)), loss=name)
        assert same(ours.state_dict(), at_best(run, by_hand(theirs, loss=function, data=(TRAIN[0], truth))))


def test_clipping_and_weight_decay_by_hand():
    ours, theirs = plain_net(), plain_net()
    run = train(ours, gradient_clip=0.05, optimizer="adamw", weight_decay=0.1)
    kept = by_hand(theirs, clip=0.05, optimizer="adamw", weight_decay=0.1)
    assert same(ours.state_dict(), at_best(run, kept))
    free = plain_net()
    train(free, optimizer="adamw", weight_decay=0.1)
    assert not same(free.state_dict(), ours.state_dict())


def test_clipping_by_value():
    ours = plain_net()
    before = [weight.detach().clone() for weight in ours.parameters()]
    train(ours, optimizer="sgd", learning_rate=1.0, batch_size=None, epochs=1, gradient_clip_value=1e-3)
    moved = [
        float((weight.detach() - old).abs().max())
        for weight, old in zip(ours.parameters(), before, strict=True)
    ]
    assert max(moved) <= 1e-3 * 1.001


@pytest.mark.parametrize("model", ["known layers", "any module"])
def test_hooks_and_subclasses_are_called_as_modules(model):
    class Own(nn.Linear):
        calls = 0

        def forward(self, inputs: Tensor) -> Tensor:
            type(self).calls += 1
            return super().forward(inputs) * 2

    seen = []
    if model == "known layers":
        ours, theirs = plain_net(), plain_net()
        ours[0].register_forward_hook(lambda *_: seen.append(1))
    else:
        ours = nn.Sequential(Own(WIDTH, CLASSES))
        theirs = copy.deepcopy(ours)
    run = train(ours)
    assert seen or Own.calls
    assert same(ours.state_dict(), at_best(run, by_hand(theirs)))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "class weights"])
@pytest.mark.parametrize("accumulate", [2, 3, 10])
def test_accumulation_is_the_large_batch(accumulate, weighted):
    weights = {"class_weight": {0: 1.0, 1: 5.0, 2: 0.5}} if weighted else {}
    few, large = plain_net(), plain_net()
    one = train(few, batch_size=8, accumulate=accumulate, optimizer="sgd", **weights)
    other = train(large, batch_size=8 * accumulate, optimizer="sgd", **weights)
    for ours, theirs in zip(few.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)
    for name in ("train_loss", "running_loss", "valid_loss"):
        np.testing.assert_allclose(one.history[name], other.history[name], rtol=1e-6)
    assert one.history["step"].tolist() == other.history["step"].tolist()


def test_accumulation_with_batchnorm_is_said_not_to_be_the_same():
    run = train(plain_net(nn.BatchNorm1d(8)), accumulate=2)
    assert any("BatchNorm" in note.text() for note in run.notes)
    assert not train(plain_net(), accumulate=2).notes


@pytest.mark.parametrize(
    ("fields", "function"),
    [
        ({"loss": "cross_entropy"}, F.cross_entropy),
        (
            {"class_weight": {0: 1.0, 1: 5.0, 2: 0.5}},
            lambda o, t: F.cross_entropy(o, t, weight=torch.tensor([1.0, 5.0, 0.5])),
        ),
        ({"loss": nn.CrossEntropyLoss(reduction="sum")}, F.cross_entropy),
        ({"loss": own_loss}, F.cross_entropy),
        ({"loss": lambda o, t: F.cross_entropy(o, t, reduction="none")}, F.cross_entropy),
        (
            {"loss_options": {"ignore_index": 1}},
            lambda o, t: F.cross_entropy(o, t, ignore_index=1),
        ),
        (
            {"loss_options": {"label_smoothing": 0.2}},
            lambda o, t: F.cross_entropy(o, t, label_smoothing=0.2),
        ),
    ],
    ids=["plain", "class weights", "summed", "function", "per row", "ignored", "smoothed"],
)
def test_losses_in_the_history_are_of_the_whole_set_whatever_the_batches(fields, function):
    model = plain_net()
    run = train(model, batch_size=16, epochs=1, learning_rate=1e-9, **fields)
    with torch.no_grad():
        exact = {name: float(function(model(x), y)) for name, (x, y) in (("train", TRAIN), ("valid", VALID))}
    row = run.history
    assert row["train_loss"][0] == pytest.approx(exact["train"], rel=1e-5)
    assert row["valid_loss"][0] == pytest.approx(exact["valid"], rel=1e-5)
    assert row["running_loss"][0] == pytest.approx(exact["train"], rel=1e-4)


def test_a_summed_loss_is_what_is_differentiated():
    ours, theirs = plain_net(), plain_net()
    fields = {"optimizer": "sgd", "learning_rate": 1e-3}
    run = train(ours, loss=nn.CrossEntropyLoss(reduction="sum"), **fields)
    kept = by_hand(theirs, loss=nn.CrossEntropyLoss(reduction="sum"), **fields)
    assert same(ours.state_dict(), at_best(run, kept))
    accumulated = plain_net()
    train(accumulated, loss=nn.CrossEntropyLoss(reduction="sum"), accumulate=2, batch_size=8, **fields)
    for one, other in zip(accumulated.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_metrics_are_exact_over_the_whole_set():
    names = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss")
    model = plain_net()
    run = train(model, metrics=names, batch_size=4, epochs=1)
    with torch.no_grad():
        shares = model(VALID[0]).softmax(1).double().numpy()
    truth, said = VALID[1].numpy(), shares.argmax(1)
    shares /= shares.sum(1, keepdims=True)
    expected = {
        "accuracy": sk.accuracy_score(truth, said),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, said),
        "f1": sk.f1_score(truth, said, average="macro"),
        "roc_auc": sk.roc_auc_score(truth, shares, multi_class="ovr"),
        "log_loss": sk.log_loss(truth, shares),
    }
    for name, value in expected.items():
        assert run.history[f"valid_{name}"][0] == pytest.approx(value, rel=1e-6), name


def test_metrics_of_one_s_own_and_of_numbers():
    def within_one(truth: np.ndarray, said: np.ndarray) -> float:
        return float((np.abs(truth - said) < 1).mean())

    model = plain_net(outputs=1)
    data = (TRAIN[0], TRAIN[0][:, :1] * 3)
    run = train(model, data, data, loss="mse", metrics=["rmse", "mae", "r2", within_one], epochs=1)
    with torch.no_grad():
        said = model(data[0]).numpy()
    truth = data[1].numpy()
    error = math.sqrt(sk.mean_squared_error(truth, said))
    assert run.history["valid_rmse"][0] == pytest.approx(error, rel=1e-6)
    assert run.history["valid_mae"][0] == pytest.approx(sk.mean_absolute_error(truth, said), rel=1e-6)
    assert run.history["valid_r2"][0] == pytest.approx(sk.r2_score(truth, said), rel=1e-5)
    assert run.history["valid_within_one"][0] == within_one(truth, said)
    assert run.recipe.metrics == ("rmse", "mae", "r2", "within_one")


def test_modes_are_set_where_they_must_be():
    seen: list[tuple[bool, bool]] = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(WIDTH, CLASSES)

        def forward(self, inputs: Tensor) -> Tensor:
            seen.append((self.training, torch.is_grad_enabled()))
            return self.inner(inputs)

    run = train(Spy().eval(), batch_size=16, epochs=2, diagnose=False, vitals=False)
    assert (True, True) in seen
    assert (False, False) in seen
    assert (True, False) not in seen
    assert (False, True) not in seen
    assert sum(training for training, _ in seen) == 2 * 4
    assert not run.model.training


@pytest.mark.parametrize("rows", [33, 49])
def test_batchnorm_and_a_last_batch_of_one_row(rows):
    data = TRAIN[0][:rows], TRAIN[1][:rows]
    run = train(plain_net(nn.BatchNorm1d(8)), data, epochs=2)
    assert run.history["step"].tolist() == [rows // 16, 2 * (rows // 16)]
    loader = DataLoader(TensorDataset(*data), batch_size=16)
    assert (
        train(plain_net(nn.BatchNorm1d(8)), loader, batch_size=16, epochs=1).history["step"][0] == rows // 16
    )
    # Where a row has many values BatchNorm can train on it, and nothing is left out.
    images = nn.Sequential(
        nn.Unflatten(1, (1, WIDTH)),
        nn.Conv1d(1, 2, 3),
        nn.BatchNorm1d(2),
        nn.Flatten(),
        nn.Linear(6, CLASSES),
    )
    assert train(images, data, epochs=1).history["step"][0] == rows // 16 + 1


def test_batchnorm_on_single_rows_is_refused():
    with pytest.raises(goodfit.InputError, match="single row"):
        train(plain_net(nn.BatchNorm1d(8)), batch_size=1)
    loader = DataLoader(TensorDataset(*TRAIN), batch_size=1)
    with pytest.raises(goodfit.InputError, match="single row"):
        train(plain_net(nn.BatchNorm1d(8)), loader, batch_size="auto")


def test_trying_and_measuring_leave_batchnorm_s_statistics_alone():
    ours, theirs = plain_net(nn.BatchNorm1d(8)), plain_net(nn.BatchNorm1d(8))
    run = train(ours, data48 := (TRAIN[0][:48], TRAIN[1][:48]))
    assert same(ours.state_dict(), at_best(run, by_hand(theirs, data=data48)))


def test_ema_is_what_is_measured_and_kept():
    model = plain_net()
    run = train(model, ema=0.9, epochs=2, optimizer="sgd", learning_rate=0.1)
    plain = by_hand_steps(plain_net(), 0.1, 2)
    average = {name: value.clone() for name, value in plain_net().state_dict().items()}
    for number, weights in enumerate(plain):
        decay = min(0.9, (1 + number) / (10 + number))
        for name, value in weights.items():
            average[name].lerp_(value, 1 - decay)
    assert run.history.best_epoch == 2
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, average[name])


def by_hand_steps(model: nn.Module, rate: float, epochs: int) -> list[dict[str, Tensor]]:
    """Return the weights after each update of SGD."""
    step = torch.optim.SGD(model.parameters(), lr=rate)
    kept = []
    for epoch in range(epochs):
        for index in epoch_order(ROWS, 0, epoch).split(16):
            step.zero_grad()
            F.cross_entropy(model(TRAIN[0][index]), TRAIN[1][index]).backward()
            step.step()
            kept.append({name: value.clone() for name, value in model.state_dict().items()})
    return kept


def test_swa_is_the_mean_of_the_last_epochs_with_new_batchnorm_statistics():
    model, theirs = plain_net(nn.BatchNorm1d(8)), plain_net(nn.BatchNorm1d(8))
    data = TRAIN[0][:48], TRAIN[1][:48]
    run = train(model, data, data, swa=0.5, epochs=4, batch_size=48, optimizer="sgd", monitor="running_loss")
    kept = by_hand(theirs, epochs=4, batch_size=48, optimizer="sgd", data=data)
    assert run.history.best_epoch == 4
    mean = (kept[2]["0.weight"] + kept[3]["0.weight"]) / 2
    torch.testing.assert_close(model[0].weight, mean)
    inside = model[1](model[0](data[0]))
    torch.testing.assert_close(model[2].running_mean, inside.mean(0))
    torch.testing.assert_close(model[2].running_var, inside.var(0))
    assert model[2].momentum == 0.1


def test_l1_makes_small_weights_smaller():
    sums = []
    for l1 in (0.0, 0.1):
        model = plain_net()
        train(model, l1=l1, epochs=10)
        sums.append(float(model[0].weight.detach().abs().sum()))
    assert sums[1] < 0.8 * sums[0]


def test_mixup_and_label_noise_follow_seed_and_position():
    for fields in ({"mixup": 0.4}, {"label_noise": 0.3}):
        first, second, other, plain = plain_net(), plain_net(), plain_net(), plain_net()
        train(first, **fields)
        train(second, **fields)
        train(other, seed=1, **fields)
        train(plain)
        assert same(first.state_dict(), second.state_dict())
        assert not same(first.state_dict(), other.state_dict())
        assert not same(first.state_dict(), plain.state_dict())


def test_bfloat16_trains_and_measures_in_float32():
    model = plain_net()
    run = train(model, precision="bfloat16", epochs=15, learning_rate=0.05)
    assert run.history["valid_accuracy"].max() > 0.8
    assert all(weight.dtype == torch.float32 for weight in model.parameters())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        exact = F.cross_entropy(model(VALID[0]).float(), VALID[1])
    assert run.history["valid_loss"][run.history.best_row] == pytest.approx(float(exact), rel=1e-5)


def test_the_rate_in_the_history_is_the_one_used():
    run = train(plain_net(), schedule="exponential", schedule_options={"gamma": 0.5}, learning_rate=0.08)
    assert run.history["learning_rate"].tolist() == pytest.approx([0.08, 0.04, 0.02])
    warm = train(plain_net(), warmup=1.0, learning_rate=0.08)
    assert warm.history["learning_rate"].tolist() == pytest.approx([0.08, 0.08, 0.08])
    falling = train(plain_net(), schedule=lambda progress: 1 - progress, epochs=4, learning_rate=1.0)
    assert falling.history["learning_rate"].tolist() == pytest.approx(
        [1 - 3 / 16, 1 - 7 / 16, 1 - 11 / 16, 1 / 16]
    )
    assert falling.recipe.schedule == "function <lambda>"


def test_plateau_lowers_the_rate_when_the_monitored_value_stands_still():
    run = train(
        plain_net(),
        schedule="reduce_on_plateau",
        schedule_options={"patience": 1, "factor": 0.1},
        learning_rate=1e-12,
        epochs=6,
    )
    assert run.history["learning_rate"].tolist() == pytest.approx(
        [1e-12] * 3 + [1e-13] * 2 + [1e-14], rel=1e-6
    )


def test_labels_with_more_dimensions():
    """Outputs (N, C, T) with labels (N, T), as of sequences, some of them to be left out."""

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv1d(1, CLASSES, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.inner(inputs[:, None])

    inputs = TRAIN[0]
    labels = torch.bucketize(inputs, torch.tensor([-0.5, 0.5]))
    labels[::7, 2] = -1
    model = Tagger()
    run = train(
        model,
        (inputs, labels),
        (inputs, labels),
        loss_options={"ignore_index": -1},
        epochs=1,
        test=(inputs, labels),
    )
    with torch.no_grad():
        said = model(inputs).argmax(1)
        exact = F.cross_entropy(model(inputs), labels, ignore_index=-1)
    kept = labels != -1
    assert run.history["valid_accuracy"][0] == pytest.approx(float((said == labels)[kept].float().mean()))
    assert run.history["valid_loss"][0] == pytest.approx(float(exact), rel=1e-5)
    assert run.evaluation.rows == int(kept.sum())

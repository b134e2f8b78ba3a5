"""Each member of a population comes out as the same recipe does alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.contract import SCHEDULE_CASES
from torch import Tensor, nn

import goodfit
from goodfit.errors import InputError
from goodfit.models.mlp import MLP
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.training.attention import Attention
from goodfit.training.population.chain_plans import chain_plan
from goodfit.workflow import group_training, members
from goodfit.workflow.members import group_members, make_members, train_group
from goodfit.workflow.population import divider, train_population
from goodfit.workflow.tables import TableOptions

EPOCHS = 50
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(120, 4)).astype(np.float32)
LABELS = (INPUTS[:, 0] * INPUTS[:, 1] + 0.3 * INPUTS[:, 2] > 0).astype(np.int64) + (INPUTS[:, 3] > 1)
VALUES = (INPUTS @ np.array([[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4], [0.1, 0.2]]) + 0.5).astype(np.float32)
TARGETS: dict[str, Any] = {
    "cross_entropy": LABELS,
    "nll": LABELS,
    "bce": (LABELS[:, None] > 0).astype(np.float32),
    "poisson": np.floor(np.abs(VALUES[:, :1]) * 3),
}
BASE = Recipe(epochs=EPOCHS, patience=None, batch_size=32, learning_rate=0.01, test_fraction=0.0)


def build_for(loss: str, units: int) -> Any:
    def build() -> nn.Module:
        last = [nn.LogSoftmax(1)] if loss == "nll" else []
        return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, units), *last)

    return build


def alone(recipe: Recipe, data: Any, **given: Any) -> Run:
    return goodfit.train(data, recipe=recipe, vitals=False, diagnose=False, **given)


def assert_same(together: Run, lone: Run, tolerance: float = 1e-4) -> None:
    """The curves agree, and so do the epoch that is kept, its weights, and what ended the training."""
    assert list(together.history) == list(lone.history)
    assert together.history.ended_by == lone.history.ended_by
    assert len(together.history) == len(lone.history)
    for name in lone.history:
        if name == "seconds":
            continue
        ours, theirs = together.history[name], lone.history[name]
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), name
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=1e-6, err_msg=name)
    best = [run.history.best_row for run in (together, lone)]
    if best[0] != best[1]:  # where the rate has fallen to nothing, rounding decides which epoch is the best
        values = lone.history[lone.history.monitor][[row for row in best if row is not None]]
        assert np.ptp(values) <= 1e-6 * abs(values[0])
    assert together.recipe == lone.recipe
    for name, value in lone.model.state_dict().items():
        torch.testing.assert_close(together.model.state_dict()[name], value, rtol=2e-3, atol=2e-4)


def check(
    recipes: Sequence[Recipe], data: Any, groups: int = 1, *, tolerance: float = 1e-4, **given: Any
) -> list[Run]:
    made: list[int] = []
    make = members.make_population

    def counting(jobs: Any, states: Any) -> Any:
        made.append(len(jobs))
        return make(jobs, states)

    members.make_population = counting  # type: ignore[assignment]
    try:
        runs = train_population(recipes, data, diagnose=False, **given)
    finally:
        members.make_population = make
    assert len(made) == groups
    for run, recipe in zip(runs, recipes, strict=True):
        assert_same(run, alone(recipe, data, **given), tolerance)
    return runs


# The contract: every optimizer, schedule and loss

OPTIMIZERS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("sgd", 0.1, {}),
    ("momentum", 0.05, {"momentum": 0.7}),
    ("nesterov", 0.05, {"momentum": 0.7}),
    ("adagrad", 0.05, {"optimizer_options": {"lr_decay": 0.01}}),
    ("rmsprop", 0.003, {"optimizer_options": {"alpha": 0.9}}),
    ("adadelta", 1.0, {"optimizer_options": {"rho": 0.8}}),
    ("adam", 0.01, {"optimizer_options": {"betas": [0.8, 0.9]}}),
    ("adamw", 0.01, {"weight_decay": 0.1}),
    ("adamax", 0.01, {"optimizer_options": {"betas": [0.8, 0.9]}}),
    ("nadam", 0.01, {"optimizer_options": {"momentum_decay": 0.01}}),
    ("radam", 0.01, {"optimizer_options": {"betas": [0.8, 0.9]}}),
    ("asgd", 0.05, {"optimizer_options": {"lambd": 0.01}}),
    ("yogi", 0.01, {"optimizer_options": {"betas": [0.8, 0.9]}}),
)


@pytest.mark.parametrize(("name", "rate", "other"), OPTIMIZERS, ids=[case[0] for case in OPTIMIZERS])
def test_every_optimizer(name: str, rate: float, other: dict[str, Any]) -> None:
    first = BASE.replace(optimizer=name, learning_rate=rate, hidden=(8,), activation="tanh")
    decay = {} if name == "asgd" else {"weight_decay": 0.01}
    recipes = [first, first.replace(**other, seed=1), first.replace(learning_rate=rate / 3, **decay)]
    check(recipes, (INPUTS, LABELS), task="multiclass")


@pytest.mark.parametrize("case", SCHEDULE_CASES, ids=[f"{c.name}{i}" for i, c in enumerate(SCHEDULE_CASES)])
def test_every_schedule(case: Any) -> None:
    first = BASE.replace(schedule=case.name, schedule_options={**case.options, "per": case.per}, hidden=(5,))
    check([first, first.replace(warmup=2.5), first.replace(schedule="constant", schedule_options={})],
          (INPUTS, LABELS), task="multiclass")  # fmt: skip


def test_the_schedule_that_waits_for_a_plateau() -> None:
    options = {"patience": 2, "threshold": 0.01, "min_factor": 0.2}  # or ties decide the best epoch
    first = BASE.replace(schedule="reduce_on_plateau", schedule_options=options, hidden=(5,))
    runs = check([first, first.replace(learning_rate=0.05)], (INPUTS, LABELS), task="multiclass")
    assert len({run.history["learning_rate"][-1] for run in runs}) == 2


LOSSES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("mse", {}, {}),
    ("mae", {}, {}),
    ("huber", {"loss_options": {"delta": 0.5}}, {}),
    ("bce", {"loss_options": {"label_smoothing": 0.2}}, {}),
    ("bce", {"loss_options": {"pos_weight": 2.0}}, {"loss_options": {"pos_weight": 3.0}}),
    ("cross_entropy", {"loss_options": {"label_smoothing": 0.1}}, {}),
    ("cross_entropy", {"class_weight": {"0": 1.0, "1": 2.0, "2": 3.0}}, {"class_weight": "balanced"}),
    ("cross_entropy", {"loss_options": {"ignore_index": 1}}, {"loss_options": {"ignore_index": 1}}),
    ("nll", {}, {}),
    ("poisson", {"loss_options": {"full": True}}, {"loss_options": {"full": True}}),
)


@pytest.mark.parametrize(("loss", "one", "other"), LOSSES, ids=[f"{c[0]}{i}" for i, c in enumerate(LOSSES)])
def test_every_loss(loss: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    first = BASE.replace(loss=loss, optimizer="momentum", learning_rate=0.02)
    target = TARGETS.get(loss, VALUES)
    units = 3 if target is LABELS else target.shape[1]
    recipes = [
        first.replace(**one),
        first.replace(**other, learning_rate=0.01),
        first.replace(**other, seed=3),
    ]
    check(recipes, (INPUTS, target), model=build_for(loss, units))


# What else members may differ in


def frame(rows: int = 150) -> Any:
    import polars as pl

    rng = np.random.default_rng(1)
    size, kind = rng.normal(size=rows), rng.choice(["a", "b", "c"], size=rows)
    many = rng.choice([f"level {number}" for number in range(30)], size=rows)
    price = np.exp(size + (kind == "a") + 0.1 * rng.normal(size=rows))
    return pl.DataFrame({"size": size, "kind": kind, "many": many, "price": price})


def test_a_table_whose_divisions_differ() -> None:
    metrics = ("rmse", "mae", "r2", "median_absolute_error")
    first = BASE.replace(hidden=(8, 4), epochs=15, metrics=metrics, test_fraction="auto", l1=1e-4)
    recipes = [first.replace(seed=seed) for seed in range(3)]
    recipes += [
        first.replace(learning_rate=0.03, gradient_clip=0.1, l1=0.0),
        first.replace(gradient_clip_value=0.01),
    ]
    runs = train_population(recipes, frame(), target="price")
    for run, recipe in zip(runs, recipes, strict=True):
        lone = goodfit.train(frame(), target="price", recipe=recipe)
        assert_same(run, lone)
        assert run.evaluation is not None
        assert lone.evaluation is not None
        for name, score in lone.evaluation.metrics.items():
            assert run.evaluation.metrics[name].value == pytest.approx(score.value, rel=1e-3)
        assert [finding.code for finding in run.findings] == [finding.code for finding in lone.findings]
        assert run.predict(frame(5))["prediction"].to_list() == pytest.approx(
            lone.predict(frame(5))["prediction"].to_list(), rel=1e-2
        )


def test_columns_are_prepared_as_each_recipe_says() -> None:
    first = BASE.replace(hidden=(6,), epochs=5)
    runs = check([first, first.replace(scale={"size": "unit"})], frame(), target="price")
    losses = [run.history["train_loss"][0] for run in runs]
    assert losses[0] != losses[1]


def test_metrics_of_classes_normalisation_and_averages() -> None:
    metrics = ("accuracy", "f1", "balanced_accuracy", "roc_auc", "log_loss")
    first = BASE.replace(hidden=(6,), epochs=20, metrics=metrics, optimizer="momentum")
    for changes in ({"normalization": "layer"}, {"normalization": "batch"}):
        check(
            [first.replace(**changes), first.replace(**changes, learning_rate=0.003)],
            (INPUTS, LABELS),
            task="multiclass",
        )
    averaged = first.replace(ema=0.9, monitor="valid_accuracy")
    check([averaged, averaged.replace(ema=0.5, seed=2)], (INPUTS, LABELS), task="multiclass")
    batch = averaged.replace(normalization="batch")
    check([batch, batch.replace(ema=0.5)], (INPUTS, LABELS), task="multiclass")
    swa = first.replace(swa=0.5)
    check([swa, swa.replace(swa=0.2), swa.replace(epochs=10)], (INPUTS, LABELS > 0), task="binary")


def test_each_member_ends_by_itself() -> None:
    first = BASE.replace(hidden=(8,), epochs=40, optimizer="momentum", learning_rate=0.02)
    recipes = [
        first,
        first.replace(patience=2, learning_rate=0.5),
        first.replace(patience=3, min_improvement=0.05),
        first.replace(stop_at=0.7, monitor="valid_accuracy"),
        first.replace(epochs=7),
        first.replace(learning_rate=1e9, activation="relu"),
        first.replace(optimizer="momentum", epochs=25, seed=4),
    ]
    runs = check(recipes, (INPUTS, LABELS), task="multiclass", tolerance=1e-3)
    assert {run.history.ended_by for run in runs} == {"epochs", "patience", "stop-at", "non-finite-loss"}


def test_a_member_that_diverges_does_not_touch_the_bits_of_the_others() -> None:
    quiet = [BASE.replace(hidden=(7,), activation="tanh", seed=seed) for seed in range(4)]
    wild = [*quiet[:2], quiet[2].replace(learning_rate=1e12), *quiet[3:]]
    for ends in ({}, {"epochs": 30}):
        pairs = zip(
            train_population(quiet, (INPUTS, LABELS), task="multiclass"),
            train_population([wild[0].replace(**ends), *wild[1:]], (INPUTS, LABELS), task="multiclass"),
            strict=True,
        )
        for place, (one, other) in enumerate(pairs):
            if place in (1, 3):
                assert np.array_equal(one.history["train_loss"], other.history["train_loss"])
                for name, value in one.model.state_dict().items():
                    assert torch.equal(value, other.model.state_dict()[name])


@pytest.mark.parametrize("members", [1, 4])
def test_a_member_can_be_dropped_while_it_trains(members: int) -> None:
    recipes = [BASE.replace(hidden=(7,), activation="tanh", seed=seed) for seed in range(members)]
    parts_for = divider((INPUTS, LABELS), None, None, None, None, TableOptions("multiclass"))
    made = make_members(recipes, parts_for, None, vitals=False)
    told: dict[int, list[int]] = {}

    def drop(epoch: int, values: Mapping[int, float]) -> set[int]:
        assert all(math.isfinite(value) for value in values.values())
        told[epoch] = sorted(values)
        return {0} if epoch == 5 else set()

    (group,) = group_members(made)
    train_group(group, Attention(), drop)
    assert told[5] == list(range(members))
    assert made[0].ended == "dropped"
    assert len(made[0].state.rows) == 5
    assert made[0].state.best_weights is not None
    whole = train_population(recipes, (INPUTS, LABELS), task="multiclass", diagnose=False)
    for member, run in zip(made, whole, strict=True):
        ours = [row["valid_loss"] for row in member.state.rows]
        np.testing.assert_allclose(ours, run.history["valid_loss"][: len(ours)], rtol=1e-4)
        assert member.ended == ("dropped" if member.place == 0 else run.history.ended_by)


def test_recipes_that_cannot_train_can_be_told_apart() -> None:
    recipes = [BASE.replace(hidden=(4,)), BASE.replace(monitor="valid_nothing")]
    parts_for = divider((INPUTS, LABELS), None, None, None, None, TableOptions("multiclass"))
    refused: dict[int, InputError] = {}
    made = make_members(recipes, parts_for, None, refused=refused)
    assert [member.place for member in made] == [0]
    assert "valid_nothing" in str(refused[1])
    with pytest.raises(InputError, match="valid_nothing"):
        make_members(recipes, parts_for, None)


def test_dropout_differs_between_members_and_agrees_in_distribution() -> None:
    shares = (0.0, 0.2, 0.5)
    first = BASE.replace(hidden=(64,), epochs=10)
    recipes = [first.replace(dropout=share, seed=seed) for share in shares for seed in range(8)]
    runs = train_population(recipes, (INPUTS, LABELS), task="multiclass")
    for place, share in enumerate(shares):
        together = [run.history["running_loss"][-1] for run in runs[8 * place : 8 * place + 8]]
        lone = [
            alone(first.replace(dropout=share, seed=seed), (INPUTS, LABELS), task="multiclass").history[
                "running_loss"
            ][-1]
            for seed in range(8)
        ]
        assert np.mean(together) == pytest.approx(np.mean(lone), abs=3 * np.std(lone) / math.sqrt(8) + 1e-3)


# Networks of one's own, and what cannot be together


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs if float(inputs.detach().sum()) > 0 else -inputs)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.output = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        value = torch.tanh(self.first(inputs))
        return self.output(value + torch.tanh(self.second(value)))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.output = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.second.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        return self.output(torch.tanh(self.second(torch.tanh(self.first(inputs)))))


def twice() -> nn.Module:
    act = nn.Tanh()
    return nn.Sequential(nn.Linear(4, 5), act, nn.Linear(5, 5), act, nn.Linear(5, 3))


@pytest.mark.parametrize("build", [Tied, twice])
def test_what_stands_twice_in_a_network(build: Any) -> None:
    recipes = [BASE.replace(seed=seed, epochs=15) for seed in range(2)]
    for run in check(recipes, (INPUTS, LABELS), model=build):
        with torch.no_grad():
            found = run.loss(run.model(torch.from_numpy(INPUTS)), torch.from_numpy(LABELS))
        assert float(found) == pytest.approx(float(run.history["train_loss"].min()), rel=0.2)


class Scaled(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 3), scale

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs) * (self.scale if self.training else 1.0)


def test_networks_that_differ_in_what_is_no_weight_train_apart() -> None:
    scales = iter((1.0, 1.0, 2.0, 1.0, 1.0, 2.0))
    recipes = [BASE.replace(seed=seed, epochs=5) for seed in range(3)]
    check(recipes, (INPUTS, LABELS), groups=0, model=lambda: Scaled(next(scales)))


def test_networks_of_ones_own() -> None:
    recipes = [BASE.replace(seed=seed, epochs=15) for seed in range(3)]
    check(recipes, (INPUTS, LABELS), model=Residual)
    check(recipes[:2], (INPUTS, LABELS), groups=0, model=Branching)  # they cannot be stacked
    network = Residual()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    runs = train_population(recipes, (INPUTS, LABELS), model=network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert len({id(run.model) for run in runs} | {id(network)}) == 4


# Networks of other widths: the narrow ones have zeros where the widest has weights


@pytest.mark.parametrize(("name", "rate", "other"), OPTIMIZERS, ids=[case[0] for case in OPTIMIZERS])
def test_other_widths_with_every_optimizer(name: str, rate: float, other: dict[str, Any]) -> None:
    first = BASE.replace(optimizer=name, learning_rate=rate, activation="tanh", epochs=20)
    recipes = [
        first.replace(hidden=(8, 3)),
        first.replace(**other, hidden=(2, 5)),
        first.replace(hidden=(5, 7)),
    ]
    check(recipes, (INPUTS, LABELS), task="multiclass")


@pytest.mark.parametrize("case", OPTIMIZERS, ids=[case[0] for case in OPTIMIZERS])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_a_narrow_network_does_not_have_stays_0(case: Any, ema: float | None) -> None:
    name, rate, other = case
    first = BASE.replace(optimizer=name, learning_rate=rate, **other, epochs=60, ema=ema)
    shapes = ((8, 8), (2, 3), (3, 2), (4, 5))
    recipes = [first.replace(hidden=shape, epochs=4 if shape[0] == 8 else 60) for shape in shapes]
    parts_for = divider((INPUTS, LABELS), None, None, None, None, TableOptions("multiclass"))
    (group,) = group_members(make_members(recipes, parts_for, None, vitals=False))
    population = members.make_population([one.job for one in group], [one.state for one in group])
    members.train_members(population, Attention())
    network = population.network
    assert len(population.active) == 3
    assert network.plans == chain_plan(MLP(4, (), (4, 5), 3))  # the widest has left
    absent = network.absent()
    assert absent is not None
    assert float(network.weights[absent].abs().max()) == 0.0
    assert float(population.best[""][absent].abs().max()) == 0.0


WIDTHS: tuple[dict[str, Any], ...] = (
    {"activation": "sigmoid"},
    {"activation": "silu", "normalization": "batch", "optimizer": "momentum"},
    {"activation": "sigmoid", "normalization": "layer"},
    {"activation": "elu", "l1": 1e-3, "gradient_clip": 0.1, "weight_decay": 0.1},
    {"activation": "leaky_relu", "ema": 0.9, "gradient_clip_value": 0.01},
    {"activation": "gelu", "swa": 0.5},
)


@pytest.mark.parametrize("settings", WIDTHS, ids=[str(sorted(settings)) for settings in WIDTHS])
def test_other_widths_with_all_that_looks_at_units_or_weights(settings: dict[str, Any]) -> None:
    first = BASE.replace(**settings, epochs=15, learning_rate=0.003)
    shapes = ((9, 4), (3, 6), (2, 3), (5, 4))
    recipes = [first.replace(hidden=shape, seed=seed) for seed, shape in enumerate(shapes)]
    recipes[1] = recipes[1].replace(epochs=6)  # the batch shrinks
    recipes[3] = recipes[3].replace(epochs=6)
    runs = check(recipes, (INPUTS, LABELS), task="multiclass")
    for run, shape in zip(runs, shapes, strict=True):
        assert run.model.hidden1.weight.shape == (shape[0], 4)


@pytest.mark.parametrize("columns", [["kind"], ["many", "more", "most"]], ids=["one-hot", "looked-up"])
def test_other_widths_over_categories(columns: list[str]) -> None:
    rows = frame()
    rows = rows.with_columns(rows["many"].reverse().alias("more"), rows["many"].shuffle(0).alias("most"))
    rows = rows.select("size", *columns, "price")
    first = BASE.replace(epochs=10)
    recipes = [first.replace(hidden=(width,)) for width in (8, 3, 5)]
    runs = check(recipes, rows, target="price")
    assert len(runs[0].model.hidden1.table) > 64 or columns == ["kind"]


def test_vitals_and_ends_of_members_of_other_widths() -> None:
    first = BASE.replace(epochs=9, optimizer="momentum", activation="relu")
    recipes = [
        first.replace(hidden=(6, 4)),
        first.replace(hidden=(3, 8), epochs=4),
        first.replace(hidden=(5, 5), learning_rate=1e9),
        first.replace(hidden=(80, 3)),
    ]
    runs = train_population(recipes, (INPUTS, LABELS), task="multiclass")
    assert runs[2].history.ended_by == "non-finite-loss"
    for number in (0, 1, 3):
        lone = goodfit.train((INPUTS, LABELS), recipe=recipes[number], task="multiclass")
        assert_same(runs[number], lone)
        assert_same_vitals(runs[number], lone)


def test_widths_whose_zeros_cost_too_much_train_apart() -> None:
    first = BASE.replace(epochs=2)
    narrow = [first.replace(hidden=(4, 4), seed=seed) for seed in range(6)]
    wide = [first.replace(hidden=(128, 128), seed=seed) for seed in range(3)]
    check([*narrow, *wide], (INPUTS, LABELS), groups=2, task="multiclass")


def test_an_optimizer_that_divides_by_nothing_keeps_widths_apart() -> None:
    first = BASE.replace(epochs=3, optimizer="adam", optimizer_options={"eps": 0.0})
    recipes = [first.replace(hidden=(width,), seed=seed) for width in (4, 6) for seed in range(2)]
    check(recipes, (INPUTS, LABELS), groups=2, task="multiclass")


def test_recipes_of_other_shapes_and_kinds_train_in_groups_of_their_own() -> None:
    first = BASE.replace(hidden=(6,), epochs=6)
    recipes = [
        first,
        first.replace(seed=1),
        first.replace(hidden=(4, 4)),
        first.replace(hidden=(4, 4), learning_rate=0.1),
        first.replace(batch_size=16),
        first.replace(batch_size=16, epochs=3),
        first.replace(accumulate=2),
        first.replace(label_noise=0.2),
        first.replace(optimizer="lbfgs"),
    ]
    check(recipes, (INPUTS, LABELS), groups=3, task="multiclass")


# tabm


TABM = BASE.replace(model="tabm", hidden=(8, 8), members=3, epochs=12, optimizer="adamw", dropout=0.0,
                    split_seed=0, learning_rate=0.005)  # fmt: skip


def test_tabm_over_numbers_and_categories() -> None:
    rows = frame()
    recipes = [
        TABM,
        TABM.replace(seed=1, weight_decay=0.1, epochs=5),
        TABM.replace(seed=2, learning_rate=0.001, ema=None, gradient_clip=0.5),
        TABM.replace(seed=3, epochs=5),
    ]
    runs = train_population(recipes, rows, target="price")
    made = check(recipes, rows, target="price")
    for run, other, recipe in zip(runs, made, recipes, strict=True):
        lone = goodfit.train(rows, target="price", recipe=recipe)
        assert np.array_equal(run.history["valid_loss"], other.history["valid_loss"])
        assert_same_vitals(run, lone)
        assert [finding.code for finding in run.findings] == [finding.code for finding in lone.findings]


@pytest.mark.parametrize("changes", [
    {"class_weight": "balanced"},
    {"loss_options": {"label_smoothing": 0.1}},
    {"ema": 0.9},
    {"optimizer": "momentum", "batch_size": 7},
])  # fmt: skip
def test_tabm_of_classes(changes: dict[str, Any]) -> None:
    first = TABM.replace(**changes)
    check([first, first.replace(seed=1, learning_rate=0.002)], (INPUTS, LABELS), task="multiclass")


def test_tabm_of_other_widths() -> None:
    recipes = [TABM.replace(hidden=(width, width), activation="sigmoid") for width in (8, 3, 6)]
    check(recipes, frame(), target="price")


def test_tabm_whose_columns_are_not_alike_trains_apart() -> None:
    kinds = INPUTS.copy()
    kinds[:, 0] = kinds[:, 0] > 0.5
    parts = [divider((kinds[:, order], LABELS), None, None, None, None, TableOptions("multiclass"))
             for order in ([0, 1, 2, 3], [1, 0, 2, 3])]  # fmt: skip
    made = [make_members([TABM], parts_for, None)[0] for parts_for in parts]
    shapes = [{name: value.shape for name, value in member.job.model.state_dict().items()} for member in made]
    assert shapes[0] == shapes[1]
    assert len(group_members(made)) == 2


def test_dropout_in_tabm_agrees_in_distribution() -> None:
    recipes = [TABM.replace(dropout=0.3, seed=seed) for seed in range(8)]
    runs = train_population(recipes, (INPUTS, LABELS), task="multiclass")
    together = [run.history["running_loss"][-1] for run in runs]
    lone = [
        alone(recipe, (INPUTS, LABELS), task="multiclass").history["running_loss"][-1] for recipe in recipes
    ]
    assert np.mean(together) == pytest.approx(np.mean(lone), abs=3 * np.std(lone) / math.sqrt(8) + 1e-3)


def assert_same_vitals(together: Run, lone: Run) -> None:
    ours, theirs = together.observations.vitals, lone.observations.vitals
    assert ours is not None
    assert theirs is not None
    assert (ours.layers, ours.kinds) == (theirs.layers, theirs.kinds)
    assert np.array_equal(ours.epochs, theirs.epochs)
    for name, values in theirs.values.items():
        if name != "kept":  # old gradients that were not cleared: of the loop alone
            np.testing.assert_allclose(ours[name], values, rtol=5e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("width", [6, 80])  # measured when asked for, and at once
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_each_member_has_its_vitals(width: int, normalization: Any) -> None:
    first = BASE.replace(hidden=(width, width), epochs=9, normalization=normalization, optimizer="momentum")
    recipes = [
        first,
        first.replace(seed=1, epochs=4),
        first.replace(epochs=4),
        first.replace(learning_rate=0.1),
    ]
    runs = train_population(recipes, (INPUTS, LABELS), task="multiclass")
    for run, recipe in zip(runs, recipes, strict=True):
        before = {name: value.clone() for name, value in run.model.state_dict().items()}
        assert_same_vitals(run, goodfit.train((INPUTS, LABELS), recipe=recipe, task="multiclass"))
        assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())
    assert (
        train_population(recipes[:2], (INPUTS, LABELS), task="multiclass", vitals=False)[
            0
        ].observations.vitals
        is None
    )


def test_ctrl_c_ends_all_and_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    train = members.train_members

    def interrupted(members: Any, attention: Any, drop: Any = None) -> Any:
        attention.interrupt()
        return train(members, attention)

    monkeypatch.setattr(members, "train_members", interrupted)
    recipes = [BASE, BASE.replace(seed=1), BASE.replace(accumulate=2)]
    runs = train_population(recipes, (INPUTS, LABELS), task="multiclass")
    assert {run.history.ended_by for run in runs} == {"interrupted"}
    assert [run.history["step"][-1] for run in runs] == [1, 1, 1]
    assert runs[0].history["epoch"].tolist() == [1 / 3]


def test_judging_waits_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    finish = members.finish
    monkeypatch.setattr(members, "finish", lambda *a, **k: judged.append(1) or finish(*a, **k))
    recipes = [BASE.replace(epochs=3, seed=seed, test_fraction=0.2) for seed in range(2)]
    runs = train_population(recipes, (INPUTS, LABELS), task="multiclass")
    assert not judged
    assert len(runs[0].history) == 3
    assert runs[0].evaluation is not None
    assert runs[0].baselines.keys()
    assert isinstance(runs[0].findings, tuple)
    assert judged == [1]
    assert "epochs" in repr(runs[1])
    assert judged == [1, 1]


def test_a_member_can_be_saved_and_loaded(tmp_path: Any) -> None:
    recipes = [BASE.replace(epochs=3, seed=seed) for seed in range(2)]
    run = train_population(recipes, frame(), target="price")[1]
    again = goodfit.load(run.save(tmp_path / "run"))
    assert again.predict(frame(5)).equals(run.predict(frame(5)))


def test_random_states_are_left_as_they_were() -> None:
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    train_population(
        [BASE.replace(epochs=2, dropout=0.1, seed=s) for s in range(2)], (INPUTS, LABELS), task="multiclass"
    )
    found = torch.rand(1), np.random.rand()  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert (torch.rand(1), np.random.rand()) == found  # noqa: NPY002


def test_what_cannot_train_is_refused_in_a_sentence() -> None:
    data = (INPUTS, LABELS)
    with pytest.raises(InputError, match="no recipes"):
        train_population([], data)
    with pytest.raises(InputError, match="number 1 is a dict"):
        train_population([BASE, {}], data, task="multiclass")  # type: ignore[list-item]
    with pytest.raises(InputError):
        train_population([BASE, BASE.replace(monitor="valid_speed")], data, task="multiclass")
    with pytest.raises(InputError):
        train_population([BASE, BASE.replace(optimizer="adm")], data, task="multiclass")
    with pytest.raises(InputError):
        train_population([BASE], None)


def test_runs_are_saved_when_their_group_has_ended(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    train, begun = group_training.train_group, []

    def dies_in_the_second(*given: Any) -> None:
        begun.append(len(given[0]))
        if len(begun) == 2:
            raise MemoryError
        train(*given)

    first = BASE.replace(epochs=2, hidden=(4,))
    recipes = [first, first.replace(batch_size=16), first.replace(seed=1)]
    lone = train_population(recipes, (INPUTS, LABELS), task="multiclass", diagnose=False)
    monkeypatch.setattr(group_training, "train_group", dies_in_the_second)
    given = {"task": "multiclass", "diagnose": False, "folder": tmp_path / "runs"}
    with pytest.raises(MemoryError):
        train_population(recipes, (INPUTS, LABELS), **given)
    assert begun == [2, 1]
    for place in (1, 3):
        loaded = goodfit.load(tmp_path / "runs" / str(place))
        assert np.array_equal(loaded.history["valid_loss"], lone[place - 1].history["valid_loss"])
    assert not (tmp_path / "runs" / "2").exists()

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.contract import LOSS_CASES, ROWS, LossCase, labels, random_tensor
from torch import nn

from goodfit.errors import InputError
from goodfit.training.losses import LOSSES, convert_target, loss_for, make_loss, to_predictions, units_for

CASES = pytest.mark.parametrize(
    "case", LOSS_CASES, ids=lambda case: f"{case.name}-{case.options}-{case.class_weight}"
)


def loss_of(case: LossCase):
    loss = make_loss(case.name, options=case.options, class_weight=case.class_weight)
    # The table computes in float64, to compare gradients closely.
    return loss if case.class_weight is None else make_double(case)


def make_double(case: LossCase):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "float32", torch.float64)
        return make_loss(case.name, options=case.options, class_weight=case.class_weight)


def test_every_loss_is_in_the_contract_table():
    assert {case.name for case in LOSS_CASES} >= set(LOSSES)


@CASES
def test_the_objective_is_the_mean_by_numpy(case):
    value = loss_of(case)(case.outputs, case.target)
    assert float(value) == pytest.approx(case.reference(case.outputs.numpy(), case.target.numpy()), rel=1e-6)


@CASES
def test_gradients_match_finite_differences(case):
    loss, outputs = loss_of(case), case.outputs.clone().requires_grad_()
    loss(outputs, case.target).backward()
    change = random_tensor(*outputs.shape, seed=9) * 1e-6
    with torch.no_grad():
        difference = loss(outputs + change, case.target) - loss(outputs - change, case.target)
    assert float(difference) == pytest.approx(float(2 * (outputs.grad * change).sum()), rel=1e-4)


@CASES
@settings(max_examples=12)
@given(cuts=st.sets(st.integers(1, ROWS - 1), max_size=4))
def test_evaluation_over_any_batches_is_the_whole_set_exactly(case, cuts):
    loss, total, weight = loss_of(case), 0.0, 0.0
    edges = [0, *sorted(cuts), ROWS]
    for start, stop in itertools.pairwise(edges):
        part, share = loss.sum_and_weight(case.outputs[start:stop], case.target[start:stop])
        total, weight = total + float(part), weight + float(share)
    assert total / weight == pytest.approx(float(loss(case.outputs, case.target)), rel=1e-6)


@CASES
def test_each_loss_trains(case):
    loss, outputs = loss_of(case), case.outputs.clone().requires_grad_()
    first = loss(outputs, case.target).item()
    optimizer = torch.optim.SGD([outputs], lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        loss(outputs, case.target).backward()
        optimizer.step()
    assert loss(outputs, case.target).item() < first


def test_plain_losses_cost_nothing_over_torchs_function():
    assert make_loss("mse").objective is F.mse_loss
    assert make_loss("cross_entropy").objective is F.cross_entropy


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (nn.MSELoss(), "mse"),
        (nn.L1Loss(), "mae"),
        (nn.HuberLoss(delta=0.5), "huber"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "cross_entropy"),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0])), "cross_entropy"),
        (nn.NLLLoss(), "nll"),
        (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0, 3.0])), "bce"),
        (nn.PoissonNLLLoss(log_input=False), "poisson"),
    ],
    ids=str,
)
def test_torchs_modules_are_recognised_and_equal(module, name):
    loss = make_loss(module)
    assert loss.name == name
    outputs = (
        random_tensor(ROWS, 4).float().log_softmax(1)
        if name == "nll"
        else random_tensor(ROWS, 4).float().exp()
    )
    target = labels(4)
    if name not in ("cross_entropy", "nll"):
        outputs, target = outputs[:, :2], torch.rand(ROWS, 2, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(outputs, target), module(outputs, target))
    total, weight = loss.sum_and_weight(outputs, target)
    torch.testing.assert_close(total / weight, module(outputs, target))


def test_a_class_is_built_with_its_options():
    assert make_loss(nn.HuberLoss, options={"delta": 0.5}).name == "huber"
    with pytest.raises(InputError, match="HuberLoss cannot be built"):
        make_loss(nn.HuberLoss, options={"dleta": 0.5})


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("own", [True, False], ids=["own", "torchs"])
def test_whatever_the_reduction_the_sum_over_the_weight_is_per_row(reduction, own):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.reduction = reduction

        def forward(self, outputs, target):
            rows = (outputs - target).square().mean(1)
            return rows if reduction == "none" else getattr(rows, reduction)()

    loss = make_loss(Own() if own else nn.MSELoss(reduction=reduction))
    outputs, target = random_tensor(ROWS, 1), random_tensor(ROWS, 1, seed=2)
    total, weight = loss.sum_and_weight(outputs, target)
    mean = F.mse_loss(outputs, target)
    torch.testing.assert_close(total / weight, mean)
    torch.testing.assert_close(loss(outputs, target), mean * (ROWS if reduction == "sum" else 1))
    assert loss.reduction == ("sum" if reduction == "sum" else "mean")


def test_a_function_of_the_users_own_kind_of_batch():
    def reconstruction(outputs, target):
        return (outputs["image"] - target["image"]).abs().mean() + outputs["kl"].mean()

    loss = make_loss(reconstruction)
    outputs = {"image": random_tensor(ROWS, 3), "kl": random_tensor(ROWS)}
    total, weight = loss.sum_and_weight(outputs, {"image": random_tensor(ROWS, 3, seed=4)})
    assert weight == ROWS
    assert float(total) == pytest.approx(
        ROWS * float(loss(outputs, {"image": random_tensor(ROWS, 3, seed=4)}))
    )
    assert loss.name == "reconstruction"


def test_torchs_functions_are_taken_by_name():
    assert make_loss(F.cross_entropy).facts.predictions == "softmax"


def test_predictions_are_probabilities_where_the_loss_is_of_classes():
    outputs = random_tensor(5, 3)
    torch.testing.assert_close(to_predictions(make_loss("cross_entropy"), outputs), outputs.softmax(1))
    torch.testing.assert_close(to_predictions(make_loss("bce"), outputs), outputs.sigmoid())
    torch.testing.assert_close(to_predictions(make_loss("nll"), outputs.log_softmax(1)), outputs.softmax(1))
    torch.testing.assert_close(to_predictions(make_loss("poisson"), outputs), outputs.exp())
    for other in (
        make_loss("mse"),
        make_loss("poisson", options={"log_input": False}),
        make_loss(lambda o, t: o),
    ):
        assert to_predictions(other, outputs) is outputs


def test_the_loss_of_a_task_and_the_units_it_needs():
    assert [loss_for(task) for task in ("regression", "binary", "multiclass")] == [
        "mse",
        *["cross_entropy"] * 2,
    ]
    assert loss_for("binary", 1) == "bce"
    assert units_for(make_loss("cross_entropy"), classes=3) == 3
    assert units_for(make_loss("mse"), classes=0, targets=2) == 2


@pytest.mark.parametrize(
    ("name", "given_type", "wanted"),
    [
        ("mse", torch.int64, torch.float32),
        ("mse", torch.float64, torch.float32),
        ("bce", torch.bool, torch.float32),
        ("cross_entropy", torch.int32, torch.int64),
        ("cross_entropy", torch.uint8, torch.int64),
        ("cross_entropy", torch.float32, torch.float32),
    ],
)
def test_targets_are_converted_where_nothing_is_lost(name, given_type, wanted):
    target = torch.ones(3, 1).to(given_type)
    assert convert_target(make_loss(name), target, torch.zeros(3, 1)).dtype == wanted


def test_a_target_of_the_right_type_is_not_copied():
    target = torch.ones(3, 1)
    assert convert_target(make_loss("mse"), target, torch.zeros(3, 1)) is target


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"spec": "cross_entrop"}, "loss.unknown-near"),
        ({"spec": "zzz"}, "loss.unknown"),
        ({"spec": "mse", "options": {"delta": 1}}, "option.none"),
        ({"spec": "huber", "options": {"beta": 1}}, "option.unknown"),
        ({"spec": "huber", "options": {"delta": 0}}, "option.out-of-range"),
        ({"spec": "huber", "options": {"delta": "1"}}, "option.out-of-range"),
        ({"spec": "cross_entropy", "options": {"label_smoothing": 1.5}}, "option.out-of-range"),
        ({"spec": "poisson", "options": {"log_input": 1}}, "option.not-one-of"),
        ({"spec": "bce", "options": {"pos_weight": [1.0, -1.0]}}, "loss.pos-weight"),
        ({"spec": "mse", "class_weight": [1.0, 2.0]}, "loss.class-weight-useless"),
        ({"spec": lambda o, t: o, "class_weight": [1.0, 2.0]}, "loss.class-weight-useless"),
        ({"spec": lambda o, t: o, "options": {"a": 1}}, "option.none"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, code):
    with pytest.raises(InputError) as error:
        make_loss(**arguments)
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")


def test_pos_weight_may_be_one_for_each_output():
    loss = make_loss("bce", options={"pos_weight": [1.0, 5.0]})
    outputs, target = torch.zeros(2, 2), torch.ones(2, 2)
    assert float(loss(outputs, target)) == pytest.approx(3 * np.log(2))


def test_class_weights_fit_a_network_in_float64() -> None:
    loss = make_loss("cross_entropy", class_weight=[1.0, 3.0], dtype=torch.float64)
    assert loss(torch.zeros(4, 2, dtype=torch.float64), torch.tensor([0, 1, 1, 0])).dtype == torch.float64

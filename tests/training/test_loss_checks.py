from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.errors import InputError
from goodfit.training.loss_checks import check_loss
from goodfit.training.losses import convert_target, make_loss

NINE = torch.tensor([0, 1, 2, 9])

REFUSED = {
    "one column against none": ("mse", torch.zeros(4, 1), torch.zeros(4), "loss.target-flat", "unsqueeze"),
    "none against one column": ("mse", torch.zeros(4), torch.zeros(4, 1), "loss.outputs-flat", "squeeze"),
    "too many units": ("mae", torch.zeros(4, 3), torch.zeros(4, 2), "loss.units", "2 units"),
    "units for a flat target": ("huber", torch.zeros(4, 3), torch.zeros(4), "loss.units", "1 units"),
    "images of another size": (
        "mse",
        torch.zeros(4, 3, 8, 8),
        torch.zeros(4, 3, 9, 9),
        "loss.shapes",
        "9, 9",
    ),
    "bce for classes": (
        "bce",
        torch.zeros(4, 3),
        torch.tensor([0, 1, 2, 1]),
        "loss.bce-classes",
        "cross_entropy",
    ),
    "bce beyond 1": (
        "bce",
        torch.zeros(4, 1),
        torch.tensor([[0], [1], [2], [1]]),
        "loss.range-binary",
        "row 2",
    ),
    "negative counts": (
        "poisson",
        torch.zeros(4, 1),
        torch.tensor([[0], [1], [-2], [1]]),
        "loss.range-counts",
        "-2",
    ),
    "label too large": ("cross_entropy", torch.zeros(4, 3), NINE, "loss.label-too-large", "10 units"),
    "label of nll": ("nll", torch.zeros(4, 3), NINE, "loss.label-too-large", "row 3"),
    "label negative": (
        "cross_entropy",
        torch.zeros(4, 10),
        NINE - 1,
        "loss.label-negative",
        "ignore_index to -1",
    ),
    "labels from 1": (
        "cross_entropy",
        torch.zeros(3, 3),
        torch.tensor([1, 2, 3]),
        "loss.label-too-large",
        "from 0",
    ),
    "float labels": (
        "cross_entropy",
        torch.zeros(4, 3),
        torch.zeros(4),
        "loss.labels-float",
        "target.long()",
    ),
    "labels as a column": (
        "cross_entropy",
        torch.zeros(4, 3),
        NINE[:, None],
        "loss.labels-column",
        "squeeze",
    ),
    "one-hot in whole numbers": (
        *("cross_entropy", torch.zeros(3, 3), torch.eye(3).long()),
        *("loss.labels-one-hot", "argmax"),
    ),
    "probabilities of another width": (
        *("cross_entropy", torch.zeros(4, 3), torch.full((4, 2), 0.5)),
        *("loss.units", "2 units"),
    ),
    "negative probabilities": (
        *("cross_entropy", torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [-1.0, 2.0]])),
        *("loss.range-labels", "row 1"),
    ),
    "probabilities for nll": (
        "nll",
        torch.zeros(4, 2),
        torch.full((4, 2), 0.5),
        "loss.nll-probabilities",
        "argmax",
    ),
    "one unit": ("cross_entropy", torch.zeros(4, 1), torch.tensor([0, 1, 1, 0]), "loss.one-unit", "2 units"),
    "no units": ("cross_entropy", torch.zeros(4), NINE, "loss.no-class-dimension", "10 units"),
    "a tuple of outputs": ("mse", (torch.zeros(4, 1),), torch.zeros(4, 1), "loss.outputs-no-tensor", "tuple"),
    "a dict of targets": (
        "mse",
        torch.zeros(4, 1),
        {"y": torch.zeros(4, 1)},
        "loss.target-no-tensor",
        "dict",
    ),
    "classes as outputs": ("mse", torch.zeros(4, 1).long(), torch.zeros(4, 1), "loss.outputs-whole", "int64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_train_is_refused_with_what_to_change(name):
    spec, outputs, target, code, says = REFUSED[name]
    loss = make_loss(spec)
    with pytest.raises(InputError) as error:
        check_loss(loss, outputs, convert_target(loss, target, outputs))
    assert error.value.code == code
    assert says in str(error.value)
    assert error.value.text("es") != error.value.text("en")


PASSES = {
    "values": ("mse", torch.zeros(2, 1), torch.zeros(4, 1)),
    "flat values": ("mse", torch.zeros(2), torch.zeros(4)),
    "whole values": ("mse", torch.zeros(2, 1), torch.ones(4, 1, dtype=torch.int64)),
    "NaN values": ("mse", torch.zeros(2, 1), torch.full((4, 1), torch.nan)),
    "NaN in bce": ("bce", torch.zeros(2, 1), torch.tensor([[0.0], [1.0], [torch.nan]])),
    "multi-label": ("bce", torch.zeros(2, 3), torch.ones(4, 3, dtype=torch.bool)),
    "labels": ("cross_entropy", torch.zeros(2, 3), torch.tensor([0, 1, 2, 2])),
    "small labels": ("cross_entropy", torch.zeros(2, 3), torch.tensor([0, 1, 2], dtype=torch.uint8)),
    "a unit too many": ("cross_entropy", torch.zeros(2, 5), torch.tensor([0, 1, 2, 2])),
    "softmax under logits": ("cross_entropy", torch.full((2, 3), 1 / 3), torch.tensor([0, 1, 2, 2])),
    "probabilities": ("cross_entropy", torch.zeros(2, 3), torch.full((4, 3), 1 / 3)),
    "labels of pixels": ("cross_entropy", torch.zeros(2, 3, 8, 8), torch.ones(4, 8, 8, dtype=torch.int64)),
    "padding in torch's module": (nn.CrossEntropyLoss(), torch.zeros(2, 3), torch.tensor([0, -100, 2])),
    "own": (lambda outputs, target: (outputs - target).square().mean(), torch.zeros(2, 1), torch.zeros(4, 1)),
}


@pytest.mark.parametrize("name", PASSES)
def test_what_can_train_passes(name):
    spec, outputs, target = PASSES[name]
    loss = make_loss(spec)
    check_loss(loss, outputs, convert_target(loss, target, outputs))


@pytest.mark.parametrize(
    ("own", "code"),
    [
        (lambda outputs, target: outputs @ target, "loss.own-failed"),
        (lambda outputs, target: outputs.sum().item(), "loss.own-no-tensor"),
        (lambda outputs, target: outputs.detach().sum(), "loss.own-no-gradient"),
        (lambda outputs, target: target.sum(), "loss.own-no-gradient"),
        (nn.GaussianNLLLoss(), "loss.own-failed"),
    ],
)
def test_a_loss_of_ones_own_that_cannot_train_is_refused(own, code):
    with pytest.raises(InputError) as error:
        check_loss(make_loss(own), torch.ones(2, 3), torch.ones(2, 3))
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")


def test_a_sum_that_is_no_scalar_is_refused():
    class Rows(nn.Module):
        reduction = "sum"

        def forward(self, outputs, target):
            return (outputs - target).sum(1)

    with pytest.raises(InputError, match="single value"):
        check_loss(make_loss(Rows()), torch.ones(2, 3), torch.ones(2, 3))

"""Every loss of the contract table over stacked outputs: sums, weights and gradients as autograd has them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.training.contract import LOSS_CASES, LossCase

from goodfit.training.losses import convert_target, make_loss
from goodfit.training.population.batched_losses import batched_loss, loss_signature

MEMBERS = 3


@pytest.mark.parametrize("case", LOSS_CASES, ids=[f"{c.name}{i}" for i, c in enumerate(LOSS_CASES)])
def test_each_member_has_the_loss_and_gradient_that_it_has_alone(case: LossCase) -> None:
    weights = [case.class_weight] * MEMBERS
    options: list[dict[str, Any]] = [dict(case.options) for _ in range(MEMBERS)]
    if case.class_weight is not None:
        weights[1] = [2 * weight + 0.1 for weight in case.class_weight]
    for name in ("delta", "label_smoothing", "pos_weight"):
        if name in case.options:
            options[2][name] = case.options[name] / 2
    losses = [
        make_loss(case.name, options=own, class_weight=weight)
        for own, weight in zip(options, weights, strict=True)
    ]
    assert len({loss_signature(loss) for loss in losses} - {None}) == 1
    target = convert_target(
        losses[0], case.target.float() if case.target.is_floating_point() else case.target
    )
    outputs = torch.stack([(case.outputs * (1 + 0.3 * member)).float() for member in range(MEMBERS)])
    batched = batched_loss(losses)
    for shared in (True, False):
        stacked = target.unsqueeze(0) if shared else target.expand(MEMBERS, *target.shape)
        prepared = batched.prepare(stacked, outputs.shape[2]).rows(2, 11)
        values = outputs[:, 2:11].transpose(1, 2).contiguous()
        total, gradient, weight = batched.loss_and_gradient(values, prepared)
        again = batched.total(values, prepared)
        torch.testing.assert_close(again, total)
        for member, loss in enumerate(losses):
            own = outputs[member, 2:11].clone().requires_grad_()
            mean = loss(own, target[2:11])
            mean.backward()
            summed, count = loss.sum_and_weight(own.detach(), target[2:11])
            each = weight if isinstance(weight, float) else float(weight.expand(MEMBERS)[member])
            assert each == pytest.approx(float(count), rel=1e-5)
            assert float(total[member]) == pytest.approx(float(summed), rel=1e-5, abs=1e-6)
            assert own.grad is not None
            torch.testing.assert_close(gradient[member].T, own.grad, rtol=1e-4, atol=1e-6)


def test_the_members_that_stay_keep_their_options() -> None:
    losses = [make_loss("huber", options={"delta": delta}) for delta in (0.5, 1.0, 2.0)]
    kept = batched_loss(losses).keep(torch.tensor([2, 0]))
    outputs = torch.full((2, 1, 1), 3.0)
    total = kept.total(outputs, kept.prepare(torch.zeros(2, 1), 1))
    assert total.tolist() == [4.0, 1.375]


def test_a_function_of_ones_own_and_a_sum_are_not_batched() -> None:
    assert loss_signature(make_loss(lambda outputs, target: outputs.sum())) is None
    assert loss_signature(make_loss(torch.nn.MSELoss(reduction="sum"))) is None
    assert loss_signature(make_loss(torch.nn.MSELoss())) == loss_signature(make_loss("mse"))

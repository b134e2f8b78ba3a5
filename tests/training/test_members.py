from __future__ import annotations

import pytest
import torch

from goodfit.training.losses import make_loss
from goodfit.training.members import of_members


@pytest.mark.parametrize("name", ["cross_entropy", "mse", "bce"])
def test_each_member_has_a_loss_of_its_own(name):
    torch.manual_seed(0)
    outputs = torch.randn(6, 4, 3)
    target = torch.randint(0, 3, (6,)) if name == "cross_entropy" else torch.rand(6, 3)
    plain = make_loss(name)
    loss = of_members(plain)
    each = [plain(outputs[:, member], target) for member in range(4)]
    torch.testing.assert_close(loss(outputs, target), torch.stack(each).mean())
    total, weight = loss.sum_and_weight(outputs, target)
    torch.testing.assert_close(total / weight, torch.stack(each).mean())
    torch.testing.assert_close(loss(outputs[:, 0], target), each[0])

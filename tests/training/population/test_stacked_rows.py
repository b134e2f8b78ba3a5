from __future__ import annotations

import torch

from goodfit.training.population.stacked_rows import _gather


def test_rows_without_any_number_are_gathered_too():
    assert _gather(torch.zeros(2, 6, 0), torch.arange(12), 2).shape == (2, 6, 0)

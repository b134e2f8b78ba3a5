from __future__ import annotations

import pytest
import torch

from goodfit.training.threads import threads_for, using_threads


def test_small_updates_run_on_one_thread_and_large_ones_on_all():
    assert threads_for(100, rows=32) == 1
    assert threads_for(10_000_000, rows=256) == torch.get_num_threads()


def test_the_setting_is_given_back_whatever_happens():
    before = torch.get_num_threads()
    other = before + 1
    with using_threads(other):
        assert torch.get_num_threads() == other
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), using_threads(other):
        _ = 1 / 0
    assert torch.get_num_threads() == before
    with using_threads(before):
        assert torch.get_num_threads() == before

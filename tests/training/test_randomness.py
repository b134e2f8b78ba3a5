# ruff: noqa: NPY002 - the global state is what is tested
from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from goodfit.data.batches import DatasetBatches, LoaderBatches
from goodfit.training.randomness import (
    capture,
    generator_states,
    own_generators,
    restore,
    restore_generators,
    seed_epoch,
    undisturbed,
)


def draw() -> list[float]:
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        float(torch.rand(())),
        float(torch.randn(())),
    ]


def test_an_epoch_draws_the_same_whatever_came_before():
    with undisturbed():
        seed_epoch(0, 3)
        first = draw()
        draw()
        seed_epoch(0, 3)
        assert draw() == first
        seed_epoch(0, 4)
        assert draw() != first
        seed_epoch(1, 3)
        assert draw() != first


def test_every_state_is_captured_and_put_back_in_the_middle_of_a_pair():
    random.gauss(0, 1)
    np.random.randn()  # both keep the second of a pair of normal numbers
    state = capture()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    first = draw()
    restore(state)
    assert draw() == first


def test_states_are_given_back_after_an_error():
    before = capture()
    with pytest.raises(ZeroDivisionError), undisturbed():
        _ = draw()[0] / 0
    assert all(torch.equal(value, capture()[name]) for name, value in before.items())


class Noisy(Dataset):
    def __init__(self) -> None:
        self.generators = {"not": "looked into"}
        self.rng = np.random.default_rng(1)
        self.old = np.random.RandomState(2)
        self.plain = random.Random(3)
        self.torch = torch.Generator().manual_seed(4)

    def __len__(self) -> int:
        return 5

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.tensor(self.draw())

    def draw(self) -> list[float]:
        return [
            self.rng.normal(),
            self.old.randn(),
            self.plain.gauss(0, 1),
            float(torch.rand((), generator=self.torch)),
        ]


@pytest.mark.parametrize(
    "wrap", [lambda data: data, lambda data: Subset(data, [0, 1]), lambda d: ConcatDataset([d])]
)
def test_generators_of_a_dataset_are_found_saved_and_put_back(wrap):
    data = Noisy()
    batches = LoaderBatches(DataLoader(wrap(data), batch_size=2))
    assert len(own_generators(batches)) == 4
    data.draw()
    states = generator_states(batches)
    first = data.draw()
    restore_generators(batches, states)
    assert data.draw() == first
    with undisturbed(DatasetBatches(wrap(data), 2)):
        _ = [wrap(data)[row] for row in range(2)]
    restored = data.draw()
    restore_generators(batches, states)
    assert data.draw() == first
    assert data.draw() == restored


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM])
def test_every_bit_generator_of_numpy_can_be_saved(kind):
    data = Noisy()
    data.rng = np.random.Generator(kind(5))
    states = generator_states(data)
    first = data.rng.normal(size=3).tolist()
    restore_generators(data, states)
    assert data.rng.normal(size=3).tolist() == first


def test_a_generator_shared_by_loader_and_sampler_is_saved_once():
    generator = torch.Generator()
    loader = DataLoader(TensorDataset(torch.zeros(4)), shuffle=True, generator=generator)
    assert list(own_generators(loader).values()) == [generator]
    assert own_generators([1, 2]) == {}
    assert own_generators(None) == {}

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from goodfit.data.batches import (
    DatasetBatches,
    LoaderBatches,
    TensorBatches,
    count_rows,
    derive_seed,
    epoch_order,
    first_tensor,
    move,
    tensors_of,
)
from goodfit.errors import InputError

CPU = torch.device("cpu")


class Squares(Dataset):
    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.fetched: list[int] = []

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        self.fetched.append(row)
        return torch.tensor([float(row)]), row**2


def numbered(rows: int, width: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.arange(rows)
    return target[:, None].float().expand(rows, width).clone(), target


def targets(batches, epoch: int = 0, start: int = 0) -> list[list[int]]:
    return [batch[1].tolist() for batch in batches.epoch(epoch, start)]


def flat(lists: list[list[int]]) -> list[int]:
    return [item for inner in lists for item in inner]


@given(
    rows=st.integers(1, 60),
    size=st.integers(1, 20),
    seed=st.none() | st.integers(0, 5),
    join=st.booleans(),
    start=st.integers(0, 9),
)
def test_every_row_once_an_epoch_and_from_any_batch_on(rows, size, seed, join, start):
    inputs, target = numbered(rows)
    for batches in (
        TensorBatches(inputs, target, size, seed, CPU, join),
        DatasetBatches(Squares(rows), size, seed, CPU, join_single=join),
    ):
        whole = [batch[0][:, 0].long().tolist() for batch in batches.epoch(3)]
        assert sorted(flat(whole)) == list(range(rows))
        assert len(whole) == batches.steps()
        assert batches.rows == rows
        sizes = [len(batch) for batch in whole]
        assert all(length == size for length in sizes[:-1][:-1])
        if join and len(sizes) > 1 and size > 1:
            assert sizes[-1] > 1
        rest = [batch[0][:, 0].long().tolist() for batch in batches.epoch(3, start)]
        assert rest == whole[start:]


@given(rows=st.integers(1, 200), seed=st.integers(0, 3), epoch=st.integers(0, 3))
def test_the_order_depends_on_seed_and_epoch_and_not_on_the_batch_size(rows, seed, epoch):
    inputs, target = numbered(rows)
    orders = [flat(targets(TensorBatches(inputs, target, size, seed, CPU), epoch)) for size in (1, 7, rows)]
    assert orders[0] == orders[1] == orders[2] == epoch_order(rows, seed, epoch).tolist()
    dataset = [int(value**0.5) for value in flat(targets(DatasetBatches(Squares(rows), 7, seed, CPU), epoch))]
    assert dataset == orders[0]
    if rows > 20:
        assert orders[0] != epoch_order(rows, seed, epoch + 1).tolist()
        assert orders[0] != epoch_order(rows, seed + 1, epoch).tolist()


def test_the_order_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    targets(TensorBatches(*numbered(30), 4, 0, CPU))
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_of_their_own_are_the_same_everywhere():
    assert derive_seed(0, "order", 1) == 5723403778144229568
    assert len({derive_seed(seed, use, epoch) for seed in (0, 1) for use in "ab" for epoch in range(5)}) == 20
    assert all(0 <= derive_seed(seed, "x") < 2**63 for seed in range(100))


def test_large_rows_are_gathered_piece_by_piece(monkeypatch):
    monkeypatch.setattr("goodfit.data.batches.GATHERED_ELEMENTS", 12)
    inputs, target = numbered(23)
    few = TensorBatches(inputs, target, 4, 1, CPU)
    pieces = targets(few)
    monkeypatch.setattr("goodfit.data.batches.GATHERED_ELEMENTS", 2**22)
    assert pieces == targets(few)


def test_nested_inputs_and_inputs_alone():
    first, target = numbered(10)
    nested = {"image": first, "pair": (target, first)}
    for batch, truth in TensorBatches(nested, target, 4, 0, CPU).epoch(0):
        assert torch.equal(batch["image"][:, 0].long(), truth)
        assert torch.equal(batch["pair"][0], truth)
    alone = list(TensorBatches(first, None, 4, None, CPU).epoch(0))
    assert [len(batch) for batch in alone] == [4, 4, 2]
    assert torch.equal(torch.cat(alone), first)


def test_a_dataset_collates_its_own_way_and_fetches_many_rows_at_once():
    class Together(Squares):
        def __getitems__(self, rows: list[int]) -> list[tuple[torch.Tensor, int]]:
            self.fetched.append(-len(rows))
            return [(torch.tensor([float(row)]), row) for row in rows]

    data = Together(10)
    batches = DatasetBatches(data, 4, None, CPU, collate=lambda items: ([x for x, _ in items], len(items)))
    assert [batch[1] for batch in batches.epoch(0)] == [4, 4, 2]
    assert data.fetched == [-4, -4, -2]
    fetched = DatasetBatches(Squares(10), 4, None, CPU)
    list(fetched.epoch(0, 2))
    assert fetched.dataset.fetched == [8, 9]  # rows that were done are not fetched again


def test_a_loader_is_gone_through_as_it_is():
    data = TensorDataset(*numbered(10))
    kept = LoaderBatches(DataLoader(data, batch_size=4, drop_last=True), CPU)
    assert (kept.rows, kept.steps()) == (8, 2)
    assert targets(kept) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert targets(kept, start=1) == [[4, 5, 6, 7]]
    assert targets(kept, start=2) == []
    uneven = BatchSampler([5, 1, 3], batch_size=2, drop_last=False)
    by_sampler = LoaderBatches(DataLoader(data, batch_sampler=uneven), CPU)
    assert (by_sampler.rows, by_sampler.steps()) == (None, 2)
    assert targets(by_sampler) == [[5, 1], [3]]
    subset = LoaderBatches(DataLoader(data, batch_size=3, sampler=[1, 2, 3, 4]), CPU)
    assert (subset.rows, subset.steps()) == (4, 2)


def test_batches_of_one_row_are_left_out_where_they_cannot_train():
    rows = [torch.zeros(2, 1), torch.zeros(1, 1), torch.ones(3, 1)]
    batches = LoaderBatches([(item, item) for item in rows], CPU, drop_single=True)
    assert [len(batch[1]) for batch in batches.epoch(0)] == [2, 3]
    assert [len(batch[1]) for batch in batches.epoch(0, 1)] == [3]


def test_iterables_and_streams_have_no_rows():
    class Stream(IterableDataset):
        def __iter__(self):
            yield from ((torch.ones(2, 1) * number, torch.zeros(2)) for number in range(3))

    stream = LoaderBatches(DataLoader(Stream(), batch_size=None), CPU)
    assert (stream.rows, stream.steps()) == (None, None)
    assert len(list(stream.epoch(0))) == 3
    some = LoaderBatches([(torch.ones(2), torch.ones(2))] * 5, CPU)
    assert (some.rows, some.steps()) == (None, 5)


def test_a_sampler_hears_of_the_epoch():
    class Sampler:
        epoch = -1

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __iter__(self):
            return iter([self.epoch])

        def __len__(self) -> int:
            return 1

    batches = LoaderBatches(DataLoader(TensorDataset(*numbered(10)), sampler=Sampler()), CPU)
    assert targets(batches, epoch=7) == [[7]]


def test_tensors_in_memory_are_recognised():
    inputs, target = numbered(6)
    data = TensorDataset(inputs, target)
    assert tensors_of(data) == (inputs, target)
    picked, labels = tensors_of(Subset(Subset(data, [5, 3, 1]), [2, 0]))
    assert labels.tolist() == [1, 5]
    assert picked[:, 0].tolist() == [1.0, 5.0]
    two, _ = tensors_of(TensorDataset(inputs, inputs, target))
    assert isinstance(two, tuple)
    assert tensors_of(Squares(3)) is None
    assert tensors_of(TensorDataset(inputs)) is None
    assert tensors_of(Subset(Squares(3), [0])) is None


@pytest.mark.parametrize(
    ("batch", "rows"),
    [
        ((torch.zeros(7, 3), torch.zeros(5)), 5),  # sequences come time first
        ({"x": torch.zeros(4, 2)}, 4),
        ([torch.zeros(3)], 3),
        (((torch.zeros(2, 1), torch.zeros(2)), None), 2),
        (torch.tensor(1.0), 1),
        ((pack_sequence([torch.zeros(3, 1), torch.zeros(2, 1)]), torch.zeros(2)), 2),
        (pack_sequence([torch.zeros(3, 1), torch.zeros(2, 1)]), 2),
    ],
)
def test_rows_of_a_batch(batch, rows):
    assert count_rows(batch) == rows


def test_moving_keeps_structure_and_leaves_what_is_there():
    packed = pack_sequence([torch.zeros(3, 1), torch.zeros(2, 1)])
    batch = {"packed": packed, "names": ["a", "b"], "list": [torch.ones(2)], "n": 3}
    moved = move(batch, CPU)
    assert moved["packed"] is packed
    assert moved["list"][0] is batch["list"][0]
    assert moved["names"] == ["a", "b"]
    far = move(batch, torch.device("meta"))
    assert far["packed"].data.device.type == "meta"
    assert far["packed"].batch_sizes.device.type == "cpu"
    assert far["n"] == 3
    assert move(batch, None) is batch


def test_a_batch_without_a_tensor_is_refused():
    with pytest.raises(InputError, match="no tensor"):
        first_tensor(["a", {"b": 3}])

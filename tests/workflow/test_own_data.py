"""Arrays, tensors, Datasets, loaders and iterables: the same rows in every form train the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)

import goodfit
from goodfit.recipe import Recipe
from goodfit.training.randomness import undisturbed
from goodfit.workflow.own_data import is_own_data, own_parts
from goodfit.workflow.parts import part_of, rows_of

ROWS = 50
X = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] - X[:, 1] > 0).long()
VALID = (X[:20] + 0.3, Y[:20])


def net() -> nn.Module:
    with undisturbed():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def train(data: Any, **fields: Any) -> goodfit.Run:
    options = {"valid": VALID, "loss": "cross_entropy", "model": net(), "learning_rate": 0.01, "epochs": 3}
    return goodfit.train(data, **{**options, "patience": None, "diagnose": False, **fields})


class Rows(Dataset):
    def __init__(self, numpy: bool = False) -> None:
        self.numpy = numpy

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        return (X[row].numpy(), np.int32(Y[row])) if self.numpy else (X[row], int(Y[row]))


class Stream(IterableDataset):
    def __iter__(self):
        for row in range(ROWS):
            yield X[row], Y[row]


def stacked(rows: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    return torch.stack([x for x, _ in rows]), torch.tensor([y for _, y in rows])


class Batches:
    def __iter__(self):
        return iter([(X[:20], Y[:20]), (X[20:], Y[20:])])


IN_MEMORY = {
    "tensors": (X, Y),
    "arrays": (X.numpy(), Y.numpy()),
    "float64 and int32": (X.double().numpy(), Y.numpy().astype(np.int32)),
    "lists": (X.tolist(), Y.tolist()),
    "list of two": [X, Y],
    "Fortran order and strides": (np.asfortranarray(X.numpy()), np.repeat(Y.numpy(), 2)[::2]),
    "read-only": (np.frombuffer(X.numpy().tobytes(), dtype=np.float32).reshape(ROWS, 4), Y),
    "frame and series": (pd.DataFrame(X.numpy()), pd.Series(Y.numpy(), index=range(7, 57))),
    "object array": (X.numpy().astype(object), Y),
    "TensorDataset": TensorDataset(X, Y),
    "Subset": Subset(TensorDataset(X.flip(0), Y.flip(0)), list(range(ROWS))[::-1]),
    "Dataset": Rows(),
    "Dataset of arrays": Rows(numpy=True),
    "Subset of a Dataset": Subset(Rows(), range(ROWS)),
}


@pytest.mark.parametrize("form", IN_MEMORY)
def test_the_same_rows_in_any_form_give_the_same_network(form):
    plain, run = train((X, Y), batch_size=16), train(IN_MEMORY[form], batch_size=16)
    close = {"rtol": 1e-6, "atol": 1e-7} if form == "float64 and int32" else {"rtol": 0, "atol": 0}
    for ours, theirs in zip(run.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, **close)
    assert run.observations.train_rows == ROWS


def test_the_caller_s_arrays_are_not_written_to():
    inputs, target = X.numpy().copy(), Y.numpy().copy()
    train((inputs, target))
    np.testing.assert_array_equal(inputs, X.numpy())
    np.testing.assert_array_equal(target, Y.numpy())


def by_hand(batches: Any) -> nn.Module:
    model = net()
    step = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for _ in range(3):
        for inputs, target in batches:
            step.zero_grad()
            F.cross_entropy(model(inputs), target).backward()
            step.step()
    return model


LOADERS = {
    "plain": lambda: DataLoader(TensorDataset(X, Y), batch_size=16),
    "drop_last": lambda: DataLoader(TensorDataset(X, Y), batch_size=16, drop_last=True),
    "sampler": lambda: DataLoader(TensorDataset(X, Y), batch_size=16, sampler=list(range(ROWS))[::-2]),
    "batch_sampler": lambda: DataLoader(
        TensorDataset(X, Y), batch_sampler=BatchSampler(list(range(30)), 7, drop_last=False)
    ),
    "own shuffle": lambda: DataLoader(
        TensorDataset(X, Y), batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(3)
    ),
    "workers": lambda: DataLoader(Rows(), batch_size=16, num_workers=2),
    "collate": lambda: DataLoader(
        Rows(), batch_size=16, collate_fn=stacked
    ),
    "stream": lambda: DataLoader(Stream(), batch_size=16),
    "bare stream": Stream,
    "list of batches": lambda: [(X[:20], Y[:20]), (X[20:], Y[20:])],
    "iterable": Batches,
    "lists as batches": lambda: [[X[:20], Y[:20]], [X[20:], Y[20:]]],
}  # fmt: skip


@pytest.mark.parametrize("form", LOADERS)
def test_loaders_and_iterables_are_gone_through_as_they_are(form):
    run = train(LOADERS[form](), batch_size=16 if form == "bare stream" else "auto")
    model = by_hand(LOADERS["stream" if form == "bare stream" else form]())
    assert run.history.best_epoch == 3
    for ours, theirs in zip(run.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_random_split_and_a_dataset_for_each_part():
    train_set, valid, test = random_split(Rows(), [30, 10, 10], torch.Generator().manual_seed(0))
    run = train(train_set, valid=valid, test=test, batch_size=8)
    assert run.observations.train_rows == 30
    assert run.observations.valid_rows == 10
    assert run.evaluation.rows == 10


def test_what_is_not_given_is_split_off_by_the_rule_of_tables():
    run = train((X, Y), valid=None)
    assert (run.observations.train_rows, run.observations.valid_rows) == (25, 10)
    assert run.evaluation.rows == 15
    assert run.notes[0].code.startswith("split.")
    fixed = train((X, Y), valid=None, valid_fraction=0.4, test_fraction=0.0)
    assert (fixed.observations.train_rows, fixed.observations.valid_rows, fixed.evaluation) == (30, 20, None)
    parts = own_parts(Rows(), valid=None, test=None, recipe=Recipe(), task=None)
    indices = [sorted(part.content.indices) for part in (parts.train, parts.valid, parts.test)]
    assert sorted(row for part in indices for row in part) == list(range(ROWS))
    again = own_parts((X, Y), valid=None, test=None, recipe=Recipe(), task=None)
    stratified = [float(part.content[1].float().mean()) for part in (again.train, again.valid, again.test)]
    assert max(stratified) - min(stratified) < 0.1


def test_counts_as_targets_are_split_at_random():
    counts = torch.arange(ROWS)
    parts = own_parts((X, counts), valid=None, test=None, recipe=Recipe(), task="regression")
    assert [rows_of(part) for part in (parts.train, parts.valid, parts.test)] == [25, 10, 15]
    run = train((X, counts), valid=None, model=nn.Linear(4, 1), loss=lambda o, t: (o[:, 0] - t).abs().mean())
    assert len(run.history) == 3


def test_auto_loss_by_the_target_s_type():
    assert train((X, Y), loss="auto").recipe.loss == "cross_entropy"
    values = (X, X[:, :1])
    assert train(values, valid=values, loss="auto", model=nn.Linear(4, 1)).recipe.loss == "mse"
    loader = DataLoader(TensorDataset(X, Y), batch_size=10)
    run = train(loader, loss="auto")
    assert (run.recipe.loss, run.recipe.batch_size) == ("cross_entropy", 10)


def test_the_sample_for_the_training_loss_is_the_same_each_time():
    loader = DataLoader(TensorDataset(X, Y), batch_size=10, shuffle=True)
    first = train(loader, learning_rate=1e-12)
    np.testing.assert_allclose(first.history["train_loss"], first.history["train_loss"][0], rtol=1e-5)
    many = X.repeat(60, 1), Y.repeat(60)
    sampled = train(many, batch_size=500, learning_rate=1e-12)
    with torch.no_grad():
        whole = float(F.cross_entropy(net()(many[0]), many[1]))
    assert sampled.history["train_loss"][0] == pytest.approx(whole, rel=0.05)


def test_what_is_for_a_network_of_one_s_own():
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    assert is_own_data(TensorDataset(X, Y), None)
    assert is_own_data((X, Y), net())
    assert is_own_data(X, net())
    assert not is_own_data((X, Y), None)
    assert not is_own_data(frame, net())
    assert not is_own_data("table.csv", net())


def test_parts_by_task():
    def task(name: str, target: Tensor = Y) -> str | None:
        return own_parts((X, target), valid=VALID, test=None, recipe=Recipe(), task=name).task

    assert task("classification") == "binary"
    assert task("classification", Y + 1) == "multiclass"
    assert task("regression") == "regression"
    with pytest.raises(goodfit.InputError, match="binary, multiclass"):
        task("guess")


def test_inputs_alone_are_a_batch_for_a_step():
    part = part_of(X.numpy(), "train", stepped=True)
    assert rows_of(part) == ROWS
    seen: list[Any] = []

    def step(model: nn.Module, batch: Tensor) -> Tensor:
        seen.append(batch)
        return (model(batch) - batch).square().mean()

    options = {"step": step, "epochs": 5, "learning_rate": 0.05, "batch_size": 8}
    run = goodfit.train(X.numpy(), model=nn.Linear(4, 4), **options)
    assert all(isinstance(batch, Tensor) and batch.ndim == 2 for batch in seen)
    assert run.history["valid_loss"][-1] < run.history["valid_loss"][0]
    assert run.recipe.loss == "custom"
    with pytest.raises(goodfit.InputError, match="step="):
        goodfit.train(X, model=nn.Linear(4, 4), recipe=run.recipe)


def test_a_loader_of_dicts_by_a_step():
    batches = [{"pixels": X[:25], "digit": Y[:25]}, {"pixels": X[25:], "digit": Y[25:]}]

    def step(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch["pixels"]), batch["digit"])

    run = train(batches, valid=batches, step=step, loss="auto")
    with torch.no_grad():
        exact = float(F.cross_entropy(run.model(X), Y))
    assert run.history["valid_loss"][-1] == pytest.approx(exact, rel=1e-5)

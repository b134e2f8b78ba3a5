from __future__ import annotations

import pytest
import torch
from torch import nn

import goodfit
from goodfit.errors import InputError


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.layer(rows)


def batches(*widths: int, named: bool = False) -> list:
    rows = [torch.randn(8, width) for width in widths]
    return [({"rows": one} if named else one, torch.randint(0, 2, (8,))) for one in rows]


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("named", [False, True])
def test_a_batch_of_another_width_is_refused_by_its_number_and_both_widths(part, named):
    data = {name: batches(4, 4, named=named) for name in ("train", "valid", "test")}
    data[part] = batches(4, 4, 5, named=named)
    train = data.pop("train")
    model = Named if named else network
    with pytest.raises(
        InputError, match=f"batch 3 of the {part} data a row has 5 numbers, in the first batch 4"
    ):
        goodfit.train(train, model=model, loss="cross_entropy", epochs=1, **data)


def test_rows_of_several_dimensions_are_told_by_all_of_them():
    images = [(torch.randn(4, 1, 6, width), torch.zeros(4, dtype=torch.int64)) for width in (6, 5)]
    model = lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 2))  # noqa: E731
    with pytest.raises(InputError, match="a row has 1 × 6 × 5 numbers, in the first batch 1 × 6 × 6"):
        goodfit.train(images, model=model, loss="cross_entropy", epochs=1)


def sequences(*labels: int) -> list:
    return [(torch.randn(4, 5 + 2 * place, 3), torch.full((4,), label)) for place, label in enumerate(labels)]


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.layer(rows.mean(1))


def test_a_network_that_takes_any_length_trains_on_it():
    assert len(goodfit.train(sequences(0, 0), model=Mean, loss="cross_entropy", epochs=1).history) == 1


def test_what_has_another_cause_is_not_taken_for_it():
    class Fails(Mean):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            if self.training and rows.shape[1] == 7:
                raise RuntimeError("of its own")
            return super().forward(rows)

    with pytest.raises(RuntimeError, match="of its own"):
        goodfit.train(sequences(0, 0), model=Fails, loss="cross_entropy", epochs=1, vitals=False)


@pytest.mark.parametrize("part", ["train", "valid"])
def test_a_lack_of_memory_is_not_taken_for_it(part):
    class Large(Mean):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            if rows.shape[1] == 7:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(rows)

    data = {"train": sequences(0), "valid": sequences(0), part: sequences(0, 0)}
    train = data.pop("train")
    with pytest.raises(torch.OutOfMemoryError):
        goodfit.train(train, model=Large, loss="cross_entropy", epochs=1, vitals=False, **data)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_label_out_of_range_is_told_with_its_batch(part):
    data = {name: sequences(0, 0) for name in ("train", "valid", "test")}
    data[part] = sequences(0, 5)
    train = data.pop("train")
    with pytest.raises(InputError, match=f"In batch 2 of the {part} data: The label 5 in row 0") as refused:
        goodfit.train(train, model=Mean, loss="cross_entropy", epochs=1, vitals=False, **data)
    assert "width" not in str(refused.value)

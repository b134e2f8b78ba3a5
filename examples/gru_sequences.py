"""A GRU on sequences of unequal length: a DataLoader with a collate function of one's own, packed."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.utils.data import DataLoader

import goodfit

# An image as the sequence of those of its rows that hold ink.
images, digits = load_digits(return_X_y=True)
rows = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 8, 8)
sequences = [(image[image.sum(1) > 0], int(digit)) for image, digit in zip(rows, digits, strict=True)]


def collate(items: list[tuple[Tensor, int]]) -> tuple[PackedSequence, Tensor]:
    """Put sequences together, without padding."""
    inputs, target = zip(*items, strict=True)
    return pack_sequence(inputs, enforce_sorted=False), torch.tensor(target)


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 48)
        self.head = nn.Linear(48, 10)

    def forward(self, packed: PackedSequence) -> Tensor:
        _, last = self.gru(packed)
        return self.head(last[0])


def loader(part: list[tuple[Tensor, int]], *, shuffle: bool = False) -> DataLoader:
    """Return batches of 64 sequences."""
    return DataLoader(part, batch_size=64, shuffle=shuffle, collate_fn=collate)


run = goodfit.train(
    loader(sequences[:1200], shuffle=True),
    valid=loader(sequences[1200:1500]),
    test=loader(sequences[1500:]),
    model=Reader,
    loss="cross_entropy",
    learning_rate=1e-2,
    gradient_clip=1.0,
    epochs=8,
)

if __name__ == "__main__":
    print(run.evaluation)

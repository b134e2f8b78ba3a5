"""A convolutional network with BatchNorm, a Dataset with augmentation, random_split, and a schedule."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import Dataset, random_split

import goodfit


class Digits(Dataset):
    """Images moved by up to a pixel, anew each time that they are fetched."""

    def __init__(self) -> None:
        images, self.digits = load_digits(return_X_y=True)
        self.images = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        down, right = torch.randint(-1, 2, (2,)).tolist()
        return self.images[row].roll((down, right), (1, 2)), int(self.digits[row])


def build() -> nn.Module:
    """Return the network; a function builds it with weights that follow from the recipe's seed."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


train, valid, test = random_split(Digits(), [0.6, 0.2, 0.2], torch.Generator().manual_seed(0))
run = goodfit.train(
    train,
    valid=valid,
    test=test,
    model=build,
    loss="cross_entropy",
    optimizer="adamw",
    learning_rate=1e-2,
    schedule="one_cycle",
    weight_decay=0.01,
    batch_size=64,
    epochs=6,
)

if __name__ == "__main__":
    print(run.history.to_pandas())
    print(run.evaluation)

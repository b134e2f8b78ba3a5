"""A network of one's own with two inputs: the image of a digit, and the amount of ink in each quarter."""

import torch
from sklearn.datasets import load_digits
from torch import nn

import goodfit

images, digits = load_digits(return_X_y=True)
images = torch.tensor(images / 16, dtype=torch.float32)
quarters = images.reshape(-1, 2, 4, 2, 4).sum((2, 4)).flatten(1)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.ink = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        self.head = nn.Linear(40, 10)

    def forward(self, image: torch.Tensor, ink: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([self.image(image), self.ink(ink)], 1))


# A tuple of inputs reaches `forward` as positional arguments, a dict as named ones. Validation and test rows
# are split off where none are given.
run = goodfit.train(
    ((images, quarters), torch.tensor(digits)),
    model=TwoInputs,
    loss="cross_entropy",
    optimizer="adam",
    learning_rate=1e-2,
    batch_size=64,
    epochs=20,
    patience=5,
)

if __name__ == "__main__":
    print(run.evaluation.to_text())
    print(run.predict((images[:5], quarters[:5])).argmax(1), digits[:5])

"""An autoencoder: no targets, a loss of two parts, by a step of one's own."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import goodfit

images = torch.tensor(load_digits().data / 16, dtype=torch.float32)


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decode = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encode(image)
        return self.decode(code), code


def step(model: nn.Module, image: Tensor) -> Tensor:
    """Return the loss of a batch: that of the reconstruction, and a little for large codes."""
    restored, code = model(image)
    return (restored - image).square().mean() + 1e-4 * code.square().mean()


model = Autoencoder()
run = goodfit.train(images, model=model, step=step, learning_rate=1e-2, batch_size=64, epochs=30)

if __name__ == "__main__":
    print(run)
    print("loss on images it never saw:", run.evaluation.metrics["loss"].value)
    print("the code of the first image:", model.encode(images[:1]))

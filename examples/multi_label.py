"""Several labels at once: is the digit even, is it above four, is there a ring in it?"""

import numpy as np
from sklearn.datasets import load_digits
from torch import nn

import goodfit

images, digits = load_digits(return_X_y=True)
labels = np.stack([digits % 2 == 0, digits > 4, np.isin(digits, [0, 6, 8, 9])], axis=1)

run = goodfit.train(
    (images / 16, labels),
    model=nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)),
    loss="bce",
    metrics=["accuracy", "f1"],
    monitor="valid_f1",
    learning_rate=1e-2,
    batch_size=64,
    epochs=20,
)

if __name__ == "__main__":
    print(run.evaluation.to_text())
    print(run.predict(images[:3] / 16).round(2))

"""Data for planted faults: small tables, images and sequences; development, held-out and fresh ones apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Data:
    """Training, validation and test rows.

    ``form`` is how a row looks: ``table`` (features,), ``image`` (1, side, side), ``sequence`` (time, 1).
    """

    name: str
    part: str
    form: str
    kind: str
    classes: int
    train: tuple[Array, NDArray]
    valid: tuple[Array, NDArray]
    test: tuple[Array, NDArray]

    def replace(self, **changes: object) -> Data:
        return replace(self, **changes)  # type: ignore[arg-type]


def _digits(shape: tuple[int, ...], odd: bool) -> tuple[NDArray, NDArray]:
    inputs, labels = datasets.load_digits(return_X_y=True)
    # Development has the digits 0 to 4, held-out those from 5 on.
    kept = labels >= 5 if odd else labels < 5
    return inputs[kept].reshape(-1, *shape), labels[kept] - (5 if odd else 0)


def _waves(seed: int, noise: float) -> tuple[NDArray, NDArray]:
    """Sines, squares and saws of random phase and frequency."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, 24)
    labels = rng.integers(0, 3, 1500)
    phase = 2 * np.pi * (time * rng.uniform(1.5, 3, (1500, 1)) + rng.uniform(0, 1, (1500, 1)))
    shapes = np.stack([np.sin(phase), np.sign(np.sin(phase)), (phase / np.pi) % 2 - 1])
    return (shapes[labels, np.arange(1500)] + noise * rng.normal(size=(1500, 24)))[..., None], labels


def _sums(seed: int) -> tuple[NDArray, NDArray]:
    """Noise whose sum over time is positive or not."""
    inputs = np.random.default_rng(seed).normal(size=(1500, 20))
    return inputs[..., None], (inputs.sum(axis=1) > 0).astype(int)


def _parity(seed: int) -> tuple[NDArray, NDArray]:
    """Whether three features multiplied are positive, beside five that mean nothing."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(1800, 8))
    inputs[:, :2] += 0.7 * np.sign(inputs[:, :2])
    return inputs, (inputs[:, 0] * inputs[:, 1] + 0.3 * inputs[:, 2] > 0).astype(int)


def _bars(seed: int) -> tuple[NDArray, NDArray]:
    """A lying, a standing or a slanting bar somewhere in noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 1500)
    images = 0.5 * rng.normal(size=(1500, 1, 8, 8))
    for image, label, place in zip(images[:, 0], labels, rng.integers(1, 7, 1500), strict=True):
        along = np.arange(8)
        across = {
            0: (np.full(8, place), along),
            1: (along, np.full(8, place)),
            2: (along, (along + place) % 8),
        }
        image[across[int(label)]] += 1.5
    return images, labels


def _peaks(seed: int) -> tuple[NDArray, NDArray]:
    """Two channels; which third of the time has the highest bump of the first."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 1500)
    centre = 5 + 10 * labels + rng.uniform(-3, 3, 1500)
    bump = 2.5 * np.exp(-(((np.arange(30) - centre[:, None]) / 2) ** 2))
    return np.stack([bump, np.zeros_like(bump)], axis=2) + 0.6 * rng.normal(size=(1500, 30, 2)), labels


Source = Callable[[], tuple[NDArray, NDArray]]
SOURCES: dict[str, tuple[str, str, str, Source]] = {
    # name: part, form, kind, source
    "breast_cancer": (
        "development",
        "table",
        "classes",
        lambda: datasets.load_breast_cancer(return_X_y=True),
    ),
    "easy_table": (
        "development",
        "table",
        "classes",
        lambda: datasets.make_classification(
            1500, 15, n_informative=8, n_classes=3, class_sep=1.5, flip_y=0, random_state=1
        ),
    ),
    "hard_table": (
        "development",
        "table",
        "classes",
        lambda: datasets.make_classification(
            1500, 20, n_informative=6, n_redundant=4, class_sep=0.5, flip_y=0, random_state=2
        ),
    ),
    "circles": (
        "development",
        "table",
        "classes",
        lambda: datasets.make_circles(1200, noise=0.1, factor=0.5, random_state=0),
    ),
    "friedman1": (
        "development",
        "table",
        "values",
        lambda: datasets.make_friedman1(1200, noise=1.0, random_state=0),
    ),
    "digits_low": ("development", "image", "classes", lambda: _digits((1, 8, 8), odd=False)),
    "waves": ("development", "sequence", "classes", lambda: _waves(0, 0.2)),
    "wine": ("held-out", "table", "classes", lambda: datasets.load_wine(return_X_y=True)),
    "quantiles": (
        "held-out",
        "table",
        "classes",
        lambda: datasets.make_gaussian_quantiles(n_samples=1500, n_features=6, n_classes=3, random_state=0),
    ),
    "many_classes": (
        "held-out",
        "table",
        "classes",
        lambda: datasets.make_classification(
            2000, 25, n_informative=12, n_classes=6, n_clusters_per_class=1, flip_y=0, random_state=3
        ),
    ),
    "moons": ("held-out", "table", "classes", lambda: datasets.make_moons(1200, noise=0.25, random_state=0)),
    "diabetes": ("held-out", "table", "values", lambda: datasets.load_diabetes(return_X_y=True)),
    "friedman2": (
        "held-out",
        "table",
        "values",
        lambda: datasets.make_friedman2(1200, noise=20.0, random_state=0),
    ),
    "digits_high": ("held-out", "image", "classes", lambda: _digits((1, 8, 8), odd=True)),
    "noisy_waves": ("held-out", "sequence", "classes", lambda: _waves(1, 0.4)),
    "sums": ("held-out", "sequence", "classes", lambda: _sums(2)),
    "hastie": ("fresh", "table", "classes", lambda: datasets.make_hastie_10_2(2000, random_state=4)),
    "blobs": (
        "fresh",
        "table",
        "classes",
        lambda: datasets.make_blobs(1600, 8, centers=5, cluster_std=5.0, random_state=5)[:2],
    ),
    "parity": ("fresh", "table", "classes", lambda: _parity(6)),
    "friedman3": (
        "fresh",
        "table",
        "values",
        lambda: datasets.make_friedman3(1300, noise=0.1, random_state=7),
    ),
    "swiss_roll": (
        "fresh",
        "table",
        "values",
        lambda: datasets.make_swiss_roll(1300, noise=0.5, random_state=8),
    ),
    "bars": ("fresh", "image", "classes", lambda: _bars(9)),
    "peaks": ("fresh", "sequence", "classes", lambda: _peaks(10)),
}


def load(name: str, seed: int) -> Data:
    """Return a data set, shuffled and divided by ``seed``: 60 % training, 20 % validation, 20 % test."""
    part, form, kind, source = SOURCES[name]
    inputs, target = source()
    order = np.random.default_rng([seed, len(name)]).permutation(len(inputs))
    first, second = int(0.6 * len(order)), int(0.8 * len(order))
    picks = np.split(order, [first, second])
    axis = tuple(range(inputs.ndim)) if form != "table" else 0
    centre, scale = inputs[picks[0]].mean(axis), inputs[picks[0]].std(axis)
    scaled = ((inputs - centre) / np.where(scale > 1e-8, scale, 1)).astype(np.float32)
    if kind == "values":
        values = (target - target[picks[0]].mean()) / target[picks[0]].std()
        wanted, classes = values.astype(np.float32)[:, None], 1
    else:
        wanted = np.unique(target, return_inverse=True)[1].astype(np.int64)
        classes = int(wanted.max()) + 1
    parts = [(scaled[pick], wanted[pick]) for pick in picks]
    return Data(name, part, form, kind, classes, *parts)

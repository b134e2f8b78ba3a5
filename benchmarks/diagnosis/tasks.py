"""The data sets that the runs are made on: scikit-learn's own, and tables from a folder where one is given.

A `Task` is small standardised float32 arrays in three parts. Data sets, not runs, are divided into a
development part, on which thresholds and models are set, and a held-out part, on which they are judged.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Array = NDArray[np.float32]
MOST_TEST_ROWS = 1000
MOST_VALID_ROWS = 500


@dataclass(frozen=True)
class Task:
    name: str
    part: str  # development | held-out
    kind: str  # classification | regression
    classes: int
    train: tuple[Array, NDArray]
    valid: tuple[Array, NDArray]
    test: tuple[Array, NDArray]
    prior_loss: float


MADE: dict[str, Callable[[], tuple[NDArray, NDArray]]] = {
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "moons": lambda: datasets.make_moons(4000, noise=0.3, random_state=0),
    "circles": lambda: datasets.make_circles(4000, noise=0.15, factor=0.5, random_state=0),
    "blobs": lambda: datasets.make_blobs(4000, n_features=5, centers=6, cluster_std=4.0, random_state=0),
    "quantiles": lambda: datasets.make_gaussian_quantiles(
        n_samples=5000, n_features=8, n_classes=3, random_state=0
    ),
    "hastie": lambda: datasets.make_hastie_10_2(5000, random_state=0),
    "easy_classes": lambda: datasets.make_classification(
        4000, n_features=20, n_informative=10, class_sep=1.5, random_state=1
    ),
    "noisy_classes": lambda: datasets.make_classification(
        4000, n_features=20, n_informative=5, flip_y=0.2, random_state=2
    ),
    "many_classes": lambda: datasets.make_classification(
        5000, n_features=40, n_informative=15, n_classes=8, n_clusters_per_class=1, random_state=3
    ),
    "wide_classes": lambda: datasets.make_classification(
        4000, n_features=100, n_informative=10, n_redundant=20, random_state=4
    ),
    "friedman1": lambda: datasets.make_friedman1(4000, noise=1.0, random_state=0),
    "friedman2": lambda: datasets.make_friedman2(4000, noise=50.0, random_state=0),
    "friedman3": lambda: datasets.make_friedman3(4000, noise=0.1, random_state=0),
    "linear": lambda: datasets.make_regression(
        4000, n_features=20, n_informative=10, noise=50.0, random_state=0
    ),
    "sparse": lambda: datasets.make_sparse_uncorrelated(4000, n_features=15, random_state=0),
    "s_curve": lambda: datasets.make_s_curve(4000, noise=0.2, random_state=0),
    "swiss_roll": lambda: datasets.make_swiss_roll(4000, noise=0.5, random_state=0),
}
# file, target, columns that are left out, how the file is read
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "adult": ("income", ()),
    "auto_mpg": ("mpg", ("car name", "car_name", "name")),
    "bank_marketing": ("deposit", ("duration",)),
    "bike_sharing": ("cnt", ("instant", "dteday", "casual", "registered")),
    "california_housing": ("median_house_value", ()),
    "diamonds": ("price", ()),
    "pima_diabetes": ("outcome", ()),
    "sonar": ("label", ()),
    "telco_churn": ("Churn", ("customerID",)),
    "titanic": ("Survived", ("PassengerId", "Name", "Ticket", "Cabin")),
    "wine_quality_red": ("quality", ()),
    "wine_quality_white": ("quality", ()),
    "used_cars": ("selling_price", ("name",)),
}
IMAGES = ("mnist", "fashion_mnist")
HELD_OUT = frozenset(
    (
        *("wine", "digits", "moons", "quantiles", "many_classes", "friedman1", "friedman3", "linear"),
        *("swiss_roll", "hastie", "adult", "auto_mpg", "bike_sharing", "sonar", "titanic"),
        *("wine_quality_white", "diamonds", "fashion_mnist"),
    )
)


def names(folder: Path | None) -> list[str]:
    """Return the names of the data sets there are."""
    found = sorted(MADE)
    if folder is not None:
        found += [name for name in (*sorted(TABLES), *IMAGES) if (folder / name).is_dir()]
    return found


def load(name: str, folder: Path | None) -> tuple[NDArray, NDArray, str]:
    """Return inputs (rows, features), targets (rows,) and the kind of task."""
    if name in MADE:
        inputs, target = MADE[name]()
    elif name in IMAGES:
        assert folder is not None
        inputs, target = _images(folder / name)
    else:
        assert folder is not None
        inputs, target = _table(folder / name, *TABLES[name])
    numeric = np.issubdtype(np.asarray(target).dtype, np.floating) and len(np.unique(target)) > 12
    if name == "hastie":
        target = target > 0
    if numeric or name.startswith("wine_quality"):
        return inputs, np.asarray(target, float), "regression"
    return inputs, np.unique(target, return_inverse=True)[1], "classification"


def sizes(rows: int) -> Iterator[int]:
    """Return the numbers of training rows that are tried on a data set with so many rows."""
    for wanted in (80, 300, 1500):
        if wanted <= 0.5 * rows:
            yield wanted


def divide(name: str, data: tuple[NDArray, NDArray, str], rows: int, seed: int) -> Task:
    """Draw training, validation and test rows; standardise by the training rows."""
    inputs, target, kind = data
    rng = np.random.default_rng([seed, *name.encode()])
    order = rng.permutation(len(inputs))
    left = len(inputs) - rows
    held = int(min(MOST_VALID_ROWS, max(rows // 2, 50), left // 3))
    picks = np.split(order, [rows, rows + held])
    picks[2] = picks[2][:MOST_TEST_ROWS]
    centre, scale = inputs[picks[0]].mean(0), inputs[picks[0]].std(0)
    inputs = np.clip((inputs - centre) / np.where(scale > 1e-8, scale, 1.0), -10, 10).astype(np.float32)
    if kind == "regression":
        y = ((target - target[picks[0]].mean()) / target[picks[0]].std()).astype(np.float32)
        classes = 1
        prior = float(np.mean((y[picks[1]] - y[picks[0]].mean()) ** 2))
    else:
        y, classes = target.astype(np.int64), int(target.max()) + 1
        share = (np.bincount(y[picks[0]], minlength=classes) + 0.5) / (rows + 0.5 * classes)
        prior = float(-np.log(share[y[picks[1]]]).mean())
    parts = [(inputs[pick], y[pick]) for pick in picks]
    part = "held-out" if name in HELD_OUT else "development"
    return Task(f"{name}-{rows}", part, kind, classes, *parts, prior_loss=prior)


def _table(folder: Path, target: str, dropped: tuple[str, ...]) -> tuple[NDArray, NDArray]:
    import polars as pl

    file = max(
        (p for p in folder.glob("*") if p.suffix in (".csv", ".data", ".tsv")), key=lambda p: p.stat().st_size
    )
    with file.open() as lines:
        first = lines.readline()
    separator = max(",;\t", key=first.count)
    nulls = ["", "NA", "?", " ?", " "]
    frame = pl.read_csv(
        file, separator=separator, null_values=nulls, infer_schema_length=None, ignore_errors=True
    )
    frame = frame.drop_nulls(target).sample(min(len(frame), 12000), seed=0, shuffle=True)
    columns = []
    for name in frame.columns:
        column = frame[name]
        if name == target or name in dropped or name in ("Id", "id", "Unnamed: 0", ""):
            continue
        if column.dtype.is_numeric():
            columns.append(column.cast(pl.Float64).fill_null(column.median()).to_numpy()[:, None])
        else:
            texts = column.cast(pl.String).fill_null("missing")
            common = texts.value_counts(sort=True)[name].head(12).to_list()
            columns.append(np.stack([(texts == level).to_numpy() for level in common], axis=1).astype(float))
    y = frame[target]
    values = (
        y.to_numpy()
        if y.dtype.is_numeric()
        else y.cast(pl.String).str.strip_chars(" .").to_numpy().astype(str)
    )
    if np.issubdtype(values.dtype, np.number) and len(np.unique(values)) > 12:
        values = values.astype(float)
    return np.concatenate(columns, axis=1), values


def _images(folder: Path) -> tuple[NDArray, NDArray]:
    def idx(part: str, head: int) -> NDArray:
        file = sorted(p for p in folder.glob("*.gz") if part in p.name)[0]
        return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=head)

    pixels = idx("images", 16).reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196) / 255
    labels = idx("labels", 8)
    return pixels[:8000], labels[:8000].astype(np.int64)

"""What the columns of a log mean, by the names that tools give them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from goodfit.observations import higher_is_better

__all__ = ["ROLES", "metric_of", "normal", "role_of", "source_of"]

ROLES = ("epoch", "step", "train_loss", "valid_loss", "learning_rate")
EPOCH = ("epoch", "epochs", "trainer_epoch", "train_epoch")
STEP = (
    "step",
    "global_step",
    "steps",
    "iteration",
    "iterations",
    "iter",
    "it",
    "batch",
    "trainer_global_step",
)
RUN = ("run", "run_id", "run_name", "experiment", "trial", "trial_id", "fold", "version")
TRAIN = ("train", "training", "trn", "tr")
VALID = ("valid", "val", "validation", "eval", "evaluation", "dev")
TEST = ("test",)
RATE = re.compile(r"^(train_)?(lr|learning_rate)(_|$)|^x_lr0$|(^|_)lr(_pg)?_?0$|^lr_")
ALIASES = {
    "acc": "accuracy",
    "categorical_accuracy": "accuracy",
    "binary_accuracy": "accuracy",
    "top1": "accuracy",
}
ERRORS = ("mse", "mae", "rmse", "error", "mean_absolute_error", "mean_squared_error", "perplexity", "wer")
NOT_CURVES = (
    "time",
    "seconds",
    "runtime",
    "timestamp",
    "samples_per_second",
    "steps_per_second",
    "flos",
    "duration",
    "dur",
)


def normal(name: str) -> str:
    """Return a column's name in one spelling: lower case, parts joined by ``_``.

    Examples
    --------
    >>> normal(" train/box_loss"), normal("Validation Loss")
    ('train_box_loss', 'validation_loss')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def split_of(name: str) -> tuple[str | None, str]:
    """Return which rows a normal name speaks of (train, valid, test) and what of them.

    Examples
    --------
    >>> split_of("val_loss"), split_of("loss_train"), split_of("loss")
    (('valid', 'loss'), ('train', 'loss'), (None, 'loss'))
    """
    parts = name.split("_")
    for which, words in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        for position in (0, -1, 1):
            if len(parts) > 1 and abs(position) < len(parts) and parts[position] in words:
                rest = [part for index, part in enumerate(parts) if index != position % len(parts)]
                return which, "_".join(part for part in rest if part not in ("avg", "mean"))
    return None, name


def role_of(name: str) -> str | None:
    """Return which of `ROLES` (or ``run``, ``train_loss_step``, ``test_loss``) a column plays."""
    plain = normal(name)
    if plain in EPOCH:
        return "epoch"
    if plain in STEP:
        return "step"
    if plain in RUN:
        return "run"
    if RATE.search(plain):
        return "learning_rate"
    which, rest = split_of(plain)
    rest = rest.replace("losses", "loss")
    if rest in ("loss", "loss_epoch", "epoch_loss", "running_loss"):
        return f"{which or 'train'}_loss"
    if rest == "loss_step" and which in (None, "train"):
        return "train_loss_step"
    return None


def metric_of(name: str) -> str | None:
    """Return ``train_<metric>`` or ``valid_<metric>``, or None for what is no metric.

    Examples
    --------
    >>> metric_of("val_acc"), metric_of("accuracy"), metric_of("time")
    ('valid_accuracy', 'train_accuracy', None)
    """
    which, rest = split_of(normal(name))
    rest = rest.removesuffix("_epoch")
    if (
        rest in NOT_CURVES
        or any(rest.endswith(f"_{word}") for word in NOT_CURVES)
        or not rest
        or "loss" in rest
    ):
        return None
    if which == "test" or rest.endswith(("_step", "_min", "_max")):
        return None
    if normal(name).startswith("metrics_"):
        which, rest = "valid", rest.removeprefix("metrics_")
    if which is None and not (higher_is_better(ALIASES.get(rest, rest)) or rest in ERRORS):
        return None
    return f"{which or 'train'}_{ALIASES.get(rest, rest)}"


def source_of(columns: Sequence[str]) -> str:
    """Return which tool writes a table with such columns."""
    plain = {name.strip() for name in columns}
    if any(name.startswith("metrics/") for name in plain) and any(
        name.startswith("train/") for name in plain
    ):
        return "ultralytics"
    if {"epoch", "step"} <= plain and any(name.endswith(("_step", "_epoch")) for name in plain):
        return "lightning"
    if {"epoch", "loss"} <= plain and any(name.startswith("val_") for name in plain):
        return "keras"
    if {"epoch", "train_loss", "valid_loss", "time"} <= plain:
        return "fastai"
    if any(name.endswith(("__MIN", "__MAX")) for name in plain) or "_runtime" in plain:
        return "wandb"
    return "table"

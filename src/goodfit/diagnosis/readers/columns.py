"""What the columns of a log mean, by the words of their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["Meaning", "Name", "meaning_of", "read_name"]

Part = Literal["train", "valid", "test"]

PARTS: Mapping[str, Part] = {
    **dict.fromkeys(("train", "training", "trn", "tr", "entrenamiento"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "eval", "evaluation", "dev", "validacion"), "valid"),
    "test": "test",
}
EPOCH = ("epoch", "epochs", "epoca", "época", "ep")
STEP = ("step", "global_step", "iteration", "iterations", "iter", "steps", "num_updates", "update", "paso")
SECONDS = ("seconds", "time", "elapsed", "elapsed_time", "runtime", "relative_time_process")
RATE = re.compile(r"(^|_)(lr\d*|learning_rate)(_|$)")
GRADIENT = re.compile(r"(^|_)(grad|gradient)(_[\d.]+)?_norm(_|$)")
NO_METRIC = re.compile(
    r"(^|_)(runtime|per_second|flos|timestamp|wall|count|best|batch|size|memory|dur|duration|seed|samples|"
    r"tokens|time|momentum|weight_decay|patience|index|unnamed)(_|$)"
)
RUN = (
    "run",
    "run_id",
    "run_name",
    "name",
    "experiment",
    "experiment_name",
    "trial",
    "trial_id",
    "fold",
    "seed",
)
ALIASES = {
    "acc": "accuracy",
    "binary_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "losses": "loss",
}
LIKE_LOSS = (
    "nll", "cross_entropy", "crossentropy", "categorical_crossentropy", "ce", "bce", "log_loss", "logloss",
    "objective", "cost", "elbo", "mse", "rmse", "mae", "error", "perplexity",
)  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A column's name taken apart.

    Parameters
    ----------
    part
        What it was measured on, as far as the name says.
    quantity
        What was measured, its words joined by underscores.
    per
        ``epoch`` for a mean over the epoch, ``step`` for a value of one step.
    """

    part: Part | None
    quantity: str
    per: Literal["epoch", "step"] | None


def read_name(name: str) -> Name:
    """Take a column's name apart.

    >>> read_name("val_loss"), read_name("Loss/train")
    (Name(part='valid', quantity='loss', per=None), Name(part='train', quantity='loss', per=None))
    >>> read_name("train_loss_step"), read_name("metrics/mAP50(B)").quantity
    (Name(part='train', quantity='loss', per='step'), 'metrics_map50_b')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("mAP", "map"))
    words = [word for word in re.split(r"[^\w.]+|_", spaced.lower()) if word]
    if words[-3:] == ["dataloader", "idx", "0"]:
        words = words[:-3]
    at = next((place for place, word in enumerate(words) if word in PARTS), None)
    part = None
    if at is not None and (len(words) > 1):
        part = PARTS[words.pop(at)]
    per: Literal["epoch", "step"] | None = None
    if len(words) > 1 and words[-1] in ("epoch", "step"):
        per = "epoch" if words.pop() == "epoch" else "step"
    elif len(words) > 1 and words[0] in ("epoch", "batch"):
        per = "epoch" if words.pop(0) == "epoch" else "step"
    quantity = "_".join(words)
    return Name(part, ALIASES.get(quantity, quantity), per)


@dataclass(frozen=True)
class Meaning:
    """Which columns are which.

    Parameters
    ----------
    curves
        ``train_loss``, ``valid_<metric>``, ... to the columns that it is the sum of (mostly one).
    notes
        What was assumed.
    """

    epoch: str | None = None
    step: str | None = None
    seconds: str | None = None
    learning_rate: str | None = None
    gradient_norm: str | None = None
    curves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()


def meaning_of(
    names: Sequence[str],
    path: str,
    *,
    train_loss: str | None = None,
    valid_loss: str | None = None,
    metrics_of: Literal["train", "valid"] | None = None,
) -> Meaning:
    """Return what the columns ``names`` mean.

    Parameters
    ----------
    names
        The columns that hold numbers.
    path
        What errors call the log.
    train_loss, valid_loss
        Columns that the caller knows.
    metrics_of
        What metrics of no stated part were measured on.

    Raises
    ------
    InputError
        A column that was named is not there, or which one is the loss cannot be told.
    """
    given = {"train_loss": train_loss, "valid_loss": valid_loss}
    for column in given.values():
        if column is not None and column not in names:
            near = difflib.get_close_matches(column, names, n=1)
            code = "log.no-column-near" if near else "log.no-column"
            raise InputError(code, path=path, column=column, nearest=near[0] if near else "", known=[*names])
    epoch = _axis(names, EPOCH)
    step = _axis([name for name in names if name != epoch], STEP)
    left = [name for name in names if name not in (epoch, step, *given.values())]
    rate = next((name for name in left if RATE.search(read_name(name).quantity)), None)
    gradient = next((name for name in left if GRADIENT.search(read_name(name).quantity)), None)
    seconds = _axis(left, SECONDS)
    left = [name for name in left if name not in (rate, gradient, seconds)]
    curves, notes = _curves(left, path, given, metrics_of)
    return Meaning(epoch, step, seconds, rate, gradient, curves, notes)


def _axis(names: Iterable[str], words: Sequence[str]) -> str | None:
    """Return the column that counts epochs (steps, seconds): the plainest name first."""
    found = []
    for name in names:
        bare = re.sub(r"[^\w]+|_+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")
        for prefix in ("", "train_", "trainer_", "current_", "training_"):
            if bare.startswith(prefix) and bare[len(prefix) :] in words:
                found.append((len(prefix), words.index(bare[len(prefix) :]), name))
                break
    return min(found)[2] if found else None


def _curves(
    names: Sequence[str],
    path: str,
    given: Mapping[str, str | None],
    metrics_of: Literal["train", "valid"] | None,
) -> tuple[dict[str, tuple[str, ...]], tuple[Message, ...]]:
    by_part: dict[Part | None, dict[str, str]] = {"train": {}, "valid": {}, "test": {}, None: {}}
    rank = {"epoch": 0, None: 1, "step": 2}
    for name in sorted(names, key=lambda name: rank[read_name(name).per]):
        read = read_name(name)
        if read.quantity and not (
            NO_METRIC.search(read.quantity) or RATE.search(read.quantity) or GRADIENT.search(read.quantity)
        ):
            by_part[read.part].setdefault(read.quantity, name)
    notes: list[Message] = []
    known = {name: (column,) for name, column in given.items() if column is not None}
    plain = by_part.pop(None)
    train, valid, test = by_part["train"], by_part["valid"], by_part["test"]
    if test and not valid and "valid_loss" not in known:
        valid = test
        notes.append(Message("log.test-as-valid", {"columns": sorted(test.values())}))
    told = bool(train) or metrics_of == "valid"
    for quantity, name in plain.items():
        measured_on = train
        if _is_loss(quantity):
            measured_on = train
        elif quantity not in valid and (told if metrics_of is None else metrics_of == "valid"):
            measured_on = valid
        measured_on.setdefault(quantity.removeprefix("metrics_"), name)
    found: dict[str, tuple[str, ...]] = dict(known)
    wanted = None
    for part, columns in (("valid", valid), ("train", train)):
        if f"{part}_loss" not in found:
            chosen = _loss(columns, wanted, path, part, plain)
            if chosen:
                found[f"{part}_loss"] = tuple(columns[quantity] for quantity in chosen)
                wanted = chosen if part == "valid" else wanted
                if len(chosen) > 1:
                    notes.append(Message("log.losses-added", {"columns": [columns[one] for one in chosen]}))
                elif not _is_loss(chosen[0]):
                    notes.append(Message("log.taken-as-loss", {"column": columns[chosen[0]]}))
        used = {column for sources in found.values() for column in sources}
        for quantity, name in columns.items():
            if quantity != "loss" and name not in used:
                found.setdefault(f"{part}_{quantity.removeprefix('metrics_')}", (name,))
    return found, tuple(notes)


def _loss(
    columns: Mapping[str, str],
    wanted: tuple[str, ...] | None,
    path: str,
    part: str,
    plain: Mapping[str, str],
) -> tuple[str, ...]:
    """Return the quantities that make up the loss of a part; those of the validation where it has them."""
    if "loss" in columns:
        return ("loss",)
    if wanted and all(quantity in columns for quantity in wanted):
        return wanted
    losses = [quantity for quantity in columns if _is_loss(quantity)]
    total = [quantity for quantity in losses if {"total", "sum"} & set(quantity.split("_"))]
    if total:
        return (total[0],)
    unclear = [columns[quantity] for quantity in losses if columns[quantity] in plain.values()]
    if len(losses) > 1 and part == "train" and unclear:
        raise InputError("log.which-loss", path=path, columns=unclear, example=unclear[0])
    if losses:
        return tuple(losses)
    alike = next((quantity for quantity in LIKE_LOSS if quantity in columns), None)
    return () if alike is None else (alike,)


def _is_loss(quantity: str) -> bool:
    return bool({"loss", "losses", "perdida"} & set(quantity.split("_")))

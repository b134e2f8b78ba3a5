"""What ``"auto"`` becomes: the rules by which a Recipe is completed for the data at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from goodfit.errors import InputError
from goodfit.evaluation.threshold import threshold_metric
from goodfit.recipe import Recipe
from goodfit.training.losses import loss_for
from goodfit.workflow.parts import Parts, example_target, rows_of
from goodfit.workflow.table_defaults import auto_model, table_defaults

__all__ = [
    "FUNCTION_FIELDS",
    "batch_size_for",
    "check_functions",
    "choose_device",
    "completed",
    "separate_functions",
]

FUNCTION_FIELDS = ("loss", "optimizer", "schedule", "initialization")
"""Recipe fields for which a function or a class may be given; the Recipe then keeps its name."""

LEAST_OF_MEMBERS = 64
"""Rows that a minibatch of tabm has at least: its members see each row several times as it is."""

Functions = Mapping[str, Any]


def separate_functions(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return recipe fields as plain data, and what was given as functions or classes by field.

    >>> def my_loss(outputs, target): ...
    >>> separate_functions({"loss": my_loss, "epochs": 3})[0]
    {'loss': 'function my_loss', 'epochs': 3}
    """
    plain, functions = dict(fields), {}
    for name in FUNCTION_FIELDS:
        if name in plain and not isinstance(plain[name], str) and callable(plain[name]):
            functions[name] = plain[name]
            plain[name] = f"function {name_of(plain[name])}"
    if isinstance(plain.get("optimizer"), torch.optim.Optimizer):
        raise InputError("training.optimizer-made", name=name_of(plain["optimizer"]))
    metrics = plain.get("metrics")
    if metrics is not None and not isinstance(metrics, str):
        listed = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
        if any(callable(item) for item in listed):
            functions["metrics"] = listed
            plain["metrics"] = tuple(item if isinstance(item, str) else name_of(item) for item in listed)
    if isinstance(plain.get("class_weight"), Mapping):
        plain["class_weight"] = {str(label): weight for label, weight in plain["class_weight"].items()}
    return plain, functions


def check_functions(recipe: Recipe, functions: Functions, model: Any) -> None:
    """Refuse a recipe that names functions which only its caller has.

    Raises
    ------
    InputError
        A field says ``function ...`` and no function was given, or the model is neither module nor function.
    """
    for name in FUNCTION_FIELDS:
        value = str(getattr(recipe, name))
        if value.startswith("function ") and name not in functions:
            raise InputError("training.needs-function", field=name, function=value.removeprefix("function "))
    if model is not None and not callable(model):
        raise InputError("training.model-not-callable", kind=type(model).__name__)
    if recipe.loss == "custom" and "step" not in functions:
        raise InputError("training.needs-function", field="step", function="step")
    if recipe.model.startswith("function ") and not callable(model):
        raise InputError("training.needs-model", model=recipe.model.removeprefix("function "))


def name_of(value: Callable[..., Any]) -> str:
    """Return what a function, class, partial or module is called."""
    inner = getattr(value, "func", value)
    names = (getattr(inner, "name", None), getattr(inner, "__name__", None))
    return next((name for name in names if isinstance(name, str)), type(inner).__name__)


def completed(recipe: Recipe, parts: Parts, functions: Functions, model: Any) -> Recipe:
    """Return the recipe with every ``"auto"`` decided for these data, and every field said.

    A named network is trained by its own defaults (`table_defaults`) where the user says nothing.
    """
    changes: dict[str, Any] = {}
    if callable(model):
        changes["model"] = f"function {name_of(model)}"
    elif recipe.model == "auto":
        changes["model"] = auto_model(recipe, parts)
    if not callable(model):
        defaults = table_defaults(changes.get("model", recipe.model))
        changes |= {name: value for name, value in defaults.items() if name not in recipe.model_fields_set}
    if recipe.device == "auto":
        changes["device"] = str(choose_device())
    own_size = getattr(parts.train.content, "batch_size", None) if parts.train.kind == "loader" else None
    if recipe.batch_size == "auto":
        least = LEAST_OF_MEMBERS if changes.get("model", recipe.model) == "tabm" else 1
        changes["batch_size"] = own_size or max(least, batch_size_for(rows_of(parts.train)))
    elif own_size is not None and recipe.batch_size != own_size:
        raise InputError("training.loader-batch-size", loader=own_size, batch_size=recipe.batch_size)
    if recipe.loss == "auto":
        changes["loss"] = "custom" if "step" in functions else auto_loss(parts)
    if recipe.monitor == "valid_loss" and parts.valid is None:
        changes["monitor"] = "train_loss"
    decided = Recipe(**{**dict(recipe), **changes})
    _check_classes(decided, parts)
    return decided


def _check_classes(recipe: Recipe, parts: Parts) -> None:
    """Refuse a threshold or sampling where there are no classes for it, or no rows to choose it on.

    Raises
    ------
    InputError
        One of these, or a metric that has no threshold.
    """
    if recipe.threshold is not None:
        if parts.table is None or parts.task != "binary":
            raise InputError("training.threshold-two-classes", threshold=recipe.threshold)
        if isinstance(recipe.threshold, str):
            threshold_metric(recipe.threshold)
            if parts.valid is None:
                raise InputError("training.threshold-no-validation", threshold=recipe.threshold)
    if recipe.sampling is not None and (parts.train.kind != "tensors" or not parts.classes):
        raise InputError("training.sampling-needs-classes", sampling=recipe.sampling)


def batch_size_for(rows: int | None) -> int:
    """Return the minibatch for so many rows: about 40 updates an epoch, between 32 and 1,024 rows.

    >>> [batch_size_for(rows) for rows in (100, 1000, 10_000, 1_000_000)]
    [32, 32, 256, 1024]
    """
    size = 32
    while rows is not None and size < 1024 and rows / size > 60:
        size *= 2
    return size


def choose_device() -> torch.device:
    """Return the accelerator where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def check_device(name: str) -> torch.device:
    """Return the device of that name.

    Raises
    ------
    InputError
        torch knows no such device, or this machine has none.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError("training.no-device", device=name, problem=str(error).splitlines()[0]) from None
    return device


def auto_loss(parts: Parts) -> str:
    """Return the loss for the task; for tensors whose task nobody said, by the target's type."""
    if parts.task is not None:
        return loss_for(parts.task)
    target = example_target(parts.train)
    if target is None:
        raise InputError("training.loss-needed")
    return "mse" if target.is_floating_point() else "cross_entropy"

"""Losses: by name, by class or by function; their mean to train on, their exact sum to evaluate with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.choice import check_options, unknown_name, unknown_option
from goodfit.errors import InputError
from goodfit.training.class_weights import class_weights
from goodfit.training.loss_table import ALIASES, LOSSES, Loss, LossFacts

__all__ = [
    "LOSSES",
    "Loss",
    "LossFacts",
    "convert_target",
    "loss_for",
    "make_loss",
    "to_predictions",
    "units_for",
]

# torch's own modules, whose settings are understood instead of only called.
_MODULES: Mapping[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.MSELoss: ("mse", ()),
    nn.L1Loss: ("mae", ()),
    nn.HuberLoss: ("huber", ("delta",)),
    nn.BCEWithLogitsLoss: ("bce", ("pos_weight",)),
    nn.CrossEntropyLoss: ("cross_entropy", ("label_smoothing", "ignore_index")),
    nn.NLLLoss: ("nll", ("ignore_index",)),
    nn.PoissonNLLLoss: ("poisson", ("log_input", "full", "eps")),
}


def loss_for(task: str, units: int | None = None) -> str:
    """Return the loss of a task: ``mse`` for regression, ``cross_entropy`` with a unit per class otherwise.

    A network of a single unit for two classes gets ``bce``.
    """
    if task == "regression":
        return "mse"
    return "bce" if task == "binary" and units == 1 else "cross_entropy"


def units_for(loss: Loss, *, classes: int, targets: int = 1) -> int:
    """Return the output units that a network needs; one's own loss gets one for each class, if any."""
    return classes if loss.facts.target == "labels" or (loss.facts.target == "any" and classes) else targets


def make_loss(
    spec: str | type | Callable[..., Any],
    *,
    options: Mapping[str, Any] | None = None,
    class_weight: str | Mapping[Any, float] | Sequence[float] | None = None,
    classes: Sequence[Any] | None = None,
    class_counts: Sequence[int] | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Loss:
    """Return the loss named or given by ``spec``.

    Parameters
    ----------
    spec
        A name of `LOSSES`; a loss class, built with ``options``; a loss module or a function of outputs and
        target that returns a scalar (taken as the mean over rows, unless it has ``reduction="sum"``) or a
        loss per row, whose mean is taken. torch's own loss modules are recognised.
    options
        Such as ``label_smoothing``; `LOSSES` lists them.
    class_weight
        ``"balanced"`` (scikit-learn's: rows / (classes x rows of the class), from ``class_counts``), weights
        by class, or weights in the classes' order. With ``bce``, of the classes 0 and 1.
    classes
        The classes in order; needed for weights by class.
    class_counts
        Training rows of each class.
    dtype
        The number type of the network's outputs; None: float32.

    Raises
    ------
    InputError
        An unknown name or option, an option out of its range, weights for a class that is not there or for a
        loss that has no classes.

    Examples
    --------
    >>> loss = make_loss("huber", options={"delta": 2.0})
    >>> float(loss(torch.zeros(2, 1), torch.ones(2, 1)))
    0.5
    """
    options = dict(options or {})
    weights = class_weights(class_weight, classes, class_counts)
    tensor = None if weights is None else torch.tensor(weights, dtype=dtype or torch.float32, device=device)
    if isinstance(spec, str):
        name = ALIASES.get(spec, spec)
        if name not in LOSSES:
            raise unknown_name(spec, (*LOSSES, *ALIASES), "loss")
        return _named(name, options, tensor, device)
    if isinstance(spec, type):
        try:
            module = spec(**options)
        except TypeError as error:
            raise InputError("loss.class-options", loss=spec.__name__, problem=str(error)) from None
        return _own(module, tensor, device)
    for name, facts in LOSSES.items():
        if spec is facts.function:
            return _named(name, options, tensor, device)
    if options:
        raise unknown_option(next(iter(options)), (), getattr(spec, "__name__", type(spec).__name__))
    return _own(spec, tensor, device)


def to_predictions(loss: Loss, outputs: Tensor) -> Tensor:
    """Return probabilities for classification losses, the expected count for poisson, the outputs otherwise.

    Of the same shape as ``outputs``; classes lie on dimension 1.
    """
    if loss.temperature != 1.0:
        outputs = outputs / loss.temperature
    match loss.facts.predictions:
        case "softmax":
            return outputs.softmax(1 if outputs.dim() > 1 else 0)
        case "sigmoid":
            return outputs.sigmoid()
        case "exp":
            return outputs.exp()
        case _:
            return outputs


def convert_target(loss: Loss, target: Any, outputs: Any = None) -> Any:
    """Return ``target`` in the number type that ``loss`` takes, where nothing is lost by it.

    Values (also integers, booleans and float64) become the outputs' type, class numbers int64; anything else
    is returned as it is.
    """
    kind = loss.facts.target
    if kind == "any" or not isinstance(target, Tensor):
        return target
    if kind == "labels":
        return target if target.is_floating_point() or target.dtype == torch.int64 else target.long()
    wanted = outputs.dtype if isinstance(outputs, Tensor) and outputs.is_floating_point() else torch.float32
    return target if target.dtype == wanted else target.to(wanted)


def _named(name: str, options: Mapping[str, Any], weights: Tensor | None, device: torch.device | str) -> Loss:
    facts = LOSSES[name]
    if weights is not None and facts.target not in ("labels", "binary"):
        raise InputError("loss.class-weight-useless", loss=name)
    pos_weight = options.get("pos_weight") if name == "bce" else None
    if isinstance(pos_weight, (Tensor, list, tuple)):
        options = {**options, "pos_weight": None}
        pos_weight = torch.as_tensor(pos_weight, dtype=torch.float32, device=device)
        if not bool((pos_weight > 0).all()):
            raise InputError("loss.pos-weight", value=str(pos_weight.tolist()))
    values = check_options(options, facts.options, name)
    given = {option: value for option, value in values.items() if value != facts.options[option].default}
    if pos_weight is not None:
        given["pos_weight"] = torch.as_tensor(pos_weight, dtype=torch.float32, device=device)
    settings = {**values, "pos_weight": given.get("pos_weight"), "weight": weights}
    if name == "bce":
        return replace(_binary(facts, given, weights), settings=settings)
    if name == "poisson" and not values["log_input"]:
        facts = replace(facts, predictions="identity")
    assert facts.function is not None
    if facts.target != "labels":
        function = partial(facts.function, **given) if given else facts.function
        total = partial(facts.function, **given, reduction="sum")
        return Loss(name, facts, function, total, _elements, settings=settings)
    ignored = values["ignore_index"]
    if weights is not None:
        given["weight"] = weights
    function = partial(facts.function, **given) if given else facts.function
    total = partial(facts.function, **given, reduction="sum")
    weight = partial(_label_weight, weights, ignored)
    return Loss(name, facts, function, total, weight, ignored=ignored, settings=settings)


def _elements(outputs: Tensor, target: Tensor) -> float:
    return float(outputs.numel())


def _label_weight(
    weights: Tensor | None, ignored: int | None, outputs: Tensor, target: Tensor
) -> Tensor | float:
    if target.is_floating_point():
        return outputs.numel() / outputs.shape[1]
    if weights is None:
        return float(target.numel()) if ignored is None else (target != ignored).sum()
    if ignored is None:
        return weights[target].sum()
    return weights[target[target != ignored]].sum()


def _binary(facts: LossFacts, given: dict[str, Any], weights: Tensor | None) -> Loss:
    function, smoothing = F.binary_cross_entropy_with_logits, given.pop("label_smoothing", 0.0)
    if weights is not None and len(weights) != 2:
        raise InputError("loss.class-weight-count", given=len(weights), classes=2)
    if weights is None and not smoothing:
        mean = partial(function, **given) if given else function
        return Loss("bce", facts, mean, partial(function, **given, reduction="sum"), _elements)

    def total(outputs: Tensor, target: Tensor) -> Tensor:
        smooth = target * (1 - smoothing) + smoothing / 2
        return function(outputs, smooth, each(target), **given, reduction="sum")

    def each(target: Tensor) -> Tensor | None:
        return None if weights is None else torch.lerp(weights[0], weights[1], target)

    def weight(outputs: Tensor, target: Tensor) -> Tensor | float:
        each_weight = each(target)
        return float(outputs.numel()) if each_weight is None else each_weight.sum()

    def mean_of(outputs: Tensor, target: Tensor) -> Tensor:
        return total(outputs, target) / weight(outputs, target)

    return Loss("bce", facts, mean_of, total, weight)


def _own(spec: Callable[..., Any], weights: Tensor | None, device: torch.device | str) -> Loss:
    reduction = getattr(spec, "reduction", "mean")
    known_as = _MODULES.get(type(spec)) if isinstance(spec, nn.Module) else None
    if known_as is not None:
        name, attributes = known_as
        own_weight = getattr(spec, "weight", None)
        if name != "bce" or own_weight is None:
            options = {option: getattr(spec, option) for option in attributes}
            if own_weight is not None:
                weights = own_weight.to(device)
            known = _named(
                name, {key: value for key, value in options.items() if value is not None}, weights, device
            )
            return replace(known, objective=known.total, reduction="sum") if reduction == "sum" else known
    if weights is not None:
        raise InputError("loss.class-weight-useless", loss=_name_of(spec))
    if isinstance(spec, nn.Module):
        spec.to(device)
    facts = LossFacts(None, "any", "sigmoid" if isinstance(spec, nn.BCEWithLogitsLoss) else "identity")
    if reduction == "sum":
        return Loss(_name_of(spec), facts, spec, spec, _rows, "sum")

    def mean(outputs: Any, target: Any) -> Tensor:
        value = spec(outputs, target)
        if not isinstance(value, Tensor):
            raise InputError("loss.own-no-tensor", loss=_name_of(spec), kind=type(value).__name__)
        return value if value.dim() == 0 else value.mean()

    def total(outputs: Any, target: Any) -> Tensor:
        return mean(outputs, target) * _rows(outputs, target)

    return Loss(_name_of(spec), facts, mean, total, _rows)


def _rows(outputs: Any, target: Any) -> float:
    """Return the rows of a batch: the length of the first tensor found in target or outputs."""
    waiting = [outputs, target]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor) and item.dim() > 0:
            return float(len(item))
        if isinstance(item, Mapping):
            waiting.extend(reversed(list(item.values())))
        elif isinstance(item, (tuple, list)):
            waiting.extend(reversed(item))
    return 1.0


def _name_of(spec: Any) -> str:
    return str(getattr(spec, "__name__", None) or type(spec).__name__)

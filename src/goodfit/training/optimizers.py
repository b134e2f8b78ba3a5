"""Optimizers: by name, by class or by a partial; made over groups of a network's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from goodfit.choice import unknown_option
from goodfit.errors import InputError
from goodfit.training.extra_optimizers import extra_facts, facts_of_class
from goodfit.training.optimizer_table import OPTIMIZERS, OptimizerFacts
from goodfit.training.parameter_groups import parameter_groups

__all__ = [
    "OPTIMIZERS",
    "OptimizerFacts",
    "backward_with_graph",
    "learning_rate_of",
    "make_optimizer",
    "optimizer_facts",
    "set_learning_rate",
]


# Set by fields of the recipe, or by us.
_NOT_OPTIONS = frozenset(
    {"self", "params", "model", "lr", "weight_decay", "momentum", "kwargs", "base_optimizer", "optimizer"}
    | {"foreach", "fused", "differentiable", "capturable", "maximize", "nesterov"}
)

_FASTER = ("fused", "foreach")  # torch has one or the other, or neither


def optimizer_facts(spec: str | type | Callable[..., Optimizer]) -> OptimizerFacts:
    """Return what is known of an optimizer.

    Raises
    ------
    InputError
        There is no optimizer of that name, or pytorch-optimizer is needed and not installed.
    """
    if isinstance(spec, str):
        if spec in OPTIMIZERS:
            return OPTIMIZERS[spec]
        return extra_facts(spec)
    inner = spec.func if isinstance(spec, partial) else spec
    name = str(getattr(inner, "__name__", type(inner).__name__))
    if getattr(inner, "__module__", "").startswith("pytorch_optimizer"):
        return facts_of_class(name, spec, inner)
    trains = callable(getattr(inner, "train", None)) and callable(getattr(inner, "eval", None))
    return OptimizerFacts(
        name, spec, elementwise=False, needs_closure=inner is optim.LBFGS, has_train_mode=trains
    )


def make_optimizer(
    spec: str | type | Callable[..., Optimizer],
    model: nn.Module,
    *,
    learning_rate: float,
    momentum: float | None = None,
    weight_decay: float = 0.0,
    options: Mapping[str, Any] | None = None,
) -> Optimizer:
    """Return an optimizer over the parameters of ``model`` that are trained.

    Where torch has a fused implementation that is used, its batched one (foreach) otherwise.

    Parameters
    ----------
    spec
        A name of `OPTIMIZERS` or of pytorch-optimizer, an optimizer class, or a partial of one.
    momentum
        For the optimizers that have it; None is the optimizer's own (0.9 for momentum and nesterov).
    weight_decay
        Not applied to biases and normalisation layers, nor to anything of fewer than two dimensions.
    options
        Further options of the optimizer, such as ``betas``; ``decay_all`` (weight decay on every parameter);
        ``groups``, a table from patterns of parameter names (``head.*``) to the ``learning_rate``,
        ``weight_decay`` and options of those parameters, the first pattern that fits deciding.

    Raises
    ------
    InputError
        An unknown name or option, a value that the optimizer refuses, a pattern that fits no parameter, a
        network without parameters to train.
    """
    facts = optimizer_facts(spec)
    options = dict(options or {})
    patterns, decay_all = options.pop("groups", {}), bool(options.pop("decay_all", False))
    accepted = _accepted(facts)
    for option in options:
        if option not in accepted or option in _NOT_OPTIONS:
            raise unknown_option(option, accepted - _NOT_OPTIONS, facts.name)
    settings: dict[str, Any] = {**facts.fixed, **_like_defaults(facts, options)}
    settings["lr"] = learning_rate
    if momentum is not None:
        if "momentum" not in accepted:
            raise InputError("optimizer.no-momentum", name=facts.name)
        settings["momentum"] = momentum
    decays = "weight_decay" in accepted
    if decays:
        settings["weight_decay"] = weight_decay
    elif weight_decay:
        raise InputError("optimizer.no-weight-decay", name=facts.name)
    groups = parameter_groups(
        model, patterns, accepted - _NOT_OPTIONS, facts.name, weight_decay=weight_decay if decays else 0.0,
        decay_all=decay_all, matrices=facts.matrices,
    )  # fmt: skip
    if facts.build is optim.LBFGS and len(groups) > 1:
        raise InputError("optimizer.one-group", name=facts.name)
    optimizer = _built(facts, groups, settings, accepted)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Set the learning rate of every group to ``factor`` times what it was made with."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def learning_rate_of(optimizer: Optimizer) -> float:
    """Return the learning rate that the first group now has."""
    return float(optimizer.param_groups[0]["lr"])


def backward_with_graph(loss: Tensor, optimizer: Optimizer) -> None:
    """Add differentiable gradients of ``loss`` to the parameters, for second-order optimizers.

    Unlike ``loss.backward(create_graph=True)`` no parameter refers to itself afterwards, which would keep
    every step's graph in memory; set the gradients to None before the next step all the same.
    """
    parameters = [item for group in optimizer.param_groups for item in group["params"]]
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _accepted(facts: OptimizerFacts) -> frozenset[str]:
    build = facts.build.func if isinstance(facts.build, partial) else facts.build
    return frozenset(inspect.signature(build).parameters)


def _like_defaults(facts: OptimizerFacts, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as the types of their defaults: TOML knows no tuples, and a word is no number."""
    parameters = inspect.signature(facts.build).parameters
    converted: dict[str, Any] = {}
    for name, value in options.items():
        default = parameters[name].default if name in parameters else None
        if isinstance(default, tuple) and isinstance(value, (list, tuple)):
            if len(value) != len(default):
                raise InputError("optimizer.option-length", name=facts.name, option=name, count=len(default))
            converted[name] = tuple(value)
            continue
        switch = isinstance(default, bool)
        number = isinstance(default, (int, float)) and not switch
        if (switch and not isinstance(value, bool)) or (
            number and (isinstance(value, bool) or not isinstance(value, (int, float)))
        ):
            raise InputError("optimizer.option-type", name=facts.name, option=name, value=repr(value))
        converted[name] = value
    return converted


def _built(
    facts: OptimizerFacts, groups: list[dict[str, Any]], settings: dict[str, Any], accepted: frozenset[str]
) -> Optimizer:
    ways: list[dict[str, Any]] = [] if facts.extra else [{way: True} for way in _FASTER if way in accepted]
    parameters = groups[0]["params"] if len(groups) == 1 and not facts.matrices else groups
    refusal: Exception | None = None
    for way in [*ways, {}]:
        try:
            given = [dict(group) for group in groups] if parameters is groups else parameters
            return _without_compiler(facts.build, given, **settings, **way)
        except InputError:
            raise
        except RuntimeError as error:  # no fused implementation for this device or number type
            refusal = error
        except (ValueError, TypeError, IndexError, AssertionError, NotImplementedError, ImportError) as error:
            raise InputError("optimizer.refused", name=facts.name, problem=str(error)) from error
    assert refusal is not None
    raise InputError("optimizer.refused", name=facts.name, problem=str(refusal)) from refusal


def _without_compiler(build: Callable[..., Optimizer], parameters: Any, **settings: Any) -> Optimizer:
    """Return ``build(parameters, **settings)``, for which torch would first import its compiler: a second.

    It does so only to keep the compiler away from ``add_param_group``: the method under that is called.
    """
    if not isinstance(build, type) or getattr(build, "add_param_group", 0) is not Optimizer.add_param_group:
        return build(parameters, **settings)
    optimizer: Any = object.__new__(build)
    optimizer.add_param_group = partial(inspect.unwrap(Optimizer.add_param_group), optimizer)
    optimizer.__init__(parameters, **settings)
    del optimizer.add_param_group
    return optimizer  # type: ignore[no-any-return]

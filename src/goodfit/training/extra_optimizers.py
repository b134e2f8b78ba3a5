"""The optimizers of pytorch-optimizer, an extra, by that library's names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch.optim import Optimizer

from goodfit.choice import unknown_name
from goodfit.errors import InputError
from goodfit.training.optimizer_table import OPTIMIZERS, OptimizerFacts

__all__ = ["extra_facts", "extra_names", "facts_of_class"]

# Optimizers around another one, ``base``; the library lists them apart.
_SHARPNESS = {"sam": "SAM", "looksam": "LookSAM", "friendlysam": "FriendlySAM"}
# What the library lists and a general loop cannot serve: they take the place of backward (lomo, adalomo), are
# made from a network of a certain kind (adammini, muonclip), for many machines (distributedmuon, demo),
# around another optimizer (magma), for matrices alone (spectralsphere), for adapters or a few weights of a
# trained network (lorarite, sara), have a learning rate of their own (alig, a2grad), or fail on networks of
# one output (bsam).
_NOT_SERVED = frozenset(
    {"lomo", "adalomo", "adammini", "muonclip", "distributedmuon", "demo", "magma", "spectralsphere"}
    | {"alig", "a2grad", "bsam", "sara", "lorarite"}
)
# Their state holds objects, which are not written to a checkpoint.
_NOT_RESUMABLE = frozenset({"conda", "scalableshampoo"})
_CREATE_GRAPH = frozenset({"adahessian", "sophiah"})
# Options without which the learning rate has no effect.
_FIXED: Mapping[str, Mapping[str, Any]] = {"adafactor": {"relative_step": False}}
_CLOSURE = frozenset(_SHARPNESS)
_MATRICES = frozenset({"adago", "adamuon", "normuon"})


@cache
def _library() -> Mapping[str, Callable[..., Optimizer]]:
    import pytorch_optimizer

    found: dict[str, Callable[..., Optimizer]] = {}
    for name in pytorch_optimizer.get_supported_optimizers():
        if name not in _NOT_SERVED and name not in OPTIMIZERS:
            found[name] = pytorch_optimizer.load_optimizer(name)
    for name, kind in _SHARPNESS.items():
        if hasattr(pytorch_optimizer, kind):
            found[name] = _sharpness_aware(getattr(pytorch_optimizer, kind))
    return found


def extra_names() -> list[str]:
    """Return the names that pytorch-optimizer adds; none where it is not installed."""
    try:
        return sorted(_library())
    except ImportError:
        return []


def extra_facts(name: str) -> OptimizerFacts:
    """Return what is known of an optimizer of pytorch-optimizer, by name.

    Raises
    ------
    InputError
        There is none of that name, it is none that a general loop can serve, or the library is not installed.
    """

    try:
        library = _library()
    except ImportError:
        near = unknown_name(name, OPTIMIZERS, "optimizer")
        if near.code == "optimizer.unknown-near":
            raise near from None
        raise InputError("optimizer.extra-missing", name=name, known=sorted(OPTIMIZERS)) from None
    if name in _NOT_SERVED:
        raise InputError("optimizer.not-served", name=name)
    if name not in library:
        near = unknown_name(name, (*OPTIMIZERS, *library), "optimizer")
        is_near = near.code == "optimizer.unknown-near"
        raise near if is_near else InputError("optimizer.unknown", name=name, known=sorted(OPTIMIZERS))
    return facts_of_class(name, library[name], library[name])


def facts_of_class(name: str, build: Callable[..., Optimizer], inner: Any) -> OptimizerFacts:
    """Return what is known of a class (or partial of one) of pytorch-optimizer."""

    lower = name.lower()
    rate = inspect.signature(inner).parameters.get("lr")
    return OptimizerFacts(
        name,
        build,
        fixed=_FIXED.get(lower, {}),
        usual_rate=rate.default if rate is not None and isinstance(rate.default, float) else 1e-3,
        elementwise=lower == "yogi",
        needs_closure=lower in _CLOSURE,
        needs_create_graph=lower in _CREATE_GRAPH,
        has_train_mode=callable(getattr(inner, "train", None)) and callable(getattr(inner, "eval", None)),
        matrices=lower in _MATRICES,
        resumable=lower not in _NOT_RESUMABLE,
        extra=True,
    )


def _sharpness_aware(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """Return ``kind`` with a step that needs nothing but the closure, around the optimizer ``base``."""

    class SharpnessAware(kind):  # type: ignore[misc, valid-type]
        def step(self, closure: Callable[[], Any] | None = None) -> Any:
            assert closure is not None
            with torch.enable_grad():
                loss = closure()
            super().step(closure)
            return loss

    own = {
        name
        for name in inspect.signature(kind).parameters
        if name not in ("base_optimizer", "kwargs", "foreach")
    }

    def build(params: Any, base: str = "adam", **options: Any) -> Optimizer:
        if base not in OPTIMIZERS:
            raise unknown_name(base, OPTIMIZERS, "optimizer")
        inner = OPTIMIZERS[base]
        result: Optimizer = SharpnessAware(params, base_optimizer=inner.build, **{**inner.fixed, **options})
        return result

    build.__name__ = kind.__name__
    parameters = [
        *(parameter for parameter in inspect.signature(kind).parameters.values() if parameter.name in own),
        inspect.Parameter("base", inspect.Parameter.KEYWORD_ONLY, default="adam"),
        inspect.Parameter("lr", inspect.Parameter.KEYWORD_ONLY, default=1e-3),
        inspect.Parameter("weight_decay", inspect.Parameter.KEYWORD_ONLY, default=0.0),
        inspect.Parameter("betas", inspect.Parameter.KEYWORD_ONLY, default=(0.9, 0.999)),
    ]
    build.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return build

"""The optimizers of torch by name, and what each asks of a training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import optim
from torch.optim import Optimizer

from goodfit.training.muon import MuonAndAdamW

__all__ = ["OPTIMIZERS", "OptimizerFacts"]


@dataclass(frozen=True)
class OptimizerFacts:
    """What is known of an optimizer: how it is built, and what it asks of a training loop.

    Parameters
    ----------
    name
        Its name in the table, or that of the user's class.
    build
        The class, called with parameter groups and options.
    fixed
        Options that make it what it is, such as ``nesterov``.
    usual_rate
        A learning rate to begin with.
    elementwise
        Each weight's update depends on that weight's gradients alone, so that a population of networks can be
        updated as one.
    needs_closure
        ``step`` is given a function that computes the gradients and returns the loss.
    needs_create_graph
        The gradients must themselves be differentiable: use `backward_with_graph`.
    has_train_mode
        ``optimizer.train()`` and ``optimizer.eval()`` switch the weights between two roles.
    matrices
        Groups say by ``use_muon`` which hold matrices.
    resumable
        Its state can be saved.
    extra
        From pytorch-optimizer, an extra.
    """

    name: str
    build: Callable[..., Optimizer]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    usual_rate: float = 1e-3
    elementwise: bool = True
    needs_closure: bool = False
    needs_create_graph: bool = False
    has_train_mode: bool = False
    matrices: bool = False
    resumable: bool = True
    extra: bool = False


def _facts(name: str, build: Callable[..., Optimizer], rate: float = 1e-3, **facts: Any) -> OptimizerFacts:
    return OptimizerFacts(name, build, usual_rate=rate, **facts)


OPTIMIZERS: Mapping[str, OptimizerFacts] = {
    facts.name: facts
    for facts in (
        _facts("sgd", optim.SGD, 0.1),
        _facts("momentum", optim.SGD, 0.01, fixed={"momentum": 0.9}),
        _facts("nesterov", optim.SGD, 0.01, fixed={"momentum": 0.9, "nesterov": True}),
        _facts("adagrad", optim.Adagrad, 0.01),
        _facts("rmsprop", optim.RMSprop),
        _facts("adadelta", optim.Adadelta, 1.0),
        _facts("adam", optim.Adam),
        _facts("adamw", optim.AdamW),
        _facts("adamax", optim.Adamax, 2e-3),
        _facts("nadam", optim.NAdam, 2e-3),
        _facts("radam", optim.RAdam),
        _facts("rprop", optim.Rprop, 0.01),
        _facts("asgd", optim.ASGD, 0.01),
        _facts("lbfgs", optim.LBFGS, 1.0, elementwise=False, needs_closure=True),
        _facts("muon", MuonAndAdamW, elementwise=False, matrices=True),
    )
}

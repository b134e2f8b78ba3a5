"""The elementwise optimizers over stacked weights, each member with hyperparameters of its own.

Weights, gradients and state are (members, weights) tensors; a hyperparameter is a number where all members
agree and (members, 1) where they do not. What depends on the step alone, such as Adam's bias correction, is
computed for many steps at once, in float64. The formulas are those of torch 2 (and of pytorch-optimizer for
Yogi), in an order of operations that needs few of them: equal to rounding, not to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, optim
from torch.optim import Optimizer

from goodfit.training.population.stacked_network import Kept

__all__ = ["BatchedOptimizer", "OptimizerSettings", "batched_optimizer", "settings_of"]

Array = NDArray[np.float64]
Coefficient = Tensor | float
Flags = tuple[tuple[str, Any], ...]

NOT_SETTINGS = frozenset(
    {"params", "lr", "initial_lr", "weight_decay", "maximize", "foreach", "capturable", "differentiable"}
    | {"fused", "amsgrad", "centered", "nesterov", "decoupled_weight_decay", "weight_decouple"}
    | {"fixed_decay", "adam_debias"}
)
FLAGS = ("amsgrad", "centered", "nesterov", "decoupled_weight_decay", "weight_decouple", "fixed_decay")


class OptimizerSettings:
    """The hyperparameters of one member's optimizer.

    Parameters
    ----------
    rule
        The class here that does what the optimizer does.
    rate
        Learning rate before the schedule's factor.
    numbers
        What members may differ in, by name.
    flags
        What they may not differ in.
    """

    def __init__(
        self, rule: type[BatchedOptimizer], rate: float, numbers: Mapping[str, float], flags: Flags
    ) -> None:
        self.rule, self.rate, self.numbers, self.flags = rule, rate, numbers, flags


def settings_of(optimizer: Optimizer, decayed: set[int]) -> OptimizerSettings | None:
    """Return the hyperparameters of an optimizer; None where it cannot be batched.

    Parameters
    ----------
    decayed
        ``id`` of the parameters that weight decay applies to, unless it applies to all.
    """
    rule = _rule_of(optimizer)
    if rule is None:
        return None
    first, *others = [_plain(group) for group in optimizer.param_groups]
    if any(other != first for other in others) or first.get("maximize") or first.get("adam_debias"):
        return None
    decays: dict[bool, set[float]] = {True: set(), False: set()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            decays[id(parameter) in decayed].add(float(group.get("weight_decay", 0.0)))
    if any(len(values) > 1 for values in decays.values()):
        return None
    numbers = {
        "decay": next(iter(decays[True]), 0.0),
        "other_decay": next(iter(decays[False]), 0.0),
    }
    for name, value in first.items():
        if name in NOT_SETTINGS:
            continue
        if isinstance(value, (tuple, list)):
            numbers |= {f"{name}{place}": float(item) for place, item in enumerate(value)}
        elif isinstance(value, (int, float)):
            numbers[name] = float(value)
        elif value is not None:
            return None
    flags = tuple((name, bool(first[name])) for name in FLAGS if name in first)
    return OptimizerSettings(rule, float(first["initial_lr"]), numbers, flags)


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in ("params", "weight_decay")}


def _rule_of(optimizer: Optimizer) -> type[BatchedOptimizer] | None:
    kind = type(optimizer)
    if kind.__module__.startswith("pytorch_optimizer") and kind.__name__ == "Yogi":
        return Yogi
    return _RULES.get(kind)


def batched_optimizer(members: list[OptimizerSettings], weights: Tensor, decayed: int) -> BatchedOptimizer:
    """Return the optimizer of all members.

    Parameters
    ----------
    members
        Of one rule and the same flags.
    weights
        Shape (members, weights); changed in place.
    decayed
        The first so many columns are weights; the rest, biases and normalisation layers, are not decayed
        unless the member decays everything.
    """
    names = members[0].numbers
    numbers = {name: np.array([member.numbers[name] for member in members]) for name in names}
    return members[0].rule(weights, decayed, numbers, dict(members[0].flags))


class BatchedOptimizer:
    """An optimizer over stacked weights: `plan` some steps, then take each of them with `step`.

    Subclasses say what state a weight has, what depends on the step alone, and how the weights move.
    """

    states: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, weights: Tensor, decayed: int, numbers: Mapping[str, Array], flags: Mapping[str, Any]
    ) -> None:
        self.weights, self.decayed, self.numbers, self.flags = weights, decayed, numbers, flags
        self.state = {name: self.begin(name) for name in self.states}
        self.scratch = torch.empty_like(weights)
        self.decoupled = bool(flags.get("decoupled_weight_decay") or flags.get("weight_decouple"))
        self._table: list[tuple[Tensor, ...]] = []
        self._shrink: list[list[Tensor]] = []
        self._bind()

    def _bind(self) -> None:
        self.hyper = {name: self._shared_or_column(values) for name, values in self.numbers.items()}
        self._ranges = [
            (name, columns)
            for name, columns in (
                ("decay", slice(0, self.decayed)),
                ("other_decay", slice(self.decayed, self.weights.shape[1])),
            )
            if self.numbers[name].any() and columns.start < columns.stop
        ]

    def begin(self, name: str) -> Tensor:
        """Return the state ``name`` before the first step."""
        return torch.zeros_like(self.weights)

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        """Return what depends on the step alone, each of shape (steps, members).

        Parameters
        ----------
        rates
            Learning rates, shape (steps, members).
        steps
            The steps' numbers from 1, shape (steps, 1).
        """
        return (-rates,)

    def update(self, gradient: Tensor, *coefficients: Tensor) -> None:
        """Move the weights; ``coefficients`` are those of this step, each (members, 1)."""
        raise NotImplementedError

    def plan(self, rates: Array, first: int) -> None:
        """Make ready for steps ``first`` (counted from 0) and following, with rates (steps, members)."""
        steps = np.arange(first + 1, first + 1 + len(rates), dtype=np.float64)[:, None]
        tables = [self._column(table) for table in self.coefficients(rates, steps)]
        self._table = list(zip(*(table.unbind(0) for table in tables), strict=True))
        self._shrink = []
        if self.decoupled:
            for name, _ in self._ranges:
                share = self.numbers[name] if self.flags.get("fixed_decay") else rates * self.numbers[name]
                factors = np.broadcast_to(1 - share, rates.shape)
                self._shrink.append(list(self._column(factors).unbind(0)))

    def step(self, gradient: Tensor, number: int) -> None:
        """Take the step ``number`` of those planned; the gradient is changed where that saves memory."""
        for place, (name, columns) in enumerate(self._ranges):
            part = self.weights[:, columns]
            if self.decoupled:
                part.mul_(self._shrink[place][number])
            else:
                _add_product(gradient[:, columns], part, self.hyper[name])
        self.update(gradient, *self._table[number])

    def clear(self, absent: Tensor | None) -> None:
        """Let the state of weights that members do not have be 0, as theirs is before the first step."""
        if absent is not None:
            for value in self.state.values():
                if value.shape == absent.shape:
                    value.masked_fill_(absent, 0.0)

    def keep(self, index: Tensor, weights: Tensor, decayed: int, kept: Kept) -> None:
        """Go on with the members ``index`` alone, whose weights are ``weights``.

        Parameters
        ----------
        decayed
            How many of their columns are decayed.
        kept
            Returns tensors like the weights, for those members and as wide as their weights now are.
        """
        self.weights, self.decayed = weights, decayed
        for name, value in self.state.items():
            whole = value.shape[1] > 0
            self.state[name] = (kept(index, {"": value})[""] if whole else value[index]).contiguous()
        self.numbers = {name: values[index.cpu().numpy()] for name, values in self.numbers.items()}
        self.scratch = torch.empty_like(weights)
        self._bind()

    def _column(self, values: Array) -> Tensor:
        return (
            torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
            .unsqueeze(-1)
            .to(self.weights.device)
        )

    def _shared_or_column(self, values: Array) -> Coefficient:
        return float(values[0]) if (values == values[0]).all() else self._column(values)

    def _complement(self, name: str) -> Coefficient:
        """Return one minus a hyperparameter, rounded once."""
        return self._shared_or_column(1 - self.numbers[name])


def _add_product(total: Tensor, first: Tensor, second: Coefficient) -> None:
    if isinstance(second, float):
        total.add_(first, alpha=second)
    else:
        total.addcmul_(first, second)


class SGD(BatchedOptimizer):
    """Gradient descent, with momentum and Nesterov's."""

    states = ("buffer",)

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        self._first = int(steps[0, 0]) == 1
        return (-rates,)

    def _bind(self) -> None:
        super()._bind()
        self._moving = bool(self.numbers["momentum"].any())
        self._taken = self._complement("dampening")

    def update(self, gradient: Tensor, factor: Tensor) -> None:  # type: ignore[override]
        if not self._moving:
            self.weights.addcmul_(gradient, factor)
            return
        buffer, momentum = self.state["buffer"], self.hyper["momentum"]
        if self._first:  # torch takes the first gradient whole, whatever the dampening
            buffer.copy_(gradient)
            self._first = False
        else:
            buffer.mul_(momentum)
            _add_product(buffer, gradient, self._taken)
        if self.flags["nesterov"]:
            _add_product(gradient, buffer, momentum)
            self.weights.addcmul_(gradient, factor)
        else:
            self.weights.addcmul_(buffer, factor)


class Adam(BatchedOptimizer):
    """Adam and AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019)."""

    states = ("mean", "square", "largest")

    def begin(self, name: str) -> Tensor:
        if name == "largest" and not self.flags.get("amsgrad"):
            return self.weights.new_empty(len(self.weights), 0)
        return super().begin(name)

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("betas0"), self._complement("betas1")

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        root = np.sqrt(1 - self.numbers["betas1"] ** steps)
        return -rates * root / (1 - self.numbers["betas0"] ** steps), self.numbers["eps"] * root

    def update(self, gradient: Tensor, factor: Tensor, eps: Tensor) -> None:  # type: ignore[override]
        mean, square, scratch = self.state["mean"], self.state["square"], self.scratch
        mean.lerp_(gradient, self._taken[0])
        torch.mul(gradient, gradient, out=scratch)
        square.lerp_(scratch, self._taken[1])
        if self.flags.get("amsgrad"):
            square = torch.maximum(self.state["largest"], square, out=self.state["largest"])
        torch.sqrt(square, out=scratch)
        scratch.add_(eps)
        torch.div(mean, scratch, out=scratch)
        self.weights.addcmul_(scratch, factor)


class NAdam(BatchedOptimizer):
    """Adam with Nesterov's momentum (Dozat 2016)."""

    states = ("mean", "square")
    product: Array

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("betas0"), self._complement("betas1")

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        numbers = self.numbers
        decay = numbers["momentum_decay"]
        now = numbers["betas0"] * (1 - 0.5 * 0.96 ** (steps * decay))
        following = numbers["betas0"] * (1 - 0.5 * 0.96 ** ((steps + 1) * decay))
        before = np.ones_like(decay) if steps[0, 0] == 1 else self.product
        products = before * np.cumprod(now, axis=0)
        self.product = products[-1]
        root = np.sqrt(1 - numbers["betas1"] ** steps)
        from_gradient = -rates * (1 - now) / (1 - products) * root
        from_mean = -rates * following / (1 - products * following) * root
        return from_gradient, from_mean, numbers["eps"] * root

    def update(  # type: ignore[override]
        self, gradient: Tensor, from_gradient: Tensor, from_mean: Tensor, eps: Tensor
    ) -> None:
        mean, square, scratch = self.state["mean"], self.state["square"], self.scratch
        mean.lerp_(gradient, self._taken[0])
        torch.mul(gradient, gradient, out=scratch)
        square.lerp_(scratch, self._taken[1])
        torch.sqrt(square, out=scratch)
        scratch.add_(eps)
        gradient.mul_(from_gradient).addcmul_(mean, from_mean)
        self.weights.addcdiv_(gradient, scratch)

    def keep(self, index: Tensor, weights: Tensor, decayed: int, kept: Kept) -> None:
        super().keep(index, weights, decayed, kept)
        self.product = self.product[index.cpu().numpy()]


class RAdam(BatchedOptimizer):
    """Adam whose step is rectified while its variance is not known (Liu et al. 2020)."""

    states = ("mean", "square")

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("betas0"), self._complement("betas1")

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        beta = self.numbers["betas1"]
        correction = 1 - beta**steps
        longest = 2 / (1 - beta) - 1
        length = longest - 2 * steps * beta**steps / correction
        known = length > 5
        safe = np.where(known, length, 6.0)
        share = (safe - 4) * (safe - 2) * longest / ((longest - 4) * (longest - 2) * safe)
        rectified = np.sqrt(np.where(known, share, 0.0))
        plain = -rates / (1 - self.numbers["betas0"] ** steps)
        return np.where(known, 0.0, plain), plain * rectified * np.sqrt(correction)

    def update(self, gradient: Tensor, plain: Tensor, adaptive: Tensor) -> None:  # type: ignore[override]
        mean, square, scratch = self.state["mean"], self.state["square"], self.scratch
        mean.lerp_(gradient, self._taken[0])
        torch.mul(gradient, gradient, out=scratch)
        square.lerp_(scratch, self._taken[1])
        torch.sqrt(square, out=scratch)
        scratch.add_(self.hyper["eps"])
        torch.div(mean, scratch, out=scratch)
        self.weights.addcmul_(scratch, adaptive).addcmul_(mean, plain)


class Adamax(BatchedOptimizer):
    """Adam by the largest gradient (Kingma & Ba 2015)."""

    states = ("mean", "largest")

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("betas0")

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        return (-rates / (1 - self.numbers["betas0"] ** steps),)

    def update(self, gradient: Tensor, factor: Tensor) -> None:  # type: ignore[override]
        mean, largest = self.state["mean"], self.state["largest"]
        mean.lerp_(gradient, self._taken)
        torch.abs(gradient, out=self.scratch)
        self.scratch.add_(self.hyper["eps"])
        torch.maximum(largest.mul_(self.hyper["betas1"]), self.scratch, out=largest)
        torch.div(mean, largest, out=self.scratch)
        self.weights.addcmul_(self.scratch, factor)


class Adagrad(BatchedOptimizer):
    """Rates by the sum of squared gradients (Duchi et al. 2011)."""

    states = ("sum",)

    def begin(self, name: str) -> Tensor:
        return super().begin(name) + self._column(self.numbers["initial_accumulator_value"])

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        return (-rates / (1 + (steps - 1) * self.numbers["lr_decay"]),)

    def update(self, gradient: Tensor, factor: Tensor) -> None:  # type: ignore[override]
        total = self.state["sum"].addcmul_(gradient, gradient)
        torch.sqrt(total, out=self.scratch)
        self.scratch.add_(self.hyper["eps"])
        torch.div(gradient, self.scratch, out=self.scratch)
        self.weights.addcmul_(self.scratch, factor)


class RMSprop(BatchedOptimizer):
    """Rates by the mean of squared gradients (Tieleman & Hinton 2012)."""

    states = ("square", "mean", "buffer")

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("alpha")
        self._moving = bool(self.numbers["momentum"].any())

    def update(self, gradient: Tensor, factor: Tensor) -> None:  # type: ignore[override]
        square, scratch = self.state["square"], self.scratch
        torch.mul(gradient, gradient, out=scratch)
        square.lerp_(scratch, self._taken)
        if self.flags["centered"]:
            mean = self.state["mean"].lerp_(gradient, self._taken)
            torch.addcmul(square, mean, mean, value=-1, out=scratch)
            scratch.sqrt_()
        else:
            torch.sqrt(square, out=scratch)
        scratch.add_(self.hyper["eps"])
        torch.div(gradient, scratch, out=scratch)
        if self._moving:
            scratch = self.state["buffer"].mul_(self.hyper["momentum"]).add_(scratch)
        self.weights.addcmul_(scratch, factor)


class Adadelta(BatchedOptimizer):
    """Rates by squared gradients and squared updates (Zeiler 2012)."""

    states = ("square", "moved")

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("rho")

    def update(self, gradient: Tensor, factor: Tensor) -> None:  # type: ignore[override]
        square, moved, eps = self.state["square"], self.state["moved"], self.hyper["eps"]
        torch.mul(gradient, gradient, out=self.scratch)
        square.lerp_(self.scratch, self._taken)
        delta = (moved + eps).div_(square + eps).sqrt_().mul_(gradient)
        torch.mul(delta, delta, out=self.scratch)
        moved.lerp_(self.scratch, self._taken)
        self.weights.addcmul_(delta, factor)


class Rprop(BatchedOptimizer):
    """Steps by the signs of gradients alone (Riedmiller & Braun 1993)."""

    states = ("before", "size")

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        self._first = rates[0] if steps[0, 0] == 1 else None
        return ()

    def plan(self, rates: Array, first: int) -> None:
        super().plan(rates, first)
        self._table = [()] * len(rates)

    def update(self, gradient: Tensor) -> None:  # type: ignore[override]
        before, size = self.state["before"], self.state["size"]
        if self._first is not None:
            size.copy_(self._column(self._first).expand_as(size))
            self._first = None
        agree = torch.mul(gradient, before)
        one = torch.ones((), device=size.device)
        less, more = (self._column(self.numbers[name]) for name in ("etas0", "etas1"))
        size.mul_(torch.where(agree > 0, more, torch.where(agree < 0, less, one)))
        low, high = (self._column(self.numbers[name]) for name in ("step_sizes0", "step_sizes1"))
        torch.clamp(size, low, high, out=size)
        gradient.masked_fill_(agree < 0, 0.0)
        self.weights.addcmul_(gradient.sign(), size, value=-1)
        before.copy_(gradient)


class ASGD(BatchedOptimizer):
    """Gradient descent with a falling rate (Polyak & Juditsky 1992); its average of weights is not used."""

    _last: Array

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        begun = steps[0, 0] > 1
        before = np.vstack([self._last if begun else rates[0], rates[:-1]])
        self._last = rates[-1]
        pull, power = self.numbers["lambd"], self.numbers["alpha"]
        eta = before / (1 + pull * before * (steps - 1)) ** power
        return -eta, 1 - pull * eta

    def update(self, gradient: Tensor, factor: Tensor, kept: Tensor) -> None:  # type: ignore[override]
        self.weights.mul_(kept).addcmul_(gradient, factor)

    def keep(self, index: Tensor, weights: Tensor, decayed: int, kept: Kept) -> None:
        super().keep(index, weights, decayed, kept)
        self._last = self._last[index.cpu().numpy()]


class Yogi(BatchedOptimizer):
    """Adam whose squares grow and fall by a bounded amount (Zaheer et al. 2018)."""

    states = ("mean", "square")

    def begin(self, name: str) -> Tensor:
        return super().begin(name) + self._column(self.numbers["initial_accumulator"])

    def _bind(self) -> None:
        super()._bind()
        self._taken = self._complement("betas0"), self._column(self.numbers["betas1"] - 1)

    def coefficients(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        root = np.sqrt(1 - self.numbers["betas1"] ** steps)
        return -rates * root / (1 - self.numbers["betas0"] ** steps), self.numbers["eps"] * root

    def update(self, gradient: Tensor, factor: Tensor, eps: Tensor) -> None:  # type: ignore[override]
        mean, square, scratch = self.state["mean"], self.state["square"], self.scratch
        mean.lerp_(gradient, self._taken[0])
        gradient.mul_(gradient)
        torch.sub(square, gradient, out=scratch)
        square.addcmul_(scratch.sign_().mul_(gradient), self._taken[1])
        torch.sqrt(square, out=scratch)
        scratch.add_(eps)
        torch.div(mean, scratch, out=scratch)
        self.weights.addcmul_(scratch, factor)


_RULES: dict[type[Optimizer], type[BatchedOptimizer]] = {
    optim.SGD: SGD,
    optim.Adam: Adam,
    optim.AdamW: Adam,
    optim.NAdam: NAdam,
    optim.RAdam: RAdam,
    optim.Adamax: Adamax,
    optim.Adagrad: Adagrad,
    optim.RMSprop: RMSprop,
    optim.Adadelta: Adadelta,
    optim.Rprop: Rprop,
    optim.ASGD: ASGD,
}

"""The faults, each planted by its mechanism into a plan that was sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from planted_data import Data
from planted_networks import Wrapped, outputs_of, width_of
from torch import Tensor, nn

__all__ = ["FAULTS", "Fault", "Plan"]


@dataclass(frozen=True)
class Plan:
    """What a run is made of."""

    data: Data
    network: nn.Module
    fields: dict[str, Any] = field(default_factory=dict)

    def change(self, **fields: Any) -> Plan:
        return replace(self, fields={**self.fields, **fields})


Plant = Callable[[Plan, np.random.Generator], Plan | None]


@dataclass(frozen=True)
class Fault:
    """A fault: how it is planted (None: it cannot be, here), and which codes name it rightly.

    ``always`` says that it is a fault whatever the test loss comes to, since it spoils the score itself.
    """

    name: str
    codes: tuple[str, ...]
    plant: Plant
    always: bool = False


def linear_layers(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d))]


def deep(plan: Plan, activation: type[nn.Module], layers: int, width: int = 32) -> nn.Module:
    first = int(np.prod(plan.data.train[0].shape[1:]))
    inside: list[nn.Module] = [nn.Flatten(), nn.Linear(first, width), activation()]
    for _ in range(layers - 1):
        inside += [nn.Linear(width, width), activation()]
    return nn.Sequential(*inside, nn.Linear(width, outputs_of(plan.data)))


def dead_relu(plan: Plan, rng: np.random.Generator) -> Plan | None:
    names = [type(module).__name__ for module in plan.network.modules()]
    functional = "Functional" in names
    if ("ReLU" not in names and not functional) or any("BatchNorm" in name for name in names):
        return None
    hidden = linear_layers(plan.network)[:-1]
    layer = hidden[min(int(rng.integers(0, 2)), len(hidden) - 1)]
    with torch.no_grad():
        layer.bias.fill_(-10.0)  # type: ignore[union-attr]
    return plan


def twelve_sigmoids(plan: Plan, rng: np.random.Generator) -> Plan:
    return replace(plan, network=deep(plan, nn.Sigmoid, 12))


def large_weights(plan: Plan, rng: np.random.Generator) -> Plan:
    network = deep(plan, nn.ReLU, 8)
    with torch.no_grad():
        for layer in linear_layers(network):
            layer.weight.normal_()  # type: ignore[operator, union-attr]
    return replace(plan, network=network)


def tiny_weights(plan: Plan, rng: np.random.Generator) -> Plan:
    network = deep(plan, nn.ReLU, 6)
    with torch.no_grad():
        for layer in linear_layers(network):
            layer.weight.normal_(0, 1e-3)  # type: ignore[operator, union-attr]
            layer.bias.zero_()  # type: ignore[operator, union-attr]
    return replace(plan, network=network)


def _fill(plan: Plan, value: float) -> Plan | None:
    layers = linear_layers(plan.network)
    if plan.data.form == "sequence" and not any(isinstance(layer, nn.Conv1d) for layer in layers):
        return None
    with torch.no_grad():
        for layer in layers:
            layer.weight.fill_(value)  # type: ignore[operator, union-attr]
            layer.bias.zero_()  # type: ignore[operator, union-attr]
    return plan


def zero_weights(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _fill(plan, 0.0)


def constant_weights(plan: Plan, rng: np.random.Generator) -> Plan | None:
    names = [type(module).__name__ for module in plan.network.modules()]
    return None if "Dropout" in names else _fill(plan, 0.05)


def _inputs(plan: Plan, change: Callable[[Any], Any]) -> Plan:
    data = plan.data
    parts = {
        name: (change(getattr(data, name)[0]), getattr(data, name)[1]) for name in ("train", "valid", "test")
    }
    return replace(plan, data=data.replace(**parts))


def huge_inputs(plan: Plan, rng: np.random.Generator) -> Plan:
    return _inputs(plan, lambda inputs: (inputs * 1e5).astype(np.float32))


def one_huge_column(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.form != "table":
        return None
    factor = np.ones(width_of(plan.data), np.float32)
    factor[int(rng.integers(len(factor)))] = 1e5
    return _inputs(plan, lambda inputs: inputs * factor)


def shuffled_train_labels(plan: Plan, rng: np.random.Generator) -> Plan:
    inputs, target = plan.data.train
    return replace(plan, data=plan.data.replace(train=(inputs, target[rng.permutation(len(target))])))


def shuffled_labels(plan: Plan, rng: np.random.Generator) -> Plan:
    parts = {}
    for name in ("train", "valid"):
        inputs, target = getattr(plan.data, name)
        parts[name] = (inputs, target[rng.permutation(len(target))])
    return replace(plan, data=plan.data.replace(**parts))


def flipped_labels(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.kind != "classes":
        return None
    parts = {}
    for name in ("train", "valid"):
        inputs, target = getattr(plan.data, name)
        flipped = target.copy()
        chosen = rng.random(len(target)) < 0.25
        flipped[chosen] = (
            target[chosen] + rng.integers(1, plan.data.classes, chosen.sum())
        ) % plan.data.classes
        parts[name] = (inputs, flipped)
    return replace(plan, data=plan.data.replace(**parts))


def few_positives(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """One class against the rest of them, with 1 % of the rows left to it."""
    if plan.data.kind != "classes" or len(plan.data.train[0]) < 600:
        return None
    parts = {}
    for name in ("train", "valid", "test"):
        inputs, target = getattr(plan.data, name)
        positive = np.flatnonzero(target == 1)
        keep = rng.permutation(positive)[: max(2, round(0.01 * len(target)))]
        rows = np.sort(np.concatenate([np.flatnonzero(target != 1), keep]))
        parts[name] = (inputs[rows], target[rows])
    return replace(plan, data=plan.data.replace(**parts))


def copied_target(plan: Plan, rng: np.random.Generator) -> Plan | None:
    data = plan.data
    if data.form != "table":
        return None
    column = int(rng.integers(width_of(data)))
    parts = {}
    for name in ("train", "valid", "test"):
        inputs, target = getattr(data, name)
        inputs = inputs.copy()
        told = target.reshape(-1).astype(np.float32)
        inputs[:, column] = (told - told.mean()) / (told.std() + 1e-6)
        parts[name] = (inputs, target)
    return replace(plan, data=data.replace(**parts))


def shared_rows(plan: Plan, rng: np.random.Generator) -> Plan:
    (inputs, target), (held, answers) = plan.data.train, plan.data.valid
    count = max(4, len(held) // 4)
    inputs, target = inputs.copy(), target.copy()
    places = rng.choice(len(inputs), count, replace=False)
    inputs[places], target[places] = held[:count], answers[:count]
    return replace(plan, data=plan.data.replace(train=(inputs, target)))


def softmax_twice(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.kind != "classes":
        return None
    return replace(plan, network=nn.Sequential(plan.network, nn.Softmax(dim=1)))


def sigmoid_twice(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.kind != "classes" or plan.data.classes != 2:
        return None

    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = plan.network

        def forward(self, inputs: Tensor) -> Tensor:
            both = self.inside(inputs)
            return torch.sigmoid(both[:, 1] - both[:, 0])

    parts = {
        name: (getattr(plan.data, name)[0], getattr(plan.data, name)[1].astype(np.float32))
        for name in ("train", "valid", "test")
    }
    return replace(plan, network=One(), data=plan.data.replace(**parts)).change(loss="bce")


def broadcast_loss(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.kind != "values":
        return None
    parts = {
        name: (getattr(plan.data, name)[0], getattr(plan.data, name)[1][:, 0])
        for name in ("train", "valid", "test")
    }

    def squares(outputs: Tensor, target: Tensor) -> Tensor:
        return (outputs - target).square().mean()

    return replace(plan, data=plan.data.replace(**parts)).change(loss=squares)


class BatchStatistics(nn.Module):
    """A batch normalisation that never leaves training mode."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, inputs: Tensor) -> Tensor:
        return F.batch_norm(inputs, None, None, self.weight, self.bias, training=True)


def _swap(network: nn.Module, change: Callable[[nn.Module], nn.Module | None]) -> bool:
    found = False
    for name, child in network.named_children():
        new = change(child)
        if new is not None:
            setattr(network, name, new)
            found = True
        else:
            found |= _swap(child, change)
    return found


def norm_in_training_mode(plan: Plan, rng: np.random.Generator) -> Plan | None:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    swapped = _swap(
        plan.network, lambda module: BatchStatistics(module) if isinstance(module, norms) else None
    )
    return plan if swapped else None


def stale_statistics(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Momentum 0.0001 where 0.1 was meant."""
    found = False
    for module in plan.network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum, found = 1e-4, True
    return plan if found else None


class AlwaysDropped(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return F.dropout(inputs, 0.5)


def dropout_left_on(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if not isinstance(plan.network, nn.Sequential):
        return None
    layers = list(plan.network)
    return replace(plan, network=nn.Sequential(*layers[:-1], AlwaysDropped(), layers[-1]))


class Partly(torch.optim.Adam):
    """Adam that was given only some of the parameters."""

    def __init__(self, params: Any, **options: Any) -> None:
        given = list(params)
        groups = [dict(group) for group in given] if isinstance(given[0], dict) else [{"params": given}]
        whole = [weight for group in groups for weight in group["params"]]
        left = {id(weight) for weight in whole[: len(whole) // 2]}
        for group in groups:
            group["params"] = [weight for weight in group["params"] if id(weight) not in left]
        super().__init__([group for group in groups if group["params"]], **options)


def left_out(plan: Plan, rng: np.random.Generator) -> Plan:
    return replace(plan, network=Wrapped(plan.network)).change(optimizer=Partly)


class Detached(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.detach()


def detached(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if not isinstance(plan.network, nn.Sequential):
        return None
    layers = list(plan.network)
    return replace(plan, network=nn.Sequential(*layers[:-1], Detached(), layers[-1]))


def no_zero_grad(plan: Plan, rng: np.random.Generator) -> Plan:
    """By hand: our own loop clears the gradients whatever the optimizer says."""
    return plan.change(by_hand=True, clear=False)


def nan_in_inputs(plan: Plan, rng: np.random.Generator) -> Plan:
    inputs, target = plan.data.train
    inputs = inputs.copy()
    flat = inputs.reshape(len(inputs), -1)
    flat[int(rng.integers(len(flat))), int(rng.integers(flat.shape[1]))] = np.nan
    return replace(plan, data=plan.data.replace(train=(inputs, target)))


class Logarithm(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return torch.log(torch.relu(inputs))


def log_of_zero(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if not isinstance(plan.network, nn.Sequential):
        return None
    layers = list(plan.network)
    return replace(plan, network=nn.Sequential(*layers[:-1], Logarithm(), layers[-1]))


def rate_times_1000(plan: Plan, rng: np.random.Generator) -> Plan:
    return plan.change(learning_rate=1000 * plan.fields["learning_rate"])


def rate_times_100_sgd(plan: Plan, rng: np.random.Generator) -> Plan:
    return plan.change(optimizer="momentum", learning_rate=5.0)


def saturating_start(plan: Plan, rng: np.random.Generator) -> Plan | None:
    names = [type(module).__name__ for module in plan.network.modules()]
    if "Tanh" not in names and "Sigmoid" not in names:
        return None
    with torch.no_grad():
        for layer in linear_layers(plan.network)[:-1]:
            layer.weight.mul_(50)  # type: ignore[operator, union-attr]
    return plan


class Plain(nn.Module):
    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.recurrent = nn.RNN(width, 24, nonlinearity="relu", batch_first=True)
        self.last = nn.Linear(24, outputs)
        with torch.no_grad():
            self.recurrent.weight_hh_l0.normal_(0, 0.6)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.recurrent(inputs)[0][:, -1])


def exploding_recurrence(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.form != "sequence":
        return None
    return replace(plan, network=Plain(width_of(plan.data), outputs_of(plan.data)))


def shifted_validation(plan: Plan, rng: np.random.Generator) -> Plan:
    inputs, target = plan.data.valid
    return replace(plan, data=plan.data.replace(valid=((1.5 * inputs + 1).astype(np.float32), target)))


def sorted_split(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Rows sorted by class before they were cut in two."""
    if plan.data.kind != "classes":
        return None
    inputs = np.concatenate([plan.data.train[0], plan.data.valid[0]])
    target = np.concatenate([plan.data.train[1], plan.data.valid[1]])
    # Not wholly, or the last class would be missing among the training rows.
    order = np.argsort(target + rng.normal(0, 0.5, len(target)), kind="stable")
    cut = len(plan.data.train[0])
    train, valid = order[:cut], order[cut:]
    return replace(
        plan,
        data=plan.data.replace(train=(inputs[train], target[train]), valid=(inputs[valid], target[valid])),
    )


def absurd_class_weights(plan: Plan, rng: np.random.Generator) -> Plan | None:
    if plan.data.kind != "classes":
        return None
    weights = {str(number): 1.0 for number in range(plan.data.classes)}
    weights[str(int(rng.integers(plan.data.classes)))] = 1e4
    weigher = nn.CrossEntropyLoss(weight=torch.tensor(list(weights.values())))
    return plan.change(loss=weigher)


FAULTS = (
    Fault("bias of -10 before a ReLU", ("dead-units",), dead_relu),
    Fault("twelve sigmoid layers", ("vanishing-gradients",), twelve_sigmoids),
    Fault("unit-variance weights in depth", ("bad-initialization",), large_weights),
    Fault("tiny weights in depth", ("bad-initialization", "vanishing-gradients"), tiny_weights),
    Fault("zero weights", ("bad-initialization",), zero_weights),
    Fault("constant weights", ("bad-initialization",), constant_weights),
    Fault("saturating first weights", ("saturated-units", "bad-initialization"), saturating_start),
    Fault("recurrent weights too large", ("exploding-gradients", "bad-initialization"), exploding_recurrence),
    Fault("inputs x 1e5", ("unscaled-inputs",), huge_inputs),
    Fault("one column x 1e5", ("unscaled-inputs",), one_huge_column),
    Fault("training labels shuffled", ("label-noise",), shuffled_train_labels, always=True),
    Fault("all labels shuffled", ("label-noise",), shuffled_labels, always=True),
    Fault("a quarter of the labels wrong", ("label-noise",), flipped_labels),
    Fault("1 % of one class", ("class-imbalance",), few_positives, always=True),
    Fault("absurd class weights", ("class-collapse",), absurd_class_weights),
    Fault("target copied into a column", ("data-leakage",), copied_target, always=True),
    Fault("rows in training and validation", ("data-leakage",), shared_rows, always=True),
    Fault("validation of another distribution", ("split-mismatch",), shifted_validation, always=True),
    Fault("rows sorted before the split", ("split-mismatch",), sorted_split, always=True),
    Fault("softmax before cross-entropy", ("loss-output-mismatch",), softmax_twice),
    Fault("sigmoid before the logits loss", ("loss-output-mismatch",), sigmoid_twice),
    Fault("outputs broadcast against targets", ("loss-output-mismatch",), broadcast_loss),
    Fault("BatchNorm left in training mode", ("train-eval-mismatch",), norm_in_training_mode, always=True),
    Fault("BatchNorm statistics that lag", ("train-eval-mismatch",), stale_statistics),
    Fault("dropout left on", ("train-eval-mismatch",), dropout_left_on, always=True),
    Fault("parameters not in the optimizer", ("frozen-parameters",), left_out),
    Fault("hidden layers detached", ("frozen-parameters",), detached),
    Fault("no zero_grad", ("gradients-accumulate",), no_zero_grad),
    Fault("NaN in an input", ("non-finite-loss",), nan_in_inputs),
    Fault("logarithm of 0", ("non-finite-loss",), log_of_zero),
    Fault("rate x 1000", ("learning-rate-too-high", "diverging", "non-finite-loss"), rate_times_1000),
    Fault(
        "momentum with rate 5", ("learning-rate-too-high", "diverging", "non-finite-loss"), rate_times_100_sgd
    ),
)

"""A few rows through the network before the first step, to refuse what cannot train."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.data.batches import Batch, count_rows, move
from goodfit.errors import GoodfitError, InputError
from goodfit.recipe import Recipe
from goodfit.training.job import Step
from goodfit.training.loss_checks import check_loss
from goodfit.training.losses import Loss, convert_target
from goodfit.training.operations import counting_multiplications
from goodfit.training.outputs import call, described
from goodfit.training.randomness import undisturbed
from goodfit.training.weights import copy_weights, load_weights
from goodfit.workflow.parts import Part, first_of, first_rows, rows_of, target_of

__all__ = ["has_batchnorm", "put_weights", "refuses_single_rows", "try_network"]


def try_network(
    network: nn.Module,
    loss: Loss,
    part: Part,
    name: str,
    *,
    device: torch.device,
    step: Step | None = None,
    seed: int = 0,
) -> float:
    """Send a few rows through the network and refuse what cannot train; nothing is changed by it.

    Lazy layers get their weights here, by ``seed``. Returned is how many multiplications a row took, as
    `counting_multiplications` has it.

    Raises
    ------
    InputError
        The network, the loss or the step cannot take the rows.
    """
    batch = move(first_rows(part), device)
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with undisturbed(part.content), counting_multiplications(network) as multiplications:
            torch.manual_seed(seed)
            if step is not None:
                _try_step(step, network, batch)
            else:
                _try_call(network, loss, part, name, batch)
    finally:
        for module, mode in modes:
            module.training = mode
    return sum(multiplications) / max(1, count_rows(batch)) if multiplications else 0.0


def _try_call(network: nn.Module, loss: Loss, part: Part, name: str, batch: Batch) -> None:
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        raise InputError("data.batch-not-pair", part=name, kind=type(batch).__name__)
    inputs, target = batch
    try:
        with torch.no_grad():
            outputs = call(network, inputs)
    except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise _explained(error, name, inputs) from error
    whole = target_of(part)
    try:
        check_loss(loss, outputs, convert_target(loss, target if whole is None else whole, outputs))
    except InputError as error:
        if name == "train":
            raise
        raise InputError("training.in-part", part=name, problem=error.message) from None


def _explained(error: Exception, part: str, inputs: Any) -> InputError:
    """Return what failed in the network, and what to change where torch's words say it."""
    problem = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    facts = {"part": part, "inputs": described(inputs), "problem": problem}
    if widths := re.search(r"cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)", problem):
        code = "training.input-width" if part == "train" else "training.input-width-elsewhere"
        return InputError(code, given=widths[1], wanted=widths[2], **facts)
    if re.search(r"same dtype|expected scalar type|Input type .* and (bias|weight) type", problem):
        return InputError("training.input-type", **facts)
    return InputError("training.model-fails", **facts)


def _try_step(step: Step, network: nn.Module, batch: Batch) -> None:
    try:
        result = step(network, batch)
    except GoodfitError:
        raise
    except Exception as error:
        raise InputError("training.step-failed", kind=type(error).__name__, problem=str(error)) from error
    loss = result[0] if isinstance(result, tuple) and len(result) == 2 else result
    if not isinstance(loss, Tensor):
        raise InputError("training.step-no-loss", kind=type(result).__name__)
    if loss.ndim:
        raise InputError("training.step-not-scalar", shape=str(tuple(loss.shape)))
    if not loss.requires_grad:
        raise InputError("training.step-no-gradient")


def refuses_single_rows(
    network: nn.Module, part: Part, device: torch.device, recipe: Recipe, *, stepped: bool
) -> bool:
    """Say whether BatchNorm cannot train on a batch of one row, as it cannot where a row is one value.

    Raises
    ------
    InputError
        It cannot, and every batch is of one row.
    """
    if not has_batchnorm(network):
        return False
    if not stepped and _trains_on_single_row(network, move(first_rows(part)[0], device)):
        return False
    if recipe.batch_size == 1 or rows_of(part) == 1:
        raise InputError("training.batchnorm-one-row")
    return True


def _trains_on_single_row(network: nn.Module, inputs: Any) -> bool:
    before, modes = copy_weights(network), [(module, module.training) for module in network.modules()]
    network.train()
    try:
        with torch.no_grad(), undisturbed():
            call(network, first_of(inputs, 1))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False
    finally:
        load_weights(network, before)
        for module, mode in modes:
            module.training = mode
    return True


def has_batchnorm(network: nn.Module) -> bool:
    """Say whether a network has BatchNorm, which takes its statistics from the batch."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


def put_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Let the network begin with ``weights``.

    Raises
    ------
    InputError
        They are those of another network.
    """
    own = {name: tuple(value.shape) for name, value in copy_weights(network).items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(own.keys() | given.keys()):
        if own.get(name) != given.get(name):
            raise InputError(
                "training.weights-do-not-fit",
                weight=name,
                given=str(given.get(name, "-")),
                wanted=str(own.get(name, "-")),
            )
    load_weights(network, weights)

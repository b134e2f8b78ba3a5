"""The learning-rate range test: how the loss takes ever larger learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from goodfit.errors import InputError
from goodfit.recipe import Recipe
from goodfit.training.gradients import Group, groups
from goodfit.training.job import Job
from goodfit.training.loop import train_step
from goodfit.training.optimizers import set_learning_rate
from goodfit.training.randomness import seed_epoch, undisturbed
from goodfit.training.threads import threads_of, using_threads
from goodfit.training.weights import copy_weights, load_weights
from goodfit.workflow.choices import check_functions, completed, separate_functions
from goodfit.workflow.job import make_job
from goodfit.workflow.tables import TableOptions
from goodfit.workflow.train import parts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RateRange", "find_learning_rate"]

SMOOTHING = 0.9
"""Share of the old mean in the running mean of the losses."""
DIVERGED = 4.0
"""The test ends when the smoothed loss is so many times its lowest value."""
BELOW_LOWEST = 10.0
"""The rate suggested is that of the lowest smoothed loss divided by this: there it still falls, and fast."""


@dataclass(frozen=True, eq=False)
class RateRange:
    """What a learning-rate range test found.

    Parameters
    ----------
    rates, losses
        The learning rate of each update, and the loss of its batch before it, shape (updates,).
    smoothed
        The running mean of the losses.
    suggestion
        A learning rate to begin with; None where the loss never fell.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float | None

    def plot(self, *, ax: Axes | None = None, language: str = "en") -> Axes:
        """Draw the loss over the learning rate, with the suggestion."""
        from goodfit.plots.rate_range import rate_range

        return rate_range(self.rates, self.losses, self.smoothed, self.suggestion, ax=ax, language=language)

    def __repr__(self) -> str:
        suggestion = "none" if self.suggestion is None else f"{self.suggestion:.2g}"
        return f"<RateRange: {len(self.rates)} updates, suggestion {suggestion}>"


def find_learning_rate(
    data: Any,
    *,
    target: str | Sequence[str] | None = None,
    model: str | nn.Module | Callable[[], nn.Module] | None = None,
    recipe: Recipe | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    step: Callable[[nn.Module, Any], Any] | None = None,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    **recipe_fields: Any,
) -> RateRange:
    """Train for a few updates with a learning rate that grows, and say from where on it is too large.

    The network gets its weights back, and no random state is touched. The suggestion is a tenth of the rate
    at which the smoothed loss is lowest (Smith 2017, "Cyclical learning rates for training neural networks",
    section 3.3, which reads the same curve by eye).

    Parameters
    ----------
    data, target, model, recipe, task, columns, step
        As `goodfit.train` takes them; schedule, warmup and averages of the weights are left out.
    lowest, highest
        The first and the last learning rate; between them it grows by the same factor at each update.
    steps
        Updates, at most: the test ends when the loss is four times its lowest value.

    Raises
    ------
    InputError
        What `goodfit.train` refuses, too, and a range that is none.

    Examples
    --------
    >>> import goodfit
    >>> from sklearn.datasets import load_iris
    >>> found = goodfit.find_learning_rate(load_iris(return_X_y=True), task="multiclass")
    >>> 1e-4 < found.suggestion < 1
    True
    """
    if not (0 < lowest < highest and math.isfinite(highest)) or steps < 2:
        raise InputError("training.rate-range", lowest=lowest, highest=highest, steps=steps)
    fields, functions = separate_functions(recipe_fields)
    functions.pop("schedule", None)
    if isinstance(model, str):
        fields["model"], model = model, None
    if step is not None:
        functions["step"] = step
    plain = {"schedule": "constant", "schedule_options": {}, "warmup": 0.0, "ema": None, "swa": None}
    recipe = (recipe or Recipe()).replace(**{**fields, **plain})
    check_functions(recipe, functions, model)
    asked = {"data": data, "target": target, "valid": None, "test": None}
    asked["options"] = TableOptions(task=task, columns=columns)
    parts = parts_of(asked, model, recipe, stepped=step is not None)
    recipe = completed(recipe, parts, functions, model)
    mine = model if isinstance(model, nn.Module) else None
    modes = [] if mine is None else [(module, module.training) for module in mine.modules()]
    gradients = [] if mine is None else [(weight, weight.grad) for weight in mine.parameters()]
    with undisturbed(parts.train.content):
        job, _ = make_job(parts, recipe, model, functions)
        before = copy_weights(job.model)
        try:
            rates, losses = _measured(job, np.geomspace(lowest, highest, steps))
        finally:
            load_weights(job.model, before)
            for module, mode in modes:
                module.training = mode
            for weight, gradient in gradients:
                weight.grad = gradient
    smoothed = _smoothed(losses)
    return RateRange(rates, losses, smoothed, _suggestion(rates, smoothed))


def _measured(job: Job, rates: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rates that were tried, and the loss of the batch that each was tried on."""
    losses: list[float] = []
    running, share, low = 0.0, 0.0, math.inf
    with using_threads(threads_of(job)):
        job.model.train()
        if job.facts.has_train_mode:
            job.optimizer.train()  # type: ignore[attr-defined]
        for rate, group in zip(rates, _endless(job), strict=False):
            set_learning_rate(job.optimizer, float(rate) / job.recipe.learning_rate)
            loss = float(train_step(job, group, (0, len(losses))))
            losses.append(loss)
            running = SMOOTHING * running + (1 - SMOOTHING) * loss
            share = SMOOTHING * share + (1 - SMOOTHING)
            low = min(low, running / share)
            if not math.isfinite(loss) or running / share > DIVERGED * abs(low):
                break
    return rates[: len(losses)], np.array(losses)


def _endless(job: Job) -> Iterator[Group]:
    epoch = 0
    while True:
        seed_epoch(job.recipe.seed, epoch)
        some = False
        for group in groups(job.train.epoch(epoch), job.recipe.accumulate):
            some = True
            yield group
        if not some:
            raise InputError("data.no-rows", part="train")
        epoch += 1


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running mean, free of the weight of its beginning at 0."""
    means, running = [], 0.0
    for number, loss in enumerate(losses, 1):
        running = SMOOTHING * running + (1 - SMOOTHING) * float(loss)
        means.append(running / (1 - SMOOTHING**number))
    return np.array(means)


def _suggestion(rates: NDArray[np.float64], smoothed: NDArray[np.float64]) -> float | None:
    finite = np.where(np.isfinite(smoothed), smoothed, np.inf)
    place = int(finite.argmin())
    if place == 0 or not math.isfinite(finite[place]):
        return None
    return float(rates[place] / BELOW_LOWEST)

"""When a training has reached its end, and which epoch is the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from goodfit.errors import InputError
from goodfit.observations import EndedBy
from goodfit.recipe import Recipe

__all__ = ["Best", "check_monitor", "ended_by", "record"]


@dataclass(frozen=True)
class Best:
    """The best value so far, its epoch, and how long patience has waited.

    ``reference`` is the value that patience compares with; it moves by ``min_improvement`` or more, while
    ``value`` is the very best: `min_improvement` never decides which weights are kept.
    """

    higher: bool
    value: float = math.nan
    epoch: float | None = None
    reference: float = math.nan
    waited: int = 0


def record(best: Best, value: float, epoch: float, min_improvement: float) -> tuple[Best, bool]:
    """Return the state after an epoch with ``value``, and whether its weights are the best so far.

    A NaN is never an improvement.
    """
    is_best = not math.isnan(value) and (best.epoch is None or _gain(best, value, best.value) > 0)
    moved = not math.isnan(value) and (
        math.isnan(best.reference) or _gain(best, value, best.reference) > min_improvement
    )
    best = replace(best, reference=value, waited=0) if moved else replace(best, waited=best.waited + 1)
    return (replace(best, value=value, epoch=epoch) if is_best else best), is_best


def _gain(best: Best, value: float, than: float) -> float:
    if value == than:  # equal infinities have no difference
        return 0.0
    return value - than if best.higher else than - value


def ended_by(recipe: Recipe, best: Best, *, epoch: int, seconds: float, finite: bool) -> EndedBy | None:
    """Return what ends the training after ``epoch`` whole epochs, None to go on."""
    if not finite and not recipe.keep_going:
        return "non-finite-loss"
    if recipe.stop_at is not None and best.epoch is not None and _gain(best, best.value, recipe.stop_at) >= 0:
        return "stop-at"
    if recipe.patience is not None and best.waited >= recipe.patience:
        return "patience"
    if epoch >= recipe.epochs:
        return "epochs"
    if recipe.time_budget is not None and seconds >= recipe.time_budget:
        return "time-budget"
    return None


def check_monitor(name: str, available: Sequence[str], directions: Mapping[str, bool]) -> Best:
    """Return the state before the first epoch.

    Parameters
    ----------
    available
        Names of all curves.
    directions
        Whether higher is better, by metric.

    Raises
    ------
    InputError
        Nothing of that name is measured.
    """
    if name not in available:
        raise InputError("training.monitor-unknown", monitor=name, available=list(available))
    return Best(higher=directions.get(name.partition("_")[2], False))

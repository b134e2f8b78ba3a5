"""The schedule that lowers the learning rate when the monitored value no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from goodfit.choice import Number, Switch, check_options
from goodfit.training.schedules import schedule_name

__all__ = ["Plateau", "make_plateau"]

OPTIONS: Mapping[str, Number | Switch] = {
    "factor": Number(0.1, 0, 1, open_low=True, open_high=True),
    "patience": Number(10, low=0, whole=True),
    "threshold": Number(1e-4, low=0),
    "threshold_mode": Switch("rel", ("rel", "abs")),
    "cooldown": Number(0, low=0, whole=True),
    "min_factor": Number(0.0, low=0, high=1),
}


@dataclass(frozen=True)
class Plateau:
    """Where the schedule stands; `after` gives where it stands next. As torch's ReduceLROnPlateau.

    Parameters
    ----------
    higher_is_better
        The direction of the monitored value.
    reduce, patience, threshold, threshold_mode, cooldown, min_factor
        The options: after more than ``patience`` evaluations without an improvement of more than
        ``threshold`` (a share of the best value for ``rel``) the factor is multiplied by ``reduce``, down to
        ``min_factor``; for ``cooldown`` evaluations after that nothing is counted.
    factor
        The factor on the learning rate now.
    best, waited, cooling
        Best value so far, evaluations since, evaluations of cooldown left.
    """

    higher_is_better: bool
    reduce: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    min_factor: float
    factor: float = 1.0
    best: float | None = None
    waited: int = 0
    cooling: int = 0

    def after(self, value: float) -> Plateau:
        """Return the state after an evaluation; a NaN is no improvement."""
        better = self._is_better(value)
        best, waited = (value, 0) if better else (self.best, self.waited + 1)
        cooling = self.cooling
        if cooling > 0:
            cooling, waited = cooling - 1, 0
        factor = self.factor
        if waited > self.patience:
            factor, waited, cooling = max(factor * self.reduce, self.min_factor), 0, self.cooldown
        return replace(self, factor=factor, best=best, waited=waited, cooling=cooling)

    def _is_better(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        sign = 1 if self.higher_is_better else -1
        if self.threshold_mode == "abs":
            return sign * value > sign * self.best + self.threshold
        return sign * value > sign * self.best * (1 + sign * self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plateau:
        """Rebuild a state from `to_dict`."""
        return cls(**data)


def make_plateau(
    spec: Any, *, options: Mapping[str, Any] | None = None, higher_is_better: bool = False
) -> Plateau | None:
    """Return the state that reduce_on_plateau begins in; None for every other schedule.

    Raises
    ------
    InputError
        An unknown name or option, or a value out of range.
    """
    if callable(spec) or schedule_name(spec) != "reduce_on_plateau":
        return None
    values = check_options(options or {}, OPTIONS, "reduce_on_plateau")
    return Plateau(higher_is_better, values.pop("factor"), **values)

"""Schedules: the factor on the learning rate as a pure function of the updates done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from goodfit.choice import Number, Switch, check_options, unknown_name, unknown_option
from goodfit.errors import InputError

__all__ = ["SCHEDULES", "Schedule", "ScheduleFacts", "make_schedule"]

Schedule = Callable[[int], float]
"""From the number of updates done to the factor on the learning rate of the next one."""

Factor = Callable[[float, float, float, Mapping[str, Any]], float]


@dataclass(frozen=True)
class ScheduleFacts:
    """What is known of a schedule by its name.

    Parameters
    ----------
    factor
        From steps (or epochs) done, their number in all, how many of them an epoch has, and options.
    per
        Whether the rate changes with each step, or only between epochs; the option ``per`` says otherwise.
    options
        Its options, with defaults and ranges; lengths are in epochs.
    """

    factor: Factor
    per: Literal["step", "epoch"]
    options: Mapping[str, Number | Switch] = field(default_factory=dict)


def _step(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    size = options["step_size"] or max(total / epoch / 3, 1.0)
    return float(options["gamma"] ** math.floor(done / (size * epoch)))


def _exponential(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    return float(options["gamma"] ** (done / epoch))


def _polynomial(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    left = 1 - min(done / total, 1.0)
    return float(options["end"] + (1 - options["end"]) * left ** options.get("power", 1.0))


def _cosine(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    return _fall(min(done / total, 1.0), options["end"])


def _cosine_restarts(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    period, longer = options["period"] * epoch, options["multiply"]
    if longer == 1:
        return _fall(done % period / period, options["end"])
    cycle = math.floor(math.log(done / period * (longer - 1) + 1, longer) + 1e-9)
    begun = period * (longer**cycle - 1) / (longer - 1)
    return _fall((done - begun) / (period * longer**cycle), options["end"])


def _one_cycle(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    # torch counts a cycle of n steps from 0 to n - 1, its top at rise * n - 1.
    top, last = options["rise"] * total - 1, total - 1
    done = min(done, last)
    begin = 1 / options["div_factor"]
    if done <= top:
        low, way = begin, 1 - done / top if top > 0 else 0.0
    else:
        low, way = begin / options["final_div_factor"], (done - top) / (last - top)
    return _fall(way, low) if options["anneal"] == "cos" else 1 + (low - 1) * way


def _fall(way: float, end: float) -> float:
    return end + (1 - end) * (1 + math.cos(math.pi * way)) / 2


def _one(done: float, total: float, epoch: float, options: Mapping[str, Any]) -> float:
    return 1.0


_END = Number(0.0, low=0)
_POSITIVE = Number(None, low=0, open_low=True)

SCHEDULES: Mapping[str, ScheduleFacts] = {
    "constant": ScheduleFacts(_one, "step"),
    "step": ScheduleFacts(
        _step, "epoch", {"gamma": Number(0.1, 0, 1, open_low=True), "step_size": _POSITIVE}
    ),
    "exponential": ScheduleFacts(_exponential, "epoch", {"gamma": Number(0.95, 0, 1, open_low=True)}),
    "linear": ScheduleFacts(_polynomial, "step", {"end": _END}),
    "polynomial": ScheduleFacts(
        _polynomial, "step", {"end": _END, "power": Number(2.0, low=0, open_low=True)}
    ),
    "cosine": ScheduleFacts(_cosine, "step", {"end": _END}),
    "cosine_restarts": ScheduleFacts(
        _cosine_restarts,
        "step",
        {"end": _END, "period": Number(10.0, low=0, open_low=True), "multiply": Number(1.0, low=1)},
    ),
    "one_cycle": ScheduleFacts(
        _one_cycle,
        "step",
        {
            "rise": Number(0.3, 0, 1, open_low=True, open_high=True),
            "div_factor": Number(25.0, low=1),
            "final_div_factor": Number(1e4, low=1),
            "anneal": Switch("cos", ("cos", "linear")),
        },
    ),
    "reduce_on_plateau": ScheduleFacts(_one, "epoch"),
}
ALIASES: Mapping[str, str] = {
    "plateau": "reduce_on_plateau",
    "onecycle": "one_cycle",
    "cosine_with_restarts": "cosine_restarts",
}


def make_schedule(
    spec: str | Callable[[float], float],
    *,
    options: Mapping[str, Any] | None = None,
    epochs: int,
    steps_per_epoch: int,
    warmup: float = 0.0,
) -> Schedule:
    """Return the factor on the learning rate as a function of the updates done, counted from 0.

    Parameters
    ----------
    spec
        A name of `SCHEDULES`, or a function from the progress of training, 0 to 1, to the factor.
    options
        As `SCHEDULES` lists them, and ``per``: ``"step"`` or ``"epoch"``.
    epochs, steps_per_epoch
        The length of the training, for the schedules that depend on it.
    warmup
        Epochs over which the factor first rises, from one part in the warmup's steps to 1; the schedule
        begins after it and is shortened by it. Beyond the end the last factor stays.

    Raises
    ------
    InputError
        An unknown name or option, a value out of range, a warmup longer than the training, a function that
        does not return a number of at least 0.

    Examples
    --------
    >>> factor = make_schedule("cosine", epochs=10, steps_per_epoch=20)
    >>> round(factor(100), 3)
    0.5
    """
    warmup_steps = round(warmup * steps_per_epoch)
    total = epochs * steps_per_epoch - warmup_steps
    if total < 1:
        raise InputError("schedule.warmup-too-long", warmup=warmup, epochs=epochs)
    schedule = (
        _function(spec, options or {}, total)
        if callable(spec)
        else _named(spec, options or {}, total, steps_per_epoch)
    )
    if warmup_steps == 0:
        return schedule

    def warmed(step: int) -> float:
        return (step + 1) / warmup_steps if step < warmup_steps else schedule(step - warmup_steps)

    return warmed


def schedule_name(spec: str) -> str:
    """Return the name in the table for a name or another spelling of it.

    Raises
    ------
    InputError
        There is no schedule of that name.
    """
    name = ALIASES.get(spec, spec)
    if name not in SCHEDULES:
        raise unknown_name(spec, (*SCHEDULES, *ALIASES), "schedule")
    return name


def _named(spec: str, options: Mapping[str, Any], total: int, steps_per_epoch: int) -> Schedule:
    name = schedule_name(spec)
    facts = SCHEDULES[name]
    if name == "reduce_on_plateau":
        return lambda step: 1.0
    allowed = {**facts.options, "per": Switch(facts.per, ("step", "epoch"))}
    values = check_options(options, allowed, name)
    factor = facts.factor
    if values["per"] == "step":
        return lambda step: factor(step, total, steps_per_epoch, values)
    epochs = total / steps_per_epoch
    return lambda step: factor(step // steps_per_epoch, epochs, 1, values)


def _function(spec: Callable[[float], float], options: Mapping[str, Any], total: int) -> Schedule:
    name = str(getattr(spec, "__name__", type(spec).__name__))
    for option in options:
        raise unknown_option(option, (), name)
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        try:
            value = float(spec(progress))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InputError(
                "schedule.function-failed", name=name, progress=progress, problem=str(error)
            ) from error
        if not (math.isfinite(value) and value >= 0):
            raise InputError("schedule.function-value", name=name, progress=progress, value=f"{value:g}")
    return lambda step: float(spec(min(step / total, 1.0)))

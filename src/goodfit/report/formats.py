"""How numbers read in a report."""

from __future__ import annotations

import math
from typing import Any

from goodfit.evaluation.scores import Score
from goodfit.messages import percentage, say, thousands

__all__ = ["as_toml", "duration", "interval", "number", "percent", "score", "sentence"]

NO_BREAK = "\u00a0"
NOTHING = "–"
WITHOUT_UNIT = frozenset(
    {"roc_auc", "f1", "precision", "recall", "average_precision", "log_loss", "brier", "r2"}
)
SHARES = frozenset({"accuracy", "balanced_accuracy"})  # metrics that read well in per cent


def number(value: Any, language: str = "en") -> str:
    """Return a number with four digits that matter; anything else as text.

    Examples
    --------
    >>> number(0.123456), number(1234567.8), number(0.00001234), number(float("nan"))
    ('0.1235', '1,234,568', '1.234e-05', '–')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1e15:
        return f"{value:.4g}"
    if float(value).is_integer() or abs(value) >= 1000:
        return thousands(value, language)
    return f"{value:.4g}"


def percent(share: float, language: str = "en", digits: int = 1) -> str:
    r"""Return a share in per cent.

    Examples
    --------
    >>> percent(0.8213), percent(1.0), percent(0.5, digits=0)
    ('82.1%', '100%', '50%')
    """
    return percentage(share, language, digits)


def score(value: float, metric: str, language: str = "en") -> str:
    r"""Return a metric's value: a share in per cent, three decimals where it has no unit, or a number.

    Examples
    --------
    >>> score(0.8213, "accuracy"), score(0.91234, "roc_auc"), score(0.00012, "log_loss"), score(12.5, "rmse")
    ('82.1%', '0.912', '0.00012', '12.5')
    """
    if metric in SHARES:
        return percent(value, language)
    if metric in WITHOUT_UNIT and abs(value) < 10:
        return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"
    return number(value, language)


def interval(measured: Score, metric: str, language: str = "en") -> str:
    """Return the bounds of a score; empty where it has none."""
    if not (math.isfinite(measured.low) and math.isfinite(measured.high)):
        return ""
    low, high = score(measured.low, metric, language), score(measured.high, metric, language)
    return say("report.unit.interval", language, low=low, high=high)


def duration(seconds: float, language: str = "en") -> str:
    """Return a time in the units one would say it in.

    Examples
    --------
    >>> duration(2.34), duration(95), duration(7300)
    ('2.3 s', '1 min 35 s', '2 h 2 min')
    """
    if seconds < 60:
        return say(
            "report.unit.seconds", language, value=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"
        )
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return say("report.unit.minutes", language, minutes=minutes, seconds=rest)
    hours, rest = divmod(round(seconds / 60), 60)
    return say("report.unit.hours", language, hours=hours, minutes=rest)


def sentence(text: str) -> str:
    """Return a fragment as a sentence of its own.

    Examples
    --------
    >>> sentence("texts that repeat"), sentence("Is it so?")
    ('Texts that repeat.', 'Is it so?')
    """
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!', '…')) else '.'}" if text else ""


def as_toml(value: Any) -> str:
    """Return a recipe's value as it is written in TOML; None is ``"none"``.

    Examples
    --------
    >>> as_toml(None), as_toml((64, 64)), as_toml(0.001), as_toml("adam"), as_toml({"gamma": 0.9})
    ('"none"', '[64, 64]', '0.001', '"adam"', '{ gamma = 0.9 }')
    """
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    return (
        f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )

"""Figures of a History: how the loss and the metrics went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from goodfit.finding import Finding
from goodfit.messages import say
from goodfit.observations import History
from goodfit.plots.bands import shade
from goodfit.plots.style import (
    FONT_SIZE,
    MARGINS,
    MUTED,
    PAPER,
    SEVERITY,
    TRAIN,
    VALID,
    add_legend,
    compact_ticks,
    emptiest_corner,
    ink,
    metric_name,
    name_axes,
    new_figure,
    without_mathematics,
)

__all__ = ["learning_curves", "metric_curves"]

Curve = NDArray[np.float64]

LOG_FROM = 20.0  # largest over smallest value from which a logarithmic axis reads better
MOST_POINTS = 1500
MARKED: dict[str, Any] = {"linewidth": 1.1, "linestyle": (0, (4, 3)), "zorder": 1.6}
ROW = 13.0  # points between two marks above the axes


def learning_curves(
    history: History,
    findings: Sequence[Finding] = (),
    *,
    metric: str | None = None,
    beside: Sequence[History] = (),
    ax: Axes | None = None,
    language: str = "en",
    width: float = 7.6,
) -> Axes:
    """Draw the training and validation curve of the loss, or of a metric.

    The best epoch and the findings are marked at their epochs; the running loss is drawn faint;
    epochs at which the value is no number are marked by crosses on the upper edge. The axis is
    logarithmic where the largest value is more than 20 times the smallest.

    Parameters
    ----------
    history
        The curves.
    findings
        Those with an epoch are marked.
    metric
        Name without ``train_`` and ``valid_``; None for the loss.
    beside
        Of other trainings by the same recipe, whose range is shaded.
    ax
        Where to draw; None: a new figure, found as ``ax.figure``.
    language
        ``en`` or ``es``.
    width
        Inches, of a new figure.

    Raises
    ------
    ValueError
        The History has no curve of ``metric``.
    """
    curves = _curves(history, metric)
    marks = _marks(history, findings, language)
    broken = _not_finite(history, curves) if metric is None else np.zeros(len(history), dtype=bool)
    below = 0
    if ax is None:
        below = 4 if width > 5 else 2
        lines = -(-(len(curves) + bool(broken.any()) + bool(beside)) // below)
        margins = {"top": 0.2 + len(marks) * ROW / 72, "bottom": MARGINS["bottom"] + 0.06 + lines * 0.18}
        ax = new_figure(width, 2.5 + sum(margins.values()), margins=margins)[1][0]
    across, named = _across(history)
    shown = [values[np.isfinite(values)] for values in curves.values()]
    if len(across):
        ax.set_xlim(*_limits(across))
    for name, values in curves.items():
        _draw(ax, across, values, name, language)
    if beside and named == "epoch":
        shown.append(shade(ax, beside, metric, language))
    _scale(ax, np.concatenate(shown))
    if broken.any():
        _cross(ax, across[broken], language)
    _mark_best(ax, history, metric, across)
    for row, mark in enumerate(marks):
        _mark(ax, *mark, row=len(marks) - 1 - row)
    name_axes(
        ax,
        x=say(f"report.figure.{named}", language),
        y=say("report.figure.loss", language) if metric is None else metric_name(metric, language),
    )
    compact_ticks(ax)
    add_legend(ax, emptiest_corner(ax), below=below)
    without_mathematics(ax)
    return ax


def metric_curves(
    history: History, findings: Sequence[Finding] = (), *, language: str = "en", columns: int = 2
) -> Figure:
    """Draw a panel of learning curves for each metric of the History.

    Raises
    ------
    ValueError
        The History has no metric.
    """
    names = [name for name in history.metrics if _has(history, name)]
    if not names:
        raise ValueError("the History has no metric beside the loss")
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    figure, panels = new_figure(4.2 * columns, 2.9 * rows, columns, rows, {"top": MARGINS["top"] + 0.1})
    for name, ax in zip(names, panels, strict=False):
        learning_curves(history, (), metric=name, ax=ax, language=language)
        for finding in findings:
            if finding.epoch is not None:
                ax.axvline(finding.epoch, color=SEVERITY[finding.severity], **MARKED)
    for ax in panels[len(names) :]:
        ax.remove()
    return figure


def _has(history: History, metric: str) -> bool:
    return any(history.get(f"{part}_{metric}") is not None for part in ("train", "valid"))


def _curves(history: History, metric: str | None) -> dict[str, Curve]:
    parts = ("running", "train", "valid") if metric is None else ("train", "valid")
    names = [f"{part}_{metric or 'loss'}" for part in parts]
    curves = {name: history[name] for name in names if name in history}
    if not curves:
        known = ", ".join(history) or "none"
        raise ValueError(f"the History has no curve of {metric or 'loss'}; its columns are {known}")
    return curves


def _across(history: History) -> tuple[Curve, str]:
    for name in ("epoch", "step"):
        values = history.get(name)
        if values is not None:
            return values, name
    return np.arange(1.0, len(history) + 1), "row"


def _limits(across: Curve) -> tuple[float, float]:
    first, last = float(np.nanmin(across)), float(np.nanmax(across))
    room = max((last - first) * 0.015, 0.5 if last == first else 0.0)
    return first - room, last + room


def _draw(ax: Axes, across: Curve, values: Curve, name: str, language: str) -> None:
    part = name.partition("_")[0]
    known = np.isfinite(values)
    if not known.any():
        return
    x, y = _thinned(across[known], values[known])
    alone: dict[str, Any] = {"marker": "o", "markersize": 4} if len(x) <= 2 else {}
    styles: dict[str, dict[str, Any]] = {
        "running": {"color": TRAIN, "linewidth": 1.0, "alpha": 0.3, "zorder": 2.0},
        "train": {"color": TRAIN, "linewidth": 1.5, "linestyle": (0, (5, 1.5)), "zorder": 2.1},
        "valid": {"color": VALID, "linewidth": 1.9, "zorder": 2.2},
    }
    ax.plot(
        x, y, label=say(f"report.figure.{part}", language), solid_joinstyle="round", **alone, **styles[part]
    )


def _thinned(x: Curve, y: Curve) -> tuple[Curve, Curve]:
    """Keep the lowest and the highest point of each stretch, so that spikes stay in sight."""
    if len(x) <= MOST_POINTS:
        return x, y
    edges = np.linspace(0, len(x), MOST_POINTS // 2 + 1).astype(int)
    kept = {0, len(x) - 1}
    for start, stop in pairwise(edges):
        kept.update((start + int(np.argmin(y[start:stop])), start + int(np.argmax(y[start:stop]))))
    rows = np.array(sorted(kept))
    return x[rows], y[rows]


def _scale(ax: Axes, values: Curve) -> None:
    """Choose between a linear and a logarithmic axis."""
    if len(values) and values.min() > 0 and values.max() / values.min() > LOG_FROM:
        ax.set_yscale("log")
        narrow = values.max() / values.min() < 300
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=9))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))


def _not_finite(history: History, curves: dict[str, Curve]) -> NDArray[np.bool_]:
    """Say at which rows a loss that was measured is no finite number; a NaN may mean "not measured"."""
    rows = np.zeros(len(history), dtype=bool)
    nothing_finite = not any(np.isfinite(values).any() for values in curves.values())
    for name in ("train_loss", "valid_loss"):
        if name in curves:
            values = curves[name]
            rows |= np.isinf(values)
            finite = np.flatnonzero(np.isfinite(values))
            if history.ended_by == "non-finite-loss" and (len(finite) or nothing_finite):
                last = finite[-1] if len(finite) else -1
                rows |= np.isnan(values) & (np.arange(len(values)) > last)
    return rows


def _cross(ax: Axes, where: Curve, language: str) -> None:
    """Put crosses on the upper edge."""
    few = where[:: max(1, len(where) // 60)]
    look: dict[str, Any] = {"linestyle": "none", "marker": "x", "markersize": 5, "color": SEVERITY["error"]}
    words = say("report.figure.not-finite", language)
    ax.plot(few, np.ones(len(few)), label=words, transform=ax.get_xaxis_transform(), clip_on=False, **look)


def _mark_best(ax: Axes, history: History, metric: str | None, across: Curve) -> None:
    row = history.best_row
    if row is None:
        return
    ax.axvline(across[row], color=MUTED, linewidth=0.9, zorder=1.5)
    values = history.get(f"valid_{metric or 'loss'}")
    if values is not None and np.isfinite(values[row]):
        ax.plot(
            [across[row]],
            [values[row]],
            marker="o",
            markersize=6.5,
            color=VALID,
            markeredgecolor=PAPER,
            markeredgewidth=1.4,
            zorder=3,
        )


def _marks(history: History, findings: Sequence[Finding], language: str) -> list[tuple[float, str, str]]:
    """Return where, in which colour and by which words something is marked, from left to right."""
    marks = []
    across, named = _across(history)
    row = history.best_row
    if row is not None:
        epoch = f"{across[row]:g}"
        marks.append((float(across[row]), MUTED, say("report.figure.best", language, epoch=epoch)))
    if named == "epoch":
        marks += [
            (float(finding.epoch), SEVERITY[finding.severity], finding.title(language))
            for finding in findings
            if finding.epoch is not None
        ]
    return sorted(marks, key=lambda mark: mark[0])


def _mark(ax: Axes, x: float, colour: str, words: str, *, row: int) -> None:
    """Draw a line at ``x`` with its words above the axes, to the side that has more room."""
    if colour != MUTED:
        ax.axvline(x, color=colour, **MARKED)
    low, high = ax.get_xlim()
    leftwards = x > low + 0.55 * (high - low)
    foot: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "textcoords": "offset points",
        "annotation_clip": False,
    }
    stem = {"arrowstyle": "-", "color": colour, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    height = 4 + row * ROW
    ax.annotate("", (x, 1.0), xytext=(0, height + FONT_SIZE), arrowprops=stem, **foot)
    ax.annotate(
        words,
        (x, 1.0),
        xytext=(-4 if leftwards else 4, height),
        ha="right" if leftwards else "left",
        va="bottom",
        fontsize=FONT_SIZE,
        color=ink(ax),
        **foot,
    )

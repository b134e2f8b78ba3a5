"""How every figure looks: colours safe for colour-blind readers, sizes, axes without clutter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from goodfit.messages import catalogue, say

# Series differ in lightness and line style as well as in hue (after Okabe and Ito, 2008).
TRAIN = "#d55e00"
VALID = "#0072b2"
ACCENT = "#009e73"
INFO = "#4a9fd0"
WARNING = "#b97a00"
ERROR = "#c8321e"
INK = "#20242a"
MUTED = "#68707b"
LINE = "#d9dce1"
PAPER = "#fefefe"
SEVERITY = {"info": INFO, "warning": WARNING, "error": ERROR}

FONT_SIZE = 9.0
MARGINS = {"left": 0.62, "right": 0.14, "bottom": 0.46, "top": 0.3}  # inches around each panel


def new_figure(
    width: float, height: float, columns: int = 1, rows: int = 1, margins: Mapping[str, float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Return a figure of its own, which pyplot never hears of, and its panels row by row.

    Parameters
    ----------
    width, height
        Inches, of the whole figure.
    columns, rows
        Panels.
    margins
        Inches that replace some of `MARGINS`.
    """
    room = {**MARGINS, **(margins or {})}
    figure = Figure(figsize=(width, height), facecolor="none")
    FigureCanvasAgg(figure)
    across, down = 1 / columns, 1 / rows
    panels = []
    for row in range(rows):
        for column in range(columns):
            box = (
                column * across + room["left"] / width,
                (rows - 1 - row) * down + room["bottom"] / height,
                across - (room["left"] + room["right"]) / width,
                down - (room["bottom"] + room["top"]) / height,
            )
            panels.append(_calm(figure.add_axes(box)))
    return figure, panels


def axes_or_new(
    ax: Axes | None, width: float = 4.2, height: float = 3.2, margins: Mapping[str, float] | None = None
) -> Axes:
    """Return ``ax`` as it is, or the axes of a new figure in goodfit's style."""
    return new_figure(width, height, margins=margins)[1][0] if ax is None else ax


def ink(ax: Axes) -> str:
    """Return the colour in which ``ax`` writes, be it ours or the caller's."""
    return str(ax.xaxis.label.get_color())


def name_axes(ax: Axes, *, x: str = "", y: str = "") -> None:
    """Write the axes' labels."""
    if x:
        ax.set_xlabel(x, fontsize=FONT_SIZE)
    if y:
        ax.set_ylabel(y, fontsize=FONT_SIZE)


def emptiest_corner(ax: Axes) -> str:
    """Return the corner of ``ax`` that the fewest points of its lines lie in, the upper right if in doubt."""
    corners = {"upper right": (1, 1), "lower right": (1, 0), "upper left": (0, 1), "lower left": (0, 0)}
    log = ax.get_yscale() == "log"
    crowd = dict.fromkeys(corners, 0.0)
    for line in ax.get_lines():
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        if line.get_transform() != ax.transData or len(x) < 2:
            continue
        across = _share(x, *ax.get_xlim(), log=False)
        up = _share(y, *ax.get_ylim(), log=log)
        for name, (right, upper) in corners.items():
            inside = (np.abs(across - right) < 0.5) & (np.abs(up - upper) < 0.35)
            crowd[name] += float(inside.mean())
    return min(crowd, key=lambda name: crowd[name])


def add_legend(ax: Axes, where: Any = "upper right", title: str = "", below: int = 0) -> None:
    """Draw a legend, what was drawn last first: in a corner, or in so many columns below the axes."""
    background: dict[str, Any] = {
        "facecolor": PAPER,
        "edgecolor": "none",
        "framealpha": 0.85,
        "fancybox": False,
    }
    look: dict[str, Any] = {
        "frameon": ink(ax) == INK,
        "fontsize": FONT_SIZE,
        "labelcolor": ink(ax),
        "title_fontsize": FONT_SIZE,
    }
    room: dict[str, Any] = {"handlelength": 1.7, "borderaxespad": 0.2, "labelspacing": 0.3}
    handles, labels = ax.get_legend_handles_labels()
    if below:
        foot = (ax.get_position().x0 if below > 2 else 0.02, 0.0)
        room |= {
            "ncols": below,
            "columnspacing": 1.4,
            "bbox_to_anchor": foot,
            "bbox_transform": ax.figure.transFigure,
        }
        where = "lower left"
    legend = ax.legend(
        handles[::-1], labels[::-1], loc=where, title=title or None, **look, **room, **background
    )
    legend.get_title().set_color(ink(ax))


def compact(value: float) -> str:
    """Return a tick's number in few characters.

    Examples
    --------
    >>> [compact(value) for value in (0.25, 1500, 250_000, 3e6, 0.00002)]
    ['0.25', '1500', '250k', '3M', '2e-05']
    """
    for size, letter in ((1e12, ""), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value:.3g}" if not letter else f"{value / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{value:.4g}"


def compact_ticks(ax: Axes, axes: str = "xy") -> None:
    """Write the ticks' numbers by `compact`."""
    for name in axes:
        axis = ax.xaxis if name == "x" else ax.yaxis
        axis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))


def shortened(text: str, longest: int = 24) -> str:
    """Return the beginning of a long name.

    Examples
    --------
    >>> shortened("a_very_long_class_name", 10)
    'a_very_lo…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def without_mathematics(ax: Axes) -> None:
    """Keep the texts of ``ax`` from being read as mathematics: a class may be called ``$a_b$``."""
    legend = ax.get_legend()
    names = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    for text in [*names, *ax.texts, *(legend.get_texts() if legend else ())]:
        text.set_parse_math(False)


def metric_name(name: str, language: str = "en") -> str:
    """Return what a metric is called on a figure.

    Examples
    --------
    >>> metric_name("roc_auc"), metric_name("my_own_metric")
    ('ROC AUC', 'my own metric')
    """
    key = f"evaluation.metric.{name}"
    return say(key, language) if key in catalogue(language) else name.replace("_", " ")


def _share(values: NDArray[np.float64], low: float, high: float, *, log: bool) -> NDArray[np.float64]:
    if log:
        low, high, values = float(np.log(low)), float(np.log(high)), np.log(values)
    return np.asarray((values - low) / (high - low))


def _calm(ax: Axes) -> Axes:
    ax.set_facecolor("none")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(LINE)
    ax.tick_params(colors=MUTED, labelsize=FONT_SIZE - 0.5, length=0, pad=4, which="both")
    ax.grid(visible=True, axis="y", color=LINE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    return ax
